"""What tests of several rooms share: a simulated lab in this process, and the condition for tests on real KVM hosts."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from harness.lab.api.lab_cloud import LabCloud
from harness.lab.config_files import CLOUD_FILE, ReachedCloud, write_config_files
from harness.lab.faults.registry import Faults
from harness.lab.kvm import preflight
from harness.lab.log import logging_to
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.topology import DEFAULT_LAB
from harness.reference.release import SINCE, Release

# Runs pytest in pytest; only the uppermost conftest may ask for it.
pytest_plugins = ["pytester"]

# How long an example takes depends on what else the machine does.
settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

missing_for_kvm = functools.cache(preflight.missing)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked kvm need a machine that can have such hosts; where they are required its lack is a failure."""
    if item.get_closest_marker("kvm") is None or not missing_for_kvm():
        return
    reason = f"no KVM hosts here: {'; '.join(missing_for_kvm())}"
    if os.environ.get("CS_HARNESS_REQUIRE_KVM") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def image_cache(request: pytest.FixtureRequest) -> Path:
    """Where KVM labs of tests keep the guest image; kept between runs, as a person's cache is."""
    return request.config.cache.mkdir("xdg-cache") / "cs-harness"


@dataclass(frozen=True)
class SimulatedLab:
    """`cloud_file` is its environment file; `hypervisors` are its hosts from behind, for tests that tamper."""

    cloud_file: Path
    hypervisors: dict[str, SimulatedHypervisor]
    endpoint: str
    api_key: str
    secret_key: str
    faults: Faults

    def without_logs(self) -> str:
        """Its environment file without the table of its own log, for tests that name others."""
        before, _, after = self.cloud_file.read_text().partition("[logs.management]\n")
        return before + after[after.index("[") :]


@pytest.fixture(scope="module")
def lab_release() -> Release:
    """What the lab behaves like; a module that wants another one overrides this."""
    return SINCE


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, lab_release: Release) -> Iterator[SimulatedLab]:
    folder = tmp_path_factory.mktemp("lab")
    faults = Faults()
    fleet = SimulatedFleet(DEFAULT_LAB.hosts, folder, faults=faults)
    log = folder / "lab.log"
    with logging_to(log), ExitStack() as ends:
        ends.callback(fleet.down)
        hosts = fleet.up()
        cloud = LabCloud(DEFAULT_LAB, hosts, fleet.guest_boot, lab_release, faults=faults)
        ends.callback(cloud.shutdown)
        endpoint = cloud.serve()
        keys = cloud.admin
        write_config_files(folder, DEFAULT_LAB, hosts, fleet, ReachedCloud.of(cloud), log=log)
        yield SimulatedLab(
            cloud_file=folder / CLOUD_FILE,
            hypervisors={host.spec.name: host.hypervisor for host in hosts},
            endpoint=endpoint,
            api_key=keys.api_key,
            secret_key=keys.secret_key,
            faults=cloud.faults,
        )


CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium, without a window and with a profile of its own; `browser.new_page()` gives a page."""
    chromium = shutil.which("chromium")
    if chromium is None:
        reason = "no chromium here"
        if os.environ.get("CS_HARNESS_REQUIRE_BROWSER") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*CHROMIUM_OPTIONS])
        yield browser
        browser.close()
