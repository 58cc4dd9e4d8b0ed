"""One connection to a host: commands come back whole, and everything that goes wrong says what, where and the mend."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import HarnessError
from harness.hosts import ssh
from harness.hosts.access import HostAccess, HostKeyRule
from harness.hosts.failures import (
    AuthenticationFailed,
    CommandTimedOut,
    ConnectionLost,
    ConnectionRefused,
    HandshakeFailed,
    HostKeyChanged,
    HostKeyUnknown,
    OutputTooLarge,
    Unreachable,
)
from harness.hosts.ssh import SshConnection
from harness.lab.simulated.fleet import SimulatedFleet

Access = Callable[..., HostAccess]


@pytest.fixture
def connection(access: Access) -> Iterator[SshConnection]:
    connection = SshConnection(access())
    yield connection
    connection.close()


def _new_key(file: Path) -> Path:
    file.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
    )
    return file


def test_a_command_brings_both_streams_and_its_status(connection: SshConnection) -> None:
    result = connection.run(["sh", "-c", "echo out; echo err >&2; exit 3"])

    assert (result.stdout, result.stderr, result.status) == ("out\n", "err\n", 3)


@pytest.mark.parametrize("argument", ["a b", "$HOME", "`id`", "'", '"', "; exit 9", "\n", "*", "", "é\\"])
def test_arguments_reach_the_command_as_they_are(connection: SshConnection, argument: str) -> None:
    assert connection.run(["printf", "%s", argument]).stdout == argument


def test_bytes_that_are_no_utf8_are_replaced(connection: SshConnection) -> None:
    assert connection.run(["printf", r"\377"]).stdout == "\N{REPLACEMENT CHARACTER}"


def test_much_on_both_streams_at_once_does_not_deadlock(connection: SshConnection) -> None:
    """More on each than any window or pipe holds, stderr first: who reads stdout to its end first waits for ever."""
    much = "dd if=/dev/zero bs=100000 count=9 2>/dev/null | tr '\\0' x"

    result = connection.run(["sh", "-c", f"{{ {much}; }} >&2; {much}"], seconds=20)

    assert (len(result.stdout), len(result.stderr), result.status) == (900_000, 900_000, 0)


def test_what_was_packed_on_the_host_comes_as_it_was(connection: SshConnection) -> None:
    result = connection.run(["sh", "-c", r"printf 'one\ntw\303\266' | gzip; exit 3"])

    assert (result.stdout, result.status) == ("one\ntw\u00f6", 3)


def test_what_was_packed_is_bounded_as_if_it_were_not(connection: SshConnection) -> None:
    with pytest.raises(OutputTooLarge, match="'sh' printed more than 200000 bytes to stdout"):
        connection.run(["sh", "-c", "head -c 200001 /dev/zero | gzip"], most_bytes=200_000)

    assert len(connection.run(["sh", "-c", "head -c 200000 /dev/zero | gzip"], most_bytes=200_000).stdout) == 200_000


def test_what_was_packed_wrongly_is_a_failure(connection: SshConnection) -> None:
    with pytest.raises(ConnectionLost, match="cannot be unpacked"):
        connection.run(["sh", "-c", r"printf '\037\213 and no more of gzip'"])


@pytest.mark.parametrize("redirection", ["", " >&2"])
def test_output_without_end_is_cut_off(
    connection: SshConnection, monkeypatch: pytest.MonkeyPatch, redirection: str
) -> None:
    monkeypatch.setattr(ssh, "MAX_STDOUT_BYTES", 200_000)
    monkeypatch.setattr(ssh, "MAX_STDERR_BYTES", 200_000)

    with pytest.raises(OutputTooLarge, match=r"kvm1 \(127\.0\.0\.1:\d+\): 'sh' printed more than 200000 bytes to"):
        connection.run(["sh", "-c", f"yes{redirection}"], seconds=20)

    assert connection.run(["true"]).status == 0


def test_a_connection_that_has_ended_at_the_deadline_is_told_to_nobody_else(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up, close = threading.Event(), paramiko.Channel.close

    def close_of_a_dead_connection(channel: paramiko.Channel) -> None:
        close(channel)
        if isinstance(threading.current_thread(), threading.Timer):
            given_up.set()
            raise EOFError

    def never_answered(_channel: paramiko.Channel, _command: str) -> None:
        given_up.wait(10)
        raise EOFError

    monkeypatch.setattr(paramiko.Channel, "close", close_of_a_dead_connection)
    monkeypatch.setattr(paramiko.Channel, "exec_command", never_answered)
    connection = SshConnection(access(command_timeout_s=0.3))
    with pytest.raises(CommandTimedOut):
        connection.run(["true"])
    # What a thread does not catch is an error of this test.
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(5)
    connection.close()


@pytest.mark.parametrize("command", ["sleep 60", "while :; do echo x; sleep 0.05; done", "exec >&- 2>&-; sleep 60"])
def test_a_command_that_does_not_end_is_given_up_at_the_deadline(connection: SshConnection, command: str) -> None:
    connection.run(["true"])
    started = time.monotonic()

    with pytest.raises(CommandTimedOut, match=r"kvm1 \(127\.0\.0\.1:\d+\): 'sh' did not end within 0\.3 s"):
        connection.run(["sh", "-c", command], seconds=0.3)

    assert time.monotonic() - started < 3
    assert connection.run(["true"]).status == 0, "the connection is still good"


@pytest.mark.parametrize("jump_s", [7200.0, -7200.0])
def test_a_clock_that_jumps_neither_ends_a_wait_nor_makes_it_longer(
    access: Access, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    """With each question for the time the clock has jumped once more."""
    jumps, true_time = count(), time.time
    monkeypatch.setattr(time, "time", lambda: true_time() + next(jumps) * jump_s)
    connection = SshConnection(access())
    try:
        assert connection.run(["sh", "-c", "sleep 0.3; echo after it"]).stdout == "after it\n"
        started = time.monotonic()
        with pytest.raises(CommandTimedOut):
            connection.run(["sh", "-c", "sleep 60"], seconds=0.3)
        assert time.monotonic() - started < 3
    finally:
        connection.close()


@pytest.mark.parametrize("jump_s", [7200.0, -7200.0])
def test_a_clock_that_jumps_makes_no_login_longer(
    access: Access, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    jumps, true_time = count(), time.time
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mute = SshConnection(access(port=silent.getsockname()[1], connect_timeout_s=0.5))
        monkeypatch.setattr(time, "time", lambda: true_time() + next(jumps) * jump_s)
        started = time.monotonic()
        with pytest.raises(HandshakeFailed):
            mute.run(["true"])
        assert 0.4 < time.monotonic() - started < 5


def test_threads_share_one_connection(access: Access, fleet: SimulatedFleet) -> None:
    connection = SshConnection(access())
    before = len(fleet.ssh_server("kvm1").live_connections)
    try:
        with ThreadPoolExecutor(12) as many:
            outputs = list(many.map(lambda number: connection.run(["echo", str(number)]).stdout, range(36)))
        during = len(fleet.ssh_server("kvm1").live_connections)
    finally:
        connection.close()

    assert outputs == [f"{number}\n" for number in range(36)]
    assert during - before <= 1


def test_a_connection_that_died_while_idle_is_made_again(connection: SshConnection, fleet: SimulatedFleet) -> None:
    connection.run(["true"])
    for transport in fleet.ssh_server("kvm1").live_connections:
        transport.close()

    assert connection.run(["echo", "again"]).stdout == "again\n"


def test_a_key_that_is_not_let_in_is_said_with_the_user(access: Access, tmp_path: Path) -> None:
    wrong = SshConnection(access(key_file=_new_key(tmp_path / "other")))

    with pytest.raises(
        AuthenticationFailed, match=r"host kvm1 \(127\.0\.0\.1:\d+\): user 'root' was not let in by key"
    ):
        wrong.run(["true"])


def test_a_password_that_is_not_let_in_is_said_and_never_shown(access: Access) -> None:
    wrong = access(key_file=None, password="hunter2")  # noqa: S106 - a test's

    with pytest.raises(AuthenticationFailed, match="not let in by password") as refusal:
        SshConnection(wrong).run(["true"])

    assert "hunter2" not in str(refusal.value)
    assert "hunter2" not in repr(wrong)


def test_neither_key_nor_password_is_told(access: Access, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(AuthenticationFailed, match=r"was not let in by key \(No authentication methods available\)"):
        SshConnection(access(key_file=None)).run(["true"])


@pytest.mark.parametrize("content", [None, b"", b"no key", b"\xff\xfe"])
def test_a_key_file_that_is_none_is_named(access: Access, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(AuthenticationFailed, match=f"key_file {file} cannot be used"):
        SshConnection(access(key_file=file)).run(["true"])


def test_an_unknown_host_key_is_refused_with_the_way_to_add_it(access: Access, tmp_path: Path) -> None:
    empty = tmp_path / "none"

    with pytest.raises(HostKeyUnknown, match=r"ssh-keyscan -p \d+ 127\.0\.0\.1 >> "):
        SshConnection(access(known_hosts=empty)).run(["true"])

    assert not empty.exists()


def test_a_new_host_key_is_remembered_once_and_then_held_against(
    access: Access, tmp_path: Path, fleet: SimulatedFleet
) -> None:
    known = tmp_path / "remembered" / "known_hosts"
    for _ in range(2):
        connection = SshConnection(access(known_hosts=known, host_keys=HostKeyRule.ACCEPT_NEW))
        assert connection.run(["true"]).status == 0
        connection.close()
    assert len(known.read_text().splitlines()) == 1

    server = fleet.ssh_server("kvm1")
    right, server.host_key = server.host_key, paramiko.Ed25519Key.from_private_key_file(str(_new_key(tmp_path / "k")))
    try:
        for rule in (HostKeyRule.ACCEPT_NEW, HostKeyRule.KNOWN_HOSTS):
            with pytest.raises(HostKeyChanged, match=r"its host key is SHA256:\S+, but known is SHA256:\S+"):
                SshConnection(access(known_hosts=known, host_keys=rule)).run(["true"])
        insecure = SshConnection(access(known_hosts=known, host_keys=HostKeyRule.INSECURE))
        assert insecure.run(["true"]).status == 0
        insecure.close()
    finally:
        server.host_key = right


def test_accept_new_without_a_file_to_remember_in_is_refused(access: Access) -> None:
    with pytest.raises(HostKeyUnknown, match="accept-new but no known_hosts file is named"):
        SshConnection(access(known_hosts=None, host_keys=HostKeyRule.ACCEPT_NEW)).run(["true"])


def test_a_known_hosts_file_that_cannot_be_read_is_named(access: Access, tmp_path: Path) -> None:
    with pytest.raises(HostKeyUnknown, match=r"known_hosts file .* cannot be read"):
        SshConnection(access(known_hosts=tmp_path)).run(["true"])


def test_a_closed_port_is_said_to_refuse(access: Access) -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]

    with pytest.raises(ConnectionRefused, match=rf"host kvm1 \(127\.0\.0\.1:{port}\): connection refused"):
        SshConnection(access(port=port)).run(["true"])


def test_a_port_that_takes_connections_and_says_nothing_is_given_up(access: Access) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(HandshakeFailed, match="SSH handshake failed"),
    ):
        SshConnection(access(port=silent.getsockname()[1], connect_timeout_s=0.3)).run(["true"])


def test_a_port_that_is_not_ssh_is_said_to_be_none(access: Access) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            wire, _address = other.accept()
            with wire:
                wire.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises((HandshakeFailed, Unreachable)):
            SshConnection(access(port=other.getsockname()[1], connect_timeout_s=2)).run(["true"])
        thread.join()


def test_a_name_that_does_not_resolve_is_unreachable(access: Access) -> None:
    with pytest.raises(Unreachable, match=r"host kvm1 \(no-such-host\.invalid:\d+\): cannot be reached"):
        SshConnection(access(address="no-such-host.invalid")).run(["true"])


def test_no_failure_prints_anything_or_takes_more_than_a_line(
    access: Access, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noisy = logging.StreamHandler()
    logging.getLogger().addHandler(noisy)
    try:
        for wrong in (
            access(key_file=_new_key(tmp_path / "other")),
            access(known_hosts=tmp_path / "none"),
            access(address="no-such-host.invalid"),
        ):
            with pytest.raises(HarnessError) as failure:
                SshConnection(wrong).run(["true"])
            assert "\n" not in str(failure.value)
    finally:
        logging.getLogger().removeHandler(noisy)

    assert capfd.readouterr() == ("", "")


def test_a_failed_connection_leaves_no_thread(access: Access, tmp_path: Path) -> None:
    before = threading.active_count()

    with pytest.raises(HostKeyUnknown):
        SshConnection(access(known_hosts=tmp_path / "none")).run(["true"])

    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert threading.active_count() <= before
