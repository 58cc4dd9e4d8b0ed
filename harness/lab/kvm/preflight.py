"""Says in short what this machine lacks for KVM hosts in namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

# By program, the package of Debian and Ubuntu that has it.
PROGRAMS = {
    "libvirtd": "libvirt-daemon",
    "virsh": "libvirt-clients",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
    "hostname": "hostname",
    "cpio": "cpio",
    "apt-get": "apt",
    "apt-cache": "apt",
    "dpkg-deb": "dpkg",
    "ldd": "libc-bin",
}
DRIVER_FOLDERS = ("/usr/lib/x86_64-linux-gnu/libvirt/connection-driver", "/usr/lib64/libvirt/connection-driver")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def missing() -> tuple[str, ...]:
    """Short reasons why a KvmFleet cannot run here; none if it can."""
    if os.uname().sysname != "Linux" or os.uname().machine != "x86_64":
        return ("not Linux on x86_64",)
    reasons = []
    if os.geteuid() != 0:
        reasons.append("not root (sudo would do)")
    absent = {package: name for name, package in PROGRAMS.items() if shutil.which(name, path=SYSTEM_PATH) is None}
    reasons += [f"no {name} (package {package})" for package, name in absent.items()]
    if not any(Path(folder, "libvirt_driver_qemu.so").exists() for folder in DRIVER_FOLDERS):
        reasons.append("no QEMU driver of libvirt (package libvirt-daemon-driver-qemu)")
    if find_spec("libvirt") is None:
        reasons.append("no Python module libvirt (extra 'kvm')")
    if not Path("/sys/devices/system/node").is_dir():
        reasons.append("a kernel without NUMA nodes in /sys")
    # Whether namespaces may be made is only known by making some, so this comes last and needs the rest.
    return tuple(reasons) or _namespaces_missing()


def _namespaces_missing() -> tuple[str, ...]:
    namespaces = ["--mount", "--uts", "--ipc", "--net", "--cgroup", "--pid", "--fork"]
    trial = "mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /run && ip link add lab-trial type bridge"
    done = subprocess.run(["unshare", *namespaces, "sh", "-c", trial], capture_output=True, text=True, check=False)
    return () if done.returncode == 0 else (f"no namespaces: {' '.join(done.stderr.split())[-120:]}",)
