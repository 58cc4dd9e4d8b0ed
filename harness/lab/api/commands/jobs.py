"""Jobs."""

from __future__ import annotations

from dataclasses import replace

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Listing, Single, command
from harness.lab.api.parameters import no_such_entity
from harness.lab.api.scope import scope
from harness.lab.api.views import jobs as views
from harness.lab.faults.catalogue import Fault, Point
from harness.lab.management.errors import INTERNAL
from harness.lab.management.jobs import Job, JobStatus


def _query(call: Call) -> Answer:
    job_id = call.must("jobid")
    record = call.cloud.jobs.find(job_id)
    struck = record and call.cloud.faults.strike(
        Point.JOB, command=_begun_by(call, record), instances=[record.instance_id or ""], key=job_id
    )
    if record is None or (struck and struck.kind is Fault.JOB_LOST):
        raise no_such_entity("queryAsyncJobResult", "jobid", job_id)
    if struck:
        record = replace(record, status=JobStatus.FAILED, result_code=INTERNAL, result=None)
    if record.status is not JobStatus.PENDING and record.instance_id is not None:
        call.cloud.state.waves.end_was_told(record.instance_id)
        call.cloud.state.untold_growth.end_was_told(record.instance_id)
    return Single(views.job(call.cloud, record))


def _begun_by(call: Call, record: Job) -> str:
    """The command whose class the job shows."""
    return next((each.name for each in call.commands.values() if record.command_class in each.classes), "")


def _list_jobs(call: Call) -> Answer:
    """Those that have not ended (seen)."""
    shows, first = scope(call), call.moment("startdate")
    records = [job for job in call.cloud.jobs.pending() if shows(job.user.account_id)]
    records = [job for job in records if first is None or job.created >= first]
    shown = [views.job(call.cloud, record) for record in records]
    found = selection.by_fields(call, shown, managementserverid="managementserverid")
    return Listing("asyncjobs", selection.by_keyword(call, found, "cmd"))


COMMANDS = (
    command("queryAsyncJobResult", _query),
    command("listAsyncJobs", _list_jobs),
)
