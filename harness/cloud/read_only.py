"""An API connection that cannot change anything: whatever is no list and no query is refused before it is sent."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

from harness.cloud.client import ApiError, CloudApi
from harness.errors import HarnessError
from harness.waiting import DeadlineExpired, wait_until

# CloudStack's naming: commands that begin so answer and do nothing else.
_READS = re.compile(r"(list|query)[A-Z][A-Za-z]*")
_TOO_MANY_REQUESTS = 429
_THROTTLED_S = 60.0


class ChangeRefusedError(HarnessError):
    """A command that could change the cloud was asked for where nothing may be changed."""

    def __init__(self, command: str) -> None:
        self.command = command
        super().__init__(f"{command} is refused here: only list* and query* commands are sent")


class ReadOnlyApi(CloudApi):
    """Sends list and query commands, and nothing else, `api_rate` in a second at the most (None: as fast as can be).

    A server that throttles its API (HTTP 429) is asked again for a minute.
    """

    def __init__(self, *arguments: Any, api_rate: float | None = None, **options: Any) -> None:
        """As CloudApi, and the rate."""
        super().__init__(*arguments, **options)
        self._pause_s = 1 / api_rate if api_rate else 0.0
        self._turn = threading.Lock()
        self._next = 0.0
        self.sent = 0

    def _asked(self, command: str, parameters: dict[str, object]) -> dict[str, Any]:
        """The one place from which anything is sent."""
        if not _READS.fullmatch(command):
            raise ChangeRefusedError(command)
        self._await_turn()
        try:
            return super()._asked(command, parameters)
        except ApiError as refused:
            if refused.code != _TOO_MANY_REQUESTS:
                raise
            return self._asked_until_let_in(command, parameters)

    def _await_turn(self) -> None:
        with self._turn:
            begin = max(time.monotonic(), self._next)
            self._next = begin + self._pause_s
            self.sent += 1
        threading.Event().wait(max(0.0, begin - time.monotonic()))

    def _asked_until_let_in(self, command: str, parameters: dict[str, object]) -> dict[str, Any]:
        def look() -> dict[str, Any] | ApiError:
            self._await_turn()
            try:
                return super(ReadOnlyApi, self)._asked(command, parameters)
            except ApiError as refused:
                if refused.code != _TOO_MANY_REQUESTS:
                    raise
                return refused

        what = f"{self.endpoint} to take {command}"
        try:
            seen = wait_until(what, look, lambda one: isinstance(one, dict), _THROTTLED_S, first_pause_s=0.5)
        except DeadlineExpired as expired:
            if isinstance(expired.last_seen, ApiError):
                raise expired.last_seen from None
            raise
        if isinstance(seen, ApiError):
            raise seen
        return seen
