"""`tcm alerts`: what was raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    ask_daemon,
    console,
    load,
    print_json,
    query,
    require_container,
    require_state,
    table,
)

if TYPE_CHECKING:
    from monitor.config import Config

app = typer.Typer(help="Alerts: list them.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def alerts() -> None:
    """Alerts: what was raised and how it ended."""


@app.command("list")
def list_alerts(
    config: ConfigOption = DEFAULT_CONFIG,
    state: Annotated[str | None, typer.Option(help="Only alerts in this state: firing, acknowledged, cleared.")] = None,
    container: Annotated[str | None, typer.Option(help="Only alerts of this container.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List published alerts, cleared ones included. Example: tcm alerts list --state firing"""
    from monitor.model.alert import STATES

    if state is not None and state not in STATES:
        raise typer.BadParameter(f"expected one of {', '.join(STATES)}", param_hint="--state")
    loaded = load(config)
    rows = ask_daemon(loaded, f"/api/alerts{query(state=state, container=container)}")
    if rows is None:
        rows = _offline(loaded, state, container)
    if container is not None and not rows:
        require_container(loaded, "list alerts", container)
    if as_json:
        print_json(rows)
    else:
        show(rows)


def _offline(config: Config, state: str | None, container: str | None) -> list[dict[str, Any]]:
    import sys

    from monitor.consumers import WatchReader

    require_state(config)
    print(f"no daemon is running; read from {config.state_dir}", file=sys.stderr)
    reader = WatchReader(config.state_dir)
    rows = reader.book.alerts(state, container)
    reader.close()
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """A table of the alerts that count, or a line that says there are none; another says how many were merged."""
    from rich.text import Text

    counting = [row for row in rows if row["merged_into"] is None]
    if counting:
        listed = table("severity", "state", "decision", "rule", "what")
        for column in listed.columns[:3]:
            column.no_wrap = True
        for row in counting:
            listed.add_row(*(Text(row[key]) for key in ("severity", "state", "decision", "rule", "message")))
        console().print(listed)
    else:
        print("no alerts")
    if len(counting) < len(rows):
        print(f"{len(rows) - len(counting)} merged into others or withdrawn are left out; --json has all")
