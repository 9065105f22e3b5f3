"""Is the monitor itself well?"""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard, ThresholdsConfig

from dashboards import columns, page, parts, units
from dashboards.query import Query, series
from dashboards.query import table as rows_of

SILENT = "the daemon said nothing in this time"
OWN = '"rule" =~ /^monitor\\./'  # the alerts that the monitor raises of itself
HALF = parts.WIDTH // 2
LATE = parts.from_good((60, "warning"), (600, "alarm"))  # s: a minute is a server's restart, ten are an outage
FULL = parts.from_good((80, "warning"), (90, "alarm"))  # %: payloads are dropped, and: that does not help enough


def monitor() -> Dashboard:
    """The page."""
    shown = page.page(page.MONITOR, "Monitor", "Is the monitor itself well?", span="now-6h", refresh="30s")
    shown.with_panel(_last_word())
    shown.with_panel(_now("Loggers online", "loggers_online", "Loggers that are connected now."))
    shown.with_panel(_now("Open alerts", "alerts_open", "Alerts that are not cleared, those of the monitor included."))
    shown.with_panel(
        _now("Missing records", "gap_records", "Records that loggers have numbered and that have not come yet.")
    )
    shown.with_panel(_now("Store behind", "store_lag_s", "Age of the oldest record not in InfluxDB.", "s", LATE))
    shown.with_panel(_now("Journal's budget", "budget_used_pct", "Share of the bytes it may use.", "%", FULL))
    shown.with_panel(_ingest()).with_panel(_refused()).with_panel(_backlog()).with_panel(_lag())
    shown.with_panel(_gaps()).with_panel(_loggers()).with_panel(_budget()).with_panel(_disk()).with_panel(_memory())
    shown.with_panel(_notifiers()).with_panel(_notifier_backlog())
    for marks in page.alert_marks(OWN):
        shown.annotation(marks)
    return shown


def _last_word() -> stat.Panel:
    return parts.last_word(
        "Last word",
        "When the daemon last said how it is, which it does every 10 s.",
        series(f'SELECT last("records") FROM "monitor" WHERE {page.AT_END} GROUP BY "instance"', "$tag_instance"),
        nothing="silent for a day",
    )


def _now(title: str, field: str, about: str, unit: str = "", steps: ThresholdsConfig | None = None) -> stat.Panel:
    text = f'SELECT last("{field}") FROM "monitor" WHERE {page.AT_END} GROUP BY "instance"'
    return parts.number(title, about, series(text, "$tag_instance"), unit=unit, nothing="nothing told", steps=steps)


def _over_time(field: str, word: str, what: str = 'max("{}")') -> Query:
    """A field of `monitor` over time, the worst of each interval; a series for each instance."""
    text = f"""SELECT {what.format(field)} FROM "monitor" WHERE $timeFilter
        GROUP BY time($__interval), "instance" fill(none)"""
    return series(text, f"{word} ($tag_instance)")


def _rate(field: str, word: str) -> Query:
    """How fast a counter of `monitor` grows; a restart, where it begins anew, is no negative rate."""
    return _over_time(field, word, 'non_negative_derivative(max("{}"), 1s)')


def _lines(
    title: str, about: str, queries: list[Query], unit: str, steps: ThresholdsConfig | None = None, width: int = HALF
) -> timeseries.Panel:
    shown = parts.lines(title, about, queries, unit=unit, nothing=SILENT, width=width).interval("10s")
    return shown if steps is None else parts.with_steps(shown, steps)


def _ingest() -> timeseries.Panel:
    about = "Records taken into the journal. A plateau at 0 while loggers are online: is the broker reachable?"
    return _lines("Records received", about, [_rate("records", "records")], "records/s")


def _refused() -> timeseries.Panel:
    about = (
        "Duplicates are what loggers sent twice, which is right after a break. Quarantined is what could not be used: "
        "each has its reason in the journal, `tcm status` counts them."
    )
    return _lines(
        "Duplicates and quarantine",
        about,
        [_over_time("duplicates", "duplicates"), _over_time("quarantined", "quarantined")],
        "",
    )


def _backlog() -> timeseries.Panel:
    about = "Records of the journal that each consumer has still to read. It must come back to 0 after each burst."
    names = ("watch", "store", "notify")
    return _lines("Backlog of the consumers", about, [_over_time(f"{name}_backlog", name) for name in names], "")


def _lag() -> timeseries.Panel:
    about = "Age of the oldest record that a consumer has not done with: watch judges, store writes to InfluxDB."
    queries = [_over_time("watch_lag_s", "watch"), _over_time("store_lag_s", "store")]
    return _lines("Lag of the consumers", about, queries, "s", LATE)


def _gaps() -> timeseries.Panel:
    about = "Records that are missing between those that came. Loggers are asked for them; it falls as they come."
    return _lines("Missing records over time", about, [_over_time("gap_records", "missing")], "")


def _loggers() -> timeseries.Panel:
    about = "Loggers known and those connected. All gone at once is the broker or the network, not the loggers."
    return _lines("Loggers", about, [_over_time("loggers", "known"), _over_time("loggers_online", "online")], "")


def _budget() -> timeseries.Panel:
    about = (
        "Bytes of the journal by its budget. From 80 % on payloads that every consumer has read are dropped, oldest "
        "first; above 90 % that does not help enough."
    )
    return _lines("Journal's budget used", about, [_over_time("budget_used_pct", "used")], "%", FULL, parts.WIDTH // 3)


def _disk() -> timeseries.Panel:
    about = "Free space where the journal lies. Without it the daemon stops acknowledging: loggers keep what they have."
    queries = [_over_time("disk_free_bytes", "free", 'min("{}")')]
    return _lines("Free disk", about, queries, "bytes", width=parts.WIDTH // 3)


def _memory() -> timeseries.Panel:
    about = "Memory of the daemon's process. It is level from the first hour on, with a step at each large event."
    return _lines("Memory", about, [_over_time("rss_bytes", "used")], "bytes", width=parts.WIDTH // 3)


def _notifiers() -> table.Panel:
    names = ("failing", "backlog", "told", "refused")
    fields = ", ".join(f'last("{name}") AS "{name}"' for name in names)
    text = f'SELECT {fields} FROM "notifier" WHERE {page.AT_END} GROUP BY "instance", "notifier"'
    shown = parts.rows(
        "Notifiers",
        "Who is told of alerts, and whether that works: what waits, what was told, what was refused for good.",
        rows_of(text),
        nothing="no notifier is configured",
        first="Failing",
        width=HALF,
    )
    for name in ("instance", "notifier", *names[1:]):
        shown.override_by_name(name, columns.column(name=name.capitalize()))
    failing = units.in_words({"0": ("works", "green"), "1": ("fails", "red")})
    shown.override_by_name("failing", columns.column(name="Failing", mappings=failing))
    return shown.with_transformation(columns.arranged(("notifier", *names, "instance")))


def _notifier_backlog() -> timeseries.Panel:
    text = """SELECT max("backlog") FROM "notifier" WHERE $timeFilter
        GROUP BY time($__interval), "instance", "notifier" fill(none)"""
    return parts.lines(
        "Waiting notifications",
        "Notifications that each notifier has still to tell; they are kept until they are told or refused.",
        series(text, "$tag_notifier ($tag_instance)"),
        unit="",
        nothing="no notifier is configured, or the daemon said nothing in this time",
        width=HALF,
    ).interval("10s")
