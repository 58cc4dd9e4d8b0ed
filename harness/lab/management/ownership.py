"""An instance of one account becomes another's, with its volumes."""

from __future__ import annotations

from harness.lab.management import limits, volumes
from harness.lab.management.access import check_owner
from harness.lab.management.cloud import Cloud, rendered
from harness.lab.management.errors import InvalidValueError, PermissionDeniedError
from harness.lab.management.model import Account, InstanceRecord, Standing, State, User
from harness.lab.management.records import Network, Volume
from harness.lab.management.resources import Resource, of_instance
from harness.lab.management.state import GONE, CloudState
from harness.lab.management.templates import is_for


def assign(cloud: Cloud, instance: InstanceRecord, caller: User, account: Account, network_id: str | None) -> None:
    """Source: UserVmManagerImpl.moveVmToUser.

    Raises:
        InvalidValueError: the instance runs, or is the account's already, or there is no network for it.
        PermissionDeniedError: it is not the caller's to give, or the new owner may not use template or network.
        ResourceLimitError: the new owner would have more than allowed.
    """
    state = cloud.state
    with state.lock:
        _check(state, instance, account)
        check_owner(state, caller, instance.account_id)
        check_owner(state, caller, account.id)
        owner = state.user_for(caller, account.id)
        if not is_for(state, state.templates[instance.template_id], owner):
            raise PermissionDeniedError
        network = _network_for(state, instance, account, network_id)
        size = state.size_of(instance)
        data = [each for each in state.volumes.values() if each.instance_id == instance.id]
        limits.check(state, account, _with_volumes(of_instance(size), data))
        if instance.state not in GONE:
            state.resources.instance_went(instance.account_id, size)
            state.resources.instance_came(account.id, size)
        for volume in data:
            volumes.give(state, volume, account.id)
        state.change(instance.id, account_id=account.id, user_id=owner.id, network_id=network.id)


def _check(state: CloudState, instance: InstanceRecord, account: Account) -> None:
    if state.instance(instance.id).state is State.RUNNING:
        raise InvalidValueError(f"Unable to move VM [{rendered(instance)}] in [{State.RUNNING}] state.")
    if account.standing is Standing.DISABLED:
        raise InvalidValueError(f"The new account owner [{account.name}] is disabled.")
    if account.id == instance.account_id:
        raise InvalidValueError(f"The new account [{account.name}] is the same as the old account.")


def _network_for(state: CloudState, instance: InstanceRecord, account: Account, network_id: str | None) -> Network:
    """The one named, else the present one, else the first that the new owner may use."""
    wanted = [network_id] if network_id is not None else [instance.network_id, *state.networks]
    for each in wanted:
        network = state.networks.get(each)
        if network is not None and (network.for_all or network.account_id == account.id):
            return network
    if network_id is not None:
        raise PermissionDeniedError(f"Unable to use network with id= {network_id}, permission denied")
    raise InvalidValueError("Unable to find a network for the instance; please specify network id(s)")


def _with_volumes(amounts: dict[Resource, int], data: list[Volume]) -> dict[Resource, int]:
    return amounts | {
        Resource.VOLUME: amounts[Resource.VOLUME] + len(data),
        Resource.PRIMARY_STORAGE: amounts[Resource.PRIMARY_STORAGE] + sum(volume.size_bytes for volume in data),
    }
