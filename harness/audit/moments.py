"""When scaling was switched on in a zone, as far as the cloud's events reach back."""

from __future__ import annotations

import re
from datetime import datetime

from harness.cloud.client import ApiError, CloudApi
from harness.reference.settings import ENABLE_DYNAMIC_SCALE

_NEW_VALUE = re.compile(rf"{re.escape(ENABLE_DYNAMIC_SCALE)}\b.*?(?:New Value|value):?\s*(\w+)", re.IGNORECASE)


def scaling_since(api: CloudApi) -> datetime | None:
    """The first of the last changes that all switched it on; None where no event tells. Raises HarnessError.

    The setting's name and new value are in the description only. Source: ConfigurationManagerImpl.updateConfiguration.
    """
    try:
        found = api.list(
            "listEvents", "event", type="CONFIGURATION.VALUE.EDIT", keyword=ENABLE_DYNAMIC_SCALE, listall=True
        )
    except ApiError:
        return None
    since = None
    for event in sorted(found, key=lambda one: str(one.get("created", "")), reverse=True):
        value = _NEW_VALUE.search(str(event.get("description", "")))
        if value is None or event.get("level") == "ERROR":
            continue
        if value[1].lower() != "true":
            break
        since = datetime.fromisoformat(str(event["created"]))
    return since
