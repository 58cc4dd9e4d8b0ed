"""Notes on the cloud itself of what a run changes there that bears no name: settings, host tags, templates' flags.

They are what `cs-harness cleanup --from-cloud` goes by where the ledger is lost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pydantic import ValidationError

from harness.cloud import tags
from harness.cloud.client import CloudApi
from harness.cloud.instances import JobFailedError
from harness.run.ledger import CHANGES, Change, HostTagsChanged, SettingChanged, TemplateFlagChanged
from harness.run.zone_lock import oldest_root_admin

_NOTE = "cs-harness-change"
# A tag's value is a VARCHAR(255). Source: schema-302to40.sql, resource_tags.
_MOST_LETTERS = 250
_NOTED = (SettingChanged, HostTagsChanged, TemplateFlagChanged)


class CloudNotes:
    """One run's notes: tags of the user that bears the locks, `cs-harness-change.<run>.<line of the ledger>.<part>`."""

    def __init__(self, api: CloudApi, job_seconds: float, run_id: str) -> None:
        """`api` has the keys of the environment file. Raises HarnessError where it sees no root admin."""
        self._api = api
        self._seconds = job_seconds
        self._run_id = run_id
        self._user = oldest_root_admin(api)

    def write(self, number: int, change: Change) -> None:
        """It is there when this returns. Raises HarnessError."""
        if isinstance(change, _NOTED):
            text = change.model_dump_json(exclude_none=True)
            parts = [text[at : at + _MOST_LETTERS] for at in range(0, len(text), _MOST_LETTERS)]
            named = {f"{_NOTE}.{self._run_id}.{number}.{part}": said for part, said in enumerate(parts)}
            job = tags.create(self._api, self._seconds, tags.USER, self._user, named)
            if not job.succeeded:
                raise JobFailedError(f"noting {change} on the cloud", job)

    def forget(self, number: int, change: Change) -> None:
        """Remove what is noted under that number, and do not wait for it. Raises HarnessError."""
        if isinstance(change, _NOTED):
            self._remove(f"{_NOTE}.{self._run_id}.{number}.")

    def forget_all(self) -> None:
        """Remove what is noted of the whole run. Raises HarnessError."""
        self._remove(f"{_NOTE}.{self._run_id}.")

    def _remove(self, begin: str) -> None:
        there = tags.listed(self._api, tags.USER, self._user)
        named = {key: value for key, value in there.items() if key.startswith(begin)}
        if named:
            tags.begin_delete(self._api, tags.USER, self._user, named)


def noted(api: CloudApi) -> dict[str, list[Change]]:
    """What runs have noted on a cloud, by run, in the order in which it was changed. Raises HarnessError."""
    parts: dict[tuple[str, int], dict[int, str]] = defaultdict(dict)
    for key, value in tags.listed(api, tags.USER, oldest_root_admin(api)).items():
        match key.split("."):
            case [begin, run_id, number, part] if begin == _NOTE and number.isdecimal() and part.isdecimal():
                parts[run_id, int(number)][int(part)] = value
    found: dict[str, list[Change]] = defaultdict(list)
    for (run_id, _), texts in sorted(parts.items()):
        change = _read(texts)
        if change is not None:
            found[run_id].append(change)
    return found


def _read(texts: Mapping[int, str]) -> Change | None:
    """None where somebody has spoilt it: nothing can be taken back by it."""
    whole = "".join(texts[part] for part in sorted(texts))
    try:
        return CHANGES.validate_json(whole)
    except ValidationError:
        return None
