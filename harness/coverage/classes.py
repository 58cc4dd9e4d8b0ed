"""Takes out of the jars of a CloudStack the class files of some packages, for JaCoCo to read."""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from harness.errors import HarnessError


class ClassFilesError(HarnessError):
    """The class files cannot be read."""


def take_out(entries: Iterable[str], packages: Collection[str], folder: Path) -> tuple[Path, ...]:
    """Write the classes of `packages` (com/cloud/vm) below folders of `folder`; gives these folders.

    `entries` are jars and `folder/*`. The same class may be in several jars, and another one in each; each different
    one goes into a folder of its own, because JaCoCo reads no two classes of one name at once.

    Raises:
        ClassFilesError: a jar cannot be read.
    """
    variants: dict[str, list[bytes]] = {}
    for jar in _jars(entries):
        for name, content in _classes(jar, packages):
            seen = variants.setdefault(name, [])
            if content not in seen:
                seen.append(content)
    for name, contents in variants.items():
        for number, content in enumerate(contents):
            file = folder / str(number) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return tuple(sorted(folder.iterdir())) if variants else ()


def _jars(entries: Iterable[str]) -> Iterator[Path]:
    for entry in entries:
        if entry.endswith("/*"):
            yield from sorted(Path(entry).parent.glob("*.jar"))
        else:
            yield Path(entry)


def _classes(jar: Path, packages: Collection[str]) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(jar) as archive:
            for name in archive.namelist():
                package, _, simple = name.rpartition("/")
                # A package of ours has no "..", so nothing is written elsewhere.
                if package in packages and simple.endswith(".class"):
                    yield name, archive.read(name)
    except (OSError, zipfile.BadZipFile) as failure:
        raise ClassFilesError(f"the class files of {jar} cannot be read: {failure}") from None
