"""Instances: list, deploy, start, stop, reboot, destroy, update, migrate; and their volumes."""

from __future__ import annotations

from collections.abc import Callable

from harness.lab.api import selection
from harness.lab.api.command import Answer, Begun, Call, Listing, Shown, Single, command
from harness.lab.api.named_records import groups_meant, key_pairs_meant
from harness.lab.api.scope import scope
from harness.lab.api.selection import Views, folded
from harness.lab.api.views import instances as views
from harness.lab.api.views import metrics
from harness.lab.management import lifecycle, migration, updates
from harness.lab.management.actions import Action, acting, on
from harness.lab.management.deploy import DeployRequest, create_instance
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.model import InstanceRecord, State
from harness.lab.management.state import GONE

# What all instances have in common, and may be asked for.
_ALIKE: Shown = {"hypervisor": "KVM", "displayvm": True}
_PAGE = "keyword:string page:integer pagesize:integer"


def shown(call: Call, instance_id: str) -> Shown:
    """An instance as it is now, in the caller's eyes."""
    return views.instance(call.cloud, call.cloud.state.instance(instance_id), for_admin=call.is_admin)


def begun(
    call: Call,
    instance: InstanceRecord,
    action: Action,
    scheduled: str,
    act: Callable[[], Shown | None],
    *,
    created: bool = False,
) -> Begun:
    """A job on an instance, whose result is the instance afterwards, or what `act` shows.

    Events tell that it is `scheduled`, in the command's own words, and how it goes.
    """

    def run() -> Result:
        with acting(call.cloud, action, instance, call.user):
            special = act()
        return {"virtualmachine": shown(call, instance.id)} if special is None else special

    return scheduled_work(call, instance, action.kind, scheduled, run, created=created)


def scheduled_work(
    call: Call,
    instance: InstanceRecord,
    kind: str,
    scheduled: str,
    run: Callable[[], Result],
    *,
    created: bool = False,
) -> Begun:
    """A job on an instance of which the event log tells that it is scheduled, as an event of this kind."""
    call.cloud.note(kind, scheduled, instance, call.user, state="Scheduled")
    return Begun(Work(instance.id, run, "VirtualMachine", instance.id), instance.id if created else None)


def _list(call: Call) -> Answer:
    return _listing(call, lambda _: {})


def _list_with_metrics(call: Call) -> Answer:
    return _listing(call, lambda record: metrics.of_instance(call.cloud, record))


def _listing(call: Call, more: Callable[[InstanceRecord], Shown]) -> Listing:
    """`more` is what is shown of each besides what is always."""
    wanted = frozenset(call.texts("details") or ["all"])
    unknown = wanted - views.DETAILS
    if unknown:
        raise InvalidValueError(
            "The details parameter contains a non permitted value. "
            f"The allowed values are [{', '.join(sorted(views.DETAILS))}]"
        )
    shows, state = scope(call), call.cloud.state
    only = call.text("id")
    with state.lock:
        there = state.instances.values() if only is None else filter(None, [state.instances.get(only)])
        records = [record for record in there if shows(record.account_id)]
    if not call.is_any_admin:
        records = [record for record in records if record.state is not State.DESTROYED]
    if not selection.by_fields(call, [_ALIKE], hypervisor="hypervisor", displayvm="displayvm"):
        records = []
    records = _filtered(call, records)
    # They are kept in the order in which they were made.
    records.reverse()
    for_admin = call.is_admin

    def show(record: InstanceRecord) -> Shown:
        return more(record) | views.instance(call.cloud, record, for_admin=for_admin, wanted=wanted)

    return Listing("virtualmachine", Views(records, show))


def _filtered(call: Call, records: list[InstanceRecord]) -> list[InstanceRecord]:
    ids, name, keyword = call.texts("ids"), call.text("name"), call.text("keyword")
    if ids is not None and call.text("id") is not None:
        raise InvalidValueError("Specify either id or ids but not both parameters")
    tags = call.pairs("tags")
    same = {
        "hostid": "host_id",
        "templateid": "template_id",
        "serviceofferingid": "offering_id",
        "isoid": "iso_id",
        "networkid": "network_id",
        "userid": "user_id",
    }
    for parameter, field in same.items():
        value = call.text(parameter)
        if value is not None:
            records = [record for record in records if getattr(record, field) == value]
    if ids is not None:
        records = [record for record in records if record.id in ids]
    if name is not None:
        records = [record for record in records if folded(name) in folded(record.name)]
    if keyword is not None:
        records = [record for record in records if _has(record, folded(keyword))]
    if tags:
        records = [r for r in records if all(r.tags.get(key) == value for key, value in tags.items())]
    cluster_id = call.text("clusterid")
    if cluster_id is not None:
        hosts = call.cloud.state.hosts
        records = [r for r in records if r.host_id is not None and hosts[r.host_id].cluster_id == cluster_id]
    return _in_state(records, call.text("state"))


def _has(record: InstanceRecord, keyword: str) -> bool:
    return any(keyword in folded(text) for text in (record.name, record.display_name, record.instance_name))


def _in_state(records: list[InstanceRecord], wanted: str | None) -> list[InstanceRecord]:
    if wanted is None:
        return records
    if wanted.lower() == "present":
        return [record for record in records if record.state not in GONE]
    return [record for record in records if record.state.value.lower() == wanted.lower()]


