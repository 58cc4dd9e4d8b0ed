"""Affinity groups that a request names by id or by name."""

from __future__ import annotations

from harness.lab.api.command import Call
from harness.lab.management.access import check_owner
from harness.lab.management.errors import InvalidValueError


def groups_meant(call: Call) -> tuple[str, ...] | None:
    """Ids of the groups that a request names by id or by name, None where it names none. Raises InvalidValueError."""
    ids, names, state = call.texts("affinitygroupids"), call.texts("affinitygroupnames"), call.cloud.state
    if ids is not None and names is not None:
        raise InvalidValueError("affinitygroupids parameter is mutually exclusive with affinitygroupnames parameter")
    if names is not None:
        own = {g.name: g.id for g in state.affinity_groups.values() if g.account_id == call.user.account_id}
        missing = [name for name in names if name not in own]
        if missing:
            raise InvalidValueError(f"Unable to find affinity group by name {missing[0]}")
        ids = [own[name] for name in names]
    for each in ids or []:
        check_owner(state, call.user, state.affinity_groups[each].account_id)
    return None if ids is None else tuple(ids)
