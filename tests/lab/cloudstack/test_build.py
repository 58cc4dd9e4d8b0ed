"""Which folders are a CloudStack that can be started, and what is said of the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.lab.cloudstack.build import CloudStackBuild, NotBuiltError, find_build

SOURCES = (
    "client/pom.xml",
    "agent/pom.xml",
    "setup/db/create-schema.sql",
    "setup/db/create-schema-premium.sql",
    "setup/db/templates.sql",
    "developer/developer-prefill.sql",
)
KVM_JAR = "plugins/hypervisors/kvm/target/cloud-plugin-hypervisor-kvm-4.22.0.0-SNAPSHOT.jar"
BUILT = (
    "client/target/cloud-client-ui-4.22.0.0-SNAPSHOT.jar",
    "client/target/lib/mysql-connector-j-8.0.33.jar",
    "agent/target/cloud-agent-4.22.0.0-SNAPSHOT.jar",
    "agent/target/cloud-agent-4.22.0.0-SNAPSHOT-tests.jar",
    "agent/target/dependencies/cloud-core-4.22.0.0-SNAPSHOT.jar",
    KVM_JAR,
    "plugins/hypervisors/kvm/target/dependencies/libvirt-0.5.3.jar",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (*SOURCES, *BUILT):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return tmp_path


def found(tree: Path) -> CloudStackBuild:
    return find_build(str(tree))


def test_a_built_tree_gives_class_paths_schema_and_scripts_of_its_own(tree: Path) -> None:
    build = found(tree)
    assert build.origin == str(tree)
    assert build.server_jars == (f"{tree}/{BUILT[0]}", f"{tree}/client/target/lib/*")
    assert f"{tree}/{KVM_JAR}" in build.agent_jars
    assert f"{tree}/agent/target/cloud-agent-4.22.0.0-SNAPSHOT.jar" in build.agent_jars
    assert [file.name for file in build.schema][-1] == "developer-prefill.sql"
    assert build.scripts == tree


def test_a_tree_is_only_read(tree: Path) -> None:
    before = sorted(tree.rglob("*"))
    found(tree)
    assert sorted(tree.rglob("*")) == before


@pytest.mark.parametrize("lost", [name for name in BUILT if not name.endswith("-tests.jar")])
def test_of_a_tree_that_is_not_built_is_said_what_is_missing_and_how_it_is_built(tree: Path, lost: str) -> None:
    (tree / lost).unlink()
    with pytest.raises(NotBuiltError, match=r"not built.*mvn") as refused:
        found(tree)
    assert str(Path(lost).parent) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_tree_built_without_kvm_is_said_to_be(tree: Path) -> None:
    (tree / KVM_JAR).unlink()
    with pytest.raises(NotBuiltError, match="not built without KVM"):
        found(tree)


def test_a_folder_that_is_no_source_tree_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(NotBuiltError, match=r"no CloudStack source tree, it lacks client/pom\.xml"):
        found(tmp_path)


def test_a_folder_that_is_not_there_is_said_not_to_be(tmp_path: Path) -> None:
    with pytest.raises(NotBuiltError, match="no such folder"):
        found(tmp_path / "nowhere")


def test_jars_of_two_builds_are_not_chosen_between(tree: Path) -> None:
    (tree / "client/target/cloud-client-ui-4.21.0.0.jar").touch()
    with pytest.raises(NotBuiltError, match="several builds"):
        found(tree)


def test_another_build_of_the_same_tree_has_another_key(tree: Path) -> None:
    first = found(tree).key
    assert found(tree).key == first
    os.utime(tree / BUILT[0], ns=(1, 1))
    assert found(tree).key != first


def test_packages_that_are_not_installed_are_named() -> None:
    if Path("/usr/share/cloudstack-management").exists():
        pytest.skip("CloudStack's packages are installed here")
    with pytest.raises(NotBuiltError, match="the package cloudstack-management is not installed"):
        find_build("packages")
