"""Builds the stand-in: programs that say how they were called. The ones named in FAILING end with an error."""

from __future__ import annotations

import zipfile
from pathlib import Path

PROGRAMS = ("cs-harness", "ruff", "mypy", "lint-imports", "pytest")
INFO = "stand_in-1.dist-info"
METADATA = """\
Metadata-Version: 2.1
Name: stand-in
Version: 1
Provides-Extra: dev
Provides-Extra: kvm
"""
MODULE = """
import json, os, sys
from pathlib import Path


def main():
    name = Path(sys.argv[0]).name
    print(json.dumps([name, *sys.argv[1:]]))
    return int(name in os.environ.get("FAILING", "").split())
"""


def build_editable(folder: str, *_: object, **__: object) -> str:
    """Write a wheel of three files and its list of them."""
    files = {
        "stand_in.py": MODULE,
        f"{INFO}/METADATA": METADATA,
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{INFO}/entry_points.txt": "[console_scripts]\n" + "".join(f"{name} = stand_in:main\n" for name in PROGRAMS),
    }
    files[f"{INFO}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{INFO}/RECORD"])
    name = "stand_in-1-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder, name), "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return name
