"""A MariaDB of the lab's own, where the machine has one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.lab.cloudstack.daemon import free_port
from harness.lab.cloudstack.database import Database, DatabaseError
from harness.lab.kvm.preflight import SYSTEM_PATH
from harness.lab.remains import Remains, process_stat, recorded, sweep

pytestmark = pytest.mark.skipif(
    shutil.which("mariadbd", path=SYSTEM_PATH) is None,
    reason="not verified: no mariadbd (package mariadb-server-core)",
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    Database(folder / "mariadb", free_port(), Remains(folder / "remains.jsonl")).install()
    return folder / "mariadb"


@pytest.fixture
def database(tmp_path: Path, installed: Path) -> Iterator[Database]:
    # Longer than a socket's path may be.
    folder = tmp_path / ("long" * 25) / "mariadb"
    database = Database(folder, free_port(), Remains(tmp_path / "remains.jsonl"))
    database.restore(installed)
    yield database
    sweep(tmp_path / "remains.jsonl")
    database.reap()


def test_a_copy_of_a_database_is_started_again_with_new_passwords(database: Database, tmp_path: Path) -> None:
    database.start()
    database.sql("CREATE DATABASE cloud; CREATE TABLE cloud.seen (id INT); INSERT INTO cloud.seen VALUES (7)")
    database.stop()
    database.save(tmp_path / "copies" / "one")
    again = Database(tmp_path / "again" / "mariadb", free_port(), database.remains)
    again.restore(tmp_path / "copies" / "one")
    again.start()
    assert again.sql("SELECT id FROM cloud.seen") == "7"
    assert again.root_password != database.root_password
    again.stop()


def test_its_temporary_tables_are_not_among_the_machines(database: Database) -> None:
    database.start()
    temporary = Path(database.sql("SELECT @@tmpdir"))
    assert temporary.parent == database.folder.parent


def test_a_statement_that_is_refused_is_an_error_of_one_line(database: Database) -> None:
    database.start()
    with pytest.raises(DatabaseError, match=r"refused: .*nothing_like_it") as refused:
        database.sql("SELECT nothing_like_it")
    assert "\n" not in str(refused.value)


def test_nobody_gets_in_without_the_password(database: Database) -> None:
    database.start()
    database.root_password = ""
    with pytest.raises(DatabaseError, match="Access denied"):
        database.sql("SELECT 1")


def test_a_port_that_is_taken_is_the_reason_that_is_told(database: Database, installed: Path) -> None:
    database.start()
    second = Database(database.folder.parent.parent / "second" / "mariadb", database.port, database.remains)
    second.restore(installed)
    with pytest.raises(DatabaseError, match=r"MariaDB ended: .*Address already in use .*mariadb\.log"):
        second.start()
    second.reap()


def test_its_process_is_on_record_and_swept(database: Database) -> None:
    database.start()
    record = database.remains.record
    pids = [int(thing.name) for thing in recorded(record) if thing.kind == "process"]
    assert all(process_stat(pid) for pid in pids)
    sweep(record)
    database.reap()
    assert not any(process_stat(pid) for pid in pids)
