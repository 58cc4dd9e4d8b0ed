"""Small functions that tests import."""

from __future__ import annotations

import random
import string
from collections.abc import Iterable
from typing import Any

from ..codes import EMPTY_LIST, FAIL, INVALID_INPUT, PASS
from ..sshClient import SshClient


def random_gen(id: str | None = None, size: int = 6, chars: str = string.ascii_uppercase + string.digits) -> str:
    text = "".join(random.choices(chars, k=size))  # noqa: S311 - a name, no secret
    return f"{id}-{text}" if id else text


def cleanup_resources(api_client: Any, resources: Iterable[Any]) -> None:
    """Delete each; one that fails does not keep the others, and all failures are raised in the end."""
    failures = []
    for each in resources:
        try:
            each.delete(api_client)
        except Exception as failure:  # noqa: BLE001 - raised below
            failures.append(failure)
    if failures:
        raise ExceptionGroup("clean-up", failures)


def isAlmostEqual(first_digit: float, second_digit: float, range: float = 0) -> bool:
    return first_digit - range < second_digit < first_digit + range


def validateList(inp: Any) -> list[Any]:
    """PASS or FAIL, the first element, and the reason."""
    if not isinstance(inp, list):
        return [FAIL, None, INVALID_INPUT]
    return [PASS, inp[0], None] if inp else [FAIL, None, EMPTY_LIST]


def is_server_ssh_ready(
    ipaddress: str,
    port: int,
    username: str,
    password: str | None,
    retries: int = 20,
    retryinterv: float = 30,
    timeout: float = 10.0,
    keyPairFileLocation: str | None = None,
) -> SshClient:
    return SshClient(
        ipaddress, port, username, password, retries, retryinterv, keyPairFiles=keyPairFileLocation, timeout=timeout
    )
