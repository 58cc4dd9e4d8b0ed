"""Defects of jobs, of the database and of what the API shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.lab.api.command import Answer, Begun, Call, Listing, Shown
from harness.lab.defects.defect import Defect, Part, Sign, api
from harness.lab.management.errors import ApiError, OperationFailedError
from harness.lab.management.model import InstanceRecord, State
from harness.lab.seams import Seams

Result = dict[str, object]
Doing = Callable[[Call, Callable[[], Result]], Result]
Showing = Callable[[Call, Shown], Shown]

_SCALE = "scaleVirtualMachine"


def _job(name: str, says: str, part: Part, sections: str, story: str, sign: Sign, doing: Doing) -> Defect:
    """A scale's job runs otherwise; `doing` is given the call and the job's own work."""

    def answer(command: str, call: Call, respond: Callable[[Call], Answer]) -> Answer:
        given = respond(call)
        if command != _SCALE or not isinstance(given, Begun):
            return given
        work = given.work
        return replace(given, work=replace(work, run=lambda: doing(call, work.run)))

    return Defect(name, says, part, sections, story, sign, Seams(answer=answer))


def _shown(name: str, says: str, sections: str, story: str, sign: Sign, showing: Showing) -> Defect:
    """listVirtualMachines shows its instances otherwise."""

    def answer(command: str, call: Call, respond: Callable[[Call], Answer]) -> Answer:
        given = respond(call)
        if command != "listVirtualMachines" or not isinstance(given, Listing):
            return given
        return replace(given, items=[showing(call, item) for item in given.items])

    return Defect(name, says, Part.API, sections, story, sign, Seams(answer=answer))


def _record(call: Call) -> InstanceRecord:
    return call.cloud.state.instance(call.must("id"))


def _success_for_failure(call: Call, run: Callable[[], Result]) -> Result:
    try:
        return run()
    except ApiError:
        return {"virtualmachine": {"id": call.must("id")}}


def _failure_for_success(_call: Call, run: Callable[[], Result]) -> Result:
    run()
    raise OperationFailedError("Unable to reconfigure VM.")


def _nothing(call: Call, run: Callable[[], Result]) -> Result:
    """The job succeeds, and nothing was done."""
    del run
    return {"virtualmachine": {"id": call.must("id")}}


def _database_ahead(call: Call, run: Callable[[], Result]) -> Result:
    try:
        return run()
    except ApiError:
        call.cloud.state.change(call.must("id"), offering_id=call.must("serviceofferingid"))
        raise


def _database_behind(call: Call, run: Callable[[], Result]) -> Result:
    before = _record(call)
    result = run()
    call.cloud.state.change(before.id, offering_id=before.offering_id, details=before.details)
    return result


def _restored_on_failure(call: Call, run: Callable[[], Result]) -> Result:
    """A failed scale stops the instance."""
    try:
        return run()
    except ApiError:
        call.cloud.state.change(call.must("id"), state=State.STOPPED)
        raise


def _stuck(call: Call, run: Callable[[], Result]) -> Result:
    before = _record(call)
    result = run()
    if _record(call).host_id != before.host_id:
        call.cloud.state.change(before.id, state=State.MIGRATING)
    return result


def _host_stays(call: Call, run: Callable[[], Result]) -> Result:
    before = _record(call)
    result = run()
    call.cloud.state.change(before.id, host_id=before.host_id)
    return result


def _cap_forgotten(call: Call, run: Callable[[], Result]) -> Result:
    """The database keeps the cap of the deployment, so that the next scale compares with that."""
    before = _record(call)
    result = run()
    call.cloud.state.change(before.id, cpu_cap=before.cpu_cap)
    return result


def _agent_text(_call: Call, run: Callable[[], Result]) -> Result:
    try:
        return run()
    except OperationFailedError as failure:
        raise OperationFailedError(f"Resource [Host:1] is unreachable: {failure}") from failure


def _with(field: str, change: Callable[[object], object]) -> Showing:
    return lambda _call, shown: {**shown, field: change(shown[field])} if field in shown else shown


def _number(change: Callable[[int], int]) -> Callable[[object], object]:
    return lambda value: change(value) if isinstance(value, int) else value


ANSWERS = (
    _job(
        "job-hides-failure",
        "A failed scale's job says success.",
        Part.MANAGEMENT,
        "NEG,LIM",
        "The outer job does not look at the outcome of the inner one.",
        api("job"),
        _success_for_failure,
    ),
    _job(
        "job-denies-success",
        "A successful scale's job says failure.",
        Part.MANAGEMENT,
        "LS",
        "The answer of the agent is read from the wrong field.",
        api("job"),
        _failure_for_success,
    ),
    _job(
        "job-does-nothing",
        "A scale's job says success and nothing was done.",
        Part.MANAGEMENT,
        "LS",
        "The inner job is never scheduled.",
        api("service offering", "job"),
        _nothing,
    ),
    _job(
        "database-ahead",
        "The offering is changed in the database although the scale failed.",
        Part.MANAGEMENT,
        "NEG,LIM",
        "The transaction is committed before the agent is asked.",
        api("service offering"),
        _database_ahead,
    ),
    _job(
        "database-behind",
        "The offering is not changed in the database although the domain was scaled.",
        Part.MANAGEMENT,
        "LS",
        "The transaction is rolled back by a later step.",
        api("service offering"),
        _database_behind,
    ),
    _job(
        "stopped-by-failure",
        "A refused scale leaves the instance Stopped in the database.",
        Part.MANAGEMENT,
        "NEG",
        "The clean-up of a failed start is used.",
        api("state"),
        _restored_on_failure,
    ),
    _job(
        "stuck-in-migration",
        "An instance that was migrated for its scale stays in state Migrating.",
        Part.MANAGEMENT,
        "MIG",
        "The state machine's event is sent before the migration ends.",
        api("state"),
        _stuck,
    ),
    _job(
        "host-not-updated",
        "An instance that was migrated for its scale is still shown on its old host.",
        Part.MANAGEMENT,
        "MIG",
        "host_id is written by the thread that loses the race.",
        api("host"),
        _host_stays,
    ),
    _job(
        "cap-of-before-kept",
        "The database keeps the CPU cap of before a scale, so that the next scale compares with that.",
        Part.MANAGEMENT,
        "CAP",
        "The column is written by a query that runs before the new offering is set.",
        api("job"),
        _cap_forgotten,
    ),
    _job(
        "agents-text-shown",
        "A failure of the agent is told in the agent's words.",
        Part.MANAGEMENT,
        "LIM",
        "The exception is passed on as it is.",
        api("job"),
        _agent_text,
    ),
    _shown(
        "shown-vcpus-stale",
        "listVirtualMachines shows one vCPU whatever the instance has.",
        "XML,LS",
        "The view's column is the template's default.",
        api("vCPUs"),
        _with("cpunumber", lambda _value: 1),
    ),
    _shown(
        "shown-memory-in-bytes",
        "listVirtualMachines shows memory in bytes.",
        "XML,LS",
        "A conversion was moved from the response to the client.",
        api("memory in MiB"),
        _with("memory", _number(lambda value: value << 20)),
    ),
    _shown(
        "shown-speed-of-all-vcpus",
        "listVirtualMachines shows the speed of all vCPUs together.",
        "LS,XML",
        "Speed is multiplied for the usage report, in place.",
        api("speed in MHz"),
        lambda _call, shown: {**shown, "cpuspeed": _product(shown)} if "cpuspeed" in shown else shown,
    ),
    _shown(
        "shown-flag-inverted",
        "listVirtualMachines shows the instance flag inverted.",
        "XML",
        "The column means that scaling is off.",
        api("instance flag"),
        _with("isdynamicallyscalable", lambda value: not value),
    ),
    _shown(
        "shown-by-old-parameters",
        "listVirtualMachines shows the custom parameters of before where the offering is fixed now.",
        "LS",
        "They stay with the instance, and the view prefers them to the offering.",
        api("vCPUs", "memory in MiB"),
        lambda _call, shown: _by_parameters(shown),
    ),
    _shown(
        "shown-host-of-the-start",
        "listVirtualMachines shows the host on which the instance ran before.",
        "MIG",
        "last_host_id stands where host_id is meant.",
        api("host", "job"),
        lambda call, shown: _last_host(call, shown),
    ),
)


def _product(shown: Shown) -> int:
    return int(str(shown["cpuspeed"])) * int(str(shown.get("cpunumber", 1)))


def _by_parameters(shown: Shown) -> Shown:
    details = shown.get("details")
    if not isinstance(details, dict):
        return shown
    saved = {
        field: details[name] for field, name in (("cpunumber", "cpuNumber"), ("memory", "memory")) if name in details
    }
    return {**shown, **{field: int(value) for field, value in saved.items()}}


def _last_host(call: Call, shown: Shown) -> Shown:
    state = call.cloud.state
    host = state.hosts.get(state.instance(str(shown["id"])).last_host_id or "")
    return shown if host is None else {**shown, "hostid": host.id, "hostname": host.name}
