"""Takes apart a kernel package: its modules in loading order, and the kernel in the form that boots quickest."""

from __future__ import annotations

import lzma
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import HarnessError

_MODULE_SUFFIXES = (".ko", ".ko.xz", ".ko.zst")

# How a compressed kernel begins, and the tool that unpacks it; each ignores what follows the compressed part.
_DECOMPRESSORS = ((b"\x02\x21\x4c\x18", "lz4"), (b"\x28\xb5\x2f\xfd", "zstd"))
_ELF = b"\x7fELF"

# How a signed module ends (include/linux/module_signature.h): signature, descriptor, which closes with the signature's
# length, and this mark.
_SIGNED = b"~Module signature appended~\n"
_SIGNATURE_DESCRIPTOR = struct.Struct(">8xI")


def release_of(unpacked: Path) -> str:
    """The one kernel release among unpacked packages."""
    kernels = sorted((unpacked / "boot").glob("vmlinuz-*"))
    if len(kernels) != 1:
        raise HarnessError(f"expected one kernel in the packages, found {[kernel.name for kernel in kernels]}")
    return kernels[0].name.removeprefix("vmlinuz-")


def module_files(unpacked: Path, release: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the modules and of all they depend on, dependencies first; built-in ones are left out."""
    tops = [unpacked / top / release for top in ("lib/modules", "usr/lib/modules")]
    top = next((folder for folder in tops if folder.is_dir()), None)
    if top is None:
        raise HarnessError(f"the packages hold no modules of kernel {release}")
    files = {_module_name(path): path for path in top.rglob("*.ko*") if path.name.endswith(_MODULE_SUFFIXES)}
    builtin = {_module_name(Path(line)) for line in (top / "modules.builtin").read_text(encoding="utf-8").split()}
    done: set[str] = set()

    def with_dependencies(name: str) -> Iterator[tuple[str, bytes]]:
        if name in done or name in builtin:
            return
        done.add(name)
        if name not in files:
            raise HarnessError(f"kernel {release} has no module {name}, built in or apart")
        content = _module_content(files[name])
        field = re.search(rb"\0depends=([^\0]*)\0", content)
        for dependency in field[1].decode().replace("-", "_").split(",") if field else []:
            if dependency:
                yield from with_dependencies(dependency)
        yield name, content

    for name in names:
        yield from with_dependencies(name)


def quickest_kernel(packed: Path, target: Path) -> None:
    """Write the kernel unpacked, which spares the guest this work, or as it is where the tool for it is missing.

    QEMU starts an unpacked kernel by its PVH entry, without the BIOS loading it piece by piece.
    """
    content = packed.read_bytes()
    for magic, tool in _DECOMPRESSORS:
        start = content.find(magic)
        if start < 0 or shutil.which(tool) is None:
            continue
        # The tool complains of what follows the compressed part, so only its output tells whether it worked.
        unpacked = subprocess.run([tool, "-d", "-c"], input=content[start:], capture_output=True, check=False).stdout
        if unpacked.startswith(_ELF) and b"Xen\0" in unpacked:
            target.write_bytes(unpacked)
            return
    shutil.copy(packed, target)


def _module_name(path: Path) -> str:
    return path.name.split(".ko")[0].replace("-", "_")


def _module_content(path: Path) -> bytes:
    if path.suffix == ".xz":
        return without_signature(lzma.decompress(path.read_bytes()))
    if path.suffix == ".zst":
        unpacked = subprocess.run(["zstd", "-d", "-c", str(path)], capture_output=True, check=True).stdout
        return without_signature(unpacked)
    return without_signature(path.read_bytes())


def without_signature(module: bytes) -> bytes:
    """The module as it was before it was signed; the guest would hash all of it and check the signature."""
    if not module.endswith(_SIGNED):
        return module
    end = len(module) - len(_SIGNED) - _SIGNATURE_DESCRIPTOR.size
    (length,) = _SIGNATURE_DESCRIPTOR.unpack_from(module, end)
    return module[: end - length]
