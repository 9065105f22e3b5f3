"""Which container needs me now?"""

from __future__ import annotations

from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards import columns, page, parts, units
from dashboards.query import series
from dashboards.query import table as rows_of

OF = f"$timeFilter AND {page.OF_CONSIGNMENT}"
NOW = f"{page.AT_END} AND {page.OF_CONSIGNMENT}"
OPEN = "time <= ${__to}ms"  # it may have begun long before the time range; points of `alert` name no consignment
MAX_CHANGES = 1000  # an alert changes two or three times: some hundred alerts
ROW = "${__data.fields.container}"
CONTAINER_LINK = ("What is it going through?", page.address(page.CONTAINER, [("container", ROW)]))


def fleet() -> Dashboard:
    """The page."""
    shown = page.page(page.FLEET, "Fleet", "Which container needs me now?").with_variable(page.consignment_variable())
    for number in (_worst_now(), _open_alerts(), _silent_loggers(), _loggers_online(), _store_lag(), _last_word()):
        shown.with_panel(number)
    shown.with_panel(_severity()).with_panel(_containers()).with_panel(_alerts())
    return shown.with_panel(_legs()).with_panel(_loggers()).with_panel(_ingest())


def _last_of(field: str) -> str:
    return f'SELECT last("{field}") AS "last" FROM "container" WHERE {NOW} GROUP BY "container"'


def _worst_now() -> stat.Panel:
    return parts.number(
        "Worst now",
        "The gravest alert that is open in any container at the end of the time range.",
        series(f'SELECT max("last") FROM ({_last_of("worst")})', "worst"),
        unit="",
        nothing="nothing told",
        steps=parts.from_good((1, "info"), (2, "warning"), (3, "alarm")),
    ).mappings(units.severities())


def _open_alerts() -> stat.Panel:
    return parts.number(
        "Open alerts",
        "Alerts of all containers that are not cleared, acknowledged ones included.",
        series(f'SELECT sum("last") FROM ({_last_of("open_alerts")})', "open"),
        unit="",
        nothing="nothing told",
        steps=parts.from_good((1, "warning")),
    )


def _silent_loggers() -> stat.Panel:
    return parts.number(
        "Silent loggers",
        "Loggers whose silence is an open alert: what they do not measure is not known to be within limits.",
        series(f'SELECT sum("last") FROM ({_last_of("silent_loggers")})', "silent"),
        unit="",
        nothing="nothing told",
        steps=parts.from_good((1, "warning")),
    )


def _loggers_online() -> stat.Panel:
    return parts.number(
        "Loggers online",
        "Loggers that are connected now, of all consignments. In the air radios are off by regulation.",
        series(f'SELECT last("loggers_online") FROM "monitor" WHERE {page.AT_END}', "online"),
        unit="",
        nothing="nothing told",
    )


def _store_lag() -> stat.Panel:
    return parts.number(
        "Store behind",
        "How long the oldest record waits that InfluxDB has not confirmed: so much later everything here may be.",
        series(f'SELECT last("store_lag_s") FROM "monitor" WHERE {page.AT_END}', "behind"),
        unit="s",
        nothing="nothing told",
        steps=parts.from_good((60, "warning"), (600, "alarm")),  # a minute is a server's restart, ten are an outage
    )


def _last_word() -> stat.Panel:
    return parts.last_word(
        "Monitor's last word",
        "When the daemon last said how it is, which it does every 10 s. If that is minutes ago, nobody watches.",
        series(f'SELECT last("records") FROM "monitor" WHERE {page.AT_END}', "said"),
        nothing="silent for a day",
    )


def _severity() -> statetimeline.Panel:
    shown = parts.states(
        "Worst severity",
        "The gravest open alert of each container over time. Where there is no colour the daemon said nothing.",
        series(
            f'SELECT max("worst") FROM "container" WHERE {OF} GROUP BY time($__interval), "container" fill(none)',
            "$tag_container",
        ),
        units.severities(),
        nothing="no container was told of in this time",
    )
    link = page.data_link(
        CONTAINER_LINK[0], page.address(page.CONTAINER, [("container", "${__field.labels.container}")])
    )
    return shown.interval("1m").data_links([link])


