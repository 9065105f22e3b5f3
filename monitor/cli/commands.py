"""The commands of `tcm` put together."""

from __future__ import annotations

import typer

from monitor.cli import alerts, check, demo, replay, run, status

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
