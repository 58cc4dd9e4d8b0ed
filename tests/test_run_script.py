"""`./run` in a checkout of a tiny stand-in project, which needs neither network nor root."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
Finished = subprocess.CompletedProcess[str]


class Checkout:
    """A folder with `./run` in it."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(ROOT / "tests" / "data" / "checkout", folder)
        shutil.copy2(ROOT / "run", folder)
        (folder / "constraints.txt").touch()
        self.folder = folder

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(self.folder / "run"), *arguments],
            env=os.environ | {"PIP_NO_INDEX": "1"} | environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **environment: str) -> Finished:
        process = self.start(*arguments, **environment)
        output, errors = process.communicate()
        return Finished(process.args, process.returncode, output, errors)

    def verify(self, *arguments: str, **environment: str) -> Finished:
        return self.run("--no-system-packages", "verify", *arguments, **environment)


def calls(done: Finished) -> list[list[str]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a check out")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_asked_for_nothing_it_says_how_it_is_used_and_makes_nothing(checkout: Checkout, arguments: list[str]) -> None:
    done = checkout.run(*arguments)
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        "usage: ./run [--no-system-packages] COMMAND [ARGS...]",
    )
    assert not (checkout.folder / ".venv").exists()


def test_an_option_that_it_does_not_know_is_refused(checkout: Checkout) -> None:
    done = checkout.run("--no-such", "verify")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "run: no such option: --no-such")


def test_arguments_and_the_exit_status_pass_through_unchanged(checkout: Checkout) -> None:
    done = checkout.verify("--select", "LS-* XML-01", "", "--", "$HOME", FAILING="cs-harness")
    assert calls(done) == [["cs-harness", "verify", "--select", "LS-* XML-01", "", "--", "$HOME"]]
    assert done.returncode == 1


def test_the_second_time_nothing_is_installed_and_it_starts_at_once(checkout: Checkout) -> None:
    first = checkout.verify()
    started = time.monotonic()
    second = checkout.verify()
    assert "installing Python packages" in first.stderr
    assert "Python" not in second.stderr
    assert time.monotonic() - started < 2  # a twentieth of a second on an idle machine, stand-in included


