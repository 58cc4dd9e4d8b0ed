"""Where a lab can be given a defect while it runs: what its parts ask, each a function that a defect replaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from harness.lab.hypervisor import Hypervisor
from harness.lab.management.ledger import CapacityLedger
from harness.reference.capacity import Host
from harness.reference.cpu_tuning import cpu_shares
from harness.reference.domain import Domain, ScaleCommand, domain_after_migration, domain_at_start
from harness.reference.offering import CustomParameters, saved_parameters
from harness.reference.readiness import flag_after_change, instance_flag, is_prepared
from harness.reference.release import Release
from harness.reference.scaling import Decision, command_for, decide
from harness.reference.settings import Settings

if TYPE_CHECKING:
    from harness.lab.api.command import Answer, Call
    from harness.lab.simulated.domain import SimulatedDomain

T = TypeVar("T")


def _as_it_is(part: T) -> T:
    return part


def _answer(_name: str, call: Call, respond: Callable[[Call], Answer]) -> Answer:
    return respond(call)


def move_and_scale(move: Callable[[], None], scale_on: Callable[[Host], Domain], _left: Host, there: Host) -> Domain:
    """A scale with auto-migration: the agent of the destination does it. Gives the domain as it is then."""
    move()
    return scale_on(there)


def prepared(release: Release, *, flag: bool, zone_setting: bool, custom_offering: bool, template: bool) -> bool:
    """As the reference has it; the template's flag of the moment is not asked at a start."""
    del template
    return is_prepared(release, flag=flag, zone_setting=zone_setting, custom_offering=custom_offering)


def _look(_domain: SimulatedDomain, _files: dict[str, str]) -> None:
    """The files are right."""


@dataclass(frozen=True)
class Seams:
    """As they are here there is no defect.

    The first group is what the management server decides and computes by: the reference. `settings` and `ledger` are
    what it sees of its own settings and books, `hypervisor` what an agent sees of its host, `answer` is given a
    command's name, its call and what responds to it, `look` the files that a look at a simulated host reads.
    """

    decide: Callable[..., Decision] = decide
    command_for: Callable[..., ScaleCommand] = command_for
    cpu_shares: Callable[..., int] = cpu_shares
    domain_at_start: Callable[..., Domain] = domain_at_start
    domain_after_migration: Callable[..., Domain] = domain_after_migration
    is_prepared: Callable[..., bool] = prepared
    instance_flag: Callable[..., bool] = instance_flag
    flag_after_change: Callable[..., bool] = flag_after_change
    saved_parameters: Callable[..., CustomParameters] = saved_parameters
    move_and_scale: Callable[[Callable[[], None], Callable[[Host], Domain], Host, Host], Domain] = move_and_scale
    settings: Callable[[Settings], Settings] = _as_it_is
    ledger: Callable[[CapacityLedger], CapacityLedger] = _as_it_is
    hypervisor: Callable[[Hypervisor], Hypervisor] = _as_it_is
    answer: Callable[[str, Call, Callable[[Call], Answer]], Answer] = _answer
    look: Callable[[SimulatedDomain, dict[str, str]], None] = _look


@dataclass
class Switch:
    """The seams in use by all parts of one lab."""

    seams: Seams = field(default_factory=Seams)
