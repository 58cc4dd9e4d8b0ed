"""Live migration of a running instance, asked for by an API user or by a scale that lacks room."""

from __future__ import annotations

from harness.lab.hypervisor import HypervisorError
from harness.lab.management import allocation
from harness.lab.management.cloud import Cloud, rendered
from harness.lab.management.errors import InvalidValueError, OperationFailedError
from harness.lab.management.latency import Operation
from harness.lab.management.ledger import Amount
from harness.lab.management.model import InstanceRecord, ResourceState, State, size_in_force
from harness.reference.capacity import Host, destinations
from harness.reference.offering import Offering, Size


def suitable_hosts(cloud: Cloud, instance: InstanceRecord) -> tuple[Host, ...]:
    """Hosts of the same cluster that have room for the whole instance."""
    world = cloud.state.world()
    offering, size = _offering_and_size(cloud, instance)
    here = world.host(instance.host_id or "")
    return destinations(world.hosts, world.settings, here, size, offering.host_tags)


def migrate(cloud: Cloud, instance_id: str, host_id: str | None) -> None:
    """To `host_id`, or to the first suitable host. Source: UserVmManagerImpl.migrateVirtualMachine.

    Raises:
        InvalidValueError: the instance does not run, or the host cannot be its destination.
        OperationFailedError: no host will do, or the migration itself failed.
    """
    instance = cloud.state.instance(instance_id)
    if instance.state is not State.RUNNING or instance.host_id is None:
        raise InvalidValueError("VM is not Running, unable to migrate the vm with specified id")
    if host_id is None:
        suitable = suitable_hosts(cloud, instance)
        if not suitable:
            raise OperationFailedError(f"Unable to find suitable destination to migrate VM {instance.instance_name}")
        host_id = suitable[0].id
    if host_id == instance.host_id:
        raise InvalidValueError(
            "Cannot migrate VM, VM is already present on this host, "
            "please specify valid destination host to migrate the VM"
        )
    here, there = cloud.state.host(instance.host_id), cloud.state.host(host_id)
    resource_state = cloud.state.hosts[host_id].resource_state
    if not there.up or resource_state is not ResourceState.ENABLED:
        raise InvalidValueError(
            "Cannot migrate VM, destination host is not in correct state, has status: "
            f"{'Up' if there.up else 'Down'}, state: {resource_state}"
        )
    if here.cluster_id != there.cluster_id:
        raise OperationFailedError(
            "Source and destination host are not in same cluster and all volumes are not on zone wide primary store, "
            f"unable to migrate to host: {there.name}"
        )
    move(cloud, instance, there)


def move(cloud: Cloud, instance: InstanceRecord, there: Host) -> InstanceRecord:
    """Take a running instance, with the capacity of its present offering, to another host.

    Source: VirtualMachineManagerImpl.migrate, orchestrateMigrateForScale.

    Raises:
        OperationFailedError: no room there, or the migration failed; the instance runs where it ran.
    """
    state = cloud.state
    source_id = instance.host_id or ""
    _, size = _offering_and_size(cloud, instance)
    amount = Amount.of(size)
    settings = state.settings()
    domain = instance.domain and cloud.seams.domain_after_migration(settings, instance.domain, size, there)
    with state.lock:
        if not allocation.fits_now(state, there.id, size):
            raise OperationFailedError(f"Host does not have enough capacity for vm {rendered(instance)}")
        state.ledger.allocate(there.id, amount)
        # A migrating instance is listed on its destination, and counted on both hosts.
        moving = state.change(instance.id, state=State.MIGRATING, host_id=there.id, last_host_id=source_id)
    try:
        with cloud.pace.at_least(Operation.MIGRATE, instance.database_id):
            cloud.agents[source_id].migrate(
                instance.instance_name,
                cloud.agents[there.id],
                shares=domain.shares if domain else 0,
                seconds=cloud.patience.migrate_seconds,
            )
    except HypervisorError as failure:
        with state.lock:
            state.ledger.release(there.id, amount)
            state.change(instance.id, state=State.RUNNING, host_id=source_id, last_host_id=instance.last_host_id)
        state.alerts.raise_alert(
            "ALERT.USERVM.MIGRATE",
            f"Unable to migrate vm {instance.instance_name} from host {state.host(source_id).name} in zone "
            f"{state.zone.name} and pod {state.pod.name}",
        )
        raise OperationFailedError(f"Unable to migrate {rendered(moving)} due to [{failure}].") from failure
    with state.lock:
        state.ledger.release(source_id, amount)
        return state.change(instance.id, state=State.RUNNING, host_id=there.id, last_host_id=source_id, domain=domain)


def _offering_and_size(cloud: Cloud, instance: InstanceRecord) -> tuple[Offering, Size]:
    with cloud.state.lock:
        offering = cloud.state.offerings[instance.offering_id].offering
    return offering, size_in_force(offering, instance.details)
