"""Where a built CloudStack keeps what the lab starts: jars, SQL and scripts of a source tree or of packages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError

PACKAGES = "packages"
DOCUMENTED_BUILD = "mvn -P developer,systemvm clean install -DskipTests"


class NotBuiltError(HarnessError):
    """What was named is no CloudStack that can be started; the text says what is missing."""


@dataclass(frozen=True)
class CloudStackBuild:
    """What is read, and never written. Class paths are jars and `folder/*`, as `java -cp` takes them."""

    origin: str
    server_jars: tuple[str, ...]
    agent_jars: tuple[str, ...]
    schema: tuple[Path, ...]
    scripts: Path
    """The folder that has `scripts/`, what CloudStack calls paths.script."""
    sources: Path | None = None
    """The tree, where there is one."""

    @property
    def key(self) -> str:
        """Another one after each build: of the path, and of time and size of what makes a schema."""
        digest = hashlib.sha256(self.origin.encode())
        for file in (*self._jar_files(), *self.schema):
            stat = file.stat()
            digest.update(f"\0{file}\0{stat.st_mtime_ns}\0{stat.st_size}".encode())
        return digest.hexdigest()[:24]

    def _jar_files(self) -> Iterator[Path]:
        for entry in self.server_jars:
            yield from sorted(Path(entry).parent.glob("*.jar")) if entry.endswith("/*") else [Path(entry)]


def find_build(wish: str) -> CloudStackBuild:
    """`wish` is a source tree's path, or "packages".

    Raises:
        NotBuiltError: it is not there, is no CloudStack, or is not built.
    """
    return _of_packages(Path("/")) if wish == PACKAGES else _of_tree(Path(wish).expanduser().resolve())


def _of_tree(tree: Path) -> CloudStackBuild:
    if not tree.is_dir():
        raise NotBuiltError(f"--cloudstack {tree}: no such folder; name a CloudStack source tree or `packages`")
    for part in ("client/pom.xml", "agent/pom.xml", "setup/db/create-schema.sql"):
        if not (tree / part).is_file():
            raise NotBuiltError(f"--cloudstack {tree}: no CloudStack source tree, it lacks {part}")
    kvm = "plugins/hypervisors/kvm"
    server = _jar(tree, "client", "cloud-client-ui")
    agent = _jar(tree, "agent", "cloud-agent")
    plug_in = _jar(tree, kvm, "cloud-plugin-hypervisor-kvm")
    for folder in ("agent/target/dependencies", f"{kvm}/target/dependencies", "client/target/lib"):
        if not any((tree / folder).glob("*.jar")):
            raise NotBuiltError(
                f"--cloudstack {tree}: not built, {folder} is empty; build it with `{DOCUMENTED_BUILD}`"
            )
    database = tree / "setup" / "db"
    return CloudStackBuild(
        origin=str(tree),
        server_jars=(str(server), str(tree / "client" / "target" / "lib" / "*")),
        agent_jars=(
            str(agent),
            str(plug_in),
            str(tree / "agent" / "target" / "dependencies" / "*"),
            str(tree / kvm / "target" / "dependencies" / "*"),
        ),
        schema=(
            database / "create-schema.sql",
            database / "create-schema-premium.sql",
            database / "templates.sql",
            tree / "developer" / "developer-prefill.sql",
        ),
        scripts=tree,
        sources=tree,
    )


def _jar(tree: Path, module: str, name: str) -> Path:
    # Beside the jar itself a build leaves those of its tests and sources.
    found = [
        jar
        for jar in sorted((tree / module / "target").glob(f"{name}-[0-9]*.jar"))
        if not jar.stem.endswith(("-tests", "-sources", "-javadoc"))
    ]
    if not found:
        without_kvm = " without KVM" if module.endswith("kvm") else ""
        raise NotBuiltError(
            f"--cloudstack {tree}: not built{without_kvm}, {module}/target has no {name}-*.jar; "
            f"build it with `{DOCUMENTED_BUILD}`"
        )
    if len(found) > 1:
        names = ", ".join(jar.name for jar in found)
        raise NotBuiltError(
            f"--cloudstack {tree}: {module}/target has jars of several builds ({names}); build it clean"
        )
    return found[0]


def _of_packages(root: Path) -> CloudStackBuild:
    share = root / "usr/share"
    management, agent, common = (share / f"cloudstack-{name}" for name in ("management", "agent", "common"))
    setup = management / "setup"
    for package, folder in (
        ("cloudstack-management", management / "lib"),
        ("cloudstack-agent", agent / "lib"),
        ("cloudstack-common", common / "scripts"),
    ):
        if not folder.is_dir():
            raise NotBuiltError(f"--cloudstack packages: the package {package} is not installed, there is no {folder}")
    schema = tuple(setup / name for name in ("create-schema.sql", "create-schema-premium.sql", "templates.sql"))
    missing = next((file for file in (*schema, setup / "server-setup.sql") if not file.is_file()), None)
    if missing is not None:
        raise NotBuiltError(f"--cloudstack packages: cloudstack-management has no {missing}")
    if not any((agent / "lib").glob("cloud-plugin-hypervisor-kvm-*.jar")):
        raise NotBuiltError(f"--cloudstack packages: {agent / 'lib'} has no cloud-plugin-hypervisor-kvm-*.jar")
    return CloudStackBuild(
        origin=PACKAGES,
        server_jars=(str(management / "lib" / "*"),),
        agent_jars=(str(agent / "lib" / "*"),),
        schema=(*schema, setup / "server-setup.sql"),
        scripts=common,
    )
