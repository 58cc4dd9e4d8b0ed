"""Marvin-style modules under pytest, with our own small Marvin: selection, injection, set-up ladders, results."""

from __future__ import annotations

import pytest

from harness.cloud.client import CloudApi
from tests.conftest import SimulatedLab
from tests.marvin.conftest import RunMarvin

HEAD = """
from marvin.cloudstackTestCase import cloudstackTestCase
from marvin.cloudstackAPI import listZones, scaleVirtualMachine
from marvin.codes import FAILED
from marvin.lib.base import Account, ServiceOffering, VirtualMachine, Host, Configurations, Template
from marvin.lib.common import get_zone, get_domain, get_template, get_test_template
from marvin.lib.utils import cleanup_resources
from nose.plugins.attrib import attr

_multiprocess_shared_ = True
"""

SCALING = (
    HEAD
    + """
class TestScale(cloudstackTestCase):
    @classmethod
    def setUpClass(cls):
        testClient = super(TestScale, cls).getClsTestClient()
        cls.apiclient = testClient.getApiClient()
        cls.services = testClient.getParsedTestDataConfig()
        cls.hypervisor = testClient.getHypervisorInfo()
        cls._cleanup = []
        cls.domain = get_domain(cls.apiclient)
        cls.zone = get_zone(cls.apiclient, testClient.getZoneForTests())
        cls.template = get_test_template(cls.apiclient, cls.zone.id, cls.hypervisor)
        assert cls.template != FAILED
        cls.services["small"]["zoneid"] = cls.zone.id
        cls.services["small"]["template"] = cls.template.id
        cls.account = Account.create(cls.apiclient, cls.services["account"], domainid=cls.domain.id)
        cls._cleanup.append(cls.account)
        for size in ("small", "big"):
            offering = ServiceOffering.create(cls.apiclient, cls.services["service_offerings"][size])
            setattr(cls, size, offering)
            cls._cleanup.append(offering)
        Configurations.update(cls.apiclient, name="enable.dynamic.scale.vm", value="true")

    @classmethod
    def tearDownClass(cls):
        Configurations.update(cls.apiclient, name="enable.dynamic.scale.vm", value="false")
        super(TestScale, cls).tearDownClass()

    def setUp(self):
        self.apiclient = self.testClient.getApiClient()
        self.dbclient = self.testClient.getDbConnection()
        self.cleanup = []

    @attr(hypervisor="kvm")
    @attr(tags=["advanced", "basic"], required_hardware="false")
    def test_01_scale_up(self):
        vm = VirtualMachine.create(
            self.apiclient, self.services["small"], accountid=self.account.name, domainid=self.account.domainid,
            serviceofferingid=self.small.id, mode=self.zone.networktype,
        )
        self.cleanup.append(vm)
        self.debug("created %s" % vm.id)
        [host] = Host.list(self.apiclient, id=vm.hostid, type="Routing")
        self.assertEqual(host.hypervisor, "KVM")
        self.assertIsNone(host.nothing)
        cmd = scaleVirtualMachine.scaleVirtualMachineCmd()
        cmd.serviceofferingid = self.big.id
        cmd.id = vm.id
        self.apiclient.scaleVirtualMachine(cmd)
        [seen] = VirtualMachine.list(self.apiclient, id=vm.id)
        self.assertEqual((seen.serviceofferingid, seen.state), (self.big.id, "Running"))
        vm.stop(self.apiclient)
        vm.start(self.apiclient)

    @attr(tags=["advanced"], required_hardware="true")
    def test_02_not_selected(self):
        raise RuntimeError("it was not to run")

    @attr(tags=["advanced"], required_hardware="false")
    def test_03_an_empty_list_is_none(self):
        self.assertIsNone(VirtualMachine.list(self.apiclient, account=self.account.name, domainid=self.domain.id))
"""
)


def test_an_unmodified_scaling_module_runs_with_our_own_marvin(marvin: RunMarvin) -> None:
    run = marvin("--attr=tags=advanced,required_hardware=false", test_scale=SCALING)
    run.result.assert_outcomes(passed=2, deselected=1)
    assert run.result.ret == 0
    assert run.xunit("test_scale") == {"test_01_scale_up": "passed", "test_03_an_empty_list_is_none": "passed"}
    assert "=== TestName: test_01_scale_up | Status : SUCCESS ===" in run.text("results.txt")
    assert "created " in run.text("runinfo.txt")
    assert run.text("failed_plus_exceptions.txt") == ""
    assert "1 look OK, 0 have errors, 0 did not run" in run.text("trillian.txt")
    assert "left " not in run.output.split("Marvin =")[1]


