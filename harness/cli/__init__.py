"""The console door: `cs-harness`. One module for each group of commands."""

from __future__ import annotations

import errno
import signal
import sys

import click

from harness.cli.audit import audit
from harness.cli.campaign import campaign
from harness.cli.cases import cases
from harness.cli.cleanup import cleanup

# Commands import what they need when they run: `--help` and wrong options answer at once.
from harness.cli.compare import compare
from harness.cli.defects import defects
from harness.cli.doctor import doctor
from harness.cli.history import history
from harness.cli.lab import lab
from harness.cli.marvin import marvin
from harness.cli.reference import predict, rules_of_the_reference
from harness.cli.report import report
from harness.cli.verify import verify
from harness.cli.watch import watch
from harness.errors import HarnessError

COULD_NOT_RUN = 2


class OneLineErrors(click.Group):
    """Errors that a user can cause, and interruptions, end in one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except HarnessError as failure:
            click.echo(f"cs-harness: {failure}", err=True)
            sys.exit(COULD_NOT_RUN)
        except KeyboardInterrupt:
            click.echo("cs-harness: interrupted", err=True)
            sys.exit(COULD_NOT_RUN)
        except OSError as failure:
            # A reader that went away is click's own to deal with.
            if failure.errno == errno.EPIPE:
                raise
            told = f"{failure.filename}: {failure.strerror}" if failure.filename else str(failure)
            click.echo(f"cs-harness: {told}", err=True)
            sys.exit(COULD_NOT_RUN)


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cloudstack-scaling-harness")
def main() -> None:
    """Does live scaling on KVM really work here?"""
    # A terminated run cleans up like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


for command in (
    verify,
    audit,
    watch,
    campaign,
    cases,
    cleanup,
    doctor,
    report,
    compare,
    history,
    defects,
    predict,
    rules_of_the_reference,
    lab,
    marvin,
):
    main.add_command(command)
