"""A guest is given the time to bring online what was plugged in, by what its domain shows."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from harness.hosts.observation import GuestView, Observation
from harness.hosts.view import HostView
from harness.reference.domain import Domain
from harness.reference.offering import OfferingClass, Size
from harness.run.guest_watch import GuestWatch
from harness.run.stage import Stage
from harness.verify.domain import seen_domain

SMALL, LARGER = GuestView(online_cpus=1, online_memory_mib=256), GuestView(online_cpus=2, online_memory_mib=512)


class SlowGuest:
    """A view in whose first look the guest is as it was before."""

    def __init__(self, view: HostView, before: GuestView) -> None:
        self._view = view
        self._before = before
        self.looks = 0

    def observe(self, instance_name: str, wait_s: int = 0) -> Observation:
        self.looks += 1
        seen = self._view.observe(instance_name, wait_s)
        return replace(seen, guest=self._before) if self.looks == 1 else seen

    def __getattr__(self, name: str) -> object:
        return getattr(self._view, name)


def _sizes(stage: Stage) -> tuple[str, str, Domain, Domain]:
    """An instance that was scaled, where it is, and its domains before and after."""
    instance = stage.instance(*stage.offering(OfferingClass.FIXED, Size(1, 500, 256)))
    before = instance.domain
    assert seen_domain(instance.scale(*stage.offering(OfferingClass.FIXED, Size(2, 500, 512))).observation).dimms_kib
    return instance.record.instance_name, str(instance.record.host_name), before, instance.domain


@pytest.mark.parametrize("order", [1, -1], ids=["refused first", "scaled first"])
def test_a_slow_guest_of_a_scaled_domain_is_not_taken_for_that_of_a_refused_scale(stage: Stage, order: int) -> None:
    name, host, before, after = _sizes(stage)
    slow = SlowGuest(stage.session.view(host), SMALL)
    expected: Sequence[Domain] = [before, after][::order]
    assert GuestWatch(stage, name).observe(slow, expected).guest == LARGER  # type: ignore[arg-type]


def test_a_guest_that_is_as_its_domain_says_is_looked_at_once(stage: Stage) -> None:
    name, host, before, after = _sizes(stage)
    slow = SlowGuest(stage.session.view(host), LARGER)
    assert GuestWatch(stage, name).observe(slow, [before, after]).guest == LARGER  # type: ignore[arg-type]
    assert slow.looks == 1
