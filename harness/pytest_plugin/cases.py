"""One case under pytest: its stage, its verdict and its record."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.report.quarantine import Entry
    from harness.run.case import Case, RunContext
    from harness.run.holds import Claim
    from harness.run.stage import Stage
    from harness.run.verification import Verification

VERIFICATION: pytest.StashKey[Verification] = pytest.StashKey()
# Lines that writing the reports left to tell.
TOLD: pytest.StashKey[list[str]] = pytest.StashKey()
QUARANTINE: pytest.StashKey[tuple[Entry, ...]] = pytest.StashKey()
CONTEXT: pytest.StashKey[RunContext] = pytest.StashKey()
CASE: pytest.StashKey[Case] = pytest.StashKey()
_NEXT: pytest.StashKey[Claim | None] = pytest.StashKey()
# The name under which a case's record travels in its last report, also out of another process.
RECORD = "harness_case"


def case_id(item: pytest.Item) -> str | None:
    """The matrix's id of a test, or None for a test that is no case."""
    marker = item.get_closest_marker("case")
    return None if marker is None else str(marker.args[0])


def case_text(item: pytest.Item) -> str:
    """What a case says of itself; one of several in a parametrised test has its parameters in place of {braces}."""
    text = str(getattr(item, "obj", item).__doc__ or item.name)
    callspec = getattr(item, "callspec", None)
    return text if callspec is None else text.format(**callspec.params)


def claim_of(item: pytest.Item) -> Claim:
    """What a case's markers claim of the cloud."""
    from harness.run.holds import Claim

    alone = item.get_closest_marker("alone")
    settings = item.get_closest_marker("zone_settings")
    return Claim(
        alone=alone.args[0] if alone else None,
        hosts=alone.kwargs.get("hosts", 1) if alone else 1,
        zone_settings=dict(settings.args[0]) if settings else {},
    )


def begun(item: pytest.Item) -> Case:
    """The case that a test is, at its very beginning."""
    from harness.run.case import Case

    name = case_id(item) or item.name
    hook = item.config.hook
    return Case(name, case_text(item), item.nodeid, lambda step: hook.pytest_harness_step(case_id=name, step=step))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    if case_id(item) is None:
        return (yield)
    case = begun(item)
    item.stash[CASE] = case
    item.stash[_NEXT] = claim_of(nextitem) if nextitem is not None and case_id(nextitem) else None
    try:
        return (yield)
    finally:
        # After Ctrl-C pytest ends fixtures only when the run, and with it the lab, is over.
        case.close_stage()


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The world of one case: offerings, instances and settings that are gone when it ends."""
    case = request.node.stash[CASE]
    try:
        context = request.config.stash[CONTEXT]
        opened = case.open_stage(context, claim_of(request.node), request.node.stash[_NEXT])
    except HarnessError as failure:
        raise _ended(case, failure) or failure from None
    try:
        yield opened
    finally:
        case.close_stage()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Turn what a case saw into pytest's verdict: the test's own assertions are only a part of it."""
    case = pyfuncitem.stash.get(CASE, None)
    if case is None:
        return (yield)
    try:
        result = yield
    except Exception as raised:
        ended = _ended(case, raised)
        if not isinstance(raised, HarnessError | AssertionError):
            raise
    else:
        ended = _ended(case, None)
    if ended is None:
        return result
    raise ended from None


def _ended(case: Case, raised: Exception | None) -> BaseException | None:
    """The verdict on a case as pytest's exception; None where it passed."""
    from harness.run.record import Outcome

    verdict = case.judge(raised)
    match verdict.outcome:
        case Outcome.PASSED:
            return None
        case Outcome.NOT_VERIFIED:
            return pytest.skip.Exception(f"not verified: {verdict.reason}")
        case Outcome.KNOWN_DEFECT:
            return pytest.xfail.Exception(f"known defect: {verdict.reason}")
        case _:
            text = case.findings_text() or f"{verdict.outcome}: {verdict.reason}"
            return pytest.fail.Exception(text, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    case = item.stash.get(CASE, None)
    if case is None:
        return report
    if report.longrepr is not None:
        told = str(report.longrepr)
        if (clean := case.without_secrets(told)) != told:
            report.longrepr = clean
    report.sections = [(name, case.without_secrets(content)) for name, content in report.sections]
    if call.excinfo is not None and call.when != "call":
        case.broke(call.when, call.excinfo.value)
    if call.when == "teardown":
        setattr(report, RECORD, case.record(item.config.stash[CONTEXT]).model_dump(mode="json"))
    return report
