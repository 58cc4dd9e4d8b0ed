"""The forms of an audit: one picture, one table, one file of metrics, and a plan that nobody runs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from harness.audit import Audit, CloudLine, EndLine, Grade, HostLine, InstanceLine
from harness.audit import states as s
from harness.report.audit_forms import write_forms
from harness.report.audit_metrics import audit_metrics
from harness.report.audit_text import audit_csv, audit_text, fix_plan

NOW = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)
HOSTILE = "=cmd|' /C calc'!A0<script>document.title='hacked'</script>\x1b[31m"


def instance(number: int, host: str = "kvm1", **more: object) -> InstanceLine:
    values: dict[str, object] = {
        "id": f"id-{number}",
        "name": f"vm-{number}",
        "instance_name": f"i-2-{number}-VM",
        "account": "shop",
        "account_domain": "ROOT",
        "zone": "z",
        "cluster": "a",
        "host": host,
        "offering": "small",
        "offering_class": "fixed",
        "cpu_cap": True,
        "cpus": 1,
        "speed_mhz": 500,
        "memory_mib": 256,
        "scalable_flag": True,
        "prepared": True,
        "quota_us": -1,
    }
    return InstanceLine.model_validate(values | more)


def host(name: str, **more: object) -> HostLine:
    values: dict[str, object] = {
        "id": name,
        "name": name,
        "zone": "z",
        "cluster": "a",
        "state": "Up, Enabled",
        "cpus": 8,
        "speed_mhz": 2000,
        "memory_mib": 4096,
        "libvirt": "9.0.0",
    }
    return HostLine.model_validate(values | more)


@pytest.fixture
def found() -> Audit:
    return Audit(
        cloud=CloudLine(
            endpoint="http://c",
            cloudstack="4.23.0.0",
            release="4.23",
            zone="z",
            zone_id="7",
            selection="the whole zone",
            began=NOW,
            guests_asked=False,
            scaling_enabled=False,
        ),
        hosts=[
            host("kvm1", states=[s.COUNTED_LOW.line("500 MHz", "100 MHz")]),
            host("kvm2", libvirt=None, not_seen=["host kvm2 (10.0.0.2:22): connection refused"]),
        ],
        instances=[
            instance(1),
            instance(2, states=[s.QUOTA_STALE.line("5000/10000 us", "2500/10000 us")]),
            instance(3, states=[s.BEFORE_UPGRADE.line()], account="bank"),
            instance(4, states=[s.FLAG_OFF.line(), s.SCALING_OFF.line()], name=HOSTILE),
            instance(5, "kvm2", prepared=None, not_seen=["its host: connection refused"]),
        ],
        end=EndLine(
            finished=NOW,
            seconds=2.5,
            instances=5,
            hosts=2,
            api_calls=17,
            not_seen={"connection refused": 2},
        ),
    )


def test_the_summary_says_what_is_wrong_what_mends_it_and_what_was_not_seen(found: Audit) -> None:
    text = audit_text(found)
    assert "5 running instances on 2 hosts: 1 can be scaled live now" in text
    assert "2 would be mended by a stop and start, 1 were not wholly seen" in text
    lines = text.splitlines()
    assert [line.split()[0] for line in lines if " wrong " in line or " unready " in line] == [
        "counted-low",
        "quota-stale",
        "flag-off",
        "scaling-off",
        "started-before-upgrade",
    ]
    assert "  2 x connection refused" in lines
    assert lines[-1] == "hosts that were not looked at: kvm2"


def test_the_plan_has_the_setting_first_and_restarts_by_account(found: Audit) -> None:
    plan = fix_plan(found)
    commands = [line for line in plan.splitlines() if line and not line.startswith("#")]
    assert commands == [
        "updateConfiguration name=enable.dynamic.scale.vm value=true zoneid=7",
        "updateVirtualMachine id=id-4 isdynamicallyscalable=true",
        "stopVirtualMachine id=id-4",
        "startVirtualMachine id=id-4",
        "stopVirtualMachine id=id-3",
        "startVirtualMachine id=id-3",
        "stopVirtualMachine id=id-2",
        "startVirtualMachine id=id-2",
    ]
    assert plan.index("ROOT/bank: 1") < plan.index("ROOT/shop: 1", plan.index("stop and start the instance"))


def test_an_instance_with_two_things_to_mend_is_restarted_once(found: Audit) -> None:
    both = [s.FLAG_OFF.line(), s.QUOTA_STALE.line("5000/10000 us", "2500/10000 us")]
    found.instances[3] = found.instances[3].model_copy(update={"states": both})
    assert [line for line in fix_plan(found).splitlines() if line.endswith("id-4") or " id=id-4 " in line] == [
        "updateVirtualMachine id=id-4 isdynamicallyscalable=true",
        "stopVirtualMachine id=id-4",
        "startVirtualMachine id=id-4",
    ]


def test_a_hostile_name_begins_no_line_of_the_plan_and_colours_no_terminal(found: Audit) -> None:
    found.instances[3] = found.instances[3].model_copy(update={"name": "x\ndestroyVirtualMachine id=1"})
    commands = [line for line in fix_plan(found).splitlines() if line and not line.startswith("#")]
    assert not [line for line in commands if "destroy" in line]
    assert "\x1b" not in audit_text(found) + fix_plan(found)


def test_a_spreadsheet_takes_no_name_for_a_formula(found: Audit) -> None:
    rows = list(csv.DictReader(io.StringIO(audit_csv(found))))
    assert [row["states"] for row in rows] == ["", "quota-stale", "started-before-upgrade", "flag-off scaling-off", ""]
    assert rows[3]["name"].startswith("'=cmd")
    assert rows[0]["quota_us"] == "-1"
    assert rows[4]["not_seen"] == "its host: connection refused"


def test_the_metrics_are_prometheus_text(found: Audit) -> None:
    lines = audit_metrics(found).splitlines()
    assert 'csh_audit_instances{zone="z",cluster="a"} 5' in lines
    assert 'csh_audit_instances_ready{zone="z",cluster="a"} 1' in lines
    assert 'csh_audit_states{zone="z",state="quota-stale"} 1' in lines
    assert 'csh_audit_grades{zone="z",grade="wrong"} 2' in lines
    assert 'csh_audit_hosts_not_seen{zone="z"} 1' in lines
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
    assert all(line.startswith("#") or line.rpartition(" ")[2].replace(".", "").isdecimal() for line in lines)


def test_the_page_is_a_picture_of_the_fleet_that_loads_nothing(found: Audit, tmp_path: Path, browser: Browser) -> None:
    file = write_forms(found, tmp_path)["html"]
    page = browser.new_page()
    wrong: list[str] = []
    page.on(
        "request", lambda request: None if request.url.startswith(("file:", "data:")) else wrong.append(request.url)
    )
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(file.as_uri())
    assert page.title() == "z: audit of 2026-11-28 20:00"
    assert page.locator("h1").inner_text() == "Zone z: 1 of 5 running instances can be scaled live now"
    drawn = page.locator(".host svg use").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert drawn == ["#ready", "#wrong", "#unready", "#unready", "#unseen"]
    assert page.locator(".host.blind b").inner_text() == "kvm2"
    assert wrong == []
    violations = Axe().run(page).response["violations"]
    assert [one["id"] for one in violations] == []


def test_a_large_fleet_has_a_page_of_reasonable_size(found: Audit, tmp_path: Path) -> None:
    found.hosts = [host(f"kvm{number}") for number in range(100)]
    found.instances = [instance(number, f"kvm{number % 100}") for number in range(5000)]
    assert write_forms(found, tmp_path)["html"].stat().st_size < 2_000_000


def test_the_gravest_state_is_the_grade() -> None:
    assert instance(1).grade is None
    assert instance(1, states=[s.FEW_SLOTS.line(), s.QUOTA_STALE.line(), s.FLAG_OFF.line()]).grade is Grade.WRONG
    assert instance(1, states=[s.FEW_SLOTS.line()]).is_ready
