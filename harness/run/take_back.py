"""Takes back what a ledger says was done, last first, carrying on past failures; safe to repeat."""

from __future__ import annotations

import os
from collections.abc import Callable

from harness.cloud import accounts, configuration, infrastructure, instances, kinds, networks, offerings
from harness.cloud.client import CloudApi
from harness.cloud.configuration import Place
from harness.cloud.instances import DomainRunsOnError, StillRuns
from harness.errors import HarnessError
from harness.reference.settings import is_same_value, tags_in
from harness.run import zone_lock
from harness.run.ledger import (
    AccountMade,
    Change,
    HostTagsChanged,
    InstanceMade,
    Ledger,
    LedgerError,
    LockTaken,
    NetworkMade,
    OfferingMade,
    SettingChanged,
    TemplateFlagChanged,
    ThingMade,
)


class ChangedByOthersError(HarnessError):
    """Something is neither as the run left it nor as it was before: somebody else has a hand in it."""


class NotPutBackError(HarnessError):
    """A setting is not as it was before, though the cloud answered that it is."""


class StillNeededError(HarnessError):
    """Something is kept because something else of the run that stayed is in it."""


class PerhapsMadeError(HarnessError):
    """The answer to a request did not come, and what it made cannot be told from what others have."""


def take_back(
    api: CloudApi,
    job_seconds: float,
    ledger: Ledger,
    case_id: str | None = None,
    still_runs: StillRuns | None = None,
    said: Callable[[Change, int], object] | None = None,
) -> list[str]:
    """Take back everything that is unsettled, of one case or of all; returns a line for each thing that stayed.

    `still_runs` tells whether a host has a domain; without it CloudStack's word is taken that an instance is stopped.
    `said` hears of each thing before it is taken back, and how many there are from it on.
    """
    failures: list[str] = []
    running_on = 0
    lines = ledger.unsettled(case_id)
    for number, line in enumerate(lines):
        if said is not None:
            said(line.change, len(lines) - number)
        try:
            if running_on and isinstance(line.change, AccountMade | NetworkMade):
                # CloudStack would destroy with it what must stay known to it.
                raise StillNeededError(f"kept, since {running_on} instances whose domains run on are in it")
            _undo(api, job_seconds, line.change, still_runs)
        except Exception as failure:  # noqa: BLE001 - a mistake of ours in one thing must not leave all that follow
            told = failure if isinstance(failure, HarnessError) else repr(failure)
            failures.append(f"{line.change}: {told}")
            if isinstance(failure, DomainRunsOnError) and isinstance(line.change, InstanceMade):
                running_on += 1
                there = failure.host_name, failure.instance_name
                ledger.amend(line.number, line.change.model_copy(update={"runs_on": there}))
            continue
        try:
            ledger.settle(line.number)
        except LedgerError as failure:
            # To take it back once more does no harm; to leave what follows would.
            failures.append(f"{line.change}: taken back, which could not be written down: {failure}")
    return failures if case_id is not None else failures + _offerings_left_after_all(api, ledger)


def _offerings_left_after_all(api: CloudApi, ledger: Ledger) -> list[str]:
    """A line for each offering that is there though its removal was answered, as by a cache; it is removed once more.

    One list for all that the run made. What goes by a job, or has a value, is looked at when it is taken back.
    """
    removed = {line.change.name: line for line in ledger.settled() if isinstance(line.change, OfferingMade)}
    if not removed:
        return []
    begin = os.path.commonprefix([*removed])  # noqa: RUF071 - names are no paths
    try:
        left = offerings.ids_by_name(api, begin)
        again = {name: offering_id for name, offering_id in left.items() if name in removed}
        for name, offering_id in again.items():
            ledger.reopen(removed[name].number)
            offerings.delete(api, offering_id)
        kept = offerings.ids_by_name(api, begin) if again else {}
        for name in again.keys() - kept.keys():
            ledger.settle(removed[name].number)
    except HarnessError as failure:
        return [f"offerings {begin}...: whether they are gone could not be asked: {failure}"]
    return [f"offering {name}: still there though its removal was answered" for name in sorted(again.keys() & kept)]


def _undo(api: CloudApi, job_seconds: float, change: Change, still_runs: StillRuns | None) -> None:
    match change:
        case LockTaken():
            zone_lock.release(api, job_seconds, change)
        case InstanceMade():
            instance_id = change.id or instances.id_of(api, change.name)
            if instance_id is not None:
                instances.destroy(api, job_seconds, instance_id, still_runs, change.runs_on)
        case OfferingMade():
            offering_id = change.id or offerings.id_of(api, change.name)
            if offering_id is not None:
                offerings.delete(api, offering_id)
        case AccountMade():
            account_id = change.id or accounts.id_of(api, change.name)
            if account_id is not None:
                accounts.delete(api, job_seconds, account_id)
        case NetworkMade():
            network_id = change.id or networks.id_of(api, change.name)
            if network_id is not None:
                networks.delete(api, job_seconds, network_id)
        case ThingMade():
            if change.id is None:
                raise PerhapsMadeError("perhaps made: no answer came; look for it by its name")
            kinds.remove(api, job_seconds, kinds.BY_NAME[change.thing], change.id)
        case SettingChanged():
            _put_back(api, change)
        case HostTagsChanged():
            now = infrastructure.host_tags(api, change.host_id)
            # CloudStack keeps them in an order of its own.
            if tags_in(now) == tags_in(change.former):
                return
            if tags_in(now) != tags_in(change.ours):
                raise ChangedByOthersError(f"somebody else has set them to {now or 'none'}; left alone")
            infrastructure.set_host_tags(api, change.host_id, change.former)
        case TemplateFlagChanged():
            infrastructure.set_template_flag(api, change.template_id, change.former)


def _put_back(api: CloudApi, change: SettingChanged) -> None:
    now = configuration.value(api, change.name, change.place)
    # What reads as it was is written all the same: the answer may be an old one out of a cache.
    if not any(is_same_value(change.name, now, known) for known in (change.former, change.ours)):
        raise ChangedByOthersError(f"somebody else has set it to {now}; left alone")
    if change.inherited or not change.former:
        # A text that was never set is told otherwise than one that was set to nothing.
        configuration.reset(api, change.name, change.place)
    if not change.inherited and (change.former or configuration.value(api, change.name, change.place)):
        configuration.update(api, change.name, change.former, change.place)
    # What is inherited may have been changed meanwhile.
    former = configuration.value(api, change.name, Place()) if change.inherited else change.former
    back = configuration.value(api, change.name, change.place)
    if not is_same_value(change.name, back, former):
        raise NotPutBackError(f"it is {back} though the request to put it back was answered")
