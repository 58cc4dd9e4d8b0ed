"""Writes the forms of an audit into its folder, beside audit.jsonl."""

from __future__ import annotations

from pathlib import Path

from harness.audit import Audit
from harness.audit.journal import AUDIT_FILE
from harness.report.audit_metrics import audit_metrics
from harness.report.audit_page import audit_html
from harness.report.audit_text import audit_csv, fix_plan
from harness.report.replacing import replace_text

FORMS = {
    "html": ("index.html", audit_html),
    "csv": ("instances.csv", audit_csv),
    "prometheus": ("cs-harness-audit.prom", audit_metrics),
    "fix-plan": ("fix-plan.txt", fix_plan),
}


def write_forms(found: Audit, folder: Path) -> dict[str, Path]:
    """Every form, and where it is. Raises OSError."""
    files = {"jsonl": folder / AUDIT_FILE}
    for name, (file, render) in FORMS.items():
        files[name] = folder / file
        replace_text(files[name], render(found))
    return files
