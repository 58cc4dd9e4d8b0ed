"""Jobs and events as the API shows them."""

from __future__ import annotations

from harness.lab.api.command import Shown
from harness.lab.api.entities import SERVER_ID
from harness.lab.api.views.instances import account_fields
from harness.lab.management import clock
from harness.lab.management.cloud import Cloud
from harness.lab.management.events import Event
from harness.lab.management.jobs import Job, JobStatus


def job(cloud: Cloud, record: Job) -> Shown:
    """The result of a success carries the job's id and, for what an old reason ever, status 0 (seen)."""
    shown: Shown = {
        "accountid": record.user.account_id,
        **account_fields(cloud, record.user.account_id),
        "userid": record.user.id,
        "cmd": record.command_class,
        "jobstatus": int(record.status),
        "jobprocstatus": 0,
        "jobresultcode": record.result_code,
    }
    shown.pop("domain")
    if record.result is not None:
        shown |= {"jobresulttype": "object", "jobresult": _result(record)}
    if record.instance_id is not None:
        shown |= {"jobinstancetype": record.instance_type, "jobinstanceid": record.instance_id}
    shown |= {
        "managementserverid": SERVER_ID,
        "managementservername": "localhost",
        "created": clock.shown(record.created),
    }
    if record.completed is not None:
        shown["completed"] = clock.shown(record.completed)
    return shown | {"jobid": record.id}


def _result(record: Job) -> Shown:
    result = dict(record.result or {})
    if record.status is not JobStatus.SUCCEEDED:
        return result
    return {
        name: {**value, "jobid": record.id, "jobstatus": 0} if isinstance(value, dict) else value
        for name, value in result.items()
    }


def event(cloud: Cloud, record: Event) -> Shown:
    shown: Shown = {
        "id": record.id,
        "username": record.user_name,
        "type": record.type,
        "level": record.level,
        "description": record.description,
        **account_fields(cloud, record.account_id),
    }
    if record.resource_id is not None:
        shown |= {
            "resourceid": record.resource_id,
            "resourcetype": record.resource_type,
            "resourcename": record.resource_name,
        }
    return shown | {"created": clock.shown(record.created), "state": record.state}
