"""Marvin's exceptions, under Marvin's names."""

import traceback


class CloudstackAPIException(Exception):
    """CloudStack refused a command, or its job failed."""

    def __init__(self, cmd: str = "", result: str = "") -> None:
        self.errorMsg = f"Execute cmd: {cmd} failed, due to: {result}"
        super().__init__(self.errorMsg)


class InvalidParameterException(Exception):
    """A required parameter is missing."""


class internalError(Exception):
    """Something else went wrong."""


def GetDetailExceptionInfo(failure: BaseException) -> str:
    return "".join(traceback.format_exception(failure)) if isinstance(failure, BaseException) else str(failure)
