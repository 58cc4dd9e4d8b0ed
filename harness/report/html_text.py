"""Fills the templates of HTML pages. Each is one file that loads nothing; its only script is known by its hash."""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    return environment


def render(template: str, script: str | None = None, **values: object) -> str:
    """The page of a template; `script` names the file of its script. All values are escaped but for Markup."""
    source = asset(script) if script else ""
    digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
    # Whatever a hostile name might smuggle in, the browser runs this one script and loads nothing.
    allowed = f"'sha256-{digest}'" if script else "'none'"
    policy = f"{_POLICY}; script-src {allowed}"
    return (
        _environment()
        .get_template(template)
        .render(
            **values,
            policy=policy,
            # Files of this package, written by us.
            style=Markup(asset("page.css")),  # noqa: S704
            script=Markup(source),  # noqa: S704
        )
    )


def asset(name: str) -> str:
    return resources.files("harness.report").joinpath("templates", name).read_text(encoding="utf-8")


def duration(seconds: float | None) -> str:
    """Such as "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"."""
    if seconds is None:
        return "no end"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
