"""Resource tags: of one key a resource has only one, whichever management server is asked for it."""

from __future__ import annotations

from harness.cloud.answers import text
from harness.cloud.client import CloudApi
from harness.cloud.jobs import JobResult, run_job

USER = "User"


def listed(api: CloudApi, kind: str, resource_id: str) -> dict[str, str]:
    """A resource's tags."""
    found = api.list("listTags", "tag", resourcetype=kind, resourceid=resource_id, listall=True)
    return {text(part, "key"): text(part, "value") for part in found}


def create(api: CloudApi, seconds: float, kind: str, resource_id: str, key: str, value: str) -> JobResult:
    """The job fails where the resource has that key already.

    That is atomic: the database has a unique index over resource, kind and key. Source: schema-302to40.sql,
    TaggedResourceManagerImpl.createTags.

    Raises:
        ApiError, DeadlineExpired: refused at once, or no end in time.
    """
    tag = {"tags[0].key": key, "tags[0].value": value}
    return run_job(api, "createTags", seconds, resourcetype=kind, resourceids=resource_id, **tag)


def delete(api: CloudApi, seconds: float, kind: str, resource_id: str, key: str, value: str) -> None:
    """Remove a tag if it still has this value. One that has gone makes a real server's job fail, which is as good."""
    tag = {"tags[0].key": key, "tags[0].value": value}
    run_job(api, "deleteTags", seconds, resourcetype=kind, resourceids=resource_id, **tag)
