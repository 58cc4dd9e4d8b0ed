"""Changes settings of a cloud, with their former values in the ledger first."""

from __future__ import annotations

from collections.abc import Callable

from harness.cloud import configuration
from harness.cloud.client import ApiError, CloudApi
from harness.cloud.configuration import Place
from harness.reference.settings import is_same_value
from harness.run.environment import Allowed
from harness.run.ledger import Ledger, SettingChanged
from harness.run.permits import Permits


class SettingsGuard:
    """Every change of a case, or of the run itself, goes through here."""

    def __init__(
        self, api: CloudApi, ledger: Ledger, permits: Permits, case_id: str, changed: Callable[[], object]
    ) -> None:
        """`changed` hears when a setting may be another one."""
        self._api = api
        self._ledger = ledger
        self._permits = permits
        self._case_id = case_id
        self._changed = changed

    def set(self, name: str, value: str, place: Place) -> None:
        """Bring a setting to `value` in `place`; nothing is sent where that value is in force already.

        The API shows an inherited value and an equal override alike. A former value that equals the global one is
        taken for inherited, and the override is removed afterwards.

        Raises:
            ApiError: the cloud refuses the change.
            CannotArrangeError: it would have to be changed, and that is not allowed.
        """
        former = configuration.value(self._api, name, place)
        if is_same_value(name, former, value):
            return
        inherited = place != Place() and is_same_value(name, former, configuration.value(self._api, name, Place()))
        change = SettingChanged(
            name=name,
            former=former,
            ours=value,
            inherited=inherited,
            zone_id=place.zone_id,
            cluster_id=place.cluster_id,
        )
        scope = {Allowed.CLUSTER_SETTINGS: "in the cluster", Allowed.ZONE_SETTINGS: "in the zone"}
        where = scope.get(change.permission, "globally")
        self._permits.require(change.permission, f"{name} to be {value} {where} (it is {former})")
        number = self._ledger.intend(self._case_id, change)
        try:
            configuration.update(self._api, name, value, place)
        except ApiError:
            self._ledger.settle(number)
            raise
        finally:
            self._changed()
