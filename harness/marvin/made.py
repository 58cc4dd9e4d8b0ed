"""Writes down in a ledger what Marvin's tests are about to make or to set, and later strikes out what is gone."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from harness.cloud import configuration
from harness.cloud.client import CloudApi
from harness.cloud.configuration import Place
from harness.cloud.kinds import BY_MAKER
from harness.errors import HarnessError
from harness.marvin.leftovers import Census
from harness.run.ledger import Ledger, SettingChanged, ThingMade

_SETTERS = frozenset({"updateConfiguration", "resetConfiguration"})
# Settings have these places as well, and a run of the cases none of them: only the module itself can put those back.
_NOT_OURS = ("storageid", "accountid", "domainid", "imagestoreuuid")


class MadeThings:
    """What one process asks for; all processes of a run share the ledger. `module` is whose tests run now."""

    def __init__(self, ledger: Ledger, api: CloudApi) -> None:
        self.ledger = ledger
        self.module = ""
        self._api = api

    def into_connection(self, connection: Any) -> None:
        """Have Marvin's connection write down each request before it is sent."""
        send = connection.marvinRequest

        @functools.wraps(send)
        def marvin_request(this: Any, cmd: Any, *more: Any, **named: Any) -> Any:
            command = type(cmd).__name__.removesuffix("Cmd")
            if command in BY_MAKER:
                with self.making(command, _name(cmd)) as made:
                    answer = send(this, cmd, *more, **named)
                    made(_id(answer))
                return answer
            if command in _SETTERS and not any(getattr(cmd, each, None) for each in _NOT_OURS):
                with self._setting(cmd):
                    return send(this, cmd, *more, **named)
            return send(this, cmd, *more, **named)

        connection.marvinRequest = marvin_request

    @contextmanager
    def making(self, command: str, name: str | None) -> Iterator[Callable[[str | None], None]]:
        """Around a request that makes something; what it gives is told the id. After a refusal the line has none."""
        intended = ThingMade(thing=BY_MAKER[command].name, name=name or "")
        number = self.ledger.intend(self.module, intended)
        yield lambda id: self.ledger.amend(number, intended.model_copy(update={"id": id}))

    @contextmanager
    def _setting(self, cmd: Any) -> Iterator[None]:
        place = Place(zone_id=getattr(cmd, "zoneid", None), cluster_id=getattr(cmd, "clusterid", None))
        try:
            former = configuration.value(self._api, cmd.name, place)
            inherited = place != Place() and former == configuration.value(self._api, cmd.name, Place())
        except HarnessError:
            # The server has no such setting there, and will say so to the test.
            yield
            return
        change = SettingChanged(
            name=cmd.name,
            former=former,
            ours=former,
            inherited=inherited,
            zone_id=place.zone_id,
            cluster_id=place.cluster_id,
        )
        number, first = self._first_of(change)
        try:
            yield
        finally:
            # Where the cloud does not say it, the line has what was wanted.
            with suppress(HarnessError):
                now = configuration.value(self._api, cmd.name, place)
                self.ledger.amend(number, first.model_copy(update={"ours": now}))
                if now == first.former:
                    self.ledger.settle(number)

    def _first_of(self, change: SettingChanged) -> tuple[int, SettingChanged]:
        """The line of the first change of that setting, which knows how it was before all of them."""
        for line in self.ledger.unsettled():
            there = line.change
            if isinstance(there, SettingChanged) and (there.name, there.place) == (change.name, change.place):
                return line.number, there
        return self.ledger.intend(self.module, change), change

    def reconcile(self, module: str | None, now: Census, new: Collection[tuple[str, str]]) -> None:
        """Settle what is gone, and find what a request made whose answer did not come.

        `new` are kind and id of what is there `now` and was not before. Of one module's requests, or of all with None.
        """
        lines = [line for line in self.ledger.unsettled(module) if isinstance(line.change, ThingMade)]
        known = {line.change.id for line in self.ledger.unsettled() if isinstance(line.change, ThingMade)}
        for line in lines:
            change = line.change
            if not isinstance(change, ThingMade) or change.thing not in now.listed:
                continue
            if change.id is None:
                likely = [id for kind, id in new if kind == change.thing and id not in known]
                if change.name:
                    likely = [id for id in likely if now.things[change.thing, id] == change.name]
                    if len(likely) == 1:
                        known.add(likely[0])
                        self.ledger.amend(line.number, change.model_copy(update={"id": likely[0]}))
                if not likely:
                    self.ledger.settle(line.number)
            elif (change.thing, change.id) not in now.things:
                self.ledger.settle(line.number)


def _name(cmd: Any) -> str | None:
    """As the cloud will list it; an account without a name of its own has its first user's."""
    given = (getattr(cmd, each, None) for each in ("name", "account", "username"))
    return next((str(each) for each in given if each), None)


def _id(answer: Any) -> str | None:
    """Of what Marvin gives back: an object with an id, or a list of one."""
    first = answer[0] if isinstance(answer, list) and answer else answer
    id = getattr(first, "id", None)
    return None if id is None else str(id)
