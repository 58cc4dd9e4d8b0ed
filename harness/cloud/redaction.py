"""Hides secrets in what is kept or shown: by the names of fields, by their known values, and by the look of a text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

HIDDEN = "(hidden)"
# A shorter value would turn up in innocent words.
_SHORTEST = 6
_DEEPEST = 50
# Of a value of this length its first and last letters alone are told by nothing else.
_LONG, _END = 40, 12
_REST = r"[\w+/=.-]{0,200}"
# Lengths are bounded, so that a hostile text costs no more than its length.
_WORDS = "password|passwd|secret|apikey|api_key|sessionkey|signature|privatekey|userdata|token"
_NAME = rf"\w{{0,40}}(?:{_WORDS})\w{{0,40}}"
_TELLING = re.compile(_WORDS, re.IGNORECASE)
_NAMED = re.compile(_NAME, re.IGNORECASE)
# name=value as in a URL or an attribute, "name":"value" as in JSON, name: value as in a log.
_VALUE = r"""("[^"\n]{0,4000}"|'[^'\n]{0,4000}'|[^\s"'&,;<>}\]]{1,4000})"""
_SAID = re.compile(rf"""({_NAME}["']?\s{{0,9}}[=:]\s{{0,9}}){_VALUE}""", re.IGNORECASE)
_KEY_LINE = "[A-Z0-9 ]{0,40}PRIVATE KEY-----"
_PRIVATE_KEY = re.compile(rf"-----BEGIN {_KEY_LINE}.*?(?:-----END {_KEY_LINE}|\Z)", re.DOTALL)


class Redactor:
    """Knows some secrets, and learns those that it meets under a telling name."""

    def __init__(self, values: Iterable[str | None] = ()) -> None:
        self._values: set[str] = set()
        self.learn(*values)

    def learn(self, *values: str | None) -> None:
        """Hide these from now on wherever they turn up."""
        self._values.update(value for value in values if value is not None and len(value) >= _SHORTEST)

    def known(self, text: str) -> str:
        """Without private keys and the secrets that are known; every other letter stays."""
        # The longest first: one may be a part of another.
        for value in sorted(self._values, key=len, reverse=True):
            text = _without_ends(text.replace(value, HIDDEN), value)
        return _PRIVATE_KEY.sub(HIDDEN, text) if "PRIVATE KEY" in text else text

    def text(self, text: str) -> str:
        """Without anything that looks like a secret: for texts of others, such as logs."""
        text = self.known(text)
        return _SAID.sub(rf"\1{HIDDEN}", text) if _TELLING.search(text) else text

    def tree(self, value: Any, *, strict: bool = True, depth: int = 0) -> Any:
        """The same for JSON. `strict` goes by names and looks as well, and what they betray is learnt."""
        if depth > _DEEPEST:
            return "(too deep)"
        if isinstance(value, str):
            return self.text(value) if strict else self.known(value)
        if isinstance(value, list | tuple):
            return [self.tree(part, strict=strict, depth=depth + 1) for part in value]
        if not isinstance(value, dict):
            return value
        return {
            str(name): self._hidden(part)
            if strict and _is_secret(str(name), part)
            else self.tree(part, strict=strict, depth=depth + 1)
            for name, part in value.items()
        }

    def _hidden(self, value: object) -> str:
        self.learn(str(value))
        return HIDDEN


def _without_ends(text: str, value: str) -> str:
    """Tracebacks shorten long values in the middle: what is left of a key's two ends is hidden too."""
    if len(value) < _LONG:
        return text
    head, tail = value[:_END], value[-_END:]
    if head in text:
        text = re.sub(re.escape(head) + _REST, HIDDEN, text)
    return re.sub(_REST + re.escape(tail), HIDDEN, text) if tail in text else text


def _is_secret(name: str, value: object) -> bool:
    """Flags such as passwordenabled are none."""
    return isinstance(value, str) and value.lower() not in ("", "true", "false") and bool(_NAMED.fullmatch(name))