LADDER = (
    HEAD
    + """
import unittest

CALLS = []

def setUpModule():
    CALLS.append("module")

class TestLadder(cloudstackTestCase):
    @classmethod
    def setUpClass(cls):
        # All of it is there before the first line of a test class runs.
        for name in ("debug", "info", "warn", "error"):
            getattr(cls, name)("from " + name)
        assert cls.testClient is cls.clstestclient is cls.getClsTestClient()
        assert cls.config is cls.getClsConfig()
        hosts = cls.config.__dict__["zones"][0].__dict__["pods"][0].__dict__["clusters"][0].__dict__["hosts"]
        assert hosts[0].__dict__["username"]
        assert cls.config.nothing is None
        CALLS.append("class")

    @classmethod
    def tearDownClass(cls):
        CALLS.append("class down")

    def setUp(self):
        CALLS.append("test")

    def tearDown(self):
        CALLS.append("test down")

    def test_1(self):
        self.assertEqual(CALLS, ["module", "class", "test"])

    def test_2(self):
        self.assertEqual(CALLS[-2:], ["test down", "test"])
        self.assertEqual(self.testClient.identifier, "TestLadder-test_2")

    def test_3_subtests(self):
        for size in (1, 2, 3):
            with self.subTest("a size", size=size):
                self.assertNotEqual(size, 2)

    def test_4_skips_itself(self):
        raise self.skipTest("not here")

    @unittest.skip("never")
    def test_5_is_skipped(self):
        raise RuntimeError

    def test_6_fails(self):
        self.fail("as it must")

    def test_7_errs(self):
        raise RuntimeError("as it must")

    @unittest.expectedFailure
    def test_8_fails_as_expected(self):
        self.fail("x")

class TestNoSetUp(cloudstackTestCase):
    @classmethod
    def setUpClass(cls):
        raise RuntimeError("no world")

    def test_a(self):
        pass

class TestWhole(cloudstackTestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("all of it")

    def test_b(self):
        pass
"""
)


def test_set_up_ladders_subtests_and_skips_are_unittests(marvin: RunMarvin) -> None:
    run = marvin(test_ladder=LADDER)
    assert run.result.ret == 1
    found = run.xunit("test_ladder")
    assert found.pop("test_3_subtests [a size] (size=2)") == "failure"
    assert found == {
        "test_1": "passed",
        "test_2": "passed",
        "test_3_subtests": "failure",
        "test_4_skips_itself": "skipped",
        "test_5_is_skipped": "skipped",
        "test_6_fails": "failure",
        "test_7_errs": "error",
        "test_8_fails_as_expected": "skipped",
        "test_a": "error",
        "test_b": "skipped",
    }
    wrong = run.text("failed_plus_exceptions.txt")
    assert "FAILED: test_6_fails" in wrong
    assert "EXCEPTION: test_7_errs" in wrong
    assert "EXCEPTION: test_a" in wrong
    assert "not here" not in wrong
    assert "from warn" in run.text("runinfo.txt")
    table = run.text("trillian.txt")
    assert table.startswith("<b>[SF] Trillian test result (tid-")
    assert "\nEnvironment: kvm (x3), zone: Advanced Networking\n" in table
    assert "Smoke tests completed. 0 look OK, 1 have errors, 0 did not run" in table
    assert "test_4_skips_itself | `Skipped` | --- | test_ladder.py" in table
    assert "\ntest_7_errs | `Error` | 0.0" in table


ENDING = """
class TestEnding(cloudstackTestCase):
    def test_1_ends(self):
        pass

    def test_2_is_ended(self):
        {how}

    def test_3_is_never_begun(self):
        pass
"""


def test_what_was_running_when_a_run_is_interrupted_is_an_error(marvin: RunMarvin) -> None:
    run = marvin(test_ending=HEAD + ENDING.format(how="raise KeyboardInterrupt"))
    assert run.result.ret == 2
    assert run.xunit("test_ending") == {"test_1_ends": "passed", "test_2_is_ended": "error"}
    assert "EXCEPTION: test_2_is_ended: the run was ended during this test" in run.text("failed_plus_exceptions.txt")
    assert "Smoke tests completed. 0 look OK, 1 have errors, 0 did not run" in run.text("trillian.txt")


