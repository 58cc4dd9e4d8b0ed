"""SWT: the four switches of dynamic scaling in all their combinations."""

from itertools import product

import pytest

from harness.reference.settings import ENABLE_DYNAMIC_SCALE
from harness.run.stage import Stage
from harness.verify.domain import is_prepared, seen_domain


def _row(zone: bool, offering: bool, template: bool, requested: bool) -> object:
    switches = "".join(str(int(switch)) for switch in (zone, offering, template, requested))
    marks = [pytest.mark.case(f"SWT-{switches}")]
    if switches == "1111":
        marks.append(pytest.mark.smoke)
    if not zone:
        marks.append(pytest.mark.zone_settings({ENABLE_DYNAMIC_SCALE: "false"}))
    return pytest.param(switches, marks=marks, id=switches)


@pytest.mark.parametrize("switches", [_row(*row) for row in product((True, False), repeat=4)])
def test_prepared_where_all_switches_are_on(stage: Stage, switches: str) -> None:
    """Zone setting, offering, template and request are {switches}.

    Preconditions: enable.dynamic.scale.vm of the zone is as the first digit says (1: on).
    Steps: deploy an instance with offering, template and dynamicscalingenabled as the other three say.
    Expected: 1111 has the instance flag on and is prepared; any 0 leaves both off.
    """
    zone, offering, template, requested = (switch == "1" for switch in switches)
    instance = stage.instance(
        *stage.scalable(stage.size(1, 0.25, 256), dynamic=offering),
        template=stage.session.inventory.template if template else stage.unscalable_template,
        dynamic_scaling=requested,
    )
    assert is_prepared(seen_domain(instance.verify())) is (switches == "1111")
    assert stage.starts[0].zone_switch is zone
    assert instance.record.dynamically_scalable is (switches == "1111")
