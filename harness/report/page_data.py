"""The data that a page's script works on: small enough for thousands of cases, and safe inside of a script element.

Texts stand once in a list. A packed value is: an integer for a text, a text for a number, null, true or false for
themselves, and a list that begins with 0 for a list, or with n for an object with the keys of shape n - 1.
"""

from __future__ import annotations

import json
from typing import Any

from harness.run.record import CaseRecord, Outcome, RunRecord

# Of a page of at most 8 MiB; the rest is its frame, its pictures and the list without scripts.
LARGEST_DATA = 6_500_000
_LEFT_OUT_FIRST = ("calls", "looks", "steps", "description", "starts", "scales", "notes")


class Packer:
    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._shapes: dict[tuple[str, ...], int] = {}

    def pack(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._texts.setdefault(value, len(self._texts))
        if isinstance(value, int | float):
            return f"{value:.10g}" if isinstance(value, float) else str(value)
        if isinstance(value, dict):
            shape = self._shapes.setdefault(tuple(value), len(self._shapes))
            return [shape + 1, *map(self.pack, value.values())]
        return [0, *map(self.pack, value)]

    def document(self, packed: Any) -> dict[str, Any]:
        return {"texts": list(self._texts), "shapes": list(self._shapes), "value": packed}


def script_json(value: Any) -> str:
    """JSON that ends no script element and begins no comment, whatever is in it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def keys(record: RunRecord) -> list[str]:
    """A name for each case's link: its id, with a number where several cases have one."""
    seen: dict[str, int] = {}
    names = []
    for case in record.cases:
        seen[case.id] = seen.get(case.id, 0) + 1
        names.append(case.id if seen[case.id] == 1 else f"{case.id}~{seen[case.id]}")
    return names


def list_json(record: RunRecord) -> str:
    """What the list of cases shows and searches: packed objects in the run's order."""
    packer = Packer()
    rows = [_row(key, case) for key, case in zip(keys(record), record.cases, strict=True)]
    return script_json(packer.document(packer.pack(rows)))


def _row(key: str, case: CaseRecord) -> dict[str, Any]:
    return {
        "key": key,
        "id": case.id,
        "section": case.section,
        "title": case.title,
        "outcome": case.outcome.value,
        "seconds": round(case.seconds, 3),
        "unseen": [layer for layer, seen in case.layers.items() if seen != "seen"],
        "layers": list(case.layers),
        "found": " ".join(f"{one.layer} {one.what} {one.rule}" for one in case.findings) + f" {case.reason or ''}",
    }


def details_json(record: RunRecord) -> str:
    """All else of the cases. Where that is too large, parts of those that passed are left out, the largest first."""
    # Calls alone are 200 bytes and more, so where they cannot fit that need not be tried.
    sure = 200 * sum(len(case.calls) for case in record.cases) > LARGEST_DATA
    for number in range(1 if sure else 0, len(_LEFT_OUT_FIRST)):
        text = _details(record, _LEFT_OUT_FIRST[:number])
        if len(text.encode()) <= LARGEST_DATA:
            return text
    return _details(record, _LEFT_OUT_FIRST)


def _details(record: RunRecord, omitted: tuple[str, ...]) -> str:
    packer = Packer()
    packed = [packer.pack(_detail(case, omitted)) for case in record.cases]
    return script_json(packer.document([0, *packed]))


_ELSEWHERE = {"id", "section", "title", "outcome"}


def _detail(case: CaseRecord, omitted: tuple[str, ...]) -> dict[str, Any]:
    passed = case.outcome in (Outcome.PASSED, Outcome.NOT_VERIFIED)
    left_out = set(omitted) if passed else set()
    kept: dict[str, Any] = case.model_dump(mode="json", exclude=_ELSEWHERE | left_out)
    kept["omitted"] = sorted(left_out)
    return kept
