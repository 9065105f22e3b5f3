"""`tcm status`: what the daemon, or without one the state directory, says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.cli.entries import to_second
from monitor.cli.output import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    access,
    ask_daemon,
    console,
    load,
    print_json,
    require_state,
    table,
)
from monitor.model.condition import GATEWAY

if TYPE_CHECKING:
    from rich.table import Table

    from monitor.config import Config


CLOCKS = {0: "not set", 1: "running free", 2: "synchronised"}
COUNTED = {"notify": "change", "copy": "hour"}  # what a consumer's position counts, of all others records
GAP_STATES = ("open", "requested", "lost")
MAX_NAMED = 20  # containers that a line lists
MAX_SILENCES = 3  # of a container; tcm silence list has all


def status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show the state of the daemon and its loggers. Example: tcm status --json"""
    from monitor.model.errors import NoAnswer

    try:
        document = ask_daemon(access(config), "/api/status") or _offline(load(config))
    except NoAnswer:
        document = _offline(load(config))
    if as_json:
        print_json(document)
    else:
        _show(document)


def _offline(config: Config) -> dict[str, Any]:
    """The document as far as the files tell it; consumers' positions are in files of their own and not asked for."""
    from monitor.journal import lock_holder
    from monitor.model.clock import SystemClock
    from monitor.telemetry import StateReader

    require_state(config)
    holder = lock_holder(config.state_dir)
    problem = "not running" if holder is None else f"process {holder} holds the state directory but does not answer"
    reader = StateReader(config.state_dir)
    records = reader.journal.records()
    head = {
        "instance": config.instance,
        "state": "stopped" if holder is None else "hanging",
        "problems": {"daemon": f"{problem}; read from {config.state_dir}"},
        "ingest": {
            "connected": False,
            "records": records,
            "records_per_s": 0.0,
            "queue": 0,
            "duplicates": 0,
            "dropped": 0,
        },
        "consumers": {},
        "conditions": [],
        "budget_bytes": config.journal.budget_bytes,
        "provisional": reader.watch.provisional(),
    }
    document = head | reader.document(config.rules, SystemClock().now_ns())
    reader.close()
    return document


def _show(document: dict[str, Any]) -> None:
    from rich import filesize

    out = console()
    out.print(f"{document['instance']}: {document['state']}", style="bold", highlight=False)
    for part, problem in document["problems"].items():
        out.print(f"  {part}: {problem}", style="yellow", highlight=False)
    for condition in document["conditions"]:
        out.print(f"  {_condition(condition)}", style="yellow", highlight=False)
    ingest, journal = document["ingest"], document["journal"]
    out.print(
        f"records {ingest['records']} ({ingest['records_per_s']}/s), queue {ingest['queue']}, "
        f"quarantined {document['quarantined']}, {open_alerts(document['alerts'])}",
        highlight=False,
    )
    used, budget = (filesize.decimal(int(n_bytes)) for n_bytes in (journal["used_bytes"], document["budget_bytes"]))
    out.print(f"journal at {journal['pos']}, {used} of {budget} used", highlight=False)
    gaps = ", ".join(f"{document['gaps'][state]} {state}" for state in GAP_STATES)
    out.print(f"missing records: {gaps}", highlight=False)
    for name, consumer in document["consumers"].items():
        what = COUNTED.get(name, "record")
        out.print(f"  {name}: at {what} {consumer['pos']}, backlog {consumer['backlog']}", highlight=False)
    for one in document.get("notifiers", ()):  # the files do not tell
        out.print(f"  {_notifier(one)}", markup=False, highlight=False)
    if document["provisional"]:
        out.print(_provisional(document["provisional"]), highlight=False)
    out.print(_containers(document["containers"], document["phases"]))
    out.print(_loggers(document["loggers"]))
    if not all(row["registered"] for row in document["loggers"]):
        out.print("* not in the file of its container", highlight=False)
    for row in document["loggers"]:
        if row["other_serial"]:
            out.print(_other_serial(row), style="yellow", markup=False, highlight=False)


def open_alerts(counts: dict[str, int]) -> str:
    """How many alerts are open, and of how many of these somebody takes care."""
    seen = counts["acknowledged"]
    return f"alerts open {counts['firing'] + seen}" + (f" ({seen} acknowledged)" if seen else "")


def _containers(containers: dict[str, dict[str, Any]], phases: dict[str, str]) -> Table:
    """How each container stands by what operators entered."""
    from rich.text import Text

    shown = table("container", "phase", "armed", "custodian", "silences")
    for name, standing in containers.items():
        silences = [f"{one['pos']} {one['state']} until {one['ends_at']}" for one in standing["silences"]]
        more = len(silences) - MAX_SILENCES
        listed = silences[:MAX_SILENCES] + ([f"and {more} others"] if more > 0 else [])
        cells = (name, phases.get(name, "-"), _armed(standing), standing["custodian"] or "-", ", ".join(listed) or "-")
        shown.add_row(*(Text(cell) for cell in cells))
    return shown


def _loggers(rows: list[dict[str, Any]]) -> Table:
    """What each logger last said of itself, and what is awaited of it; names in one column leave room for the rest."""
    from rich.text import Text

    shown = table("logger", "state", "battery", "last seen", "missing", "clock", whole="last seen")
    for row in rows:
        name = f"{row['container']}/{row['logger']}"
        cells = (
            name if row["registered"] else f"{name} *",
            row["state"] or "-",
            "-" if row["battery_pct"] is None else f"{row['battery_pct']:.0f} %",
            to_second(row["last_seen_at"]) if row["last_seen_at"] else "never",
            str(row["gap_records"]),
            CLOCKS.get(row["clock"], "-") + (f", {row['waiting']} wait" if row["waiting"] else ""),
        )
        shown.add_row(*(Text(cell) for cell in cells))
    return shown


def _other_serial(row: dict[str, Any]) -> str:
    return (
        f"{row['container']}/{row['logger']} says that its serial is {row['other_serial']}, the container's file "
        f"{row['serial']}: correct the file and the certificates in it, or mount the logger that was meant"
    )


def _armed(standing: dict[str, Any]) -> str:
    """Whether a container is armed, and why not."""
    disarmed = standing["disarmed"]
    if disarmed is None:
        until = standing["starting_until"]
        return "yes" if until is None else f"starts up until {until}"
    until = f" until {disarmed['until']}" if disarmed["until"] else ""
    return f"no, by {disarmed['by'] or 'its file'}{until}"


def _notifier(one: dict[str, Any]) -> str:
    """How far a notifier is, and whether its receiver takes what it tells."""
    counts = f"at change {one['pos']}, backlog {one['backlog']}, told {one['told']}, refused {one['refused']}"
    failing = f", failing since {one['failing_since']}" if one["failing_since"] else ""
    return f"notifier {one['name']}: {counts}{failing}"


def _condition(condition: dict[str, str]) -> str:
    of = "" if condition["container"] == GATEWAY else f" {condition['container']}/{condition['logger']}"
    return f"{condition['rule']}{of}: {condition['text']}"


def _provisional(containers: list[str]) -> str:
    more = len(containers) - MAX_NAMED
    names = ", ".join(containers[:MAX_NAMED]) + (f" and {more} others" if more > 0 else "")
    return f"provisional, to be judged again once no record is awaited: {names}"
