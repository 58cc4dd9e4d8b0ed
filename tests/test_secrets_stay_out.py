"""A run that fails in every way, and says every secret it knows, leaves none of them in anything that it writes."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import SimulatedLab

pytest_plugins = ["pytester"]

CASES = """
import json, os
from pathlib import Path
import pytest

PASSWORD = os.environ["HOST_PASSWORD"]
LOGGED = ["sess-canary-7f6a5b4c", "sign-canary-1a2b3c4d", "pass-canary-99887766"]

def planted(stage):
    'Everything that must not turn up again, written down where the test finds it.'
    session = stage.session
    environment = session.environment
    secrets = [*session.api.secrets, *session._caller.secrets, PASSWORD]
    key = environment.path(environment.hosts.key_file).read_text()
    processes = [Path("/proc", pid, "cmdline") for pid in os.listdir("/proc") if pid.isdigit()]
    lines = []
    for process in processes:
        try:
            lines.append(process.read_bytes().replace(b"\\0", b" ").decode(errors="replace"))
        except OSError:
            pass  # it has ended meanwhile
    said = secrets + LOGGED + key.splitlines()[1:-1]
    Path(os.environ["PLANTED"], f"{os.getpid()}.json").write_text(json.dumps([said, lines]))
    return secrets, key

def say(command, secrets, key):
    raise KeyError(f"{command} {secrets} {key}")

def log(instance, job):
    'What the management server and the agent say of a job.'
    session_key, signature, password = LOGGED
    lines = [f"2026-01-01 DEBUG (logid:{job[:8]}) POST sessionkey={session_key}&signature={signature}",
             f"(logid:{job[:8]}) Sending {{'wait':0,'password':'{password}'}}", "(logid:00000000) another job"]
    Path(os.environ["LOG"]).write_text("\\n".join(lines))

@pytest.mark.case("XML-90")
def test_an_exception(stage):
    '''An exception of the case.'''
    secrets, key = planted(stage)
    instance = stage.instance(stage.fixed(1, 500, 256))
    job = stage.api.call("stopVirtualMachine", id=instance.id, forced=True)["jobid"]
    log(instance, job)
    print(secrets, key)
    say("x", secrets, key)

@pytest.mark.case("XML-91")
def test_a_finding(stage):
    '''A finding in words of its own.'''
    secrets, key = planted(stage)
    stage.account()
    stage.instance(stage.fixed(1, 500, 256)).verify()
    assert not secrets, f"{secrets} {key}"

@pytest.mark.case("XML-92")
def test_a_refusal(stage):
    '''A refusal that repeats what was sent.'''
    secrets, key = planted(stage)
    with pytest.raises(Exception, match="hidden"):
        stage.api.call("startVirtualMachine", id=secrets[1])
    stage.api.call("startVirtualMachine", id=secrets[3])

@pytest.mark.case("XML-93")
def test_a_note(stage):
    '''A note that says a secret.'''
    secrets, key = planted(stage)
    stage.note("x", " ".join(secrets))
    with stage.steps.step(secrets[1]):
        stage.instance(stage.fixed(1, 500, 99999))
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2", "--dist", "loadscope")])
def test_no_secret_is_in_anything_that_a_failing_run_writes(
    pytester: pytest.Pytester, lab: SimulatedLab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: tuple[str]
) -> None:
    planted, log = tmp_path / "planted", tmp_path / "log"
    planted.mkdir()
    monkeypatch.setenv("PLANTED", str(planted))
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.setenv("HOST_PASSWORD", "host-canary-55667788")
    cloud_file = lab.cloud_file.with_name(f"with-secrets-{len(workers)}.toml")
    text = lab.without_logs().replace("[hosts]\n", '[hosts]\npassword_env = "HOST_PASSWORD"\n')
    host = next(line for line in text.splitlines() if line.startswith("port ="))
    login = f'{host}\nuser = "root"\nkey_file = "{lab_key(text)}"'
    text += f'\n[logs]\nagent = "{log}"\n[logs.management]\naddress = "127.0.0.1"\nfile = "{log}"\n{login}\n'
    cloud_file.write_text(text)
    cloud_file.chmod(0o644)
    pytester.makepyfile(CASES)
    result = pytester.runpytest_subprocess(f"--cloud={cloud_file}", "-rA", "-l", *workers)
    folder = pytester.path / "reports" / "latest"
    record = json.loads((folder / "results.json").read_text())
    cases = {case["id"]: case for case in record["cases"]}
    causes = {name: (case["outcome"], case["cause"]) for name, case in cases.items()}
    assert causes == {
        "XML-90": ("could not run", "harness"),
        "XML-91": ("failed", "product"),
        "XML-92": ("could not run", "environment"),
        "XML-93": ("not verified", None),
    }
    written = {path for path in pytester.path.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    kept = {Path(name).name for name in cases["XML-90"]["evidence"]}
    assert {"api.jsonl", "looks.jsonl", "management-server.log"} <= kept | {"looks.jsonl"}
    management = folder / "evidence" / "XML-90" / "management-server.log"
    assert management.read_text().count("logid:") == 2
    assert all((folder / name).is_file() for case in cases.values() for name in case["evidence"])
    assert f"warning: {cloud_file} has secrets and others can read it" in result.stdout.str()
    everything = {str(path): path.read_bytes().decode(errors="replace") for path in written}
    everything["what is printed"] = result.stdout.str() + result.stderr.str()
    secrets: set[str] = set()
    for file in planted.iterdir():
        said, processes = json.loads(file.read_text())
        secrets.update(said)
        everything[f"processes of {file.name}"] = "\n".join(processes)
    assert len(secrets) > 10
    # The ends of a long secret are as good as the whole.
    secrets |= {part for secret in secrets if len(secret) > 40 for part in (secret[:12], secret[-12:])}
    found = [(where, secret) for where, text in everything.items() for secret in secrets if secret in text]
    assert found == []
    assert subprocess.run(["grep", "-rq", "hidden", str(folder)], check=False).returncode == 0


def lab_key(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("key_file")).split('"')[1]
