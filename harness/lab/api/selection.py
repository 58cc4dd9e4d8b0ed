"""Filters that list commands share."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar, overload

from harness.lab.api.command import Answer, Call, Listing, Shown

T = TypeVar("T")


class Views(Sequence[Shown], Generic[T]):
    """Records as they are shown, each made when it is asked for: of a long list only a page is."""

    def __init__(self, records: Sequence[T], show: Callable[[T], Shown]) -> None:
        self._records = records
        self._show = show

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Shown: ...

    @overload
    def __getitem__(self, index: slice) -> Views[T]: ...

    def __getitem__(self, index: int | slice) -> Shown | Views[T]:
        if isinstance(index, slice):
            return Views(self._records[index], self._show)
        return self._show(self._records[index])


def by_fields(call: Call, items: Iterable[Shown], **fields: str) -> list[Shown]:
    """Items whose field equals the parameter of the given name, for each parameter that the request has.

    `by_fields(call, hosts, id="id", clusterid="clusterid")`: parameter name to field name.
    """
    wanted = {field: call.arguments[name] for name, field in fields.items() if name in call.arguments}
    return [item for item in items if all(_same(item.get(field), value) for field, value in wanted.items())]


def listing(
    name: str, rows: Callable[[Call], Iterable[Shown]], fields: str = "id name", keyword: str = "name"
) -> Callable[[Call], Answer]:
    """A list command: `rows` as they are filtered by `fields` (`parameter` or `parameter=field`), ids and keyword."""
    pairs = {parameter: field or parameter for parameter, _, field in (word.partition("=") for word in fields.split())}

    def answer(call: Call) -> Answer:
        found, ids = by_fields(call, rows(call), **pairs), call.texts("ids")
        if ids is not None:
            found = [item for item in found if item["id"] in ids]
        if call.entries("tags"):
            found = [item for item in found if _has_tags(item, call.pairs("tags"))]
        return Listing(name, by_keyword(call, found, *keyword.split()))

    return answer


def by_keyword(call: Call, items: Iterable[Shown], *fields: str) -> list[Shown]:
    """Items that have the request's keyword in one of these fields."""
    keyword = call.text("keyword")
    if keyword is None:
        return list(items)
    wanted = folded(keyword)
    return [item for item in items if any(wanted in folded(str(item.get(field, ""))) for field in fields)]


def folded(text: str) -> str:
    """A text as the database compares it: without case and accents (seen: keyword=é finds "kvmzone")."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(each for each in apart if not unicodedata.combining(each)).casefold()


def _has_tags(shown: Shown, wanted: Mapping[str, str]) -> bool:
    tags = shown.get("tags")
    there = {tag["key"]: tag["value"] for tag in tags} if isinstance(tags, list) else {}
    return all(there.get(key) == value for key, value in wanted.items())


def _same(shown: object, value: object) -> bool:
    if isinstance(shown, str) and isinstance(value, str):
        return folded(shown) == folded(value)
    return shown == value
