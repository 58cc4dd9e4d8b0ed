"""Looks at an instance on its host once its guest has had the time to boot and to bring online what was plugged in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from harness.hosts.observation import DomainView, GuestView, NotSeen, Observation
from harness.hosts.view import HostView
from harness.reference.domain import Domain
from harness.run.scene import Scene
from harness.verify.instance import compare_silent_guest, guest_has_settled
from harness.waiting import DeadlineExpired, wait_until

# Each look costs the host a process or two, which a booting guest could use; other cases go on meanwhile. So the host
# is asked to wait for the agent where it can, and the pauses are for where it cannot.
_AGENT_WAITED_FOR_S = 3
_BOOT_PAUSES_S, _BOOT_SHARE = (0.2, 0.5), 0.1
_LONGEST_PAUSE_S = 0.25


class GuestWatch:
    """One instance's guest since its last start. `was_hotplugged` is set once parts came while it ran."""

    def __init__(self, scene: Scene, instance_name: str) -> None:
        self._scene = scene
        self._name = instance_name
        self._answered = False
        self._was_silent = False
        self.was_hotplugged = False

    def observe(self, view: HostView, expected: Sequence[Domain]) -> Observation:
        """A look through `view`; what the guest shows by its deadline instead of what is expected is compared later."""
        seen = view.observe(self._name, 0 if self._is_known else _AGENT_WAITED_FOR_S)
        if isinstance(seen.domain, DomainView):
            possible = _possible(expected, seen.domain)
            if not _has_settled(possible, seen.guest):
                if isinstance(seen.guest, GuestView) or self._boots(view):
                    self._settles(view, possible)
                seen = view.observe(self._name)
        if isinstance(seen.guest, GuestView):
            self._has_answered()
        if self._stays_behind:
            reason = "the environment file says that the guest does not bring hot-plugged parts online"
            seen = replace(seen, guest=NotSeen(reason))
        return seen

    @property
    def _stays_behind(self) -> bool:
        return self.was_hotplugged and not self._scene.session.environment.guest.onlines_hotplug

    @property
    def _is_known(self) -> bool:
        return self._answered or self._is_given_up

    @property
    def _is_given_up(self) -> bool:
        return self._was_silent or self._scene.session.guest_agent_silent is not None

    def _boots(self, view: HostView) -> bool:
        """Wait for the guest agent; whether it answered."""
        session = self._scene.session
        if self._is_given_up:
            return False
        try:
            wait_until(
                f"the guest agent of {self._name}",
                lambda: view.guest(self._name, _AGENT_WAITED_FOR_S),
                _answers,
                session.environment.time_limits.guest_boot,
                first_pause_s=_BOOT_PAUSES_S[0],
                longest_pause_s=_BOOT_PAUSES_S[1],
                share=_BOOT_SHARE,
            )
        except DeadlineExpired as expired:
            self._is_silent(expired)
            return False
        self._has_answered()
        return True

    def _settles(self, view: HostView, expected: Sequence[Domain]) -> None:
        """Wait until the guest shows what is expected; what it shows instead is compared next and a finding there."""
        if self._stays_behind:
            return
        with suppress(DeadlineExpired):
            wait_until(
                f"guest {self._name} to bring its CPUs and memory online",
                lambda: view.guest(self._name),
                lambda seen: _has_settled(expected, seen),
                self._scene.session.environment.time_limits.guest_hotplug,
                longest_pause_s=_LONGEST_PAUSE_S,
            )

    def _has_answered(self) -> None:
        self._answered = True
        self._scene.session.guest_agent_answered = True

    def _is_silent(self, expired: DeadlineExpired) -> None:
        session = self._scene.session
        if self._answered:
            self._scene.saw(compare_silent_guest(self._name, expired))
            return
        self._was_silent = True
        if not session.guest_agent_answered:
            session.silent_guests_left -= 1
            if session.silent_guests_left == 0:
                session.guest_agent_silent = str(expired)


def _possible(expected: Sequence[Domain], seen: DomainView) -> Sequence[Domain]:
    """What the domain leaves of it: a guest that has yet to bring its new parts online looks like one without them."""
    there = (seen.vcpus, seen.dimms_kib)
    return [domain for domain in expected if (domain.vcpus, domain.dimms_kib) == there] or expected


def _has_settled(expected: Sequence[Domain], seen: GuestView | NotSeen) -> bool:
    return any(guest_has_settled(domain, seen) for domain in expected)


def _answers(seen: GuestView | NotSeen) -> bool:
    return isinstance(seen, GuestView)
