"""What a fresh cloud has to choose from, and changes of it: disk offerings, network offerings, networks."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from harness.lab.management import limits
from harness.lab.management.access import check_offering
from harness.lab.management.errors import InvalidValueError, OperationFailedError
from harness.lab.management.model import Account
from harness.lab.management.records import DiskOffering, GuestType, Network, NetworkOffering, Template
from harness.lab.management.resources import Resource

if TYPE_CHECKING:
    from harness.lab.management.state import CloudState

# storage.max.volume.size
_LARGEST_GIB = 2000
_SOURCE_NAT = ("Dhcp", "Dns", "Firewall", "Lb", "PortForwarding", "SourceNat", "StaticNat", "UserData", "Vpn")


@dataclass(frozen=True)
class Seeds:
    templates: tuple[Template, ...]
    network_offerings: tuple[NetworkOffering, ...]
    networks: tuple[Network, ...]
    disk_offerings: tuple[DiskOffering, ...]


def seeds(account_id: str, created: datetime) -> Seeds:
    """The lab's templates and its network, and the offerings that every new CloudStack has."""
    own = NetworkOffering(
        _id(), "lab-l2-network-offering", "lab-l2-network-offering", GuestType.L2, created, specify_vlan=True
    )
    defaults = (
        ("DefaultSharedNetworkOffering", GuestType.SHARED, True, ("Dhcp", "Dns", "UserData")),
        ("DefaultIsolatedNetworkOfferingWithSourceNatService", GuestType.ISOLATED, False, _SOURCE_NAT),
        ("DefaultL2NetworkOffering", GuestType.L2, False, ()),
        ("DefaultL2NetworkOfferingVlan", GuestType.L2, True, ()),
    )
    more = tuple(
        NetworkOffering(_id(), name, name, kind, created, is_default=True, specify_vlan=vlan, services=services)
        for name, kind, vlan, services in defaults
    )
    disks = (("Small", 5), ("Medium", 20), ("Large", 100), ("Custom", None))
    return Seeds(
        templates=(
            Template(_id(), "lab-guest", "Lab guest that can be scaled live", True, created, account_id),
            Template(_id(), "lab-guest-unscalable", "Lab guest that cannot be scaled live", False, created, account_id),
        ),
        network_offerings=(own, *more),
        networks=(Network(_id(), "lab-net", own.id, created, account_id, "lab-net", for_all=True),),
        disk_offerings=tuple(
            DiskOffering(_id(), name, f"{name} Disk, {f'{size} GB' if size else 'custom size'}", created, size)
            for name, size in disks
        ),
    )


def add_disk_offering(
    state: CloudState,
    name: str,
    display_text: str,
    size_gib: int | None,
    *,
    customized: bool,
    storage_type: str,
    tags: str,
    encrypted: bool,
    domain_ids: Sequence[str],
    other: Mapping[str, object],
) -> DiskOffering:
    """Source: ConfigurationManagerImpl.createDiskOffering. Raises InvalidValueError."""
    if not customized and size_gib is None:
        raise InvalidValueError("Disksize is required for a non-customized disk offering")
    if size_gib is not None and size_gib <= 0:
        raise InvalidValueError("Please specify a disk size of at least 1 Gb.")
    if size_gib is not None and size_gib > _LARGEST_GIB:
        raise InvalidValueError(f"The maximum size for a disk is {_LARGEST_GIB} Gb.")
    if storage_type not in ("local", "shared"):
        raise InvalidValueError(f"Invalid storage type {storage_type} specified, valid types are: 'local' and 'shared'")
    made = DiskOffering(
        id=_id(),
        name=name,
        display_text=display_text,
        created=state.clock.now(),
        size_gib=None if customized else size_gib,
        storage_type=storage_type,
        tags=tags,
        encrypted=encrypted,
        domain_ids=tuple(domain_ids),
        other=dict(other),
    )
    with state.lock:
        state.disk_offerings[made.id] = made
    return made


def add_network_offering(
    state: CloudState,
    name: str,
    display_text: str,
    guest_type: str,
    *,
    enabled: bool,
    specify_vlan: bool,
    availability: str,
    services: Sequence[str],
    domain_ids: Sequence[str],
) -> NetworkOffering:
    """Disabled unless told otherwise. Source: ConfigurationManagerImpl.createNetworkOffering."""
    kind = next((each for each in GuestType if each.lower() == guest_type.lower()), None)
    if kind is None:
        raise InvalidValueError('Invalid "type" parameter is given; can have Shared and Isolated values')
    made = NetworkOffering(
        _id(),
        name,
        display_text,
        kind,
        state.clock.now(),
        enabled=enabled,
        specify_vlan=specify_vlan,
        availability=availability,
        services=tuple(services),
        domain_ids=tuple(domain_ids),
    )
    with state.lock:
        state.network_offerings[made.id] = made
    return made


def add_network(
    state: CloudState,
    owner: Account,
    offering_id: str,
    name: str,
    display_text: str,
    *,
    gateway: str,
    netmask: str,
    vlan: str,
    network_domain: str,
) -> Network:
    """A record; no host learns of it. Source: NetworkServiceImpl.createGuestNetwork.

    Raises:
        InvalidValueError: the offering is not enabled, or addresses or VLAN do not go with it.
        ResourceLimitError: the owner has as many networks as allowed.
    """
    offering = state.network_offerings[offering_id]
    if not offering.enabled:
        raise InvalidValueError(f"Can't use network offering id={offering.id} as its state is not Enabled")
    check_offering(state, owner, offering.domain_ids, f"Network offering {offering.name}")
    if vlan and not offering.specify_vlan:
        raise InvalidValueError("Cannot specify vlan id or vlan for network offering without specify vlan flag")
    if offering.guest_type is GuestType.SHARED and not (gateway and netmask):
        raise InvalidValueError("Parameter gateway and netmask are required for shared networks")
    if gateway or netmask:
        _check_addresses(gateway, netmask)
    elif offering.guest_type is GuestType.ISOLATED:
        gateway, netmask = "10.1.1.1", "255.255.255.0"
    made = Network(
        _id(),
        name,
        offering_id,
        state.clock.now(),
        owner.id,
        display_text,
        gateway=gateway,
        netmask=netmask,
        network_domain=network_domain,
        vlan=vlan or ("untagged" if offering.guest_type is GuestType.L2 else ""),
    )
    with state.lock:
        limits.check(state, owner, {Resource.NETWORK: 1})
        state.networks[made.id] = made
        state.resources.changed(owner.id, Resource.NETWORK, 1)
    return made


def _check_addresses(gateway: str, netmask: str) -> None:
    try:
        ipaddress.IPv4Network(f"{gateway}/{netmask}", strict=False)
    except ValueError:
        raise InvalidValueError("Invalid gateway, netmask or IP range is specified") from None


def remove_network(state: CloudState, network_id: str) -> None:
    """Raises OperationFailedError while instances have it. Source: NetworkOrchestrator.destroyNetwork."""
    with state.lock:
        if any(each.network_id == network_id for each in state.instances.values()):
            raise OperationFailedError("Failed to delete network")
        gone = state.networks.pop(network_id, None)
        state.removed_ids.add(network_id)
        if gone is not None and not gone.for_all:
            state.resources.changed(gone.account_id, Resource.NETWORK, -1)


def rename_network(state: CloudState, network_id: str, **fields: str | None) -> Network:
    """What is None stays."""
    with state.lock:
        given = {key: value for key, value in fields.items() if value is not None}
        changed = state.networks[network_id] = replace(state.networks[network_id], **given)  # type: ignore[arg-type]
        return changed


def _id() -> str:
    return str(uuid4())
