"""Start, stop, reboot, destroy and expunge an instance; each is the body of a job."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace

from harness.errors import HarnessError
from harness.lab.agent.disks import DiskError
from harness.lab.agent.domain_xml import Hardware
from harness.lab.hypervisor import HypervisorError
from harness.lab.management import allocation, limits
from harness.lab.management.cloud import Cloud, rendered
from harness.lab.management.errors import InvalidValueError, NoCapacityError, OperationFailedError
from harness.lab.management.latency import Operation
from harness.lab.management.ledger import Amount
from harness.lab.management.model import InstanceRecord, State, size_in_force
from harness.lab.management.records import OS_NAME
from harness.lab.management.resources import of_instance
from harness.reference import settings as names
from harness.reference.capacity import Host
from harness.reference.domain import Domain
from harness.reference.offering import Offering, Size

_log = logging.getLogger(__name__)

_RESERVATION = "Message.ReservedCapacityFreed.Flag"


def deploy(cloud: Cloud, instance_id: str, host_id: str | None, cluster_id: str | None) -> None:
    """First start of a new instance; one that cannot start is left in state Error."""
    try:
        start(cloud, instance_id, host_id, cluster_id, Operation.DEPLOY)
    except HarnessError:
        with cloud.state.lock:
            failed = cloud.state.change(instance_id, state=State.ERROR, host_id=None)
            cloud.state.resources.instance_went(failed.account_id, cloud.state.size_of(failed))
        # The host is the one that was asked for by an old parameter of the method, which nobody gives.
        text = f"Failed to deploy Vm {rendered(failed)}, on Host null with Id: null"
        cloud.state.alerts.raise_alert("ALERT.USERVM", text)
        raise


def start(
    cloud: Cloud,
    instance_id: str,
    host_id: str | None,
    cluster_id: str | None,
    operation: Operation = Operation.START,
) -> None:
    """Start a stopped instance on the first host that has room and can; it takes the time of `operation`.

    Raises:
        InvalidValueError: it is running already, or gone.
        NoCapacityError: no host has room, or none that has could start it.
    """
    state = cloud.state
    instance = _existing(cloud, instance_id)
    if instance.state is State.RUNNING:
        raise InvalidValueError(f"The virtual machine {instance.id} ({instance.display_name}) is already running")
    if instance.state is not State.STOPPED:
        raise OperationFailedError(f"{rendered(instance)} is in state {instance.state} and cannot be started")
    with state.lock:
        offering = state.offerings[instance.offering_id].offering
    size = size_in_force(offering, instance.details)
    instance = state.change(instance_id, state=State.STARTING)
    try:
        hosts = allocation.hosts_for_start(state, instance, offering, size, host_id=host_id, cluster_id=cluster_id)
        start_on_one(cloud, instance, hosts, offering, size, operation)
    except (NoCapacityError, DiskError):
        state.change(instance_id, state=State.STOPPED)
        raise


def start_on_one(
    cloud: Cloud,
    instance: InstanceRecord,
    hosts: tuple[Host, ...],
    offering: Offering,
    size: Size,
    operation: Operation,
) -> None:
    cloud.disks.create(instance.volume_id)
    for host in hosts:
        from_reserved = host.id == instance.last_host_id
        with cloud.state.lock:
            # Another instance may have taken the room since the hosts were chosen.
            if not from_reserved and not allocation.fits_now(cloud.state, host.id, size):
                continue
            cloud.state.ledger.allocate(host.id, Amount.of(size), from_reserved=from_reserved)
            cloud.state.change(instance.id, host_id=host.id)
        domain = built_domain(cloud, instance, host, offering, size)
        try:
            with cloud.pace.at_least(operation, instance.database_id):
                cloud.agents[host.id].start(domain, hardware(cloud, instance, host.id))
        except HypervisorError as failure:
            _log.warning("%s cannot start on %s: %s", instance.instance_name, host.name, failure)
            with cloud.state.lock:
                cloud.state.ledger.release(host.id, Amount.of(size), keep_reserved=from_reserved)
                cloud.state.change(instance.id, host_id=None)
            continue
        details = {**instance.details, **_overcommit(cloud, host)}
        cloud.state.change(instance.id, state=State.RUNNING, last_host_id=host.id, domain=domain, details=details)
        return
    raise NoCapacityError(f"Unable to create a deployment for {rendered(instance)}")


def built_domain(cloud: Cloud, instance: InstanceRecord, host: Host, offering: Offering, size: Size) -> Domain:
    """The domain with which an instance starts on this host."""
    release, settings = cloud.state.release, cloud.state.settings()
    prepared = cloud.seams.is_prepared(
        release,
        flag=instance.flag,
        zone_setting=settings.flag(names.ENABLE_DYNAMIC_SCALE),
        custom_offering=offering.is_custom,
        template=cloud.state.templates[instance.template_id].dynamically_scalable,
    )
    return cloud.seams.domain_at_start(
        release, settings, host, offering, size, cpu_cap=instance.cpu_cap, prepared=prepared
    )


def hardware(cloud: Cloud, instance: InstanceRecord, host_id: str) -> Hardware:
    return Hardware(
        name=instance.instance_name,
        uuid=instance.id,
        os_name=OS_NAME,
        disk_path=cloud.disks.path(instance.volume_id),
        disk_uuid=instance.volume_id,
        mac=instance.mac,
        vnc_address=cloud.agents[host_id].address,
        # libvirt takes eight characters at most.
        vnc_password=secrets.token_hex(4),
    )


def _overcommit(cloud: Cloud, host: Host) -> dict[str, str]:
    """Details that an instance gets in an overcommitted cluster. Source: VirtualMachineManagerImpl.orchestrateStart."""
    settings = cloud.state.settings()
    cpu = settings.text(names.CPU_OVERCOMMIT, host.cluster_id)
    memory = settings.text(names.MEMORY_OVERCOMMIT, host.cluster_id)
    if float(cpu) > 1 or float(memory) > 1:
        return {"cpuOvercommitRatio": cpu, "memoryOvercommitRatio": memory}
    return {}


def stop(cloud: Cloud, instance_id: str, *, forced: bool) -> None:
    """Stop a running instance; one that is stopped already is fine. Its capacity stays reserved on its host."""
    instance = _existing(cloud, instance_id)
    if instance.state is State.STOPPED:
        return
    if instance.state is not State.RUNNING or instance.host_id is None:
        raise OperationFailedError(f"{rendered(instance)} is in state {instance.state} and cannot be stopped")
    agent = cloud.agent_of(instance)
    cloud.state.change(instance_id, state=State.STOPPING)
    try:
        with cloud.pace.at_least(Operation.STOP, instance.database_id):
            if forced:
                agent.destroy(instance.instance_name)
            else:
                agent.stop(instance.instance_name, seconds=cloud.patience.stop_seconds)
    except HypervisorError as failure:
        if not forced:
            cloud.state.change(instance_id, state=State.RUNNING)
            raise OperationFailedError("Failed to stop vm") from failure
        # As built: a forced stop reports Stopped even where the agent could not be reached.
        _log.warning("%s may still run on its host: %s", instance.instance_name, failure)
    settle_stopped(cloud, instance)


def settle_stopped(cloud: Cloud, instance: InstanceRecord) -> None:
    """The books after a domain has ended; `instance` is as it was when it ran."""
    with cloud.state.lock:
        host_id = instance.host_id or ""
        cloud.state.ledger.release(host_id, cloud.state.amount_of(instance), keep_reserved=True)
        cloud.state.change(
            instance.id,
            state=State.STOPPED,
            host_id=None,
            last_host_id=host_id,
            details={**cloud.state.instance(instance.id).details, _RESERVATION: "false"},
        )


def reboot(cloud: Cloud, instance_id: str, *, forced: bool) -> None:
    """Reboot inside the same domain, or with `forced` stop and start it."""
    instance = _existing(cloud, instance_id)
    if instance.state is not State.RUNNING:
        raise InvalidValueError(f"The VM {instance.id} ({instance.display_name}) is not running, unable to reboot it")
    if forced:
        stop(cloud, instance_id, forced=True)
        start(cloud, instance_id, instance.host_id, None)
    else:
        try:
            with cloud.pace.at_least(Operation.REBOOT, instance.database_id):
                cloud.agent_of(instance).reboot(instance.instance_name)
        except HypervisorError as failure:
            raise OperationFailedError("Failed to reboot vm instance") from failure


def destroy(cloud: Cloud, instance_id: str, *, expunge_too: bool) -> InstanceRecord:
    """Stop the instance if need be and give its capacity free; with `expunge_too` nothing of it stays."""
    instance = _existing(cloud, instance_id)
    if instance.state not in (State.DESTROYED, State.EXPUNGING):
        with cloud.pace.at_least(Operation.DESTROY, instance.database_id):
            if instance.state is State.RUNNING:
                stop(cloud, instance_id, forced=True)
        instance = cloud.state.instance(instance_id)
    if instance.state is State.STOPPED and instance.last_host_id is not None:
        with cloud.state.lock:
            cloud.state.ledger.release_reserved(instance.last_host_id, cloud.state.amount_of(instance))
    if instance.state not in (State.DESTROYED, State.EXPUNGING):
        with cloud.state.lock:
            if instance.state is not State.ERROR:
                cloud.state.resources.instance_went(instance.account_id, cloud.state.size_of(instance))
            instance = cloud.state.change(instance_id, state=State.DESTROYED)
    return expunge(cloud, instance_id) if expunge_too else instance


def recover(cloud: Cloud, instance_id: str) -> InstanceRecord:
    """Have a destroyed instance back, stopped. Source: UserVmManagerImpl.recoverVirtualMachine.

    Raises:
        InvalidValueError: it is not destroyed.
        ResourceLimitError: its owner has as much as allowed by now.
    """
    with cloud.state.lock:
        instance = _existing(cloud, instance_id)
        if instance.state is not State.DESTROYED:
            raise InvalidValueError(
                f"VM with id {instance.id} and name [{instance.name}] is not in the right state to be recovered."
            )
        account, size = cloud.state.account(instance.account_id), cloud.state.size_of(instance)
        limits.check(cloud.state, account, of_instance(size))
        cloud.state.resources.instance_came(account.id, size)
        return cloud.state.change(instance_id, state=State.STOPPED, host_id=None)


def expunge(cloud: Cloud, instance_id: str) -> InstanceRecord:
    """Remove a destroyed instance for good. Raises InvalidValueError for one that is not destroyed."""
    instance = _existing(cloud, instance_id)
    if instance.state not in (State.DESTROYED, State.EXPUNGING, State.ERROR):
        raise InvalidValueError(f"Please destroy Instance with ID: {instance.id} before expunging it")
    cloud.state.change(instance_id, state=State.EXPUNGING)
    try:
        cloud.disks.remove(instance.volume_id)
    except DiskError as failure:
        raise OperationFailedError(f"Failed to expunge vm {rendered(instance)}") from failure
    with cloud.state.lock:
        gone = replace(cloud.state.instances.pop(instance_id), state=State.EXPUNGING)
        cloud.state.removed_ids |= {gone.id, gone.volume_id}
        for volume in [each for each in cloud.state.volumes.values() if each.instance_id == instance_id]:
            # A data volume outlives its instance.
            cloud.state.volumes[volume.id] = replace(volume, instance_id=None, device_id=None, attached=None)
    return gone


def _existing(cloud: Cloud, instance_id: str) -> InstanceRecord:
    try:
        return cloud.state.instance(instance_id)
    except KeyError:
        raise InvalidValueError(f"Unable to find a virtual machine with id {instance_id}") from None
