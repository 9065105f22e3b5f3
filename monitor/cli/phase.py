"""`tcm phase`: which phase a container is in, set by an operator or shown."""

from __future__ import annotations

import json
import sys
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
    table,
)

if TYPE_CHECKING:
    from monitor.config import Config

ENTRY_S = 40.0  # a little longer than the daemon gives itself

app = typer.Typer(help="The phase a container is in: set it, show it.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def phase() -> None:
    """The phase a container is in: rules bound to phases judge each reading by the phase at its own time."""


@app.command("set")
def set_phase(
    container: Annotated[str, typer.Argument(help="The container's id.")],
    phase: Annotated[str, typer.Argument(help="The phase it is in; the word plan hands back to the consignment.")],
    at: Annotated[str | None, typer.Option(help="Since when, RFC 3339 with zone; default: now.")] = None,
    by: Annotated[str | None, typer.Option(help="Who says so; default: the login name.")] = None,
    remark: Annotated[str, typer.Option(help="Why, one line.")] = "",
    new: Annotated[bool, typer.Option("--new", help="Enter it although no leg and no rule has such a phase.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Journal which phase a container is in. Example: tcm phase set C-101 road --at 2026-11-23T06:10:00Z --by Rossi"""
    from monitor.ingest.operating import ANYWAY
    from monitor.model.errors import TcmError

    loaded = load(config)
    content: dict[str, Any] = {"type": "phase", "container": container, "phase": phase, "remark": remark}
    content |= {"by": by or _login_name()} | ({"new": True} if new else {})
    if at is not None:
        content["effective_at"] = at
    body = json.dumps(content).encode()
    try:
        said = ask_daemon(loaded, "/api/operator", body, ENTRY_S, "application/json") or _set_directly(loaded, content)
    except TcmError as error:
        raise TcmError(str(error).replace(ANYWAY, "--new")) from None
    warnings = said.pop("warnings")
    for warning in warnings:
        print(f"tcm: warning: {warning}", file=sys.stderr)
    if as_json:
        print_json(said)
    else:
        print(f"{said['container']}: {said['phase']} since {said['effective_at']}, entered by {said['by']}")


@app.command("show")
def show_phase(
    container: Annotated[str | None, typer.Argument(help="Only this container.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show each container's present phase and what operators entered. Example: tcm phase show C-101"""
    from monitor.model.errors import TcmError

    loaded = load(config)
    rows = ask_daemon(loaded, f"/api/phases{query(container=container)}")
    if rows is None:
        rows = _offline(loaded, container)
    if container is not None and not rows:
        raise TcmError("show phase", container, "no such container", "tcm phase show lists all")
    if as_json:
        print_json(rows)
    else:
        _show(rows)


def _login_name() -> str:
    import getpass

    from monitor.model.errors import TcmError

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError) as error:  # each where the system has no name for the user
        raise TcmError("set phase", "--by", f"no login name: {error}", "give one with --by") from None


def _set_directly(config: Config, content: dict[str, Any]) -> dict[str, Any]:
    """Without a daemon: under the lock of the state directory, by the same checks."""
    from contextlib import closing

    from monitor.ingest.operating import admit, answer
    from monitor.journal import JournalReader, StateLock
    from monitor.model.clock import SystemClock
    from monitor.parts import open_journal

    clock = SystemClock()
    with StateLock(config.state_dir), closing(open_journal(config, clock)) as journal:
        with closing(JournalReader(config.state_dir)) as reader:
            record, warnings = admit(content, config.rules, reader, clock.now_ns())
        journal.append_own("operator", record.entered_ns, record.to_json(), record.container)
        return answer(journal.pos, record, warnings)


def _offline(config: Config, container: str | None) -> list[dict[str, Any]]:
    from contextlib import closing

    from monitor.consumers.phases import PhaseReader
    from monitor.journal import JournalReader
    from monitor.model.clock import SystemClock

    print(f"no daemon is running; read from {config.state_dir}", file=sys.stderr)
    with closing(JournalReader(config.state_dir)) as reader:
        return PhaseReader(reader).document(config.rules, SystemClock().now_ns(), container)


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.text import Text

    if not rows:
        print("no containers")
        return
    present = table("container", "phase", "since", "said by")
    for row in rows:
        present.add_row(row["container"], row["phase"], row["since"] or "-", Text(row["by"] or "plan"))
    out = console()
    out.print(present)
    entered = [record for row in rows for record in row["records"]]
    if entered:
        history = table("container", "entered", "by", "phase", "since", "remark")
        for record in entered:
            keys = ("container", "entered_at", "by", "phase", "effective_at", "remark")
            history.add_row(*(Text(record[key]) for key in keys))  # a bracket in a remark is no markup
        out.print(history)
