"""HTTP that bears a hostile server: answers of bounded size that come within a bounded time, and no redirections."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

# A page of 500 instances is half a MiB.
MOST_BYTES = 64 * 1024 * 1024


class AnswerTooLargeError(requests.exceptions.RequestException):
    """The server sends more than is taken in."""


class _Bounded:
    """The raw answer, read up to a size and a deadline."""

    def __init__(self, raw: Any, most_bytes: int, seconds: float) -> None:
        self._raw = raw
        self._most_bytes = most_bytes
        self._ends = time.monotonic() + seconds
        self._seconds = seconds

    def stream(self, amount: int, decode_content: bool | None = None) -> Iterator[bytes]:
        taken = 0
        # Not its own `stream`: with chunks of one byte each that would come to an end only with the server's patience.
        for chunk in self._raw.stream(amount, decode_content=decode_content):
            taken += len(chunk)
            if taken > self._most_bytes:
                self._raw.close()
                raise AnswerTooLargeError(f"the answer is larger than {self._most_bytes} bytes")
            if time.monotonic() > self._ends:
                self._raw.close()
                raise requests.exceptions.ReadTimeout(f"the answer did not end within {self._seconds:g} s")
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, most_bytes: int, seconds: float) -> None:
        super().__init__()
        self._bounds = most_bytes, seconds

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        answer = super().send(request, *args, **options)
        answer.raw = _Bounded(answer.raw, *self._bounds)
        return answer


class _Session(requests.Session):
    """Asks the environment for an address's proxies once: requests does so anew for every call, a tenth of its time."""

    def __init__(self) -> None:
        super().__init__()
        self._proxies_by_address: dict[str, dict[str, str]] = {}

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        url = request.url or ""
        address = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        if address not in self._proxies_by_address:
            self._proxies_by_address[address] = get_environ_proxies(url)
        options.setdefault("proxies", self._proxies_by_address[address])
        return super().send(request, **options)


def bounded_session(seconds: float, most_bytes: int = MOST_BYTES) -> requests.Session:
    """A session whose answers end within `seconds` after their head and have at most `most_bytes`, unpacked."""
    session = _Session()
    # A signed request belongs to the address that was given and to no other.
    session.max_redirects = 0
    for scheme in ("http://", "https://"):
        session.mount(scheme, _BoundedAdapter(most_bytes, seconds))
    return session
