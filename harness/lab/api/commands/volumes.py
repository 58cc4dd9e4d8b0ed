"""Volumes: root volumes with their instances, data volumes as records."""

from __future__ import annotations

from collections.abc import Callable

from harness.lab.api import selection
from harness.lab.api.command import DONE, Answer, Begun, Call, Shown, command
from harness.lab.api.scope import scope
from harness.lab.api.views import instances, metrics, records
from harness.lab.management import volumes
from harness.lab.management.access import check_owner
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.records import Volume


def _seen(call: Call) -> list[Shown]:
    shows, state = scope(call), call.cloud.state
    with state.lock:
        roots = [instances.volume(call.cloud, each) for each in state.instances.values() if shows(each.account_id)]
        return roots + [records.volume(call.cloud, each) for each in state.volumes.values() if shows(each.account_id)]


def _seen_with_metrics(call: Call) -> list[Shown]:
    return [{**shown, **metrics.of_volume(int(str(shown["size"])))} for shown in _seen(call)]


def _mine(call: Call) -> Volume:
    """The data volume that the request names. Raises PermissionDeniedError for another account's."""
    state = call.cloud.state
    with state.lock:
        volume = state.volumes.get(call.text("id") or "")
        if volume is None and "virtualmachineid" in call.arguments and "deviceid" in call.arguments:
            there = (call.must("virtualmachineid"), call.integer("deviceid"))
            volume = next((v for v in state.volumes.values() if (v.instance_id, v.device_id) == there), None)
    if volume is None:
        raise InvalidValueError("Please specify a data volume.")
    check_owner(state, call.user, volume.account_id)
    return volume


def _begun(call: Call, volume: Volume, act: Callable[[], object], *, created: bool = False) -> Begun:
    """A job on a volume, whose result is the volume afterwards."""

    def run() -> Result:
        act()
        return {"volume": records.volume(call.cloud, call.cloud.state.volumes[volume.id])}

    line = volume.instance_id or call.text("virtualmachineid") or volume.id
    return Begun(Work(line, run, "Volume", volume.id), volume.id if created else None)


def _create(call: Call) -> Answer:
    offering_id, instance_id = call.text("diskofferingid"), call.text("virtualmachineid")
    if offering_id is None:
        raise InvalidValueError("At least one of disk Offering ID or snapshot ID must be passed whilst creating volume")
    volume = volumes.create(call.cloud, call.owner(), offering_id, call.text("name"), call.integer("size"))

    def attached() -> None:
        if instance_id is not None:
            volumes.attach(call.cloud, volume.id, instance_id, None)

    return _begun(call, volume, attached, created=True)


def _attach(call: Call) -> Answer:
    volume, instance = _mine(call), call.instance("virtualmachineid")
    device_id = call.integer("deviceid")
    return _begun(call, volume, lambda: volumes.attach(call.cloud, volume.id, instance.id, device_id))


def _detach(call: Call) -> Answer:
    volume = _mine(call)
    return _begun(call, volume, lambda: volumes.detach(call.cloud, volume.id))


def _resize(call: Call) -> Answer:
    volume, offering_id, size = _mine(call), call.text("diskofferingid"), call.integer("size")
    may_shrink = call.flag("shrinkok") or False
    return _begun(call, volume, lambda: volumes.resize(call.cloud, volume.id, offering_id, size, may_shrink=may_shrink))


def _update(call: Call) -> Answer:
    volume, name = _mine(call), call.text("name")

    def rename() -> None:
        if name:
            volumes.rename(call.cloud, volume.id, name)

    return _begun(call, volume, rename)


def _delete(call: Call) -> Answer:
    volumes.delete(call.cloud, _mine(call).id)
    return DONE


def _destroy(call: Call) -> Answer:
    """As deleteVolume; nothing is kept to be recovered."""
    volume = _mine(call)

    def run() -> Result:
        shown = records.volume(call.cloud, volume)
        volumes.delete(call.cloud, volume.id)
        return {"volume": {**shown, "state": "Expunged"}}

    return Begun(Work(volume.id, run, "Volume", volume.id))


_FIELDS = "id name type state virtualmachineid clusterid podid zoneid diskofferingid serviceofferingid storageid"

COMMANDS = (
    command("listVolumes", selection.listing("volume", _seen, _FIELDS), "volume"),
    command("listVolumesMetrics", selection.listing("volume", _seen_with_metrics, _FIELDS), "volume"),
    command("createVolume", _create),
    command("attachVolume", _attach, "volume"),
    command("detachVolume", _detach, "volume"),
    command("resizeVolume", _resize, "volume"),
    command("updateVolume", _update, "volume"),
    command("deleteVolume", _delete, "volume"),
    command("destroyVolume", _destroy, "volume"),
)