def _containers() -> table.Panel:
    fields = ("title", "marking", "phase", "leg", "custodian", "armed", "open_alerts", "silent_loggers", "loggers")
    names = ", ".join(f'"{name}"' for name in ("container", "consignment", *fields))
    shown = parts.rows(
        "Containers",
        "How each container stands at the end of the time range. Choose one to see what it is going through.",
        rows_of(f'SELECT last("worst") AS "worst", {names} FROM "container" WHERE {NOW} GROUP BY "container"'),
        nothing="no container was told of within a day",
        first="Worst",
    )
    words = {name: name.replace("_", " ").capitalize() for name in (*fields, "consignment")}
    for name, word in words.items():
        shown.override_by_name(name, columns.column(name=word))
    shown.override_by_name("container", columns.column(name="Container", link=CONTAINER_LINK))
    shown.override_by_name("worst", columns.column(name="Worst", mappings=units.severities()))
    shown.override_by_name("armed", columns.column(name="Armed", mappings=units.yes_no("armed", "disarmed")))
    return shown.with_transformation(columns.arranged(("container", "worst", "open_alerts", "silent_loggers", *fields)))


def _alerts() -> table.Panel:
    """Of the newest changes the last of each alert, without those that are cleared.

    The alert's id is a field, by which InfluxQL cannot group: so Grafana does.
    """
    fields = ("severity", "container", "message", "state", "logger", "channel", "rule")
    chosen = ", ".join(f'"{name}"' for name in ("alert_id", *fields))
    shown = parts.rows(
        "What is open",
        "Alerts that are not cleared at the end of the time range, of all consignments, whenever they began; of the "
        f"newest {MAX_CHANGES} changes of alerts.",
        rows_of(f'SELECT {chosen} FROM "alert" WHERE {OPEN} ORDER BY time DESC LIMIT {MAX_CHANGES}'),
        nothing="no alert is open",
        first="Since",
    )
    shown.override_by_name("container", columns.column(name="Container", link=CONTAINER_LINK))
    shown.override_by_name("message", columns.column(name="Message", width=600))
    shown.override_by_name("Time", columns.column(name="Since"))
    for name in ("logger", "channel", "rule", "severity", "state"):
        shown.override_by_name(name, columns.column(name=name.capitalize()))
    for step in columns.newest_of("alert_id", ("Time", *fields), without=("state", "cleared")):
        shown.with_transformation(step)
    return shown


def _legs() -> statetimeline.Panel:
    return parts.states(
        "Legs",
        "The leg by plan that each container was on.",
        series(
            f'SELECT last("leg") FROM "container" WHERE {OF} GROUP BY time($__interval), "container" fill(none)',
            "$tag_container",
        ),
        units.in_words({"": ("between legs", "gray")}),
        nothing="no container was told of in this time",
        width=parts.WIDTH // 2,
    ).interval("1m")


def _loggers() -> table.Panel:
    fields = ("container", "logger", "place", "serial", "silent_s", "lag_s", "gap_records")
    names = ", ".join(f'"{name}"' for name in fields)
    shown = parts.rows(
        "Loggers",
        "All loggers, the longest silent first: when each was heard, how old its newest reading is, and how many "
        "records are missing.",
        rows_of(
            f'SELECT last("state") AS "state", {names} FROM "logger" WHERE {page.AT_END} GROUP BY "container", "logger"'
        ),
        nothing="no logger was told of within a day",
        first="Silent for",
        width=parts.WIDTH // 2,
    )
    shown.override_by_name("container", columns.column(name="Container", link=CONTAINER_LINK))
    for name in ("logger", "place", "serial", "state"):
        shown.override_by_name(name, columns.column(name=name.capitalize()))
    shown.override_by_name("silent_s", columns.column(name="Silent for", unit="s"))
    shown.override_by_name("lag_s", columns.column(name="Newest reading", unit="s"))
    shown.override_by_name("gap_records", columns.column(name="Missing records"))
    return shown.with_transformation(columns.arranged((*fields[:2], "state", *fields[2:])))


def _ingest() -> timeseries.Panel:
    return parts.lines(
        "Records received",
        "Records that the daemon took into its journal, of all loggers. A plateau at 0 while loggers are online: look "
        "at the page Monitor.",
        series(
            'SELECT non_negative_derivative(max("records"), 1s) FROM "monitor" WHERE $timeFilter '
            'GROUP BY time($__interval), "instance" fill(none)',
            "$tag_instance",
        ),
        unit="records/s",
        nothing="the daemon said nothing in this time",
    ).interval("1m")
