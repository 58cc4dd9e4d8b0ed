"""`cs-harness marvin`: Marvin test modules, with nose's options under nose's names."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from harness.cli.options import clock_option, hosts_option, latency_option, mended_option, state_option


@click.command()
@click.option(
    "-a", "--attr", multiple=True, metavar="ATTR", help="As nose's: comma is and, repeated is or; k=v, k, !k."
)
@click.option("-A", "--eval-attr", multiple=True, metavar="EXPR", help="As nose's: a Python expression of attributes.")
@click.option(
    "--marvin-config",
    envvar="MARVIN_CONFIG",
    type=click.Path(path_type=Path),
    help="Marvin configuration; also the variable MARVIN_CONFIG. Default: an embedded lab.",
)
@click.option("--marvin-path", metavar="DIR", help="tools/marvin of a CloudStack tree, or `own`.")
@click.option("--zone", help="Zone to test in; default: the configuration's first.")
@click.option("--hypervisor", help="Hypervisor under test; default: the configuration's.")
@click.option("--deploy", is_flag=True, help="First build the zone that the configuration describes.")
@click.option("--log-folder-path", metavar="DIR", help="Where MarvinLogs lands; default: the configuration's.")
@click.option("--fast-waits/--no-fast-waits", default=True, help="End Marvin's sleeps when their reason has come.")
@click.option("--leftovers", type=click.Choice(["list", "remove", "ignore"]), default="list", show_default=True)
@click.option("-n", "--workers", metavar="N", help="Run classes side by side (needs pytest-xdist).")
@click.option("--with-marvin", is_flag=True, help="Always so; nose wants it said.")
@click.option("--with-xunit", is_flag=True, help="Always so, a file for each module; nose wants it said.")
@click.option("--xunit-file", type=click.Path(path_type=Path), help="All of it in one file, too.")
@click.option("-s", "--nocapture", is_flag=True, help="Show what tests print.")
@click.option("-v", "--verbose", is_flag=True, help="Name each test.")
@hosts_option
@click.option("--release", help="The embedded lab's release.")
@latency_option
@clock_option
@mended_option
@state_option
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True))
def marvin(
    attr: tuple[str, ...],
    eval_attr: tuple[str, ...],
    with_marvin: bool,
    with_xunit: bool,
    xunit_file: Path | None,
    workers: str | None,
    nocapture: bool,
    verbose: bool,
    deploy: bool,
    fast_waits: bool,
    mended: bool,
    files: tuple[str, ...],
    **options: object,
) -> None:
    """Run Marvin test modules. Exit code 0: all passed, 1: some did not, 2 and more: could not run."""
    import pytest

    del with_marvin, with_xunit
    # What is logged is in runinfo.txt.
    arguments = ["--with-marvin", "--tb=short", "--show-capture=stdout", "-p", "no:cacheprovider"]
    # This process has imported the harness before pytest could rewrite its assertions, of which it has none.
    arguments += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    arguments += [f"--attr={each}" for each in attr] + [f"--eval-attr={each}" for each in eval_attr]
    arguments += [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
    arguments += ["--deploy"] if deploy else []
    arguments += ["--mended"] if mended else []
    arguments += ["--fast-waits" if fast_waits else "--no-fast-waits"]
    arguments += ["-n", workers] if workers else []
    arguments += [f"--junitxml={xunit_file}", "-o", "junit_family=xunit1"] if xunit_file else []
    arguments += ["-s"] if nocapture else []
    arguments += ["-v"] if verbose else []
    sys.exit(int(pytest.main([*arguments, *files])))
