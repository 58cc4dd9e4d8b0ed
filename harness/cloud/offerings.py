"""Makes and removes service offerings."""

from __future__ import annotations

from harness.cloud.answers import part, require_same, text
from harness.cloud.client import ApiError, CloudApi
from harness.cloud.entities import OfferingRecord, read
from harness.reference.offering import Offering


def create(api: CloudApi, wanted: Offering) -> OfferingRecord:
    """Create an offering like `wanted` (its id is ignored).

    Raises:
        ApiError, ApiAnswerError: refused, or the answer is of another offering.
    """
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
    made = part(answer, "serviceoffering")
    require_same("createServiceOffering", made, {"name": wanted.name})
    return read(OfferingRecord, made)


def make_inactive(api: CloudApi, offering_id: str) -> None:
    """Raises ApiError."""
    api.call("updateServiceOffering", id=offering_id, state="Inactive")


def id_of(api: CloudApi, name: str) -> str | None:
    """The id of the active offering of just that name, or None."""
    return ids_by_name(api, name, exactly=True).get(name)


def ids_by_name(api: CloudApi, name: str, *, exactly: bool = False) -> dict[str, str]:
    """The ids of the active offerings whose name is that, or has that in it, by their names."""
    named = {"name" if exactly else "keyword": name}
    found = api.list("listServiceOfferings", "serviceoffering", listall=True, **named)
    return {text(each, "name"): text(each, "id") for each in found}


def delete(api: CloudApi, offering_id: str) -> None:
    """Remove an offering; one that is gone already is as good as removed. Raises ApiError."""
    try:
        api.call("deleteServiceOffering", id=offering_id)
    except ApiError:
        # Asked only now, since it hardly ever is gone.
        if api.exists("listServiceOfferings", "serviceoffering", offering_id):
            raise
