"""Marvin from a source tree: one made here, and CloudStack's own where CS_HARNESS_CLOUDSTACK_TREE names it."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from harness.marvin.api_modules import named_in
from harness.marvin.config import read
from harness.marvin.source import OWN
from tests.marvin.conftest import RunMarvin

DEPLOY = """
class DeployDataCenters:
    def __init__(self, client, config, logger):
        self.client, self.config, self.logger = client, config, logger

    def deploy(self):
        self.logger.info("building %s" % [zone.name for zone in self.config.zones])
        return "{result}"
"""

# A function of Marvin's that sleeps as Marvin's do; the tests import it from there.
SLEEPY = """
import time
from .base import VirtualMachine

def wait_for_state(apiclient, vm, state, retries=10):
    while retries > 0:
        if VirtualMachine.list(apiclient, id=vm.id)[0].state == state:
            return True
        time.sleep(60)
        retries -= 1
    return False
"""

MODULE = """
import threading
from marvin.cloudstackAPI import stopVirtualMachine
from marvin.cloudstackTestCase import cloudstackTestCase
from marvin.lib.base import ServiceOffering, VirtualMachine
from marvin.lib.common import get_domain, get_test_template, get_zone
from marvin.lib.sleepy import wait_for_state

class TestSleepy(cloudstackTestCase):
    def test_state(self):
        api = self.testClient.getApiClient()
        data = self.testClient.getParsedTestDataConfig()
        zone = get_zone(api, self.testClient.getZoneForTests())
        template = get_test_template(api, zone.id, self.testClient.getHypervisorInfo())
        offering = ServiceOffering.create(api, data["service_offerings"]["tiny"])
        vm = VirtualMachine.create(
            api, data["small"], templateid=template.id, zoneid=zone.id, serviceofferingid=offering.id
        )
        try:
            stopping = threading.Timer(1, vm.stop, [self.testClient.getApiClient()])
            stopping.start()
            self.assertTrue(wait_for_state(api, vm, "Stopped"))
            stopping.join()
        finally:
            vm.delete(api)
            offering.delete(api)
"""

# Marvin's way to sign, in which today's Python leaves a tilde as it is.
SIGNING = """
import base64, hashlib, hmac, urllib.parse

class CSConnection(CSConnection):
    def __init__(self, mgmtDet, asyncTimeout=3600, logger=None, path="client/api"):
        super().__init__(mgmtDet, asyncTimeout, logger, path)
        self.apiKey, self.securityKey = mgmtDet.apiKey, mgmtDet.securityKey
        self.baseUrl = "http://%s:%s/%s" % (mgmtDet.mgtSvrIp, mgmtDet.port, path)

    def __sign(self, payload):
        text = "&".join(k + "=" + urllib.parse.quote_plus(v, safe="*") for k, v in sorted(payload.items())).lower()
        return base64.b64encode(hmac.new(self.securityKey.encode(), text.encode(), hashlib.sha1).digest())
"""

TILDE = """
import requests
from marvin.cloudstackTestCase import cloudstackTestCase

