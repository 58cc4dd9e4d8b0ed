"""Puts back what an earlier case of the run changed and could not put back, before another case meets it.

Whoever is in a place is there with nobody who changes it. So what is still changed there is of a case that is over.
"""

from __future__ import annotations

from collections.abc import Collection

from harness.errors import HarnessError
from harness.run.ledger import THE_RUN, Change, HostTagsChanged, Line, SettingChanged, TemplateFlagChanged
from harness.run.session import Session


class LeftBehindError(HarnessError):
    """A case would meet what an earlier one changed; the text says what, of which case, and why it stays."""


def require_put_back(session: Session, case_id: str, cluster_id: str, host_ids: Collection[str]) -> None:
    """Put it back where a case takes place that has begun; `host_ids` are the hosts of its cluster.

    Raises:
        LeftBehindError: it stays.
    """
    met = _met(session, case_id, cluster_id, host_ids)
    if not met:
        return
    stays: list[str] = []
    for owner in dict.fromkeys(line.case_id for line in met):
        stays += [f"{owner} left behind {told}" for told in session.take_back(owner)]
    if _met(session, case_id, cluster_id, host_ids):
        raise LeftBehindError("; ".join(stays))


def _met(session: Session, case_id: str, cluster_id: str, host_ids: Collection[str]) -> list[Line]:
    lines = session.ledger.unsettled()
    return [
        line
        for line in lines
        if line.case_id not in (THE_RUN, case_id) and _is_there(line.change, cluster_id, host_ids)
    ]


def _is_there(change: Change, cluster_id: str, host_ids: Collection[str]) -> bool:
    match change:
        case SettingChanged():
            return change.cluster_id in (None, cluster_id)
        case HostTagsChanged():
            return change.host_id in host_ids
        case TemplateFlagChanged():
            return True
        case _:
            return False
