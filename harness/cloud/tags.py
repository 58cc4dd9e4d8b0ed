"""Resource tags: of one key a resource has only one, whichever management server is asked for it."""

from __future__ import annotations

from collections.abc import Mapping

from harness.cloud.answers import text
from harness.cloud.client import CloudApi
from harness.cloud.jobs import JobResult, run_job

USER = "User"


def listed(api: CloudApi, kind: str, resource_id: str) -> dict[str, str]:
    """A resource's tags."""
    found = api.list("listTags", "tag", resourcetype=kind, resourceid=resource_id, listall=True)
    return {text(part, "key"): text(part, "value") for part in found}


def create(api: CloudApi, seconds: float, kind: str, resource_id: str, named: Mapping[str, str]) -> JobResult:
    """The job fails where the resource has one of these keys already.

    That is atomic: the database has a unique index over resource, kind and key. Source: schema-302to40.sql,
    TaggedResourceManagerImpl.createTags.

    Raises:
        ApiError, DeadlineExpired: refused at once, or no end in time.
    """
    return run_job(api, "createTags", seconds, resourcetype=kind, resourceids=resource_id, **_as_parameters(named))


def delete(api: CloudApi, seconds: float, kind: str, resource_id: str, key: str, value: str) -> None:
    """Remove a tag if it still has this value. One that has gone makes a real server's job fail, which is as good."""
    run_job(api, "deleteTags", seconds, resourcetype=kind, resourceids=resource_id, **_as_parameters({key: value}))


def begin_delete(api: CloudApi, kind: str, resource_id: str, named: Mapping[str, str]) -> None:
    """As `delete`, of several, without waiting for its end. Raises HarnessError."""
    api.call("deleteTags", resourcetype=kind, resourceids=resource_id, **_as_parameters(named))


def _as_parameters(named: Mapping[str, str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for number, (key, value) in enumerate(named.items()):
        given |= {f"tags[{number}].key": key, f"tags[{number}].value": value}
    return given
