"""Affinity groups and SSH key pairs that a request names."""

from __future__ import annotations

from harness.lab.api.command import Call
from harness.lab.management.access import check_owner
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.model import Account


def groups_meant(call: Call, owner_id: str) -> tuple[str, ...] | None:
    """Ids of the groups that a request names by id, or by name among the owner's; None where it names none.

    Source: BaseDeployVMCmd.getAffinityGroupIdList.

    Raises:
        InvalidValueError: names and ids at once, or a name that the owner has no group of.
    """
    ids, names, state = call.texts("affinitygroupids"), call.texts("affinitygroupnames"), call.cloud.state
    if ids is not None and names is not None:
        raise InvalidValueError("affinitygroupids parameter is mutually exclusive with affinitygroupnames parameter")
    if names is not None:
        own = {g.name: g.id for g in state.affinity_groups.values() if g.account_id == owner_id}
        missing = [name for name in names if name not in own]
        if missing:
            raise InvalidValueError(f"Unable to find affinity group by name {missing[0]}")
        ids = [own[name] for name in names]
    for each in ids or []:
        check_owner(state, call.user, state.affinity_groups[each].account_id)
    return None if ids is None else tuple(ids)


def key_pairs_meant(call: Call, owner: Account) -> str:
    """Names of the owner's key pairs, as an instance keeps them. Raises InvalidValueError."""
    names = call.texts("keypairs") or [name for name in [call.text("keypair")] if name]
    with call.cloud.state.lock:
        known = {each.name for each in call.cloud.state.key_pairs.values() if each.account_id == owner.id}
    if set(names) - known:
        raise InvalidValueError(f"Unable to find the ssh key pair(s) {', '.join(sorted(set(names) - known))}")
    return ",".join(names)
