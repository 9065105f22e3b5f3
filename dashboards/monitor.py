"""The page *Monitor*: is the monitor itself well?"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries

from dashboards.columns import arranged, column
from dashboards.limits import COLOURS
from dashboards.own import LATE, over_time, own_last_word, own_lines, own_number, received, store_behind
from dashboards.page import AT_END, MONITOR, alert_marks, page
from dashboards.parts import WIDTH, Step, from_good, lines, rows
from dashboards.query import series, table
from dashboards.units import in_words

OWN = '"rule" =~ /^monitor\\./'  # the alerts that the monitor raises of itself
HALF, THIRD = WIDTH // 2, WIDTH // 3
FULL: tuple[Step, ...] = ((80, "warning"), (90, "alarm"))  # %: payloads are dropped, and: that does not help enough


def monitor() -> Dashboard:
    """The page of the daemon: what it takes, how far its consumers are, what it needs, whom it tells."""
    open_words = "Alerts that are not cleared, those of the monitor included."
    missing_words = "Records that loggers have numbered and that have not come yet."
    shown = (
        page(MONITOR, "Monitor", "Is the monitor itself well?", span="now-6h", refresh="30s")
        .with_panel(own_last_word())
        .with_panel(own_number("Loggers online", "Loggers that are connected now.", "loggers_online"))
        .with_panel(own_number("Open alerts", open_words, "alerts_open", steps=from_good((1, "warning"))))
        .with_panel(own_number("Missing records", missing_words, "gap_records", steps=from_good((1, "info"))))
        .with_panel(store_behind())
        .with_panel(
            own_number("Journal's budget", "Share of the bytes it may use.", "budget_used_pct", "%", from_good(*FULL))
        )
        .with_panel(received(HALF))
    )
    for panel in (_refused, _backlog, _lag, _gaps, _loggers, _budget, _disk, _memory, _notifiers, _waiting):
        shown = shown.with_panel(panel())
    for marks in alert_marks(OWN):
        shown = shown.annotation(marks)
    return shown


def _refused() -> TimeSeries:
    words = (
        "Duplicates are what loggers sent twice, which is right after a break. Quarantined is what could not be used: "
        "each has its reason in the journal, `tcm status` counts them."
    )
    queries = [over_time("duplicates", "duplicates"), over_time("quarantined", "quarantined")]
    return own_lines("Duplicates and quarantine", words, queries, "", width=HALF)


def _backlog() -> TimeSeries:
    words = (
        "What each consumer has still to do: watch and store records of the journal, notify changes of alerts, copy "
        "hours of loggers for the copy by the minute. It must come back to 0 after each burst, copy within a minute."
    )
    queries = [over_time(f"{name}_backlog", name) for name in ("watch", "store", "notify", "copy")]
    return own_lines("Backlog of the consumers", words, queries, "", width=HALF)


def _lag() -> TimeSeries:
    words = (
        "How long something has waited for a consumer: watch judges, store writes to InfluxDB, notify tells of alerts, "
        "copy keeps the copy by the minute, which it looks at every 20 s."
    )
    queries = [over_time(f"{name}_lag_s", name) for name in ("watch", "store", "notify", "copy")]
    return own_lines("Lag of the consumers", words, queries, "s", steps=LATE, width=HALF)


def _gaps() -> TimeSeries:
    words = "Records that are missing between those that came. Loggers are asked for them; it falls as they come."
    return own_lines("Missing records over time", words, [over_time("gap_records", "missing")], "", width=HALF)


def _loggers() -> TimeSeries:
    words = "Loggers known and those connected. All gone at once is the broker or the network, not the loggers."
    queries = [over_time("loggers", "known"), over_time("loggers_online", "online")]
    return own_lines("Loggers", words, queries, "", width=HALF)


def _budget() -> TimeSeries:
    words = (
        "Bytes of the journal by its budget. From 80 % on payloads that every consumer has read are dropped, oldest "
        "first; above 90 % that does not help enough."
    )
    queries = [over_time("budget_used_pct", "used")]
    return own_lines("Journal's budget used", words, queries, "%", steps=FULL, width=THIRD)


def _disk() -> TimeSeries:
    words = "Free space where the journal lies. Without it the daemon stops acknowledging: loggers keep what they have."
    return own_lines("Free disk", words, [over_time("disk_free_bytes", "free", 'min("{}")')], "bytes", width=THIRD)


def _memory() -> TimeSeries:
    words = "Memory of the daemon's process. It is level from the first hour on, with a step at each large event."
    return own_lines("Memory", words, [over_time("rss_bytes", "used")], "bytes", width=THIRD)


def _notifiers() -> Table:
    fields = ("failing", "backlog", "told", "refused")
    chosen = ", ".join(f'last("{name}") AS "{name}"' for name in fields)
    text = f'SELECT {chosen} FROM "notifier" WHERE {AT_END} GROUP BY "instance", "notifier"'
    words = "Who is told of alerts, and whether that works: what waits, what was told, what was refused for good."
    nothing = "no notifier is configured"
    shown = rows("Notifiers", words, table(text), nothing=nothing, first="Failing", width=HALF)
    for name in ("instance", "notifier", *fields[1:]):
        shown = shown.override_by_name(name, column(name=name.capitalize()))
    failing = in_words({"0": ("works", COLOURS["ok"]), "1": ("fails", COLOURS["alarm"])})
    shown = shown.override_by_name("failing", column(name="Failing", mappings=failing))
    return shown.with_transformation(arranged(("notifier", *fields, "instance")))


def _waiting() -> TimeSeries:
    text = """SELECT max("backlog") FROM "notifier" WHERE $timeFilter
              GROUP BY time($__interval), "instance", "notifier" fill(none)"""
    words = "Notifications that each notifier has still to tell; they are kept until they are told or refused."
    nothing = "no notifier is configured, or the daemon said nothing in this time"
    queries = series(text, "$tag_notifier ($tag_instance)")
    return lines("Waiting notifications", words, queries, unit="", nothing=nothing, width=HALF).interval("10s")
