"""What `--jacoco` takes for JaCoCo's agent, and where it finds the program by which it is asked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.lab.cloudstack.jacoco import JacocoError, find_jacoco


def agent(file: Path, premain: str = "org.jacoco.agent.rt.internal_1.PreMain") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\nPremain-Class: {premain}\r\n")
    return file


@pytest.mark.parametrize("name", ["jacococli.jar", "org.jacoco.cli-0.8.12-nodeps.jar"])
def test_the_command_line_lies_beside_the_agent(tmp_path: Path, name: str) -> None:
    jar = agent(tmp_path / "jacocoagent.jar")
    (tmp_path / name).touch()
    assert find_jacoco(jar).cli == tmp_path / name


def test_in_a_maven_repository_it_has_a_folder_of_its_own(tmp_path: Path) -> None:
    jar = agent(tmp_path / "org.jacoco.agent" / "0.8.12" / "org.jacoco.agent-0.8.12-runtime.jar")
    cli = tmp_path / "org.jacoco.cli" / "0.8.12" / "org.jacoco.cli-0.8.12-nodeps.jar"
    cli.parent.mkdir(parents=True)
    cli.touch()
    assert find_jacoco(jar).cli == cli


def test_a_program_is_told_where_to_answer_and_what_to_look_at(tmp_path: Path) -> None:
    jar = agent(tmp_path / "jacocoagent.jar")
    (tmp_path / "jacococli.jar").touch()
    option = find_jacoco(jar).attached("10.77.0.11", 6300)
    assert option.startswith(f"-javaagent:{jar}=output=tcpserver,address=10.77.0.11,port=6300,")
    assert "includes=com.cloud.*:org.apache.cloudstack.*" in option


def test_what_is_no_agent_of_jacocos_is_told_in_one_line_before_anything_is_started(tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.jar"
    rubbish.write_text("no jar", encoding="utf-8")
    for jar, why in (
        (tmp_path / "nowhere.jar", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (rubbish, "no jar; name JaCoCo's jacocoagent.jar"),
        (agent(tmp_path / "other.jar", "org.example.PreMain"), "a jar, but not JaCoCo's agent"),
        (agent(tmp_path / "alone" / "jacocoagent.jar"), "there is no jacococli.jar and no"),
        (agent(tmp_path / "a=b" / "jacocoagent.jar"), "takes no agent whose path has a '='"),
    ):
        with pytest.raises(JacocoError, match=why) as told:
            find_jacoco(jar)
        assert "\n" not in str(told.value)


def test_it_is_for_a_real_cloudstack_only(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["lab", "up", "--jacoco=agent.jar", f"--state={tmp_path}"])
    assert done.exit_code == 2
    assert "--jacoco is for a real CloudStack" in done.output
