"""`tcm alerts`: what was raised, all there is of one, that somebody has seen it, and what comes."""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.entering import ByOption, RemarkOption, enter
from monitor.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    access,
    ask_daemon,
    console,
    print_json,
    query,
    require_container,
    require_state,
    say,
    tell,
)

if TYPE_CHECKING:
    from monitor.alerts.query import AlertQuery
    from monitor.config import Access
    from monitor.model.errors import UnknownName

app = typer.Typer(help="Alerts: list, show, acknowledge, watch them.", no_args_is_help=True, rich_markup_mode=None)
GLOB_SIGNS = set("*?[")
StateOption = Annotated[
    str | None, typer.Option(help="Only in this state: firing, acknowledged, cleared; open: any but cleared.")
]
SeverityOption = Annotated[str | None, typer.Option(help="Only of this severity: info, warning, alarm.")]
ContainerOption = Annotated[str | None, typer.Option(help="Only of this container; * stands for any characters.")]
RuleOption = Annotated[str | None, typer.Option(help="Only of this rule; * stands for any characters.")]
AlertArgument = Annotated[str, typer.Argument(metavar="ID", help="The alert's id, as list shows it.")]


@app.callback()
def alerts() -> None:
    """Alerts: what was raised, who has seen it, and how it ended."""


@app.command("list")
def list_alerts(
    state: StateOption = None,
    severity: SeverityOption = None,
    container: ContainerOption = None,
    rule: RuleOption = None,
    since: Annotated[str | None, typer.Option(help="Only what occurred at this time or later, RFC 3339.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List published alerts, cleared ones included. Example: tcm alerts list --state firing --severity alarm"""
    from monitor.alerts.query import AlertQuery

    given = {"state": state, "severity": severity, "container": container, "rule": rule, "since": since}
    asked = AlertQuery.read({key: value for key, value in given.items() if value})
    daemon = access(config)
    rows = ask_daemon(daemon, f"/api/alerts{query(**given)}")
    if rows is None:
        rows = _offline(daemon, asked)
    if container is not None and not rows and not GLOB_SIGNS & set(container):
        require_container(config, "list alerts", container)
    if as_json:
        print_json(rows)
    else:
        show(rows)


@app.command("show")
def show_alert(key: AlertArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show all there is of an alert, and draw the readings around its limit.

    Example: tcm alerts show 7c1f0e9a3b5d2c44
    """
    from monitor.cli.alert_text import alert_lines
    from monitor.cli.drawing import style_for
    from monitor.model.channel import is_identifier

    daemon = access(config)
    if not is_identifier(key):
        raise _no_alert(key)
    evidence = ask_daemon(daemon, f"/api/alerts/{key}")
    if evidence is None:
        evidence = _evidence_offline(daemon, key)
    if as_json:
        print_json(evidence)
    else:
        print("\n".join(alert_lines(evidence, console().width, style_for(sys.stdout.encoding))))


@app.command("ack")
def acknowledge(
    key: AlertArgument,
    by: ByOption = None,
    remark: RemarkOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Journal that somebody has seen an alert and sees to it; exit 1 when somebody did before, or it has ended.

    Example: tcm alerts ack 7c1f0e9a3b5d2c44 --remark "doors closed again"
    """
    said = enter(config, {"type": "ack", "alert": key, "by": by, "remark": remark})
    if as_json:
        print_json(said)
    else:
        tell(f"{said['alert']}: acknowledged by {said['by']} at {said['entered_at']}")


@app.command("watch")
def watch(
    severity: SeverityOption = None,
    container: ContainerOption = None,
    rule: RuleOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Print each change of an alert as it happens, until Ctrl-C; with --json a document a line.

    Example: tcm alerts watch --severity alarm
    """
    from monitor.alerts.query import AlertQuery
    from monitor.cli.alert_text import change_line
    from monitor.cli.following import follow

    given = {"severity": severity, "container": container, "rule": rule}
    asked = AlertQuery.read({key: value for key, value in given.items() if value})
    for change in follow(access(config)):
        if not _is_meant(asked, change["alert"]):
            continue
        if as_json:
            print(json.dumps(change, ensure_ascii=False), flush=True)
        else:
            print(change_line(change["at"], change["change"], change["alert"], console().width), flush=True)


def show(rows: list[dict[str, Any]]) -> None:
    """The alerts that count, or a line that says there are none; another says how many were merged."""
    from monitor.cli.alert_text import list_lines

    for line in list_lines(rows, console().width):
        print(line)


def _is_meant(asked: AlertQuery, alert: dict[str, Any]) -> bool:
    """Whether somebody who follows has asked for an alert, by severity, container and rule."""
    return (
        asked.severity in (None, alert["severity"])
        and fnmatchcase(alert["container"], asked.container or "*")
        and fnmatchcase(alert["rule"], asked.rule or "*")
    )


def _no_alert(key: str) -> UnknownName:
    from monitor.model.errors import UnknownName

    return UnknownName("show alert", key, "there is no such alert", "tcm alerts list shows all")


def _offline(config: Access, asked: AlertQuery) -> list[dict[str, Any]]:
    from contextlib import closing

    from monitor.consumers import WatchReader

    _say_offline(config)
    with closing(WatchReader(config.state_dir)) as reader:
        return reader.listing.alerts(asked)


def _evidence_offline(config: Access, key: str) -> dict[str, Any]:
    from contextlib import closing

    from monitor.consumers import WatchReader
    from monitor.examine.evidence import evidence_of

    _say_offline(config)
    with closing(WatchReader(config.state_dir)) as reader:
        alert = reader.book.body(key)
    if alert is None:
        raise _no_alert(key)
    return evidence_of(config.state_dir, alert)


def _say_offline(config: Access) -> None:
    require_state(config)
    say(f"no daemon is running; read from {config.state_dir}")