def test_the_tests_need_more_packages_and_a_later_verify_keeps_them(checkout: Checkout) -> None:
    checkout.verify()
    assert "installing Python packages [dev" in checkout.run("--no-system-packages", "test").stderr
    assert "Python" not in checkout.verify().stderr


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_it_installs_again_when_what_is_wanted_changed(checkout: Checkout, name: str) -> None:
    checkout.verify()
    with (checkout.folder / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    again = checkout.verify()
    assert "installing Python packages" in again.stderr
    assert "making .venv" not in again.stderr


def test_an_environment_that_was_not_finished_is_made_from_scratch(checkout: Checkout) -> None:
    project = checkout.folder / "pyproject.toml"
    right = project.read_text(encoding="utf-8")
    project.write_text(right.replace('"backend"', '"no_such_backend"'), encoding="utf-8")
    assert checkout.verify().returncode != 0
    project.write_text(right, encoding="utf-8")
    done = checkout.verify()
    assert "making .venv" in done.stderr
    assert calls(done) == [["cs-harness", "verify"]]


def test_a_broken_environment_is_made_anew(checkout: Checkout) -> None:
    checkout.verify()
    (checkout.folder / ".venv" / "bin" / "python").unlink()
    assert calls(checkout.verify()) == [["cs-harness", "verify"]]


def test_a_checkout_that_was_moved_gets_an_environment_of_its_new_place(checkout: Checkout) -> None:
    checkout.run("--no-system-packages", "test")
    checkout.folder = checkout.folder.rename(checkout.folder.with_name("moved"))
    assert calls(checkout.run("--no-system-packages", "test"))[-1] == ["pytest"]


def test_two_at_once_share_one_installation(checkout: Checkout) -> None:
    both = [checkout.start("--no-system-packages", "verify") for _ in range(2)]
    outcomes = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum("installing Python packages" in errors for _, errors in outcomes) == 1


def test_every_check_runs_even_when_an_earlier_one_failed(checkout: Checkout) -> None:
    done = checkout.run("--no-system-packages", "test", "-k", "a or b", FAILING="ruff lint-imports")
    assert calls(done) == [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["lint-imports"],
        [
            "pytest",
            "--quiet",
            "tests/reference",
            "--cov=harness.reference",
            "--cov-branch",
            "--cov-fail-under=100",
            "--cov-report=term-missing:skip-covered",
        ],
        ["pytest", "-k", "a or b"],
    ]
    assert done.returncode == 1


# The stand-in for apt-get tells what policy it finds, enables a service in both ways, and takes its time if asked to.
APT_GET = """#!/bin/sh
/usr/sbin/policy-rc.d ssh start; echo "policy $?" >>"$REPORT"
ln -s /lib/systemd/system/new.service /etc/systemd/system/multi-user.target.wants/new.service
ln -s ../init.d/new /etc/rc2.d/S01new
sleep "$PAUSE"
exit "$APT_STATUS"
"""
SCENE = """
set -eu
for folder in /etc /usr/sbin; do
    mount -t tmpfs tmpfs "$SCRATCH"
    mkdir "$SCRATCH/upper" "$SCRATCH/work"
    mount -t overlay overlay -o "lowerdir=$folder,upperdir=$SCRATCH/upper,workdir=$SCRATCH/work" "$folder"
done
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/rc2.d
cat >/etc/init.d/new <<END
#!/bin/sh
### BEGIN INIT INFO
# Provides: new
# Required-Start:
# Required-Stop:
# Default-Start: 2
# Default-Stop:
### END INIT INFO
END
chmod +x /etc/init.d/new
ln -s /lib/systemd/system/old.service /etc/systemd/system/multi-user.target.wants/old.service
rm -f /usr/sbin/policy-rc.d
[ -z "$POLICY" ] || printf '#!/bin/sh\\nexit %s\\n' "$POLICY" >/usr/sbin/policy-rc.d
trap : INT TERM
status=0
sh "$SCRIPT" something >&2 || status=$?
echo "status $status" >>"$REPORT"
for name in old new; do
    [ ! -L /etc/systemd/system/multi-user.target.wants/$name.service ] || echo "enabled $name" >>"$REPORT"
done
[ ! -L /etc/rc2.d/S01new ] || echo "enabled in rc2.d" >>"$REPORT"
for file in /usr/sbin/policy-rc.d*; do
    if [ -e "$file" ]; then echo "$file $(tail -n 1 "$file")" >>"$REPORT"; fi
done
"""


@pytest.fixture
def private_machine(tmp_path: Path) -> dict[str, str]:
    """What a scene needs to run in a mount namespace where /etc and /usr/sbin may be written to."""
    trial = subprocess.run(
        ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs "$0"', str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if trial.returncode != 0:
        pytest.skip(f"needs root and a mount namespace: {trial.stderr.strip()}")
    if shutil.which("apt-get") is None:
        pytest.skip("needs a Debian or Ubuntu")
    programs, scratch = tmp_path / "bin", tmp_path / "scratch"
    programs.mkdir()
    scratch.mkdir()
    (programs / "apt-get").write_text(APT_GET, encoding="utf-8")
    (programs / "apt-get").chmod(0o755)
    return os.environ | {
        "PATH": f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin",
        "SCRATCH": str(scratch),
        "SCRIPT": str(ROOT / "tools" / "install-packages.sh"),
        "REPORT": str(tmp_path / "report"),
        "POLICY": "",
        "PAUSE": "0",
        "APT_STATUS": "0",
    }


def play(environment: dict[str, str], interrupt: signal.Signals | None = None) -> list[str]:
    report = Path(environment["REPORT"])
    scene = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", SCENE], env=environment, stderr=subprocess.PIPE, start_new_session=True
    )
    if interrupt is not None:
        deadline = time.monotonic() + 20
        while not report.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        os.killpg(scene.pid, interrupt)
    _, errors = scene.communicate()
    assert scene.returncode == 0, errors
    return report.read_text(encoding="utf-8").splitlines()


def test_while_packages_are_installed_no_service_starts_and_afterwards_none_is_newly_enabled(
    private_machine: dict[str, str],
) -> None:
    assert play(private_machine) == ["policy 101", "status 0", "enabled old"]


def test_a_policy_that_was_there_before_is_put_back(private_machine: dict[str, str]) -> None:
    lines = play(private_machine | {"POLICY": "42"})
    assert lines == ["policy 101", "status 0", "enabled old", "/usr/sbin/policy-rc.d exit 42"]


def test_a_failed_installation_leaves_nothing_behind_either(private_machine: dict[str, str]) -> None:
    lines = play(private_machine | {"APT_STATUS": "100", "POLICY": "42"})
    assert set(lines) == {"policy 101", "status 1", "enabled old", "/usr/sbin/policy-rc.d exit 42"}


@pytest.mark.parametrize(("interrupt", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_installation_leaves_nothing_behind_either(
    private_machine: dict[str, str], interrupt: signal.Signals, status: int
) -> None:
    lines = play(private_machine | {"PAUSE": "1", "POLICY": "42"}, interrupt)
    assert lines == ["policy 101", f"status {status}", "enabled old", "/usr/sbin/policy-rc.d exit 42"]