class TestTilde(cloudstackTestCase):
    def test_tilde(self):
        connection = self.testClient.getApiClient().connection
        asked = {"command": "listZones", "response": "json", "keyword": "~", "apiKey": connection.apiKey}
        asked["signature"] = connection._CSConnection__sign(asked)
        self.assertEqual(requests.get(connection.baseUrl, params=asked).status_code, 200)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A CloudStack tree's shape, with a Marvin of ours in it that has what only upstream's has."""
    package = tmp_path / "cloudstack" / "tools" / "marvin" / "marvin"
    shutil.copytree(OWN, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "deployDataCenter.py").write_text(DEPLOY.format(result="SUCCESS"))
    (package / "lib" / "sleepy.py").write_text(SLEEPY)
    return tmp_path / "cloudstack"


def test_a_module_runs_with_the_marvin_of_a_tree_and_does_not_sleep(marvin: RunMarvin, tree: Path) -> None:
    run = marvin(f"--marvin-path={tree}/tools/marvin", own=False, test_sleepy=MODULE)
    run.result.assert_outcomes(passed=1)
    assert f"Marvin: a CloudStack tree, {tree}/tools/marvin/marvin" in run.output
    saved = re.search(r"fast waits: 1 sleeps of 60 s together took (\d+) s; (\d+) s saved", run.output)
    assert saved is not None
    assert int(saved[1]) <= 30


def test_a_value_with_a_tilde_is_signed_as_the_cloud_does(marvin: RunMarvin, tree: Path) -> None:
    with (tree / "tools/marvin/marvin/cloudstackConnection.py").open("a") as connection:
        connection.write(SIGNING)
    marvin(f"--marvin-path={tree}", own=False, test_tilde=TILDE).result.assert_outcomes(passed=1)


def test_deploy_builds_the_zone_with_the_trees_marvin(marvin: RunMarvin, tree: Path) -> None:
    module = "import unittest\nclass TestIt(unittest.TestCase):\n    def test_it(self):\n        self.testClient\n"
    run = marvin(f"--marvin-path={tree}", "--deploy", own=False, test_it=module)
    run.result.assert_outcomes(passed=1)
    assert "building ['" in run.text("runinfo.txt")
    failed = DEPLOY.format(result="FAILED")
    # Marvin's own ends the program.
    for failing in (failed, failed.replace('return "FAILED"', "raise SystemExit(1)")):
        (tree / "tools/marvin/marvin/deployDataCenter.py").write_text(failing)
        run = marvin(f"--marvin-path={tree}", "--deploy", own=False, test_it=module)
        assert run.result.ret == 2
        assert "--deploy: Marvin could not build the zone" in run.output
        assert "INTERNALERROR" not in run.output


def test_a_command_whose_line_is_broken_behind_the_point_is_one_that_the_file_names(tmp_path: Path) -> None:
    source = tmp_path / "deploy.py"
    source.write_text(
        "a = listZones.listZonesCmd()\nb = addHost.\\\n        addHostCmd()\nc = addHost.\\\n    other()\n"
    )
    assert named_in(source) == ["listZones", "addHost"]


def test_a_path_without_marvin_is_refused_before_anything_runs(marvin: RunMarvin, tmp_path: Path) -> None:
    run = marvin(f"--marvin-path={tmp_path}", own=False, test_it="")
    assert run.result.ret == pytest.ExitCode.USAGE_ERROR
    run.result.stderr.fnmatch_lines(["ERROR: --marvin-path *: no Marvin there; give tools/marvin *"])


UPSTREAM = Path(os.environ.get("CS_HARNESS_CLOUDSTACK_TREE", "/nonexistent"))
SMOKE = UPSTREAM / "test" / "integration" / "smoke"
upstream = pytest.mark.skipif(not SMOKE.is_dir(), reason="CS_HARNESS_CLOUDSTACK_TREE names no CloudStack tree")


@upstream
def test_every_smoke_module_of_cloudstack_is_collected_without_error(marvin: RunMarvin) -> None:
    result = marvin("--collect-only", "-q", str(SMOKE), own=False, strict=False).result
    assert result.ret == 0
    collected = {line.partition("::")[0].rpartition("/")[2] for line in result.outlines if "::" in line}
    assert {file.name for file in SMOKE.glob("test_*.py")} == collected
    assert re.search(r"^\d{3,} tests collected", result.outlines[-1])


@upstream
def test_every_configuration_of_cloudstack_is_read() -> None:
    files = sorted((UPSTREAM / "setup" / "dev").glob("*.cfg"))
    assert len(files) > 5
    for file in files:
        config = read(file)
        assert bool(config.zones) is (file.name != "local.cfg")


@upstream
@pytest.mark.parametrize(
    ("module", "passed", "skipped"),
    [
        ("test_account_access", 2, 0),
        ("test_deploy_vms_in_parallel", 2, 0),
        ("test_disk_offerings", 9, 0),
        ("test_domain_disk_offerings", 3, 0),
        ("test_domain_network_offerings", 3, 0),
        ("test_domain_service_offerings", 3, 0),
        ("test_global_settings", 6, 0),
        ("test_list_accounts", 8, 0),
        ("test_list_disk_offerings", 8, 0),
        ("test_list_domains", 5, 0),
        ("test_list_hosts", 12, 0),
        ("test_list_service_offerings", 12, 0),
        ("test_list_storage_pools", 11, 0),
        ("test_scale_vm", 0, 5),
    ],
)
def test_modules_of_cloudstack_run_on_the_lab(marvin: RunMarvin, module: str, passed: int, skipped: int) -> None:
    run = marvin(str(SMOKE / f"{module}.py"), own=False, strict=False)
    found = Counter(run.xunit(module).values())
    assert (found["passed"], found["skipped"]) == (passed, skipped)
    assert "Marvin: a CloudStack tree, " in run.output


@upstream
def test_scaling_as_cloudstack_tests_it_passes_on_the_lab(marvin: RunMarvin) -> None:
    # Upstream's module skips KVM as a whole.
    run = marvin("--hypervisor=simulator", str(SMOKE / "test_scale_vm.py"), own=False, strict=False)
    assert Counter(run.xunit("test_scale_vm").values()) == {"passed": 5}
