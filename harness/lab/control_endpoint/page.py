"""The page that shows a lab's state in a browser: nothing but text, loaded anew by itself."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape

from harness.lab.control_endpoint.rows import COLUMNS, Row, rows
from harness.lab.control_endpoint.state import LabState

_SECONDS = 3
_MOST_INSTANCES = 500
_STYLE = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }
body { margin: 1.5rem; }
h1 { font-size: 1.2rem; }
table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .25rem 1rem .25rem 0; white-space: nowrap; }
/* What may be long: names, faults' options, what happened. */
td:nth-child(2), td:nth-child(5), td:nth-child(6) { white-space: normal; overflow-wrap: anywhere; min-width: 14rem; }
th { border-bottom: 1px solid; }
tr.first td { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
tr.bad td:nth-child(4) { font-weight: bold; color: light-dark(#a00000, #ff8f8f); }
td:first-child, footer { color: color-mix(in srgb, currentColor 65%, transparent); }
"""
_STYLE_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
# Whatever an instance is called, nothing in this page is run or fetched.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(state: LabState) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in COLUMNS)
    body, last = "", ""
    for row in rows(state, most_instances=_MOST_INSTANCES):
        body += _row(row, is_first=row.what != last)
        last = row.what
    faults = f", {len(state.faults)} faults armed" if state.faults else ""
    title = f"Lab: CloudStack {escape(state.release)}{faults}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<meta http-equiv="refresh" content="{_SECONDS}">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"
        f"<footer>Shown anew every {_SECONDS} seconds.</footer>\n</body>\n</html>\n"
    )


def _row(row: Row, *, is_first: bool) -> str:
    classes = " ".join(name for name, holds in (("first", is_first), ("bad", row.is_bad)) if holds)
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in row.cells)
    return f'<tr class="{classes}">{cells}</tr>\n'
