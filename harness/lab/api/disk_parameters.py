"""What an offering says of its disks: kept and shown, without any effect in the lab."""

from __future__ import annotations

from harness.lab.api.command import Call, Shown
from harness.lab.management.errors import InvalidValueError, OperationFailedError

# Parameters whose fields have other names.
_RATES = {
    f"{unit}{way}rate{rest}": f"disk{shown_unit}{way.capitalize()}Rate{shown_rest}"
    for unit, shown_unit in (("bytes", "Bytes"), ("iops", "Iops"))
    for way in ("read", "write")
    for rest, shown_rest in (("", ""), ("max", "Max"), ("maxlength", "MaxLength"))
}
_FIELDS = _RATES | {
    name: name for name in ("provisioningtype", "miniops", "maxiops", "hypervisorsnapshotreserve", "disksizestrictness")
}
_CACHE_MODES = ("NONE", "WRITEBACK", "WRITETHROUGH", "HYPERVISOR_DEFAULT")
_PROVISIONING = ("thin", "sparse", "fat")


def disk_fields(call: Call) -> Shown:
    """Raises ApiError for a cache mode or a way of provisioning that does not exist."""
    shown = {field: call.arguments[name] for name, field in _FIELDS.items() if name in call.arguments}
    cache, way = call.text("cachemode"), call.text("provisioningtype")
    if cache is not None:
        if cache.upper() not in _CACHE_MODES:
            # Java's own words show through.
            raise OperationFailedError(
                f"No enum constant com.cloud.offering.DiskOffering.DiskCacheMode.{cache.upper()}"
            )
        shown["cacheMode"] = cache.lower()
    if way is not None and way.lower() not in _PROVISIONING:
        raise InvalidValueError(f"Unknown provisioning type: {way}")
    return dict(shown)
