"""The environment file: what is wrong with it is said in one line."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.run.environment import EnvironmentFileError, load

GOOD = """
[api]
endpoint = "https://cloud/client/api"
api_key = "key"
secret_key_file = "secret"
[cloud]
zone = "z"
template = "t"
"""


def _file(folder: Path, text: str) -> Path:
    file = folder / "cloud.toml"
    file.write_text(text)
    return file


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    environment = load(_file(tmp_path, GOOD))
    assert environment.api.verify_tls
    assert (environment.hosts.user, environment.hosts.host_keys) == ("root", "verify")


def test_the_annotated_file_can_be_read() -> None:
    environment = load(Path(__file__).parents[2] / "configs" / "real-cloud.toml")
    assert environment.cloud.zone == "zone1"


def test_every_commented_key_of_the_annotated_file_exists(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "configs" / "real-cloud.toml").read_text()
    uncommented = re.sub(r"(?m)^# (?=(\[(?:hosts|logs|coverage)[.\]]|[a-z_]+ = ))", "", text)
    assert uncommented.count("\n# ") < text.count("\n# ")
    load(_file(tmp_path, uncommented))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('zone = "z"\n', "", r"cloud\.zone: missing"),
        ('zone = "z"', 'zone = "z"\nzoen = 1', r"cloud\.zoen: unknown key; known here are account, network, template"),
        ("[cloud]", "[hosts]\nport = 99999\n[cloud]", r"hosts\.port: .*65535, found 99999"),
        ("[cloud]", '[hosts]\nhost_keys = "maybe"\n[cloud]', r"hosts\.host_keys: .*'verify', 'accept-new'"),
        ("[cloud]", "[hosts.overrides.kvm1]\nporrt = 1\n[cloud]", r"hosts\.overrides\.kvm1\.porrt: unknown key"),
        ("[cloud]", "[cluod]", r"cloud: missing|cluod: unknown key"),
        ("https://cloud", "cloud", r"api\.endpoint: "),
        ("[api]", "[api", "not TOML"),
        ('"key"', "1", r"api\.api_key: .*string$"),
        ("[api]", 'allow = "hosts"\n[api]', r"allow: Input should be a valid list, found 'hosts'"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(EnvironmentFileError, match=rf"cloud\.toml: ({says})") as raised:
        load(_file(tmp_path, GOOD.replace(old, new)))
    assert all(line.startswith(f"{tmp_path}/cloud.toml: ") for line in str(raised.value).splitlines())


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFileError, match=r"none\.toml: cannot be read: No such file"):
        load(tmp_path / "none.toml")


def test_secrets_come_from_files_beside_it_or_from_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = load(_file(tmp_path, GOOD))
    with pytest.raises(EnvironmentFileError, match=r"api\.secret_key_file: cannot read .*secret: No such file"):
        environment.secret_key()
    (tmp_path / "secret").write_text(" s3cret \n")
    assert environment.secret_key() == "s3cret"
    by_variable = load(
        _file(tmp_path, GOOD.replace('secret_key_file = "secret"', 'secret_key_env = "CSH_TEST_SECRET"'))
    )
    with pytest.raises(EnvironmentFileError, match="CSH_TEST_SECRET is not set"):
        by_variable.secret_key()
    monkeypatch.setenv("CSH_TEST_SECRET", "other")
    assert by_variable.secret_key() == "other"


@given(text=st.text(max_size=200))
def test_whatever_the_file_holds_it_loads_or_is_refused_in_one_line(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "generated.toml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(EnvironmentFileError):
        load(file)


def test_each_mistake_has_a_line_of_its_own(tmp_path: Path) -> None:
    text = GOOD.replace('zone = "z"', 'zoen = "z"').replace("https:", "gopher:") + "[hosts]\nport = 0\n"
    with pytest.raises(EnvironmentFileError) as raised:
        load(_file(tmp_path, text))
    keys = [line.partition("cloud.toml: ")[2].partition(": ")[0] for line in str(raised.value).splitlines()]
    assert sorted(keys) == ["api.endpoint", "cloud.zoen", "cloud.zone", "hosts.port"]
