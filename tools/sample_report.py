"""Makes reports/sample of a run, with the screenshots that the README shows, and the baseline of the run's release.

    .venv/bin/python tools/sample_report.py reports/latest
    .venv/bin/python tools/sample_report.py --release 4.22 --baseline-only

Without a run it runs all cases on the lab of KVM hosts first. Needs Chromium, as ./run test installs it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from harness.report.forms import FORMS, write
from harness.report.junit import junit_xml
from harness.report.reading import read_run
from harness.report.subject import Subject
from harness.run.record import RESULTS_FILE, RunRecord

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "reports" / "sample"
BASELINES = ROOT / "reports" / "baselines"
COMMAND = str(Path(sys.executable).with_name("cs-harness"))
# File, what of the page is shown, colours, width and height.
SHOTS = (
    ("page.png", "", "light", 1280, 1000),
    ("matrix.png", "#matrix", "dark", 1280, 1100),
    ("phone.png", "", "light", 390, 844),
)


def fresh_run(folder: Path, release: str) -> Path:
    options = [
        "--hosts",
        "kvm",
        "--release",
        release,
        "--reports",
        str(folder / "reports"),
        "--state",
        str(folder / "lab"),
    ]
    # Findings are no reason against a sample; a run that could not run is.
    if subprocess.run([COMMAND, "verify", *options], check=False).returncode == 2:
        sys.exit("the run ended with 2: there is nothing to show")
    return folder / "reports" / "latest"


def make_sample(record: RunRecord) -> None:
    SAMPLE.mkdir(parents=True, exist_ok=True)
    (SAMPLE / RESULTS_FILE).write_text(record.model_dump_json() + "\n", encoding="utf-8")
    for line in write(Subject(record), SAMPLE, FORMS):
        sys.exit(line)


def make_baseline(record: RunRecord) -> None:
    if record.environment is None:
        sys.exit("the run reached no cloud: it is no baseline")
    BASELINES.mkdir(parents=True, exist_ok=True)
    (BASELINES / f"{record.environment.release}.xml").write_text(junit_xml(Subject(record)), encoding="utf-8")


def take_screenshots() -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("no chromium here: ./run test installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, address, scheme, width, height in SHOTS:
            context = browser.new_context(
                color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce"
            )
            page = context.new_page()
            page.goto(f"file://{SAMPLE / FORMS['html'].file}{address}")
            page.screenshot(path=SAMPLE / name)
            context.close()
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--release", default="4.23", help="the lab's, for the run that is made (default: 4.23)")
    parser.add_argument("--baseline-only", action="store_true", help="leave the sample as it is")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="csh-") as folder:
        record = read_run(arguments.run or fresh_run(Path(folder), arguments.release))
    make_baseline(record)
    if not arguments.baseline_only:
        make_sample(record)
        take_screenshots()


if __name__ == "__main__":
    main()