def test_a_killed_run_leaves_xunit_of_what_had_ended(marvin: RunMarvin) -> None:
    run = marvin(test_ending=HEAD + ENDING.format(how="__import__('os').kill(__import__('os').getpid(), 9)"))
    assert run.xunit("test_ending") == {"test_1_ends": "passed"}


def test_a_module_that_cannot_be_imported_is_an_error_everywhere_and_stops_no_other(marvin: RunMarvin) -> None:
    good = HEAD + "class TestGood(cloudstackTestCase):\n    def test_it(self):\n        pass\n"
    run = marvin(test_broken="import nothing_of_that_name\n", test_good=good)
    assert run.result.ret == 1
    run.result.assert_outcomes(passed=1, errors=1)
    assert run.xunit("test_broken") == {"test_broken": "error"}
    assert run.xunit("test_good") == {"test_it": "passed"}
    assert "=== TestName: test_broken | Status : EXCEPTION ===" in run.text("results.txt")
    assert "nothing_of_that_name" in run.text("failed_plus_exceptions.txt")
    assert "test_broken | `Error` | 0.00 | test_broken.py" in run.text("trillian.txt")


def test_modules_of_ddt_and_their_attributes_are_selected_by(marvin: RunMarvin) -> None:
    pytest.importorskip("ddt")
    module = (
        HEAD
        + """
from ddt import ddt, data

@ddt
class TestData(cloudstackTestCase):
    tags = ["sg"]

    @data(1, 2)
    @attr(tags=["advanced"])
    def test_number(self, number):
        self.assertIn(number, (1, 2))

    def test_by_its_class(self):
        pass
"""
    )
    run = marvin("--attr=tags=advanced", test_ddt=module)
    run.result.assert_outcomes(passed=2, deselected=1)
    marvin("--eval-attr='sg' in tags", test_ddt=module).result.assert_outcomes(passed=1, deselected=2)
    wrong = marvin("--eval-attr=tags +", test_ddt=module).result
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR
    wrong.stderr.fnmatch_lines(["ERROR: --eval-attr 'tags +': *"])


def test_a_method_is_a_test_by_noses_rule_where_it_has_attributes(marvin: RunMarvin) -> None:
    module = (
        HEAD
        + """
class TestNames(cloudstackTestCase):
    @attr(tags=["advanced"])
    def login_test_of_somebody(self):
        pass

    def do_a_test(self, of_what):
        raise RuntimeError("a helper")

    @attr(tags=["advanced"])
    def contest(self):
        raise RuntimeError("no test by any rule")

    @attr(tags=["advanced"])
    def _test_private(self):
        raise RuntimeError("nose takes none that begins so")
"""
    )
    run = marvin("--attr=tags=advanced", test_names=module)
    assert run.xunit("test_names") == {"login_test_of_somebody": "passed"}


def test_a_class_with_a_user_of_its_own_has_one_in_the_cloud(marvin: RunMarvin) -> None:
    module = (
        HEAD
        + """
from marvin.cloudstackTestCase import user
from marvin.lib.base import Account

@user("somebody", "ROOT", 0)
class TestAsUser(cloudstackTestCase):
    def test_user(self):
        client = self.testClient.getUserApiClient("somebody", "ROOT", 0)
        [mine] = Account.list(client)
        self.assertEqual(mine.name, "somebody")
        # The admin's client is as it was.
        self.assertGreater(len(Account.list(self.testClient.getApiClient(), listall=True)), 1)
"""
    )
    run = marvin("--leftovers=remove", test_user=module)
    run.result.assert_outcomes(passed=1)
    assert "left 1 behind (removed):" in run.output
    assert "account somebody" in run.output


def test_leftovers_of_a_module_are_listed_and_removed_if_asked(marvin: RunMarvin, lab: SimulatedLab) -> None:
    module = (
        HEAD
        + """from harness.cloud.client import CloudApi

class TestMess(cloudstackTestCase):
    def test_mess(self):
        api = self.testClient.getApiClient()
        data = self.testClient.getParsedTestDataConfig()
        ServiceOffering.create(api, {**data["service_offerings"]["tiny"], "name": "left-alone"})
        Configurations.update(api, name="cpu.overprovisioning.factor", value="3")
        # Meanwhile somebody else makes one as well.
        there = self.config.mgtSvr[0]
        theirs = CloudApi(f"http://{there.mgtSvrIp}:{there.port}/client/api", there.apiKey, there.securityKey)
        theirs.call("createDiskOffering", name="theirs", displaytext="theirs", disksize=1)
"""
    )
    listed = marvin(test_mess=module).output
    assert "test_mess.py left 2 behind:" in listed
    assert "service offering left-alone (" in listed
    assert "setting cpu.overprovisioning.factor back to 1.0" in listed
    assert "test_mess.py: new in the cloud as well, by none of its requests (left alone):" in listed
    assert "disk offering theirs (" in listed
    # What the first run left is there before the second, which finds the setting changed and leaves it so.
    removed = marvin("--leftovers=remove", test_mess=module).output
    assert "test_mess.py left 1 behind (removed):" in removed
    assert "still there" not in removed
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    assert [each["name"] for each in api.list("listServiceOfferings", "serviceoffering")].count("left-alone") == 1
    assert [each["name"] for each in api.list("listDiskOfferings", "diskoffering")].count("theirs") == 2
    assert "left" not in marvin("--leftovers=ignore", test_mess=module).output.split("Marvin =")[1]


