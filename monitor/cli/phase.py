"""`tcm phase`: which phase a container is in, set by an operator or shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.entering import AtOption, ByOption, ContainerArgument, NewOption, RemarkOption, enter
from monitor.cli.entries import entry_lines, to_second
from monitor.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    access,
    ask_daemon,
    console,
    load,
    print_json,
    query,
    say,
    table,
    tell,
)

if TYPE_CHECKING:
    from monitor.config import Config

app = typer.Typer(help="The phase a container is in: set it, show it.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def phase() -> None:
    """The phase a container is in: rules bound to phases judge each reading by the phase at its own time."""


@app.command("set")
def set_phase(
    container: ContainerArgument,
    phase: Annotated[str, typer.Argument(help="The phase it is in; the word plan hands back to the consignment.")],
    at: AtOption = None,
    by: ByOption = None,
    remark: RemarkOption = "",
    new: NewOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Journal which phase a container is in. Example: tcm phase set C-101 road --at 2026-11-23T06:10:00Z --by Rossi"""
    content = {"type": "phase", "container": container, "phase": phase, "effective_at": at, "by": by}
    said = enter(config, content | {"remark": remark, "new": new})
    if as_json:
        print_json(said)
    else:
        tell(f"{said['container']}: {said['phase']} since {said['effective_at']}, entered by {said['by']}")


@app.command("show")
def show_phase(
    container: Annotated[str | None, typer.Argument(help="Only this container.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show each container's present phase and what operators entered. Example: tcm phase show C-101"""
    from monitor.model.errors import TcmError

    rows = ask_daemon(access(config), f"/api/phases{query(container=container)}")
    if rows is None:
        rows = _offline(load(config), container)
    if container is not None and not rows:
        raise TcmError("show phase", container, "no such container", "tcm phase show lists all")
    if as_json:
        print_json(rows)
    else:
        _show(rows)


def _offline(config: Config, container: str | None) -> list[dict[str, Any]]:
    from contextlib import closing

    from monitor.consumers.operators import OperatorReader
    from monitor.journal import JournalReader
    from monitor.model.clock import SystemClock

    say(f"no daemon is running; read from {config.state_dir}")
    with closing(JournalReader(config.state_dir)) as reader:
        return OperatorReader(reader).phases(config.rules, SystemClock().now_ns(), container)


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.text import Text

    if not rows:
        print("no containers")
        return
    present = table("container", "phase", "since", "said by")
    for row in rows:
        present.add_row(
            row["container"], row["phase"], to_second(row["since"]) if row["since"] else "-", Text(row["by"] or "plan")
        )
    out = console()
    out.print(present)
    entered = [record for row in rows for record in row["records"]]
    if entered:
        print("\n".join(entry_lines(entered, out.width)))
