"""Changes settings of a cloud and puts them back as they were."""

from __future__ import annotations

from harness.cloud import configuration
from harness.cloud.client import CloudApi
from harness.cloud.configuration import Place
from harness.run.undo import Undo


class SettingsGuard:
    """Every change goes through here, so that `undo` knows what to put back."""

    def __init__(self, api: CloudApi, undo: Undo) -> None:
        self._api = api
        self._undo = undo

    def set(self, name: str, value: str, place: Place) -> None:
        """Bring a setting to `value` in `place`; nothing is sent where that value is in force already.

        The API shows an inherited value and an equal override alike. A former value that equals the global one is
        taken for inherited, and the override is removed afterwards.

        Raises:
            ApiError: the cloud refuses the change.
        """
        former = configuration.value(self._api, name, place)
        if former == value:
            return
        inherited = former == configuration.value(self._api, name, Place())
        self._undo.add(f"setting {name} back to {former}", lambda: self._restore(name, former, inherited, place))
        configuration.update(self._api, name, value, place)

    def _restore(self, name: str, former: str, inherited: bool, place: Place) -> None:
        if inherited and place != Place():
            configuration.reset(self._api, name, place)
        else:
            configuration.update(self._api, name, former, place)
