"""The commands of `tcm` put together."""

from __future__ import annotations

from typing import Annotated

import typer

from monitor import __version__
from monitor.cli import (
    alerts,
    backup,
    check,
    demo,
    journal,
    limits,
    log,
    notify,
    phase,
    replay,
    run,
    shock,
    silence,
    status,
    store,
)
from monitor.cli.written import Commands

app = typer.Typer(
    name="tcm",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # a third of the start-up time
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"tcm-monitor {__version__}")
        raise typer.Exit


@app.callback()
def tcm(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Watches flight hardware in transport containers."""


app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("status")(status.status)
app.add_typer(alerts.app, name="alerts")
app.add_typer(phase.app, name="phase")
app.add_typer(log.app, name="log")
app.add_typer(silence.app, name="silence")
app.add_typer(limits.app, name="limits")
app.add_typer(notify.app, name="notify")
app.add_typer(shock.app, name="shock")
app.add_typer(store.app, name="store")
app.add_typer(journal.app, name="journal")
app.command("backup")(backup.backup)
app.command("replay")(replay.replay)
app.command("import")(replay.import_file)
