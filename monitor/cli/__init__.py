"""`tcm`: one file for each group of commands. Heavy imports stand where they are used, so `--help` answers at once."""

from __future__ import annotations

import sys

import typer

from monitor.cli import alerts, check, demo, replay, run, status
from monitor.cli.output import fail

app = typer.Typer(
    name="tcm",
    help="Watches flight hardware in transport containers.",
    no_args_is_help=True,
    rich_markup_mode=None,  # a third of the start-up time
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("status")(status.status)
app.add_typer(alerts.app, name="alerts")
app.command("replay")(replay.replay)
app.command("import")(replay.import_file)


def main() -> None:
    """Entry point: exit status 0 ok, 1 the answer is no, 2 wrong use or configuration."""
    from monitor.model.errors import TcmError

    try:
        app()
    except TcmError as error:
        fail(error)
    except KeyboardInterrupt:
        sys.exit(130)
