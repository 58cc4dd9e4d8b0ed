"""Reads an XML document that may be hostile: bounded in size and depth, and without entities."""

from __future__ import annotations

from xml.etree import ElementTree

from harness.errors import HarnessError


class MalformedXmlError(HarnessError):
    """The document is not read; `what` says why."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)


def read_xml(xml: str, *, most_bytes: int, deepest: int) -> ElementTree.Element:
    """The root of a document of at most so many bytes (as UTF-8) and so many levels.

    Raises:
        MalformedXmlError: it is larger or deeper, has a DOCTYPE, or is not well-formed.
    """
    if len(xml) > most_bytes or len(xml.encode("utf-8", errors="surrogatepass")) > most_bytes:
        raise MalformedXmlError(f"larger than {most_bytes} bytes")
    # Entities can only come from a DOCTYPE. "<!DOCTYPE" inside CDATA is refused as well.
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise MalformedXmlError("has a DOCTYPE")
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314 - bounded, and entities refused above
    except (ElementTree.ParseError, ValueError) as failure:
        raise MalformedXmlError(f"not well-formed: {failure}") from failure
    _require_shallow(root, deepest)
    return root


def _require_shallow(root: ElementTree.Element, deepest: int) -> None:
    """Level by level: nothing here, nor in the parser, calls itself."""
    level = [root]
    for _ in range(deepest):
        level = [child for element in level for child in element]
        if not level:
            return
    raise MalformedXmlError(f"nested deeper than {deepest} levels")
