"""Paging of list answers."""

from __future__ import annotations

from harness.lab.api.command import Call, Listing, Shown
from harness.lab.management.errors import BadParameterError, InvalidValueError

_LARGEST = 500
_UNLIMITED = -1


def check(call: Call) -> None:
    """Refuse page parameters that do not go together, before the command does anything.

    Raises:
        BadParameterError: one of page and pagesize without the other.
        InvalidValueError: a page size too large, or a page of an unlimited list.
    """
    page, size = call.integer("page"), call.integer("pagesize")
    if page is not None and size is None:
        raise BadParameterError('"pagesize" parameter is required when "page" is specified')
    if page is None and size is not None:
        raise BadParameterError('"page" parameter is required when "pagesize" is specified')
    if size is not None and size > _LARGEST:
        raise InvalidValueError(f"Page size can't exceed max allowed page size value: {_LARGEST}")
    if page is not None and size == _UNLIMITED:
        raise InvalidValueError("Can't specify page parameter when pagesize is -1 (Unlimited)")


def paged(call: Call, listing: Listing) -> Shown:
    """The body of a list answer: empty where there is nothing, a count alone beyond the last page."""
    if not listing.items:
        return {}
    page, size = call.integer("page"), call.integer("pagesize")
    body: Shown = {"count": len(listing.items)}
    items = listing.items
    if page is not None and size is not None and size > 0:
        first = (max(page, 1) - 1) * size
        items = items[first : first + size]
    return {**body, listing.name: list(items)} if items else body
