"""Jobs and events."""

from __future__ import annotations

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Listing, Single, command
from harness.lab.api.views import jobs as views
from harness.lab.management.errors import BadParameterError
from harness.lab.management.jobs import JobStatus


def _query(call: Call) -> Answer:
    record = call.cloud.jobs.find(call.must("jobid"))
    if record is None:
        raise BadParameterError(f"Unable to find a job by id {call.must('jobid')}")
    if record.status is not JobStatus.PENDING and record.instance_id is not None:
        call.cloud.state.waves.end_was_told(record.instance_id)
    return Single(views.job(call.cloud, record))


def _list_jobs(call: Call) -> Answer:
    records = [job for job in call.cloud.jobs.pending() if call.is_any_admin or job.user.id == call.user.id]
    shown = [views.job(call.cloud, record) for record in records]
    found = selection.by_fields(call, shown, account="account", managementserverid="managementserverid")
    return Listing("asyncjobs", selection.by_keyword(call, found, "cmd"))


def _list_events(call: Call) -> Answer:
    records = call.cloud.state.events.newest_first()
    if not call.is_any_admin:
        records = [record for record in records if record.account_id == call.user.account_id]
    shown = [views.event(call.cloud, record) for record in records]
    found = selection.by_fields(
        call,
        shown,
        id="id",
        type="type",
        level="level",
        state="state",
        account="account",
        resourceid="resourceid",
        resourcetype="resourcetype",
    )
    return Listing("event", selection.by_keyword(call, found, "type", "description", "username", "level"))


COMMANDS = (
    command("queryAsyncJobResult", _query),
    command("listAsyncJobs", _list_jobs),
    command("listEvents", _list_events, "event"),
)
