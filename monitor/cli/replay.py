"""`tcm replay` and `tcm import`: recordings and journals through the same code as live."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    table,
    tell,
)

if TYPE_CHECKING:
    from monitor.config import Config

STREAM = ("rule", "container", "logger", "channel")
IMPORT_S = 150.0  # a little longer than the daemon gives itself


def replay(
    source: Annotated[
        Path, typer.Argument(help="A state directory or its journal.db, or a recording (file or folder).")
    ],
    limits: Annotated[
        Path | None, typer.Option("--limits", help="Limits file to judge by; default: as journalled.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="OLD", help='Limits file to compare with; "journalled": those of the time.'),
    ] = None,
    is_ordered: Annotated[
        bool, typer.Option("--ordered", help="With every late record in its place: the official alerts and totals.")
    ] = False,
    place: Annotated[
        str | None, typer.Option("--place", help="Of a recording: where its sensor sat, for rules with a place.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Which alerts would these limits raise, and what was left of each? Exit 1 when an alarm fires.

    Example: tcm replay var --limits new.toml --against journalled
    """
    from rich.console import Console
    from rich.progress import Progress

    from monitor.replaying import replay_source

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task("replay", total=None)
        result = replay_source(
            source,
            limits,
            lambda done, total: progress.update(task, completed=done, total=total),
            against=against,
            is_ordered=is_ordered,
            place=place,
        )
    if as_json:
        print_json(result)
    else:
        _show(result, against, is_ordered=is_ordered)
    is_alarm = any(alert["severity"] == "alarm" and alert["merged_into"] is None for alert in result["alerts"])
    sys.exit(1 if is_alarm else 0)


def _show(result: dict[str, Any], against: str | None, *, is_ordered: bool) -> None:
    from monitor.cli.alerts import show
    from monitor.cli.replay_text import margin_lines, sides, unjudged_line
    from monitor.cli.shock_text import unplaced_line

    if against is None:
        show(result["alerts"])
    else:
        for title, alerts in sides(result["against"]):
            tell(f"{title}: {len(alerts) or 'none'}")
            if alerts:
                show(alerts)
    if result["unplaced"]:
        tell(unplaced_line(len(result["unplaced"]), is_recording=True))
    if is_ordered:
        _show_exposure(result["exposure"])
    for line in margin_lines(result["margins"]):
        tell(line)
    if result["unjudged"]:
        tell(unjudged_line(result["unjudged"]))
    print(f"{result['readings']} readings, {result['events']} events in {result['seconds']} s")


def _show_exposure(rows: list[dict[str, Any]]) -> None:
    """A table of the last running totals of each rule and stream; none where no rule sums up anything."""
    from rich.text import Text

    if not rows:
        return
    listed = table(*STREAM, "totals")
    for row in rows:
        totals = {name: value for name, value in row.items() if name not in (*STREAM, "at", "provisional")}
        said = ", ".join(f"{name} {value:g}" for name, value in totals.items() if value is not None)
        listed.add_row(*(Text(row[key]) for key in STREAM), Text(said))
    console().print(listed)


def import_file(
    file: Annotated[Path, typer.Argument(help="environment.csv or accel_<name>.csv[.gz]")],
    container: Annotated[str, typer.Option(help="The container's id.")],
    logger: Annotated[str, typer.Option(help="The logger's id.")],
    start: Annotated[str | None, typer.Option(help="When the recording began, RFC 3339; default: now.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Put a logger's CSV into the journal. Example: tcm import environment.csv --container C-101 --logger L-01"""
    from monitor.model.errors import TcmError

    try:
        content = file.read_bytes()
    except OSError as error:
        raise TcmError("import", str(file), str(error)) from None
    path = f"/api/import{query(name=file.name, container=container, logger=logger, start=start)}"
    counts = ask_daemon(access(config), path, content, IMPORT_S)
    if counts is None:
        counts = _import_directly(load(config), file.name, content, container, logger, start)
    if as_json:
        print_json(counts)
    else:
        print(", ".join(f"{count} {what}" for what, count in counts.items()))


def _import_directly(
    config: Config, name: str, content: bytes, container: str, logger: str, start: str | None
) -> dict[str, Any]:
    """Without a daemon: under the lock of the state directory, through the same intake."""
    from monitor.ingest import Inbox, Intake
    from monitor.ingest.importing import import_deliveries, require_accepted
    from monitor.journal import StateLock
    from monitor.model.clock import SystemClock
    from monitor.parts import open_journal

    clock = SystemClock()
    require_accepted(config.rules, container, logger)
    deliveries, counts = import_deliveries(name, content, container, logger, start, clock, lambda: None)
    with StateLock(config.state_dir):
        journal = open_journal(config, clock)
        inbox = Inbox()
        intake = Intake(journal, inbox, clock, lambda _topic, _payload: None, ())
        for delivery in deliveries:
            inbox.put(delivery, is_fill=True)
        while len(inbox):
            intake.step()
        journal.close()
    return counts
