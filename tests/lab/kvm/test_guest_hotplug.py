"""Whether the guest can take CPUs that come later is found out by booting it, once."""

from pathlib import Path

import pytest

from harness.lab.kvm.guest_hotplug import GuestTrialError, plugs_cpus
from harness.lab.kvm.guest_image import GuestImage, guest_image
from harness.lab.remains import Remains

pytestmark = pytest.mark.kvm


def test_the_answer_is_the_guests_own_and_is_kept(image_cache: Path, tmp_path: Path) -> None:
    image = guest_image(image_cache, Remains(tmp_path / "remains.jsonl"))
    kept = image.kernel.with_name("possible-cpus-qemu")
    kept.unlink(missing_ok=True)
    plugs = plugs_cpus(image, "qemu")
    assert kept.read_text() == ("0-1" if plugs else "0")
    kept.write_text("0")
    assert not plugs_cpus(image, "qemu")
    kept.unlink()


def test_a_guest_that_does_not_come_up_is_an_error(image_cache: Path, tmp_path: Path) -> None:
    image = guest_image(image_cache, Remains(tmp_path / "remains.jsonl"))
    (tmp_path / "kernel").write_bytes(b"no kernel")
    with pytest.raises(GuestTrialError, match="did not come up under qemu"):
        plugs_cpus(GuestImage(tmp_path / "kernel", image.initrd), "qemu")
