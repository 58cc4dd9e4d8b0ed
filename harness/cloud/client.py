"""Sends one command to the CloudStack API and returns its answer, or says in one line why there is none."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from cs import CloudStack, CloudStackApiException, CloudStackException
from urllib3.exceptions import NewConnectionError

from harness.cloud.bounded_http import AnswerTooLargeError, bounded_session
from harness.cloud.redaction import HIDDEN, Redactor
from harness.cloud.signature import SignedCloudStack
from harness.errors import HarnessError
from harness.waiting import DeadlineExpired, wait_until

# Longer than a connection takes to come back, and shorter than any wait for a job.
_ASKED_AGAIN_S = 5.0
UNAUTHORIZED = 401
PARAMETER_ERROR = 431
PAGE_SIZE = 500
# No cloud has as much of anything; a server that never comes to an end does.
_MOST_PAGES = 1000
# A cache keeps the last answer to a command.
_KNOWN_JOBS = 1000
# A timeout is for each part of an answer as it comes; the whole may take so many of them.
_ANSWER_TIMEOUTS = 4

# A signature says when it expires, ten minutes from the client's now (cs); a zone's lock goes by clocks too.
MOST_SKEW_S = 300.0

# An account that was removed is known to be one, and is not found.
_GONE = ("entity does not exist", "Unable to find account by id ")

_QUESTIONS = ("list", "query", "get", "find", "is")
_SECRETS = ("password", "currentpassword", "usersecretkey", "secretkey", "userdata")


def is_question(command: str) -> bool:
    """Whether a command changes nothing."""
    return command.startswith(_QUESTIONS)


class ApiUnreachableError(HarnessError):
    """No CloudStack API answered at the endpoint."""


class ApiNotReachedError(ApiUnreachableError):
    """There was no connection at all: whatever was to be sent was not."""


class ApiCredentialsError(HarnessError):
    """The API refused the key or the signature; `mend` is what a person can do."""

    mend = "give an admin's keys"


class ApiClockError(ApiCredentialsError):
    """It did so while its clock and this machine's are further apart than a signature is good for."""

    mend = "let both follow a time server"


# What was to be done was not begun: a clock that jumped may jump back.
_NOT_SENT = (ApiNotReachedError, ApiClockError)


class ApiAnswerError(HarnessError):
    """The API answered something that is not an answer to the command."""


class ApiError(HarnessError):
    """CloudStack refused a command at once: HTTP status `code`, `cs_code` (cserrorcode or None) and `text`."""

    def __init__(self, command: str, code: int, cs_code: int | None, text: str) -> None:
        self.command = command
        self.code = code
        self.cs_code = cs_code
        self.text = text
        super().__init__(f"{command}: {code} {text}")

    @property
    def says_it_is_gone(self) -> bool:
        """Whether it refuses an id that nothing has any more.

        Source: ParamProcessWorker.translateUuidToInternalId; QueryManagerImpl.searchForAccounts, whose words were seen.
        """
        return self.code == PARAMETER_ERROR and any(words in self.text for words in _GONE)


@dataclass(frozen=True)
class Call:
    """A command that changes something, as it was sent at `began` (as time.monotonic tells it), and what came of it."""

    command: str
    parameters: dict[str, str]
    began: float
    job_id: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Exchange:
    """Any command and its answer, or the error in its place; secrets are still in it. `began` is as in a Call.

    `unanswered`: the error is no refusal of CloudStack's, it did not answer.
    """

    command: str
    parameters: dict[str, object] = field(repr=False)
    began: float
    seconds: float
    answer: dict[str, Any] | None = field(default=None, repr=False)
    error: str | None = None
    unanswered: bool = False

    @property
    def is_question(self) -> bool:
        """Whether the command changes nothing."""
        return is_question(self.command)


