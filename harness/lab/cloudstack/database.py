"""A MariaDB of the lab's own, on the loopback, and copies of its data to start again from."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.cloudstack.daemon import first_error, last_words, service
from harness.lab.kvm.gate import GatedProcess
from harness.lab.remains import Remains
from harness.waiting import DeadlineExpired, wait_until

READY_SECONDS = 60.0
END_SECONDS = 60.0
SQL_SECONDS = 120.0

# The data are thrown away with the lab, so nothing is written twice or waited for.
_SETTINGS = (
    "--skip-name-resolve",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=192M",
    "--innodb-rollback-on-timeout=1",
    "--innodb-lock-wait-timeout=600",
    "--innodb-log-file-size=32M",
    "--max-connections=700",
    "--performance-schema=OFF",
    "--log-bin-trust-function-creators=1",
    "--skip-log-bin",
)


# In the data folder and named from there, because a socket's whole path may have 107 bytes only.
_SOCKET = "s"


class DatabaseError(HarnessError):
    """MariaDB did not start or refused a statement; the text has its last words."""


class _EndedError(HarnessError):
    """It will not answer any more, as a DatabaseError while it starts may only mean that it does not yet."""


@dataclass
class Database:
    """`folder` is made by `install` or `restore`; the passwords are new ones at each start."""

    folder: Path
    port: int
    remains: Remains
    root_password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    password: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    _process: GatedProcess | None = None

    @property
    def log(self) -> Path:
        return self.folder.with_name("mariadb.log")

    @property
    def _temporary(self) -> Path:
        return self.folder.with_name("mariadb-tmp")

    def install(self) -> None:
        """Make empty system tables."""
        self.folder.mkdir(parents=True)
        done = subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                "--user=root",
                f"--datadir={self.folder}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--skip-name-resolve",
                "--innodb-log-file-size=32M",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DatabaseError(f"mariadb-install-db failed: {' '.join((done.stderr or done.stdout).split())[-300:]}")

    def restore(self, copy: Path) -> None:
        shutil.copytree(copy, self.folder)

    def save(self, copy: Path) -> None:
        """Keep the data of a database that has ended as `copy`, whole or not at all."""
        new = copy.with_name(f"{copy.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copytree(self.folder, new)
        new.rename(copy)

    def start(self) -> None:
        """Raises DatabaseError where it does not come up."""
        # Not the machine's, which somebody may clear: a table there that is gone is a deployment that fails.
        self._temporary.mkdir(mode=0o700, exist_ok=True)
        # Read by nobody else, and before anyone is let in.
        first = self.folder.with_name("mariadb-accounts.sql")
        first.touch(mode=0o600)
        first.write_text(self._accounts(), encoding="ascii")
        arguments = [
            "mariadbd",
            "--no-defaults",
            "--user=root",
            f"--datadir={self.folder}",
            f"--tmpdir={self._temporary}",
            f"--socket={_SOCKET}",
            f"--pid-file={self.folder / 'mariadb.pid'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            f"--init-file={first}",
            *_SETTINGS,
        ]
        self._process = service(arguments, self.log, self.remains)
        process = self._process

        def answers() -> str:
            if process.has_ended:
                raise _EndedError(f"MariaDB ended: {first_error(self.log)}")
            return self.sql("SELECT 1")

        try:
            wait_until("MariaDB", answers, bool, READY_SECONDS, longest_pause_s=0.3, transient=(DatabaseError,))
        except DeadlineExpired as expired:
            raise DatabaseError(f"MariaDB does not answer: {last_words(self.log)}") from expired
        except _EndedError as ended:
            raise DatabaseError(str(ended)) from None

    def stop(self) -> None:
        """End it in order, so that its data can be copied."""
        if self._process is not None:
            self.sql("SHUTDOWN")
            self._process.wait_for_end(END_SECONDS)
            self._process = None

    def reap(self) -> None:
        """Collect a process that has been killed."""
        if self._process is not None:
            self._process.reap()
            self._process = None

    def sql(self, statements: str) -> str:
        """What the statements gave, columns parted by tabs, without headings.

        Raises:
            DatabaseError: refused, or nobody listens.
        """
        try:
            done = subprocess.run(
                ["mariadb", "--no-defaults", f"--socket={_SOCKET}", "--user=root", "--batch", "--skip-column-names"],
                input=statements,
                capture_output=True,
                text=True,
                check=False,
                env={"PATH": "/usr/bin:/bin", "MYSQL_PWD": self.root_password},
                cwd=self.folder,
                timeout=SQL_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise DatabaseError(f"MariaDB has not answered for {SQL_SECONDS:g} s: {last_words(self.log)}") from None
        if done.returncode:
            raise DatabaseError(f"MariaDB refused: {' '.join(done.stderr.split())[-300:]}")
        return done.stdout.strip()

    def _accounts(self) -> str:
        root, cloud = self.root_password, self.password
        return (
            f"CREATE USER IF NOT EXISTS root@localhost;\nALTER USER root@localhost IDENTIFIED BY '{root}';\n"
            f"CREATE USER IF NOT EXISTS root@127.0.0.1;\nALTER USER root@127.0.0.1 IDENTIFIED BY '{root}';\n"
            "GRANT ALL ON *.* TO root@127.0.0.1 WITH GRANT OPTION;\n"
            f"ALTER USER IF EXISTS cloud@localhost IDENTIFIED BY '{cloud}';\n"
            f"ALTER USER IF EXISTS cloud@'%' IDENTIFIED BY '{cloud}';\n"
        )
