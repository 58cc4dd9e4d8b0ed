"""One thread at many doors."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from harness.lab.simulated.doorman import Doorman


@pytest.fixture
def doorman() -> Iterator[Doorman]:
    doorman = Doorman()
    yield doorman
    doorman.close()


def _door() -> tuple[socket.socket, int]:
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, listener.getsockname()[1]


def _greet(name: str, connection: socket.socket) -> None:
    with connection:
        connection.sendall(name.encode())


def _heard(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        return client.recv(100).decode()


def test_each_door_has_its_own_visits(doorman: Doorman) -> None:
    ports = {}
    for name in ("one", "two", "three"):
        listener, ports[name] = _door()
        doorman.watch(listener, lambda connection, name=name: _greet(name, connection))
    assert {name: _heard(port) for name, port in ports.items()} == {name: name for name in ports}
    assert _heard(ports["one"]) == "one"


def test_a_dismissed_door_refuses_and_the_others_stay(doorman: Doorman) -> None:
    first, closed = _door()
    second, stays = _door()
    doorman.watch(first, lambda connection: _greet("one", connection))
    doorman.watch(second, lambda connection: _greet("two", connection))
    doorman.dismiss(first)
    doorman.dismiss(first)
    with pytest.raises(ConnectionRefusedError):
        _heard(closed)
    assert _heard(stays) == "two"


def test_one_thread_for_all_and_none_after_the_end() -> None:
    before = set(threading.enumerate())
    doorman = Doorman()
    ports = []
    for _ in range(50):
        listener, port = _door()
        doorman.watch(listener, lambda connection: _greet("hi", connection))
        ports.append(port)
    assert {_heard(port) for port in ports} == {"hi"}
    assert len(set(threading.enumerate()) - before) == 1
    doorman.close()
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        _heard(ports[0])
