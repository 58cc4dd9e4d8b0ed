"""What is turned off, and files with secrets that others can read, are told."""

from pathlib import Path

import pytest

from harness.lab.config_files import CLOUD_FILE, MARVIN_FILE
from harness.marvin.environment import environment_in
from harness.run.environment import load
from harness.run.trust import warnings
from tests.conftest import SimulatedLab

_SAFE = """
[api]
endpoint = "https://cloud.example/client/api"
api_key_env = "K"
secret_key_file = "secret"
[cloud]
zone = "z"
template = "t"
"""


def _warnings(folder: Path, text: str) -> list[str]:
    file = folder / "cloud.toml"
    file.write_text(text)
    file.chmod(0o644)
    return list(warnings(load(file)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "secret").chmod(0o600)
    return tmp_path


def test_a_careful_file_gives_no_warning(folder: Path) -> None:
    assert _warnings(folder, _SAFE) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("[cloud]", "verify_tls = false\n[cloud]", "TLS certificates are not verified"),
        ("https:", "http:", "is not encrypted"),
        ('api_key_env = "K"', 'api_key = "abcdef"', "cloud.toml has secrets and others can read it"),
        ('template = "t"', 'template = "t"\n[hosts]\nhost_keys = "insecure"', "SSH host keys are not verified"),
    ],
)
def test_each_carelessness_is_told(folder: Path, before: str, after: str, told: str) -> None:
    [line] = _warnings(folder, _SAFE.replace(before, after))
    assert told in line


def test_a_marvin_file_that_others_read_is_told_beside_its_companion(lab: SimulatedLab, tmp_path: Path) -> None:
    lab_folder = lab.cloud_file.parent
    marvin_file = tmp_path / MARVIN_FILE
    marvin_file.write_text((lab_folder / MARVIN_FILE).read_text().replace(CLOUD_FILE, str(lab.cloud_file)))
    marvin_file.chmod(0o600)
    assert list(warnings(environment_in(marvin_file))) == []
    marvin_file.chmod(0o640)
    [line] = warnings(environment_in(marvin_file))
    assert line == f"{marvin_file} has secrets and others can read it; chmod 600 {marvin_file}"


def test_a_secret_file_that_others_read_is_told(folder: Path) -> None:
    (folder / "secret").chmod(0o640)
    [line] = _warnings(folder, _SAFE)
    assert line.endswith(f"chmod 600 {folder / 'secret'}")
