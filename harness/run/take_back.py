"""Takes back what a ledger says was done, last first, carrying on past failures; safe to repeat."""

from __future__ import annotations

from harness.cloud import accounts, configuration, infrastructure, instances, networks, offerings
from harness.cloud.client import CloudApi
from harness.cloud.instances import DomainRunsOnError, StillRuns
from harness.errors import HarnessError
from harness.reference.settings import tags_in
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
)


class ChangedByOthersError(HarnessError):
    """Something is neither as the run left it nor as it was before: somebody else has a hand in it."""


class StillNeededError(HarnessError):
    """Something is kept because something else of the run that stayed is in it."""


def take_back(
    api: CloudApi, job_seconds: float, ledger: Ledger, case_id: str | None = None, still_runs: StillRuns | None = None
) -> list[str]:
    """Take back everything that is unsettled, of one case or of all; returns a line for each thing that stayed.

    `still_runs` tells whether a host has a domain; without it CloudStack's word is taken that an instance is stopped.
    """
    failures: list[str] = []
    running_on = 0
    for line in ledger.unsettled(case_id):
        try:
            if running_on and isinstance(line.change, AccountMade | NetworkMade):
                # CloudStack would destroy with it what must stay known to it.
                raise StillNeededError(f"kept, since {running_on} instances whose domains run on are in it")
            _undo(api, job_seconds, line.change, still_runs)
        except HarnessError as failure:
            failures.append(f"{line.change}: {failure}")
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
    return failures


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
    if now == change.former:
        return
    if now != change.ours:
        raise ChangedByOthersError(f"somebody else has set it to {now}; left alone")
    if change.inherited:
        configuration.reset(api, change.name, change.place)
    else:
        configuration.update(api, change.name, change.former, change.place)
