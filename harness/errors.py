"""The one root of every error that this project raises on purpose."""


class HarnessError(Exception):
    """Something a person can act on; its text is one line that says what is wrong and how to mend it."""
