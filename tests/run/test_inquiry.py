"""What counts as a fault of the environment, and what of a wrong product."""

from dataclasses import replace

import pytest

from harness.cloud.jobs import JobResult
from harness.run.inquiry import Doubt, fault_by_repetition, fault_by_silence, fault_in

JOB = "1a2f1990-0000-0000-0000-000000000000"
_UNREACHED = "2026-01-01 WARN (logid:1a2f1990) Resource [Host:7] is unreachable: Host 7: not in the right state"
_REFUSED = (
    "2026-01-01 WARN (logid:1a2f1990) Unable to scale VM i-2-3-VM memory to [262144 KiB], CPU cores to [2] and "
    "cpu_shares to [1000] due to [{}]."
)


def _doubt(text: str = "Unable to reconfigure VM.", again: bool | None = None) -> Doubt:
    failed = JobResult(JOB, False, 530, text, {}, 1.0)
    done = None if again is None else (lambda: JobResult(JOB, again, 0, "", {}, 1.0))
    return Doubt("scaling i-2-3-VM", failed, (262144, 2), done)


def test_a_command_that_did_not_reach_an_agent_is_a_fault_whether_its_job_failed_or_not() -> None:
    for doubts in ([], [_doubt()]):
        fault = fault_in({"management-server": ["nothing", _UNREACHED]}, doubts)
        assert fault is not None
        assert fault.job_id == "1a2f1990"
        assert fault.says.startswith("management-server: ")
        assert "Resource [Host:7] is unreachable" in fault.says


@pytest.mark.parametrize(
    "said",
    [
        "internal error: unable to execute QEMU command 'device_add': no",
        "operation failed: migration out job: unexpectedly failed",
        "Cannot recv data: Connection reset by peer",
    ],
)
def test_libvirts_failure_of_what_was_rightly_asked_is_a_fault(said: str) -> None:
    assert fault_in({"agent-kvm1": [_REFUSED.format(said)]}, [_doubt()]) is not None


@pytest.mark.parametrize(
    "said",
    [
        "invalid argument: requested vcpus is greater than max allowable vcpus for the live domain: 9 > 8",
        "unsupported configuration: Attaching memory device with size '1' would exceed domain's maxMemory config size",
        "internal error: unable to execute QEMU command 'device_add': backend memory size must be multiple of 0x200000",
        "Requested operation is not valid: domain 'i-2-3-VM' is already active",
    ],
)
def test_libvirts_refusal_of_what_cannot_be_is_the_doing_of_whoever_asked(said: str) -> None:
    assert fault_in({"agent-kvm1": [_REFUSED.format(said)]}, [_doubt()]) is None


def test_libvirts_failure_of_something_else_than_had_to_be_asked_is_no_excuse() -> None:
    line = _REFUSED.format("internal error: no").replace("[2]", "[3]")
    assert fault_in({"agent-kvm1": [line]}, [_doubt()]) is None


def test_libvirts_failure_in_a_job_that_had_to_fail_is_no_fault() -> None:
    assert fault_in({"agent-kvm1": [_REFUSED.format("internal error: no")]}, []) is None


def test_a_text_that_blames_a_host_is_the_products_unless_its_job_is_doubted() -> None:
    text = "Resource [Host:1] is unreachable: Host 1: no"
    line = f"2026-01-01 INFO (logid:1a2f1990) job 1a2f1990 failed: {text}"
    assert fault_in({"management-server": [line]}, []) is None
    assert fault_in({}, [_doubt(text)]) is not None


def test_a_step_that_comes_through_when_done_again_did_not_fail_of_the_product() -> None:
    fault = fault_by_repetition([_doubt(again=False), _doubt(), _doubt(again=True)])
    assert fault is not None
    assert "came through when it was done again" in fault.says
    assert fault_by_repetition([_doubt(again=False), _doubt()]) is None


_CAME = "2026-01-01 DEBUG (logid:{}) Processing command: scale i-2-3-VM"


@pytest.mark.parametrize(
    ("lines", "is_fault"),
    [
        ([], False),
        ([_CAME.format("22222222")], True),
        ([_CAME.format("22222222"), _CAME.format("1a2f1990")], False),
    ],
    ids=["a log without any line of the case's jobs", "a line of another job only", "a line of the job"],
)
def test_a_job_of_which_no_agents_log_has_a_line_did_not_come_to_one(lines: list[str], is_fault: bool) -> None:
    assert (fault_by_silence({"agent-kvm1": lines}, [_doubt()]) is not None) is is_fault


def test_a_job_that_failed_with_a_text_of_the_servers_own_need_not_come_to_an_agent() -> None:
    doubt = replace(_doubt(), by_agent=False)
    assert fault_by_silence({"agent-kvm1": [_CAME.format("22222222")]}, [doubt]) is None
