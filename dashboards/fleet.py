"""The page *Fleet*: which container needs me now?"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.table import Panel as Table

from dashboards.columns import arranged, column, newest_of
from dashboards.own import own_last_word, own_number, received, store_behind
from dashboards.page import (
    AT_END,
    CONTAINER,
    FLEET,
    OF_CONSIGNMENT,
    address,
    consignment_variable,
    data_link,
    page,
)
from dashboards.parts import WIDTH, from_good, number, rows, states
from dashboards.query import series, table
from dashboards.units import none_named, severities, severity_names, yes_no

NOW = f"{AT_END} AND {OF_CONSIGNMENT}"
BEFORE_END = "time <= ${__to}ms"  # it may have begun long before the time range; `alert` names no consignment
# Of each rule on a channel. While an alert is open no other one of its rule begins there: behind it there is only what
# late records tell of the time before, a beginning and an end of each of 25 exceedances.
MAX_CHANGES = 50
NOTHING = "nothing told"
NOBODY = "no container was told of in this time"
QUESTION = "What is it going through?"
OF_NAME = (QUESTION, address(CONTAINER, [("container", "${__value.text}")]))  # of the cell with the container's name
OF_SERIES = data_link(QUESTION, address(CONTAINER, [("container", "${__field.labels.container}")]))


def fleet() -> Dashboard:
    """The page of all containers: the gravest first, what is open, who is silent, where they are."""
    online = "Loggers that are connected now, of all consignments. In the air radios are off by regulation."
    shown = page(FLEET, "Fleet", "Which container needs me now?").with_variable(consignment_variable())
    for panel in (_worst_now(), _open_alerts(), _silent_loggers()):
        shown = shown.with_panel(panel)
    return (
        shown.with_panel(own_number("Loggers online", online, "loggers_online"))
        .with_panel(store_behind())
        .with_panel(own_last_word())
        .with_panel(_severity())
        .with_panel(_containers())
        .with_panel(_alerts())
        .with_panel(_legs())
        .with_panel(_loggers())
        .with_panel(received(WIDTH))
    )


def _of_all(how: str, field: str) -> str:
    """A field of `container` as it stands now, of all containers together."""
    each = f'SELECT last("{field}") AS "last" FROM "container" WHERE {NOW} GROUP BY "container"'
    return f'SELECT {how}("last") FROM ({each})'


def _worst_now() -> Stat:
    words = "The gravest alert that is open in any container at the end of the time range."
    steps = from_good((1, "info"), (2, "warning"), (3, "alarm"))
    query = series(_of_all("max", "worst"), "worst")
    return number("Worst now", words, query, unit="", nothing=NOTHING, steps=steps).mappings(severities())


def _open_alerts() -> Stat:
    words = "Alerts of all containers that are not cleared, acknowledged ones included."
    query = series(_of_all("sum", "open_alerts"), "open")
    return number("Open alerts", words, query, unit="", nothing=NOTHING, steps=from_good((1, "warning")))


def _silent_loggers() -> Stat:
    words = "Loggers whose silence is an open alert: what they do not measure is not known to be within limits."
    query = series(_of_all("sum", "silent_loggers"), "silent")
    return number("Silent loggers", words, query, unit="", nothing=NOTHING, steps=from_good((1, "warning")))


def _over_time(what: str) -> str:
    return f"""SELECT {what} FROM "container" WHERE $timeFilter AND {OF_CONSIGNMENT}
               GROUP BY time($__interval), "container" fill(none)"""


def _severity() -> StateTimeline:
    words = "The gravest open alert of each container over time. Where there is no colour the daemon said nothing."
    query = series(_over_time('max("worst")'), "$tag_container")
    shown = states("Worst severity", words, query, severities(), nothing=NOBODY)
    return shown.interval("1m").data_links([OF_SERIES])


def _containers() -> Table:
    fields = ("title", "marking", "phase", "leg", "custodian", "armed", "open_alerts", "silent_loggers", "loggers")
    chosen = ", ".join(f'"{name}"' for name in ("consignment", *fields))
    text = f'SELECT last("worst") AS "worst", {chosen} FROM "container" WHERE {NOW} GROUP BY "container"'
    words = "How each container stands at the end of the time range. Choose one to see what it is going through."
    nothing = "no container was told of within a day"
    shown = rows("Containers", words, table(text), nothing=nothing, first="Worst")
    for name in (*fields, "consignment"):
        shown = shown.override_by_name(name, column(name=name.replace("_", " ").capitalize()))
    shown = shown.override_by_name("container", column(name="Container", link=OF_NAME))
    shown = shown.override_by_name("worst", column(name="Worst", mappings=severities()))
    shown = shown.override_by_name("armed", column(name="Armed", mappings=yes_no("armed", "disarmed")))
    return shown.with_transformation(arranged(("container", "worst", "open_alerts", "silent_loggers", *fields)))


def _alerts() -> Table:
    """Of the newest changes the last of each alert, without those that are cleared.

    The alert's id is a field, by which InfluxQL cannot group: so Grafana does. Severity is a tag that may change, so it
    is none of those that tell streams apart. Which change of an alert is its last, its number says: time does not.
    """
    fields = ("severity", "message", "state")
    of = ("container", "logger", "channel", "rule")
    chosen = ", ".join(f'"{name}"' for name in ("alert_id", "number", *fields))
    streams = ", ".join(f'"{name}"' for name in of)
    text = f"""SELECT {chosen} FROM "alert" WHERE {BEFORE_END} GROUP BY {streams}
               ORDER BY time DESC LIMIT {MAX_CHANGES}"""
    words = (
        "Alerts that are not cleared at the end of the time range, of all consignments, whenever they began; of the "
        f"newest {MAX_CHANGES} changes of each rule on a logger's channel."
    )
    shown = rows("What is open", words, table(text), nothing="no alert is open", first="Last change")
    shown = shown.override_by_name("container", column(name="Container", link=OF_NAME))
    shown = shown.override_by_name("message", column(name="Message", width=600))
    shown = shown.override_by_name("Time", column(name="Last change"))
    shown = shown.override_by_name("severity", column(name="Severity", mappings=severity_names()))
    for name in ("logger", "channel", "rule", "state"):
        shown = shown.override_by_name(name, column(name=name.capitalize()))
    order = ("Time", "severity", "container", "message", "state", "logger", "channel", "rule")
    for step in newest_of("alert_id", "number", order, without=("state", "cleared")):
        shown = shown.with_transformation(step)
    return shown


def _legs() -> StateTimeline:
    words = "The leg by plan that each container was on."
    query = series(_over_time('last("leg")'), "$tag_container")
    return states("Legs", words, query, none_named("between legs"), nothing=NOBODY, width=WIDTH // 2).interval("1m")


def _loggers() -> Table:
    fields = ("place", "serial", "silent_s", "lag_s", "gap_records")
    chosen = ", ".join(f'"{name}"' for name in fields)
    text = f'SELECT last("state") AS "state", {chosen} FROM "logger" WHERE {AT_END} GROUP BY "container", "logger"'
    words = (
        "All loggers, the longest silent first: when each was heard, how old its newest reading is, and how many "
        "records are missing."
    )
    nothing = "no logger was told of within a day"
    shown = rows("Loggers", words, table(text), nothing=nothing, first="Silent for", width=WIDTH // 2)
    shown = shown.override_by_name("container", column(name="Container", link=OF_NAME))
    for name in ("logger", "place", "serial", "state"):
        shown = shown.override_by_name(name, column(name=name.capitalize()))
    shown = shown.override_by_name("silent_s", column(name="Silent for", unit="s"))
    shown = shown.override_by_name("lag_s", column(name="Newest reading", unit="s"))
    shown = shown.override_by_name("gap_records", column(name="Missing records"))
    return shown.with_transformation(arranged(("container", "logger", "state", *fields)))
