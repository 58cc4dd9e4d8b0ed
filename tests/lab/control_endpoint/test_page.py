"""The page of the control endpoint, in a browser."""

from __future__ import annotations

import re

from playwright.sync_api import Browser

from harness.lab.api.server import ApiServer
from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder
from tests.lab.api.conftest import Lab

HOSTILE = "<script>document.title='struck'</script><img src=x onerror=\"document.title='struck'\">'\"&amp;\u202e"


def test_a_hostile_name_is_shown_as_it_is_and_nothing_of_it_is_run(
    lab: Lab, endpoint: ApiServer, browser: Browser
) -> None:
    lab.deploy(lab.fixed(), "kvm1", displayname=HOSTILE)
    with browser.new_context() as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(endpoint.address)
        assert page.locator("tr", has_text="i-2-1-VM").locator("td").nth(1).inner_text() == f"{HOSTILE} (i-2-1-VM)"
        assert page.title() == "Lab: CloudStack 4.23"
        assert page.locator("img, script").count() == 0
        assert asked == [f"{endpoint.address}/"]


def test_it_shows_everything_and_anew_by_itself(lab: Lab, endpoint: ApiServer, browser: Browser) -> None:
    instance = lab.deploy(lab.fixed(cpus=2), "kvm2", name="web")
    lab.scale(instance["id"], lab.fixed(cpus=1))
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(endpoint.address)
        kinds = [row.split("\t")[0] for row in page.locator("tbody").inner_text().splitlines() if row]
        assert kinds == ["host"] * 3 + ["cluster"] * 2 + ["instance"] + ["job"] * 2
        assert re.search(r"failed.*scal", page.locator("tr", has_text="ScaleVMCmd").inner_text(), re.IGNORECASE)
        lab.cloud.faults.arm(FaultOrder(kind=Fault.HOST_DOWN, host="kvm3"))
        page.locator("tr.bad", has_text="host-down").wait_for(timeout=20_000)
        assert "Down" in page.locator("tr", has_text="kvm3").first.inner_text()
        assert page.title() == "Lab: CloudStack 4.23, 1 faults armed"


def test_it_can_be_read_in_light_and_in_dark(lab: Lab, endpoint: ApiServer, browser: Browser) -> None:
    lab.cloud.faults.arm(FaultOrder(kind=Fault.HOST_DOWN, host="kvm3"))
    luminance = {}
    for scheme in ("light", "dark"):
        with browser.new_context(color_scheme=scheme) as context:
            page = context.new_page()
            page.goto(endpoint.address)
            shade = "e => getComputedStyle(e).color"
            luminance[scheme] = [
                _luminance(page.eval_on_selector(selector, shade))
                for selector in ("td:nth-child(2)", "td:first-child", "tr.bad td:nth-child(4)")
            ]
    # Dark letters on a browser's white, light ones on its near-black: a contrast of 4.5 at least.
    assert all(1.05 / (each + 0.05) >= 4.5 for each in luminance["light"])
    assert all((each + 0.05) / (0.006 + 0.05) >= 4.5 for each in luminance["dark"])


def _luminance(color: str) -> float:
    """Relative luminance as WCAG has it, of `rgb(...)` or `color(srgb ...)`; letters may be see-through."""
    numbers = [float(each) for each in re.findall(r"[\d.]+", color)]
    parts = [each / 255 for each in numbers[:3]] if color.startswith("rgb") else numbers[:3]
    alpha = numbers[3] if len(numbers) > 3 else 1.0
    ground = 1.0 if sum(parts) < 1.5 else 0.07
    seen = [alpha * part + (1 - alpha) * ground for part in parts]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in seen]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
