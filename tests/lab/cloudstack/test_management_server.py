"""What is told of a management server that did not come up."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.lab.cloudstack.build import CloudStackBuild
from harness.lab.cloudstack.database import Database
from harness.lab.cloudstack.management_server import ManagementServer, ServerError, why_deaf_to_agents, why_not_up
from harness.lab.remains import Remains

FAILED = (
    "00:42:17 WARN (main:[]) Failed to start module [core] due to: [Error creating bean with name 'depot': Unsatisfied "
    "dependency; nested exception is CannotLoadBeanClassException: Cannot find class [a.Dao]; nested exception is "
    "java.lang.ClassNotFoundException: a.Dao].\n"
)
FOLLOWING = "00:42:18 WARN (main:[]) Failed to start module [planner] due to: [No bean named 'Resources' available].\n"
# A module failed, and this is what the web server says of the application.
STAND_IN = """
package org.apache.cloudstack;
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.file.*;
import java.util.Properties;
public class ServerDaemon {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.load(ServerDaemon.class.getResourceAsStream("/server.properties"));
        Files.writeString(Path.of("management-server.log"), LOG);
        int port = Integer.parseInt(properties.getProperty("http.port"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        Thread waiting = new Thread(() -> { try { Thread.sleep(600000); } catch (InterruptedException gone) { } });
        waiting.start();
        if (STATUS == 0) throw new IllegalStateException("the port is taken");
        server.createContext("/", exchange -> { exchange.sendResponseHeaders(STATUS, -1); exchange.close(); });
        server.start();
    }
}
"""
END = "Caused by: NoSuchBeanDefinitionException: No bean named 'Resources' available\n"


def test_the_first_module_that_failed_is_told_and_not_those_that_failed_for_want_of_it(tmp_path: Path) -> None:
    log = tmp_path / "management-server.log"
    log.write_text("INFO begun\n" + FAILED + FOLLOWING + END, encoding="utf-8")
    said = why_not_up(log, tmp_path / "server.out")
    assert said == f"module core did not start: java.lang.ClassNotFoundException: a.Dao ({log})"


def test_a_server_that_could_not_listen_for_agents_is_told_and_one_that_could_is_not(tmp_path: Path) -> None:
    log = tmp_path / "management-server.log"
    assert why_deaf_to_agents(log) is None
    log.write_text("INFO begun\n" + END, encoding="utf-8")
    assert why_deaf_to_agents(log) is None
    # As a server of 4.23 wrote it, whose port was taken.
    taken = "com.cloud.utils.exception.NioConnectionException: Address already in use"
    refused = f"ERROR Unable to initialize the threads.\nERROR Error when connecting to the NioServer! {taken}\n"
    log.write_text("INFO begun\n" + refused + END, encoding="utf-8")
    assert why_deaf_to_agents(log) == f"{taken} ({log})"


def test_a_server_whose_modules_started_is_told_by_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "management-server.log"
    log.write_text("INFO begun\n" + END + "INFO going on\n", encoding="utf-8")
    assert why_not_up(log, tmp_path / "server.out") == f"{END.strip()} ({log})"


def test_a_server_without_a_log_is_told_by_what_it_printed(tmp_path: Path) -> None:
    output = tmp_path / "server.out"
    output.write_text("Killed\n", encoding="utf-8")
    assert why_not_up(tmp_path / "nowhere.log", output) == f"Killed ({output})"


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Callable[..., ManagementServer]]:
    """A server that writes a log, in which a module has failed, and answers everything with the given status."""
    if shutil.which("javac") is None:
        pytest.skip("not verified: no javac (a JDK) compiles the program")
    made: list[ManagementServer] = []
    remains = Remains(tmp_path / "remains.jsonl")

    def make(status: int, log: str = FAILED) -> ManagementServer:
        log = log.replace("\n", "\\n")
        source = tmp_path / "ServerDaemon.java"
        source.write_text(STAND_IN.replace("LOG", f'"{log}"').replace("STATUS", str(status)), encoding="ascii")
        subprocess.run(["javac", "--release", "17", "-d", tmp_path / "classes", source], check=True)
        build = CloudStackBuild("stand-in", (str(tmp_path / "classes"),), (), (), tmp_path)
        database = Database(tmp_path / "mariadb", 1, remains)
        server = ManagementServer(build, tmp_path / "server", database, "127.0.0.1", remains)
        server.write()
        made.append(server)
        return server

    yield make
    for server in made:
        if server.pid is not None:
            subprocess.run(["kill", "-9", str(server.pid)], check=True)
            server.reap()


def test_a_server_that_answers_without_all_its_modules_is_not_waited_for(
    stand_in: Callable[..., ManagementServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.lab.cloudstack.management_server.READY_SECONDS", 60.0)
    server = stand_in(503)
    with pytest.raises(ServerError, match=r"of no use: module core did not start: java\.lang\.ClassNotFound"):
        server.start()


def test_a_server_whose_first_thread_ended_is_not_waited_for(
    stand_in: Callable[..., ManagementServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.lab.cloudstack.management_server.READY_SECONDS", 60.0)
    server = stand_in(0)
    with pytest.raises(ServerError, match=r"did not start: java\.lang\.IllegalStateException: the port is taken \("):
        server.start()


def test_a_server_that_does_without_a_module_is_taken(stand_in: Callable[..., ManagementServer]) -> None:
    server = stand_in(401)
    server.start()
    assert server.pid is not None


class _TakenDownError(HarnessError):
    pass


def test_a_start_that_is_broken_into_is_not_told_as_the_end_of_the_server(
    stand_in: Callable[..., ManagementServer],
) -> None:
    def break_in(*_: object) -> None:
        raise _TakenDownError("somebody took it down")

    server = stand_in(503, log="")
    former = signal.signal(signal.SIGUSR1, break_in)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        timer.start()
        with pytest.raises(_TakenDownError):
            server.start()
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, former)
