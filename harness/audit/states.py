"""The states that an audit tells apart, each with what mends it. docs/audit.md lists them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.audit.records import Grade, StateLine
from harness.reference.rule import Rule


class Mend(StrEnum):
    """What would mend a state."""

    NOTHING = "nothing to mend"
    RESTART = "stop and start the instance"
    ZONE_SETTING = "switch enable.dynamic.scale.vm on in the zone"
    TEMPLATE = "updateTemplate isdynamicallyscalable=true, then the instance's flag, then stop and start"
    OFFERING = "another service offering with dynamic scaling, while the instance is stopped"
    FLAG = "updateVirtualMachine isdynamicallyscalable=true, then stop and start"
    CEILING = "raise kvm.cpu.dynamic.scaling.capacity of the cluster, before the instance is stopped"
    RECOUNT = "wait for capacity.check.period; if it stays, look for what is not counted"
    LOOK = "look into it: no rule of CloudStack's explains it"
    UPGRADE = "upgrade to 4.23, then stop and start the instance"
    DECLARE = "reconnect the host, or mend what its agent declares (agent.properties)"
    SPEED = "change the saved cpuSpeed, or scale again, before the instance is stopped"
    GUEST = "bring CPUs and memory online in the guest; a DIMM of no whole memory blocks needs a restart"


@dataclass(frozen=True)
class State:
    """A state; `says` is one sentence about it."""

    id: str
    grade: Grade
    says: str
    mend: Mend

    def line(self, expected: object = "", observed: object = "", rule: Rule | None = None, more: str = "") -> StateLine:
        """As it is told of one thing."""
        return StateLine(
            state=self.id,
            grade=self.grade,
            says=f"{self.says}: {more}" if more else self.says,
            expected=str(expected),
            observed=str(observed),
            rule="" if rule is None else rule.id,
        )


_W, _U, _N = Grade.WRONG, Grade.UNREADY, Grade.NOTE

SCALING_OFF = State("scaling-off", _U, "live scaling is off in the zone", Mend.ZONE_SETTING)
TEMPLATE_OFF = State("template-off", _U, "its template is not dynamically scalable", Mend.TEMPLATE)
OFFERING_OFF = State("offering-off", _U, "its offering has dynamic scaling off", Mend.OFFERING)
FLAG_OFF = State("flag-off", _U, "its own flag is off, though its offering and template allow it", Mend.FLAG)
FIXED_BEFORE = State("fixed-offering", _U, "this release scales no fixed offerings live", Mend.UPGRADE)
BEFORE_SETTING = State("started-before-setting", _U, "it was started before scaling was switched on", Mend.RESTART)
BEFORE_UPGRADE = State("started-before-upgrade", _U, "it was started before the upgrade", Mend.RESTART)
UNPREPARED = State("restart-needed", _U, "its domain is not prepared, a restart would prepare it", Mend.RESTART)
PREPARED_NO_MORE = State("prepared-no-more", _N, "its domain is prepared, a restart would take that away", Mend.NOTHING)

CPUS_AT_CEILING = State("cpus-at-ceiling", _N, "its domain can take no more vCPUs", Mend.NOTHING)
MEMORY_AT_CEILING = State("memory-at-ceiling", _N, "its domain can take no more memory", Mend.NOTHING)
NO_SLOTS = State("no-dimm-slots", _U, "all DIMM slots are taken, so its memory cannot grow", Mend.RESTART)
FEW_SLOTS = State("few-dimm-slots", _N, "few DIMM slots are left", Mend.NOTHING)
OTHER_CEILINGS = State("other-ceilings", _N, "its ceilings are not those that a restart would give", Mend.NOTHING)
AT_A_LOWER_CEILING = State("below-restart-ceiling", _U, "it is at a ceiling that a restart would raise", Mend.RESTART)
CANNOT_RESTART = State("cannot-restart", _W, "a restart would fail: its ceiling is below its vCPUs", Mend.CEILING)

QUOTA_STALE = State(
    "quota-stale", _W, "its quota is that of a former size, as a scale before 4.23 leaves it", Mend.RESTART
)
QUOTA_LEFT = State(
    "quota-left", _W, "it is still capped, its offering is not, as a change before 4.23 leaves it", Mend.RESTART
)
QUOTA_MISSING = State(
    "quota-missing", _W, "it is not capped, its offering is, as a change before 4.23 leaves it", Mend.RESTART
)
QUOTA_HALVED = State("quota-divided", _W, "a live scale set its quota by the divided speed", Mend.RESTART)
QUOTA_OF_ANOTHER = State("quota-of-another-host", _W, "a migration kept the quota of another host", Mend.RESTART)
QUOTA_WRONG = State("quota-unexplained", _W, "its quota or period is none that CloudStack would set", Mend.LOOK)
SHARES_LOW = State("shares-low", _W, "its shares are lower than its size gives", Mend.RESTART)
SHARES_HIGH = State("shares-high", _N, "its shares are higher than its size gives", Mend.NOTHING)
SHARES_OF_OVERCOMMIT = State("shares-of-overcommit", _N, "its shares are by a former overcommit", Mend.NOTHING)
SPEED_STALE = State("saved-speed", _W, "a saved speed will win over its offering's at the next start", Mend.SPEED)

DOMAIN_LARGER = State("domain-larger", _W, "its domain is larger than the database says", Mend.RESTART)
DOMAIN_SMALLER = State("domain-smaller", _W, "its domain is smaller than the database says", Mend.RESTART)
GUEST_SMALLER = State("guest-smaller", _W, "its guest uses less than its domain has", Mend.GUEST)
ABSENT = State("absent", _W, "the database says Running, and it does not run on its host", Mend.LOOK)

CAPACITY_DIFFERS = State("capacity-differs", _W, "CloudStack counts on more than libvirt says", Mend.DECLARE)
CAPACITY_RESERVED = State("capacity-reserved", _N, "CloudStack counts on less than libvirt says", Mend.NOTHING)
COUNTED_LOW = State("counted-low", _W, "less is counted as allocated than runs there", Mend.RECOUNT)
COUNTED_HIGH = State("counted-high", _W, "more is counted as allocated than could be", Mend.RECOUNT)
STRANGERS = State("unknown-domains", _W, "domains run there that the database does not have there", Mend.LOOK)
OVERFILLED = State("overfilled", _W, "its instances have more memory than the host", Mend.LOOK)

STATES = {state.id: state for state in vars().copy().values() if isinstance(state, State)}
