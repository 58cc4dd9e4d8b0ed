"""Makes and removes service offerings."""

from __future__ import annotations

from harness.cloud.answers import part, text
from harness.cloud.client import ApiError, CloudApi
from harness.cloud.entities import OfferingRecord, read
from harness.reference.offering import Offering


def create(api: CloudApi, wanted: Offering) -> OfferingRecord:
    """Create an offering like `wanted` (its id is ignored). Raises ApiError where CloudStack refuses it."""
    answer = api.call(
        "createServiceOffering",
        name=wanted.name,
        displaytext=wanted.name,
        cpunumber=wanted.cpus,
        cpuspeed=wanted.speed_mhz,
        memory=wanted.memory_mib,
        limitcpuuse=wanted.cpu_cap,
        customized=wanted.is_custom,
        mincpunumber=wanted.min_cpus,
        maxcpunumber=wanted.max_cpus,
        minmemory=wanted.min_memory_mib,
        maxmemory=wanted.max_memory_mib,
        dynamicscalingenabled=wanted.dynamic_scaling,
        hosttags=",".join(sorted(wanted.host_tags)) or None,
    )
    return read(OfferingRecord, part(answer, "serviceoffering"))


def make_inactive(api: CloudApi, offering_id: str) -> None:
    """Raises ApiError."""
    api.call("updateServiceOffering", id=offering_id, state="Inactive")


def id_of(api: CloudApi, name: str) -> str | None:
    """The id of the active offering of just that name, or None."""
    found = api.list("listServiceOfferings", "serviceoffering", name=name, listall=True)
    return next((text(each, "id") for each in found if each.get("name") == name), None)


def delete(api: CloudApi, offering_id: str) -> None:
    """Remove an offering; one that is gone already is as good as removed. Raises ApiError."""
    try:
        api.call("deleteServiceOffering", id=offering_id)
    except ApiError:
        # Asked only now, since it hardly ever is gone.
        if api.exists("listServiceOfferings", "serviceoffering", offering_id):
            raise