def _deploy(call: Call) -> Answer:
    state = call.cloud.state
    template_id = call.text("templateid")
    if template_id is None:
        raise InvalidValueError("Template ID or ISO ID must be specified")
    owner = call.owner()
    with state.lock:
        network_ids = call.texts("networkids") or [*state.networks]
    request = DeployRequest(
        offering_id=call.must("serviceofferingid"),
        template_id=template_id,
        network_id=next(iter(network_ids), ""),
        name=call.text("name"),
        display_name=call.text("displayname"),
        dynamic_scaling=call.flag("dynamicscalingenabled") is not False,
        details=tuple(call.merged("details").items()),
        account_id=owner.id,
        affinity_group_ids=groups_meant(call, owner.id) or (),
        key_pair=key_pairs_meant(call, owner),
    )
    instance = create_instance(call.cloud, request, call.user)
    action = on(instance, "VM.CREATE", "deploying Vm")
    if call.flag("startvm") is False:
        scheduled = f"deploying Vm. Vm Id: {instance.id}"
        return scheduled_work(
            call, instance, action.kind, scheduled, lambda: {"virtualmachine": shown(call, instance.id)}, created=True
        )
    host_id, cluster_id = call.text("hostid"), call.text("clusterid")
    return begun(
        call,
        instance,
        action,
        f"starting Vm. Vm Id: {instance.id}",
        lambda: lifecycle.deploy(call.cloud, instance.id, host_id, cluster_id),
        created=True,
    )


def _start(call: Call) -> Answer:
    instance = call.instance()
    host_id, cluster_id = call.text("hostid"), call.text("clusterid")
    return begun(
        call,
        instance,
        on(instance, "VM.START", "starting Vm"),
        f"starting user vm: {instance.id}",
        lambda: lifecycle.start(call.cloud, instance.id, host_id, cluster_id),
    )


def _stop(call: Call) -> Answer:
    instance, forced = call.instance(), call.flag("forced") or False
    return begun(
        call,
        instance,
        on(instance, "VM.STOP", "stopping Vm"),
        f"stopping user vm: {instance.id}",
        lambda: lifecycle.stop(call.cloud, instance.id, forced=forced),
    )


def _reboot(call: Call) -> Answer:
    instance, forced = call.instance(), call.flag("forced") or False
    return begun(
        call,
        instance,
        on(instance, "VM.REBOOT", "rebooting Vm"),
        f"rebooting user vm: {instance.id}",
        lambda: lifecycle.reboot(call.cloud, instance.id, forced=forced),
    )


def _destroy(call: Call) -> Answer:
    instance, expunge = call.instance(), call.flag("expunge") or False

    def act() -> Shown:
        gone = lifecycle.destroy(call.cloud, instance.id, expunge_too=expunge)
        return {"virtualmachine": views.instance(call.cloud, gone, for_admin=call.is_admin)}

    return begun(call, instance, on(instance, "VM.DESTROY", "destroying Vm"), f"destroying vm: {instance.id}", act)


def _expunge(call: Call) -> Answer:
    instance = call.instance()

    def act() -> Shown:
        lifecycle.expunge(call.cloud, instance.id)
        return {"success": True}

    return begun(call, instance, on(instance, "VM.EXPUNGE", "expunging Vm"), f"Expunging vm: {instance.id}", act)


def _update(call: Call) -> Answer:
    instance, details = call.instance(), call.merged("details")
    if call.flag("cleanupdetails"):
        details = {}
    with acting(call.cloud, on(instance, "VM.UPDATE", "updating Vm"), instance, call.user, in_job=False):
        record = updates.update_instance(
            call.cloud,
            instance.id,
            flag=call.flag("isdynamicallyscalable"),
            name=call.text("name"),
            display_name=call.text("displayname"),
            details=details if call.entries("details") or call.flag("cleanupdetails") else None,
        )
    return Single({"virtualmachine": views.instance(call.cloud, record, for_admin=call.is_admin)})


def _migrate(call: Call) -> Answer:
    instance, host_id = call.instance("virtualmachineid"), call.text("hostid")
    if host_id is None and not call.flag("autoselect"):
        raise InvalidValueError("Either hostId or storageId must be specified")
    scheduled, details = f"Attempting to migrate VM id: {instance.database_id}", ""
    if host_id is not None:
        number = call.cloud.state.hosts[host_id].database_id
        scheduled += f" to host Id: {number}"
        details = f"VM Id: {instance.database_id} to host Id: {number}"
    return begun(
        call,
        instance,
        Action("VM.MIGRATE", "migrating VM", details),
        scheduled,
        lambda: migration.migrate(call.cloud, instance.id, host_id),
    )


def _recover(call: Call) -> Answer:
    instance = call.instance()
    with acting(call.cloud, Action("VM.RECOVER", "Recovering VM"), instance, call.user, in_job=False):
        record = lifecycle.recover(call.cloud, instance.id)
    return Single({"virtualmachine": views.instance(call.cloud, record, for_admin=call.is_admin)})


def _list_nics(call: Call) -> Answer:
    shown = views.nics(call.cloud, call.instance("virtualmachineid"))
    found = selection.by_fields(call, shown, nicid="id", networkid="networkid")
    return Listing("nic", found)


COMMANDS = (
    command("listVirtualMachines", _list, "virtualmachine"),
    command("deployVirtualMachine", _deploy),
    command("startVirtualMachine", _start, "virtualmachine"),
    command("stopVirtualMachine", _stop, "virtualmachine"),
    command("rebootVirtualMachine", _reboot, "virtualmachine"),
    command("destroyVirtualMachine", _destroy, "virtualmachine"),
    command("expungeVirtualMachine", _expunge, "virtualmachine"),
    command("updateVirtualMachine", _update, "virtualmachine"),
    command("migrateVirtualMachine", _migrate),
    command("listVirtualMachinesMetrics", _list_with_metrics, "virtualmachine"),
    command("recoverVirtualMachine", _recover, "virtualmachine"),
    command("listNics", _list_nics),
)
