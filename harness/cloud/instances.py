"""Deploys, scales, stops, starts and destroys instances, and reads them."""

from __future__ import annotations

from collections.abc import Callable

from harness.cloud.answers import require_same, text
from harness.cloud.client import ApiError, CloudApi
from harness.cloud.entities import InstanceRecord, read
from harness.cloud.jobs import Job, JobResult, begin_job, run_job
from harness.errors import HarnessError
from harness.reference.offering import CustomParameters

# Whether a host, by its name, has a domain of that name.
StillRuns = Callable[[str, str], bool]


class InstanceGoneError(HarnessError):
    """The API does not list an instance that must be there."""


class JobFailedError(HarnessError):
    """A job that only prepares a case failed; `job` says how."""

    def __init__(self, what: str, job: JobResult) -> None:
        self.job = job
        super().__init__(f"{what} failed: {job.code} {job.text}")


class DomainRunsOnError(HarnessError):
    """An instance is stopped for CloudStack, and its domain runs on: the host's agent was not reached."""

    def __init__(self, host_name: str, instance_name: str) -> None:
        self.host_name = host_name
        self.instance_name = instance_name
        super().__init__(
            f"CloudStack says that it is stopped, and its domain {instance_name} runs on on host {host_name}; "
            f"clean up again once the host's agent is connected, or end the domain there by virsh destroy"
        )


def get(api: CloudApi, instance_id: str) -> InstanceRecord:
    """Raises InstanceGoneError."""
    gone = InstanceGoneError(f"the API no longer lists instance {instance_id}")
    try:
        found = api.list("listVirtualMachines", "virtualmachine", id=instance_id, listall=True)
    except ApiError as refused:
        if refused.says_it_is_gone:
            raise gone from None
        raise
    if not found:
        raise gone
    return read(InstanceRecord, found[0])


def id_of(api: CloudApi, name: str) -> str | None:
    """The id of the instance of just that name, or None."""
    found = api.list("listVirtualMachines", "virtualmachine", name=name, listall=True)
    return next((text(part, "id") for part in found if part.get("name") == name), None)


def running(api: CloudApi) -> list[InstanceRecord]:
    """All instances that run, whoever's they are."""
    return _in_state(api, "Running")


def stopped(api: CloudApi) -> list[InstanceRecord]:
    """All instances that are stopped, whoever's they are."""
    return _in_state(api, "Stopped")


def _in_state(api: CloudApi, state: str) -> list[InstanceRecord]:
    found = api.list("listVirtualMachines", "virtualmachine", state=state, listall=True)
    return [read(InstanceRecord, part) for part in found]


def deploy(
    api: CloudApi,
    seconds: float,
    *,
    name: str,
    zone_id: str,
    template_id: str,
    network_id: str | None,
    offering_id: str,
    host_id: str | None,
    parameters: CustomParameters,
    dynamic_scaling: bool,
    on_created: Callable[[str], object],
    owner: tuple[str, str] | None = None,
) -> JobResult:
    """Start a deployment and wait for its end; `dynamic_scaling` is the requested flag (dynamicscalingenabled).

    `owner` is another account's name and account domain id. `on_created` is given the instance's id as soon as there
    is one: it stays, in state Error, where the job fails.
    """
    return run_job(
        api,
        "deployVirtualMachine",
        seconds,
        lambda begun: on_created(text(begun, "id")),
        name=name,
        displayname=name,
        zoneid=zone_id,
        templateid=template_id,
        networkids=network_id,
        serviceofferingid=offering_id,
        hostid=host_id,
        dynamicscalingenabled=dynamic_scaling,
        account=owner[0] if owner else None,
        domainid=owner[1] if owner else None,
        **_details(parameters),
    )


def begin_scale(api: CloudApi, instance_id: str, offering_id: str, parameters: CustomParameters) -> Job:
    """scaleVirtualMachine. Raises ApiError where the request is refused before a job exists."""
    return begin_job(api, "scaleVirtualMachine", id=instance_id, serviceofferingid=offering_id, **_details(parameters))


def begin_migration(api: CloudApi, instance_id: str, host_id: str) -> Job:
    """migrateVirtualMachine to this host. Raises ApiError where the request is refused before a job exists."""
    return begin_job(api, "migrateVirtualMachine", virtualmachineid=instance_id, hostid=host_id)


def migrate(api: CloudApi, seconds: float, instance_id: str, host_id: str) -> JobResult:
    """Migrate live to this host and wait for it. Raises ApiError, DeadlineExpired."""
    return begin_migration(api, instance_id, host_id).wait(seconds)


def stop(api: CloudApi, seconds: float, instance_id: str) -> JobResult:
    """Stop by force: an ordinary stop waits two minutes for a guest that does not answer the power button."""
    return run_job(api, "stopVirtualMachine", seconds, id=instance_id, forced=True)


def start(api: CloudApi, seconds: float, instance_id: str) -> JobResult:
    """Start on whichever host CloudStack chooses."""
    return run_job(api, "startVirtualMachine", seconds, id=instance_id)


def set_dynamic_scaling(api: CloudApi, instance_id: str, on: bool) -> None:
    """updateVirtualMachine isdynamicallyscalable. Raises ApiError, and ApiAnswerError for another instance's answer."""
    answer = api.call("updateVirtualMachine", id=instance_id, isdynamicallyscalable=on)
    require_same("updateVirtualMachine", answer.get("virtualmachine"), {"id": instance_id})


def destroy(
    api: CloudApi,
    seconds: float,
    instance_id: str,
    still_runs: StillRuns | None = None,
    ran_on: tuple[str, str] | None = None,
) -> None:
    """Stop by force, destroy and expunge.

    One that is gone already is as good as destroyed. A forced stop says Stopped also where the host's agent was not
    reached. So `still_runs` looks, and what runs on is not destroyed: nobody would know of its domain any more.
    `ran_on` are host and domain of one that was stopped before; it may have been started elsewhere since.
    Source: VirtualMachineManagerImpl.advanceStop with cleanUpEvenIfUnableToStop.

    Raises:
        JobFailedError: CloudStack could not destroy it.
        DomainRunsOnError: it is stopped for CloudStack alone.
    """
    try:
        there = get(api, instance_id)
    except InstanceGoneError:
        return
    places = [] if ran_on is None else [ran_on]
    if there.state == "Running":
        stopped = stop(api, seconds, instance_id)
        if not stopped.succeeded:
            raise JobFailedError(f"forced stop of instance {instance_id}", stopped)
        if there.host_name is not None:
            places.append((there.host_name, there.instance_name))
    for place in dict.fromkeys(places):
        if still_runs is not None and still_runs(*place):
            raise DomainRunsOnError(*place)
    job = run_job(api, "destroyVirtualMachine", seconds, id=instance_id, expunge=True)
    if not job.succeeded:
        raise JobFailedError(f"destroying instance {instance_id}", job)


def _details(parameters: CustomParameters) -> dict[str, str]:
    given = {"cpuNumber": parameters.cpus, "cpuSpeed": parameters.speed_mhz, "memory": parameters.memory_mib}
    return {f"details[0].{name}": value for name, value in given.items() if value is not None}