class CloudApi:
    """An authenticated connection to one management server; safe for several threads.

    `job_ids` are of the jobs that it began, by which an answer out of a cache is known.
    `has_answered`: the endpoint is one; from then on a call that is not answered is sent again where that is safe.
    `verify` is what requests takes: True, False or the path of a CA bundle. `listener` hears of each command that is
    more than a question, and of how it was answered; `witness` of everything.
    """

    listener: Callable[[Call], object] | None = None
    witness: Callable[[Exchange], object] | None = None

    def __init__(
        self, endpoint: str, api_key: str, secret_key: str, *, verify: bool | str = True, timeout_s: float = 30
    ) -> None:
        self.endpoint = endpoint
        self.api_key = api_key
        self._options: dict[str, Any] = {
            "endpoint": endpoint,
            "key": api_key,
            "secret": secret_key,
            "timeout": timeout_s,
            "verify": verify,
            "dangerous_no_tls_verify": verify is False,
            "method": "post",
        }
        self._local = threading.local()
        self._redactor = Redactor(self.secrets)
        self.has_answered = False
        self.job_ids: deque[str] = deque(maxlen=_KNOWN_JOBS)

    @property
    def secrets(self) -> tuple[str, str]:
        """The key and the secret key with which it signs."""
        return self.api_key, self._options["secret"]

    def call(self, command: str, **parameters: object) -> dict[str, Any]:
        """The answer inside its root key. Parameters that are None are left out.

        Raises:
            ApiError: CloudStack refused the command.
            ApiCredentialsError, ApiUnreachableError, ApiAnswerError: there is no answer of CloudStack's.
        """
        if is_question(command):
            return self._answer_after_all(command, parameters, (*_NOT_SENT, ApiUnreachableError, ApiAnswerError))
        if self.listener is None:
            return self._answer_after_all(command, parameters, _NOT_SENT)
        sent = {
            name: HIDDEN if name.lower() in _SECRETS else str(value)
            for name, value in parameters.items()
            if value is not None
        }
        call = Call(command, sent, time.monotonic())
        try:
            answer = self._answer_after_all(command, parameters, _NOT_SENT)
        except HarnessError as refused:
            self.listener(replace(call, error=str(refused)))
            raise
        job_id = answer.get("jobid")
        self.listener(replace(call, job_id=None if job_id is None else str(job_id)))
        return answer

    def _answer_after_all(
        self, command: str, parameters: dict[str, object], transient: tuple[type[HarnessError], ...]
    ) -> dict[str, Any]:
        """Asked again where a server that has answered before does not: a change only if it was not begun."""
        if not self.has_answered:
            return self._answer(command, parameters)
        try:
            return wait_until(
                f"an answer to {command}",
                lambda: self._answer(command, parameters),
                lambda _: True,
                _ASKED_AGAIN_S,
                transient=transient,
            )
        except DeadlineExpired as expired:
            if isinstance(expired.last_seen, HarnessError):
                raise expired.last_seen from None
            raise

    def _answer(self, command: str, parameters: dict[str, object]) -> dict[str, Any]:
        if self.witness is None:
            return self._asked(command, parameters)
        started = time.monotonic()
        exchange = Exchange(command, parameters, started, 0.0)
        try:
            answer = self._asked(command, parameters)
        except HarnessError as failure:
            took, unanswered = time.monotonic() - started, not isinstance(failure, ApiError)
            self.witness(replace(exchange, seconds=took, error=str(failure), unanswered=unanswered))
            raise
        self.witness(replace(exchange, seconds=time.monotonic() - started, answer=answer))
        return answer

    def _asked(self, command: str, parameters: dict[str, object]) -> dict[str, Any]:
        try:
            answer = getattr(self._connection(), command)(**parameters)
        except CloudStackApiException as refused:
            raise self._refusal(command, refused) from None
        except CloudStackException as wrong:
            said = self._redactor.known(str(wrong.args[0]))
            raise ApiAnswerError(f"{self.endpoint} answered no CloudStack JSON to {command}: {said}") from None
        except requests.exceptions.SSLError as failure:
            raise ApiUnreachableError(f"TLS verification failed for {self.endpoint}: {_innermost(failure)}") from None
        except RecursionError:
            raise ApiAnswerError(f"{self.endpoint} answered {command} with JSON that is nested too deeply") from None
        except UnicodeEncodeError:
            # Half of a character, which JSON may write, and which an id that was answered before had in it.
            raise ApiAnswerError(f"{command} cannot be sent: one of its values is no text") from None
        except requests.exceptions.TooManyRedirects:
            raise ApiAnswerError(f"{self.endpoint} sends {command} to another address; give that one") from None
        except AnswerTooLargeError as failure:
            raise ApiAnswerError(f"{self.endpoint} answered {command} with too much: {failure}") from None
        except requests.exceptions.RequestException as failure:
            kind = ApiNotReachedError if _was_not_sent(failure) else ApiUnreachableError
            raise kind(f"no CloudStack API answers at {self.endpoint}: {_innermost(failure)}") from None
        if not isinstance(answer, dict):
            raise ApiAnswerError(f"{self.endpoint} answered {type(answer).__name__} to {command}, not an object")
        self.has_answered = True
        return answer

    def server_time(self) -> float | None:
        """The server's clock in seconds since 1970, to a second; None where it does not tell it.

        Raises:
            ApiUnreachableError: it does not answer.
        """
        with bounded_session(self._options["timeout"]) as session:
            try:
                answer = session.get(self.endpoint, timeout=self._options["timeout"], verify=self._options["verify"])
            except requests.exceptions.RequestException as failure:
                raise ApiUnreachableError(f"{self.endpoint} does not tell its time: {_innermost(failure)}") from None
        skew = skew_s(answer.headers)
        return None if skew is None else time.time() + skew

    def list(self, command: str, key: str, **parameters: object) -> list[dict[str, Any]]:
        """All pages of a list command; `key` is the name of the list inside the answer. Errors as in `call`."""
        found: list[dict[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            answer = self.call(command, page=page, pagesize=PAGE_SIZE, **parameters)
            part = answer.get(key, [])
            if not isinstance(part, list) or not all(isinstance(item, dict) for item in part):
                raise ApiAnswerError(f"{self.endpoint} answered {command} with a {key} that is no list of objects")
            found.extend(part)
            if len(part) < PAGE_SIZE:
                return found
        raise ApiAnswerError(f"{self.endpoint} does not come to an end with {command}: {len(found)} {key}s")

    def exists(self, command: str, key: str, entity_id: str) -> bool:
        """Whether a list command finds this id. Errors as in `call`."""
        try:
            return bool(self.list(command, key, id=entity_id, listall=True))
        except ApiError as refused:
            if refused.says_it_is_gone:
                return False
            raise

    def _connection(self) -> CloudStack:
        # requests does not promise that one session serves several threads.
        connection: CloudStack | None = getattr(self._local, "connection", None)
        if connection is None:
            session = bounded_session(self._options["timeout"] * _ANSWER_TIMEOUTS)
            connection = SignedCloudStack(**self._options, session=session)
            self._local.connection = connection
        return connection

    def _refusal(self, command: str, refused: CloudStackApiException) -> HarnessError:
        error = refused.error if isinstance(refused.error, dict) else {}
        status = refused.response.status_code
        text = self._redactor.known(str(error.get("errortext", refused.args[0])))
        if status == UNAUTHORIZED:
            skew = skew_s(refused.response.headers)
            told = f"{self.endpoint} refused the API key or its signature: {text}"
            if skew is not None and abs(skew) > MOST_SKEW_S:
                clocks = f"its clock is {skew:+.0f} s from this machine's, and a signature is good for ten minutes"
                return ApiClockError(f"{told}; {clocks}")
            return ApiCredentialsError(told)
        cs_code = error.get("cserrorcode")
        return ApiError(command, _code(error.get("errorcode"), status) or status, _code(cs_code, None), text)


def skew_s(head: Mapping[str, str]) -> float | None:
    """How far a server's clock is ahead of this machine's by the head of its answer; None where it does not tell."""
    try:
        return parsedate_to_datetime(head["Date"]).timestamp() - time.time()
    except (KeyError, ValueError, OverflowError):
        return None


def _code(said: object, otherwise: int | None) -> int | None:
    return int(said) if isinstance(said, int | str) and re.fullmatch(r"-?[0-9]{1,9}", str(said)) else otherwise


def _was_not_sent(failure: BaseException) -> bool:
    """Whether there was no connection to send anything on."""
    reason = getattr(failure.args[0] if failure.args else None, "reason", None)
    return isinstance(failure, requests.exceptions.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _innermost(failure: BaseException) -> str:
    """The cause that a person can act on: requests wraps it several times."""
    reason = getattr(failure.args[0] if failure.args else None, "reason", None)
    return re.split(r"(?<!\[SSL): ", str(reason or failure))[-1]
