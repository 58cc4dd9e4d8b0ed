"""Data volumes: records that are attached to instances and detached, and count against limits."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from harness.lab.management import limits
from harness.lab.management.access import check_offering
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.model import Account, State
from harness.lab.management.records import Volume
from harness.lab.management.resources import GIB, Resource
from harness.lab.management.state import CloudState

# The root volume is device 0; 3 is kept for the CD drive.
_DEVICES = (1, 2, *range(4, 16))


def create(cloud: Cloud, owner: Account, offering_id: str, name: str | None, size_gib: int | None) -> Volume:
    """Source: VolumeApiServiceImpl.allocVolume.

    Raises:
        InvalidValueError: a size that the offering does not allow.
        ResourceLimitError: the owner may not have as much.
    """
    state, volume_id = cloud.state, str(uuid4())
    size = _size(state, offering_id, size_gib)
    offering = state.disk_offerings[offering_id]
    check_offering(state, owner, offering.domain_ids, f"Disk offering {offering.name}")
    volume = Volume(volume_id, name or f"DATA-{volume_id}", owner.id, offering_id, size, state.clock.now())
    with state.lock:
        limits.check(state, owner, {Resource.VOLUME: 1, Resource.PRIMARY_STORAGE: size})
        state.volumes[volume.id] = volume
        _count(state, volume, 1, size)
    return volume


def attach(cloud: Cloud, volume_id: str, instance_id: str, device_id: int | None) -> Volume:
    """Source: VolumeApiServiceImpl.attachVolumeToVM. Raises InvalidValueError."""
    state = cloud.state
    with state.lock:
        volume = _existing(state, volume_id)
        if volume.instance_id is not None:
            raise InvalidValueError("Please specify a volume that is not attached to any VM.")
        instance = state.instances.get(instance_id)
        if instance is None or instance.state not in (State.RUNNING, State.STOPPED):
            raise InvalidValueError("Please specify a VM that is either running or stopped.")
        taken = {each.device_id for each in state.volumes.values() if each.instance_id == instance_id}
        if device_id is None:
            device_id = next((each for each in _DEVICES if each not in taken), None)
            if device_id is None:
                raise InvalidValueError("The specified VM already has the maximum number of data disks (14) attached.")
        elif device_id not in _DEVICES or device_id in taken:
            raise InvalidValueError(f"deviceId {device_id} is used by vm {instance_id}")
        return _changed(
            state, volume, instance_id=instance_id, device_id=device_id, attached=state.clock.now(), was_attached=True
        )


def give(state: CloudState, volume: Volume, account_id: str) -> None:
    """Make a volume another account's. The lock of the state is held."""
    _count(state, volume, -1, -volume.size_bytes)
    _count(state, _changed(state, volume, account_id=account_id), 1, volume.size_bytes)


def detach(cloud: Cloud, volume_id: str) -> Volume:
    """Source: VolumeApiServiceImpl.detachVolumeFromVM. Raises InvalidValueError."""
    with cloud.state.lock:
        volume = _existing(cloud.state, volume_id)
        if volume.instance_id is None:
            raise InvalidValueError("The specified volume is not attached to a VM.")
        return _changed(cloud.state, volume, instance_id=None, device_id=None, attached=None)


def resize(cloud: Cloud, volume_id: str, offering_id: str | None, size_gib: int | None, *, may_shrink: bool) -> Volume:
    """Source: VolumeApiServiceImpl.resizeVolume. Raises InvalidValueError, ResourceLimitError."""
    state = cloud.state
    with state.lock:
        volume = _existing(state, volume_id)
        offering_id = offering_id or volume.offering_id
        size = _size(state, offering_id, size_gib)
        if size < volume.size_bytes and not may_shrink:
            raise InvalidValueError(
                f"Going from existing size of {volume.size_bytes} to size of {size} would shrink the volume.Need to "
                "sign off by supplying the shrinkok parameter with value of true."
            )
        limits.check(
            state, state.account(volume.account_id), {Resource.PRIMARY_STORAGE: max(0, size - volume.size_bytes)}
        )
        _count(state, volume, 0, size - volume.size_bytes)
        return _changed(state, volume, size_bytes=size, offering_id=offering_id)


def rename(cloud: Cloud, volume_id: str, name: str) -> None:
    with cloud.state.lock:
        _changed(cloud.state, _existing(cloud.state, volume_id), name=name)


def delete(cloud: Cloud, volume_id: str) -> None:
    """Raises InvalidValueError while it is attached. Source: VolumeApiServiceImpl.deleteVolume."""
    with cloud.state.lock:
        volume = _existing(cloud.state, volume_id)
        if volume.instance_id is not None:
            raise InvalidValueError("Please specify a volume that is not attached to any VM.")
        forget(cloud.state, volume)


def forget(state: CloudState, volume: Volume) -> None:
    """The lock of the state is held."""
    del state.volumes[volume.id]
    state.removed_ids.add(volume.id)
    state.tags.pop(volume.id, None)
    _count(state, volume, -1, -volume.size_bytes)


def _size(state: CloudState, offering_id: str, size_gib: int | None) -> int:
    """In bytes, as the offering has it or the request gives it."""
    offering = state.disk_offerings.get(offering_id)
    if offering is None or not offering.active:
        raise InvalidValueError("Please specify a valid disk offering.")
    wanted = size_gib if offering.size_gib is None else offering.size_gib
    if wanted is None:
        raise InvalidValueError("This disk offering requires a custom size specified")
    if not 1 <= wanted <= 1024:
        raise InvalidValueError(f"Volume size: {wanted}GB is out of allowed range. Min: 1. Max: 1024")
    return wanted * GIB


def _existing(state: CloudState, volume_id: str) -> Volume:
    if volume_id not in state.volumes:
        # A root volume, or one that went since the parameters were read.
        raise InvalidValueError("Please specify a data volume.")
    return state.volumes[volume_id]


def _changed(state: CloudState, volume: Volume, **fields: object) -> Volume:
    changed = state.volumes[volume.id] = replace(volume, **fields)  # type: ignore[arg-type]
    return changed


def _count(state: CloudState, volume: Volume, number: int, size: int) -> None:
    state.resources.changed(volume.account_id, Resource.VOLUME, number)
    state.resources.changed(volume.account_id, Resource.PRIMARY_STORAGE, size)
