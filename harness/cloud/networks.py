"""Makes and removes guest networks."""

from __future__ import annotations

from harness.cloud.answers import part, require_same, text
from harness.cloud.client import ApiAnswerError, CloudApi
from harness.cloud.entities import NetworkRecord, read
from harness.cloud.instances import JobFailedError
from harness.cloud.jobs import run_job

# A network of this access is for every account of its domain.
SHARED = "Domain"


def create_like(
    api: CloudApi, name: str, zone_id: str, model: NetworkRecord, owner: tuple[str, str] | None = None
) -> NetworkRecord:
    """A network by the same offering and on the same VLAN, the caller's own unless it is for an `owner`.

    `owner` is an account's name and account domain id.

    Raises:
        ApiError, ApiAnswerError: refused, or the answer is of another network.
    """
    on_its_vlan = model.specify_vlan and model.vlan is not None
    answer = api.call(
        "createNetwork",
        name=name,
        displaytext=name,
        zoneid=zone_id,
        networkofferingid=model.offering_id,
        vlan=model.vlan if on_its_vlan else None,
        bypassvlanoverlapcheck=True if on_its_vlan else None,
        account=owner[0] if owner else None,
        domainid=owner[1] if owner else None,
    )
    require_same("createNetwork", answer.get("network"), {"name": name})
    return read(NetworkRecord, part(answer, "network"))


def id_of(api: CloudApi, name: str) -> str | None:
    """The id of the network of just that name, or None."""
    found = api.list("listNetworks", "network", keyword=name, listall=True)
    return next((text(each, "id") for each in found if each.get("name") == name), None)


def delete(api: CloudApi, seconds: float, network_id: str) -> None:
    """Remove a network; one that is gone already is as good as removed.

    Raises:
        ApiError, JobFailedError: CloudStack could not remove it.
        ApiAnswerError: it is still there, and so the answer was another request's, from a cache.
    """
    if not api.exists("listNetworks", "network", network_id):
        return
    job = run_job(api, "deleteNetwork", seconds, id=network_id)
    if not job.succeeded:
        raise JobFailedError(f"removing network {network_id}", job)
    if api.exists("listNetworks", "network", network_id):
        raise ApiAnswerError(f"network {network_id} is there though its removal was answered")
