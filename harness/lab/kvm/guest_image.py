"""Builds the small Linux guest (kernel and initramfs) that domains of the lab boot, once, from Debian packages."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.kvm.debian_packages import dependencies, fetch, known_packages, unpack
from harness.lab.kvm.guest_kernel import module_files, quickest_kernel, release_of
from harness.lab.remains import Remains

INIT_SCRIPT = Path(__file__).with_name("guest-init.sh")

# The smallest kernel of Debian, then Ubuntu's for virtual machines.
KERNELS = ("linux-image-cloud-amd64", "linux-image-virtual", "linux-image-amd64")
MODULES = ("virtio_pci", "virtio_console", "button", "evdev")
APPLETS = ("sh", "mount", "insmod", "uevent", "acpid", "run-parts", "sleep", "poweroff", "timeout")

# Work of the kernel's start that takes time under emulation and that no guest of the lab needs: tracing's files and its
# search for weak functions, certificates for modules, a key derivation's self-test, and BPF's types. A kernel without
# one of these takes no notice.
_SKIPPED_AT_START = (
    *("ftrace_check_for_weak_functions", "tracer_init_tracefs", "trace_eval_init", "init_kprobe_trace"),
    *("load_system_certificate_list", "crypto_kdf108_init"),
    *("btf_module_init", "cubictcp_register", "kfunc_init", "bpf_prog_test_run_init", "bpf_tcp_ca_kfunc_init"),
    *("bpf_rstat_kfunc_init", "bpf_key_sig_kfuncs_init"),
)

COMMAND_LINE = " ".join(
    [
        "console=ttyS0 quiet panic=5",
        # Added memory is used at once. Without noforce, 64 MiB are set aside as soon as memory may pass 4 GiB.
        "memhp_default_state=online swiotlb=noforce",
        # What costs boot time under emulation and tells nothing here: self-tests, calibration, probing for hardware.
        "tsc=unstable nokaslr no_timer_check lpj=4000000 cryptomgr.notests nowatchdog random.trust_cpu=on",
        "i8042.noaux rcupdate.rcu_expedited=1 audit=0 ipv6.disable=1 init_on_alloc=0 rodata=off",
        "cgroup_disable=memory psi=0 lsm= mce=off kfence.sample_interval=0 8250.nr_uarts=1 retain_initrd",
        # A kernel that starts with one CPU takes the lock prefixes out of its code, each by a write that empties the
        # TLB, and puts them back when a second CPU comes.
        "noreplace-smp",
        f"initcall_blacklist={','.join(_SKIPPED_AT_START)}",
    ]
)

_ON_UEVENT = '#!/bin/sh\n[ "$SUBSYSTEM" = cpu ] && [ "$ACTION" = add ] && echo 1 >"/sys$DEVPATH/online"\n'
_ON_POWER_BUTTON = "#!/bin/sh\npoweroff -f\n"


@dataclass(frozen=True)
class GuestImage:
    kernel: Path
    initrd: Path
    command_line: str = COMMAND_LINE


def guest_image(cache_dir: Path, remains: Remains) -> GuestImage:
    """The image in the cache, built there first if it is missing or was built by another version of this module."""
    sources = [INIT_SCRIPT, *(Path(__file__).with_name(f"{name}.py") for name in ("guest_image", "guest_kernel"))]
    version = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    finished = cache_dir / f"guest-{version}"
    if not finished.exists():
        work = cache_dir / f"work-{uuid.uuid4().hex[:8]}"
        remains.directories(work)
        work.mkdir(parents=True)
        _build(work, cache_dir / "packages")
        try:
            (work / "finished").rename(finished)
        except OSError:
            # Another lab was quicker; its image is the same.
            if not finished.exists():
                raise
        shutil.rmtree(work)
    return GuestImage(finished / "kernel", finished / "initrd")


def _build(work: Path, packages: Path) -> None:
    kernels = known_packages(KERNELS)
    if not kernels:
        raise HarnessError(f"apt knows none of {', '.join(KERNELS)}; run `apt-get update` and try again")
    # This is an empty package that names the current kernel; Ubuntu's kernel in turn names its modules.
    images = [name for name in dependencies(kernels[0]) if name.startswith("linux-image-")]
    modules = [name for image in images for name in dependencies(image) if name.startswith("linux-modules-")]
    parts = dict.fromkeys([*images, *modules])
    unpacked = work / "unpacked"
    unpack(fetch([*parts, "busybox-static", "qemu-guest-agent"], packages), unpacked)
    release = release_of(unpacked)
    root = work / "root"
    for name in ("bin", "modules", "proc", "sys", "dev", "run", "tmp", "etc/acpi/PWRF"):
        (root / name).mkdir(parents=True)
    for number, (name, content) in enumerate(module_files(unpacked, release, MODULES)):
        (root / "modules" / f"{number:02}-{name}.ko").write_bytes(content)
    shutil.copy(_first_existing(unpacked, "usr/bin/busybox", "bin/busybox"), root / "bin" / "busybox")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    _add_program(unpacked / "usr/sbin/qemu-ga", root)
    _write_script(root / "init", INIT_SCRIPT.read_text(encoding="utf-8"))
    _write_script(root / "bin" / "on-uevent", _ON_UEVENT)
    _write_script(root / "etc/acpi/PWRF/00000080", _ON_POWER_BUTTON)
    finished = work / "finished"
    finished.mkdir()
    quickest_kernel(unpacked / f"boot/vmlinuz-{release}", finished / "kernel")
    _archive(root, finished / "initrd")


def _first_existing(folder: Path, *names: str) -> Path:
    found = next((folder / name for name in names if (folder / name).exists()), None)
    if found is None:
        raise HarnessError(f"the packages hold none of {', '.join(names)}")
    return found


def _add_program(program: Path, root: Path) -> None:
    """Copy a program with its libraries, which are this machine's: QEMU, of the same release, needs them too."""
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
    missing = [line.split()[0] for line in listed.splitlines() if "not found" in line]
    if missing:
        raise HarnessError(f"{program.name} needs {', '.join(missing)}; install the package qemu-guest-agent")
    libraries = {Path(word) for line in listed.splitlines() for word in line.split() if word.startswith("/")}
    shutil.copy(program, root / "bin" / program.name)
    for library in libraries:
        target = root / library.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)


def _write_script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _archive(root: Path, archive: Path) -> None:
    """Pack the initramfs, uncompressed: under emulation unpacking costs more than reading."""
    names = sorted(os.path.relpath(path, root) for path in root.rglob("*"))
    with archive.open("wb") as output:
        done = subprocess.run(
            ["cpio", "--create", "--format=newc", "--owner=0:0", "--quiet", "--null"],
            input="\0".join([".", *names]).encode() + b"\0",
            stdout=output,
            stderr=subprocess.PIPE,
            cwd=root,
            check=False,
        )
    if done.returncode:
        raise HarnessError(f"{archive}: cpio refused: {done.stderr.decode().strip()}")
