"""A network whose link goes down says nothing at all: no call hangs, and a question is answered once it is back."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from harness.cloud.client import ApiUnreachableError, CloudApi
from harness.waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make network namespaces")

_SERVER = """
from werkzeug import Request, Response, run_simple
answer = lambda request: Response('{"xresponse": {}}', content_type="application/json")
run_simple("10.88.77.2", 8080, Request.application(answer))
"""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@pytest.fixture
def link() -> Iterator[str]:
    """A server in a namespace of its own; gives the name of this end of the link to it."""
    name = f"csh{os.getpid() % 100_000}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", name, "type", "veth", "peer", "name", "there", "netns", name)
        _ip("addr", "add", "10.88.77.1/30", "dev", name)
        _ip("-n", name, "addr", "add", "10.88.77.2/30", "dev", "there")
        _ip("-n", name, "link", "set", "there", "up")
        _ip("link", "set", name, "up")
        command = ["ip", "netns", "exec", name, sys.executable, "-c", _SERVER]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
            yield name
            server.terminate()
    finally:
        _ip("netns", "del", name)


def test_no_call_hangs_and_a_question_is_answered_once_the_link_is_back(link: str) -> None:
    api = CloudApi("http://10.88.77.2:8080/client/api", "key", "secret", timeout_s=2)
    wait_until("the server", lambda: api.call("listX"), lambda _: True, 60, transient=(ApiUnreachableError,))
    _ip("link", "set", link, "down")
    back = threading.Timer(1.5, _ip, ("link", "set", link, "up"))
    back.start()
    assert api.call("listX") == {}
    back.join()
    _ip("-n", link, "link", "set", "there", "down")
    for command in ("listX", "deployX"):
        with pytest.raises(ApiUnreachableError, match="no CloudStack API answers at http://10"):
            api.call(command)
