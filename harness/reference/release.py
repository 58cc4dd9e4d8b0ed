"""What a CloudStack release does: the two behaviours of live scaling, and the texts in which they differ."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from harness.reference import oddities
from harness.reference.rule import Rule


@dataclass(frozen=True)
class Release:
    """A behaviour. `scales_fixed_offerings` is the pull request; all else that differs is text.

    `agent_failure` is what an API user reads when the agent could not carry a scale out. The next three are what
    an instance is called where a stopped one is refused an offering, and what instance and template are called where
    the instance flag is refused. `cpu` is how CPUs are written where custom parameters are refused, `fixed_place` where
    what an offering fixes is said to be predefined; of a speed the value is told instead with `tells_fixed_speed`.
    With `has_key_pairs` a job makes a user's keys, and the older ones stay good; with `limits_whole_size` an owner's
    limit is held against the whole new size, and the old one counts as given back; with `tells_global_value` a change
    of a setting is answered with the global value, wherever it was made. `defects` are the known ones that it was built
    with.
    """

    name: str
    scales_fixed_offerings: bool
    zone_disabled: str
    agent_failure: str
    stopped_instance: str
    flagged_instance: str
    flagged_template: str
    cpu: str
    fixed_place: str
    tells_fixed_speed: bool
    has_key_pairs: bool
    limits_whole_size: bool
    tells_global_value: bool
    defects: frozenset[Rule]

    @property
    def mended(self) -> Release:
        """This release with all its known defects mended: it does what is promised."""
        return replace(self, defects=frozenset())


# Seen on the release itself but for COUNTED_FOR_THE_CALLER up to 4.22, which is read in its source.
_DEFECTS_BEFORE = frozenset(
    {
        oddities.CONCURRENT_SCALES,
        oddities.MOVED_FOR_NOTHING,
        oddities.UNUSABLE_DIMM,
        oddities.CONCURRENT_GROWTH,
        oddities.COUNTED_FOR_THE_CALLER,
    }
)

BEFORE = Release(
    name="4.22",
    scales_fixed_offerings=False,
    zone_disabled="Dynamically scaling virtual machines is disabled for this zone, please contact your admin.",
    agent_failure="Unhandled exception",
    stopped_instance="virtual machine",
    flagged_instance="VM",
    flagged_template="template",
    cpu="cpu",
    fixed_place="in the template",
    tells_fixed_speed=False,
    has_key_pairs=False,
    limits_whole_size=False,
    tells_global_value=False,
    defects=_DEFECTS_BEFORE,
)
SINCE = Release(
    name="4.23",
    scales_fixed_offerings=True,
    zone_disabled="Dynamically scaling Instances is disabled for this zone, please contact your admin.",
    agent_failure="Unable to reconfigure VM.",
    stopped_instance="Instance",
    flagged_instance="Instance",
    flagged_template="Template",
    cpu="CPU",
    fixed_place="in the Template",
    tells_fixed_speed=True,
    has_key_pairs=True,
    limits_whole_size=True,
    tells_global_value=True,
    defects=_DEFECTS_BEFORE | {oddities.STALE_SPEED, oddities.HALVED_QUOTA},
)


def release_of(version: str, *, has_new_settings: bool | None = None) -> Release:
    """The behaviour of a CloudStack version such as "4.22.0.0-SNAPSHOT".

    `has_new_settings` tells whether `kvm.cpu.dynamic.scaling.capacity` exists on that server. Where it is known it
    wins over the version: a build between two releases carries the change before it carries the number.

    Raises:
        ValueError: neither the version nor the settings tell.
    """
    if has_new_settings is not None:
        return SINCE if has_new_settings else BEFORE
    match = re.match(r"(\d+)\.(\d+)", version)
    if match is None:
        raise ValueError(f"no CloudStack version: {version!r}")
    return SINCE if (int(match[1]), int(match[2])) >= (4, 23) else BEFORE