def test_a_command_that_the_cloud_lacks_is_an_error_only_where_it_is_sent(marvin: RunMarvin) -> None:
    module = (
        HEAD
        + """
from marvin.cloudstackAPI import *

class TestUnknown(cloudstackTestCase):
    def test_unknown(self):
        cmd = makeCoffee.makeCoffeeCmd()
        cmd.cups = 2
        with self.assertRaisesRegex(Exception, "the cloud has no API command makeCoffee"):
            self.testClient.getApiClient().makeCoffee(cmd)

    def test_known(self):
        cmd = listZones.listZonesCmd()
        self.assertEqual(cmd.isAsync, "false")
        self.assertIsNone(cmd.networktype)
        self.assertEqual(scaleVirtualMachine.scaleVirtualMachineCmd().isAsync, "true")
        self.assertEqual(scaleVirtualMachine.scaleVirtualMachineCmd().required, ["id", "serviceofferingid"])
        self.assertEqual(scaleVirtualMachine.scaleVirtualMachineCmd().details, [])
        with self.assertRaises(AttributeError):
            cmd.cups
        with self.assertRaisesRegex(Exception, "id is required|Invalid Parameters"):
            self.testClient.getApiClient().scaleVirtualMachine(scaleVirtualMachine.scaleVirtualMachineCmd())

    def test_database(self):
        with self.assertRaisesRegex(Exception, "no database"):
            self.testClient.getDbConnection().execute("select 1")
"""
    )
    marvin(test_unknown=module).result.assert_outcomes(passed=3)


def test_classes_run_side_by_side_and_stay_whole(marvin: RunMarvin) -> None:
    pytest.importorskip("xdist")
    classes = "".join(
        f"""
class Test{name}(cloudstackTestCase):
    def test_1(self):
        type(self).where = os.getpid()

    def test_2(self):
        self.assertEqual(self.where, os.getpid())
        self.debug("in {name}")
"""
        for name in "ABCD"
    )
    run = marvin("-n2", test_classes=f"{HEAD}\nimport os\n{classes}", test_broken="import nothing_of_that_name\n")
    # pytest counts a module that cannot be imported once for each process that collects.
    assert run.result.parseoutcomes()["passed"] == 8
    assert len(run.text("results.txt").splitlines()) == 9
    assert set(run.xunit("test_classes").values()) == {"passed"}
    assert run.xunit("test_broken") == {"test_broken": "error"}
    for name in "ABCD":
        assert f"in {name}" in run.text("runinfo.txt")


def test_deploy_needs_a_marvin_that_can(marvin: RunMarvin) -> None:
    module = HEAD + "class TestIt(cloudstackTestCase):\n    def test_it(self):\n        pass\n"
    run = marvin("--deploy", test_it=module)
    assert run.result.ret == 2
    assert "--deploy: the harness's own Marvin builds no zones; give --marvin-path" in run.output


def test_a_cloud_that_is_not_there_ends_the_run_in_one_line(marvin: RunMarvin, tmp_path) -> None:
    config = tmp_path / "nowhere.cfg"
    config.write_text('{"zones": [{"name": "z"}], "mgtSvr": [{"mgtSvrIp": "127.0.0.1", "port": 1}]}')
    module = HEAD + "class TestIt(cloudstackTestCase):\n    def test_it(self):\n        pass\n"
    run = marvin(config=config, test_it=module)
    assert run.result.ret == 2
    assert "nowhere.cfg: mgtSvr[0].mgtSvrIp, port: no CloudStack answers at" in run.output
    # Collecting needs no cloud.
    assert marvin("--collect-only", config=config, test_it=module).result.ret == 0
