"""`tcm silence`: alerts of which nobody wants to be told for a time, now or as a planned maintenance window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.entering import AtOption, ByOption, RemarkOption, enter
from monitor.cli.entries import to_second, two_parts
from monitor.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    access,
    ask_daemon,
    console,
    print_json,
    say,
    tell,
)

if TYPE_CHECKING:
    from monitor.config import Access

app = typer.Typer(
    help="Silences: alerts of which nobody is told for a time.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def silence() -> None:
    """Silenced alerts are raised, kept and shown as ever; only notifiers keep quiet until the silence ends."""


@app.command("add")
def add(
    container: Annotated[str, typer.Argument(help="The container's id; - for the gateway's own alerts.")],
    duration: Annotated[str | None, typer.Option("--for", help='How long, as "2 h".')] = None,
    until: Annotated[str | None, typer.Option(help="Or until when, RFC 3339 with zone.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only alerts of this rule; * for any characters.")] = None,
    logger: Annotated[str | None, typer.Option(help="Only of this logger, likewise.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only of this channel, likewise.")] = None,
    at: AtOption = None,
    by: ByOption = None,
    remark: RemarkOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Silence alerts, at once or from --at on. Example: tcm silence add C-101 --for "2 h" --rule "humidity-*" """
    if (duration is None) == (until is None):
        raise typer.BadParameter("expected one of --for and --until", param_hint="--for")
    content: dict[str, Any] = {"type": "silence", "container": container, "rule": rule, "logger": logger}
    content |= {"channel": channel, "until": until if duration is None else _end_of(duration, at)}
    said = enter(config, content | {"effective_at": at, "by": by, "remark": remark})
    if as_json:
        print_json(said)
    else:
        begin = f"from {said['effective_at']} " if at is not None else ""
        tell(f"{said['container']}: silence {said['pos']} {begin}until {said['until']}, entered by {said['by']}")


@app.command("list")
def list_silences(
    is_all: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List silences, those that are or will be. Example: tcm silence list --all"""
    daemon = access(config)
    rows = ask_daemon(daemon, "/api/silences")
    if rows is None:
        rows = _offline(daemon)
    rows = [row for row in rows if is_all or row["state"] != "over"]
    if as_json:
        print_json(rows)
    else:
        _show(rows)


@app.command("end")
def end(
    silence_id: Annotated[int, typer.Argument(metavar="SILENCE", help="Its number, as tcm silence list shows it.")],
    at: AtOption = None,
    by: ByOption = None,
    remark: RemarkOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """End a silence; who has to be told of what still fires is told then. Example: tcm silence end 4711"""
    content = {"type": "silence-end", "silence": silence_id, "effective_at": at, "by": by, "remark": remark}
    said = enter(config, content)
    if as_json:
        print_json(said)
    else:
        tell(f"{said['container']}: silence {silence_id} ends at {said['effective_at']}, entered by {said['by']}")


def _end_of(duration: str, at: str | None) -> str:
    """When a silence of some length ends that begins at a time, or now."""
    from monitor.model.clock import NS_PER_S, SystemClock, parse_rfc3339, rfc3339
    from monitor.model.quantity import possible_quantity

    try:
        length_ns = round(possible_quantity(duration, "time") * NS_PER_S)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from None
    try:
        begin_ns = SystemClock().now_ns() if at is None else parse_rfc3339(at)
        return rfc3339(begin_ns // NS_PER_S * NS_PER_S + length_ns)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error), param_hint="--at and --for") from None


def _offline(config: Access) -> list[dict[str, Any]]:
    from contextlib import closing

    from monitor.consumers.silences import Silences
    from monitor.journal import JournalReader
    from monitor.model.clock import SystemClock

    say(f"no daemon is running; read from {config.state_dir}")
    with closing(JournalReader(config.state_dir)) as reader:
        silences = Silences(reader)
        silences.refresh()
        return [one.document(SystemClock().now_ns()) for one in silences.all()]


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        print("no silences")
    for row in rows:
        of = ", ".join(f"{key} {row[key]}" for key in ("rule", "logger", "channel") if key in row)
        time = f"{to_second(row['effective_at'])} to {to_second(row['ends_at'])}"
        head = f"{row['pos']:<10}{row['state']:<9}{time}  {row['container']}  {of or 'all alerts'}"
        print("\n".join(two_parts(head, row, console().width)))
