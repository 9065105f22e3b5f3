"""The page *Container*: what is it going through?"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, QueryVariable, Row
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models.common import BigValueTextMode
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from dashboards.columns import arranged, column
from dashboards.limits import channel_words, in_words, limits_of
from dashboards.page import (
    AT_END,
    CONTAINER,
    COPY,
    EXPOSURE,
    OF_CONTAINER,
    OF_LOGGER,
    address,
    consignment_variable,
    container_variable,
    copy_variable,
    hidden_variable,
    journey_marks,
    logger_variable,
    page,
)
from dashboards.parts import as_points, from_good, lines, number, rows, showing, states
from dashboards.query import Query, series, table
from dashboards.shock import event_address
from dashboards.shock_limits import peak_limits
from dashboards.units import channel_unit, none_named, severities, severity_names, yes_no
from monitor.model.channel import derived_field_name, field_name

AT_LEAST = "1m"  # as often as the loggers read: a finer grid would be holes in between
GAP_MS = 30 * 60 * 1000  # a line goes on over a gap as long as that after which a logger counts as silent
MAX_ALERTS = 200  # rows; more than anybody reads, and the newest are on top
CHANNELS = (  # title, what it is, channel
    ("Hardware temperature", "Of the probe on the hardware, a line for each logger.", "temperature.hardware"),
    ("Margin to dew", "Hardware temperature less the dew point of the air: at 0 K water condenses.", "dew_margin.air"),
    ("Air temperature", "Of the air in the container; it leads the hardware by hours.", "temperature.air"),
    ("Humidity", "Relative humidity of the air in the container, over water.", "humidity.air"),
    ("Over-pressure", "Inside minus outside: it falls as gas leaks.", "differential.inside"),
    ("Pressure inside", "Absolute pressure in the container; it follows temperature and height.", "pressure.inside"),
    ("Pressure outside", "Absolute pressure around the container: low in flight.", "pressure.outside"),
)


def container() -> Dashboard:
    """The page of one container: its state, its air, its shocks, its alerts and its loggers."""
    shown = (
        page(CONTAINER, "Container", "What is this container going through?")
        .with_variable(consignment_variable())
        .with_variable(container_variable())
        .with_variable(logger_variable())
        .with_variable(copy_variable())
        .with_variable(_said("title"))
        .with_variable(_said("marking"))
        .with_row(Row("$container · $title · $marking"))
        .with_panel(_worst())
        .with_panel(_armed())
        .with_panel(_where())
        .with_panel(_journey())
    )
    for title, words, channel in CHANNELS:
        shown = shown.with_panel(_channel(title, words, channel))
    shown = shown.with_panel(_shocks()).with_panel(_alerts()).with_panel(_loggers())
    for marks in journey_marks():
        shown = shown.annotation(marks)
    return shown


def channel_queries(channel: str) -> list[Query]:
    """The mean of each logger, and of all the highest and the lowest, from the readings or for long ranges the copy."""
    derived = derived_field_name(channel)
    field, measurement = (field_name(channel), "env") if derived is None else (derived, "derived")
    source = f'FROM {COPY}.."{measurement}" WHERE $timeFilter AND {OF_LOGGER} GROUP BY time($__interval)'
    return [
        series(f'SELECT mean(/^{field}(_mean)?$/) {source}, "logger" fill(null)', "$tag_logger"),
        series(f"SELECT max(/^{field}(_max)?$/) {source} fill(null)", "highest"),
        series(f"SELECT min(/^{field}(_min)?$/) {source} fill(null)", "lowest"),
    ]


def _said(field: str) -> QueryVariable:
    """A hidden variable with what the container's file says of it."""
    text = f'SELECT last("{field}") FROM "container" WHERE {OF_CONTAINER}'
    return hidden_variable(field, text, f"the container's {field}")


def _state(field: str) -> Query:
    return table(f'SELECT last("{field}") AS "{field}" FROM "container" WHERE {AT_END} AND {OF_CONTAINER}')


def _worst() -> Stat:
    words = "The gravest alert that was open at the end of the time shown."
    shown = number("Worst open alert", words, _state("worst"), unit="", nothing="nothing told")
    return shown.mappings(severities()).thresholds(from_good((1, "info"), (2, "warning"), (3, "alarm")))


def _armed() -> Stat:
    words = "Disarmed, readings are kept and alerts are raised as info only, so that handling wakes nobody."
    shown = number("Armed", words, _state("armed"), unit="", nothing="nothing told")
    return showing(shown.mappings(yes_no("armed", "disarmed")), "armed")


def _where() -> Stat:
    fields = ("phase", "leg", "custodian")
    chosen = ", ".join(f'last("{field}") AS "{field}"' for field in fields)
    text = f'SELECT {chosen} FROM "container" WHERE {AT_END} AND {OF_CONTAINER}'
    words = "Phase, leg and custodian at the end of the time shown; operators' records over the plan."
    shown = number("Where it is", words, table(text), unit="text", nothing="nothing told", width=16)
    return showing(shown, *fields).text_mode(BigValueTextMode.VALUE_AND_NAME)


def _journey() -> StateTimeline:
    fields = ("phase", "leg", "custodian")
    queries = [
        series(
            f"""SELECT last("{field}") FROM "container" WHERE $timeFilter AND {OF_CONTAINER}
                GROUP BY time($__interval) fill(none)""",
            field,
        )
        for field in fields
    ]
    words = "Phase, leg and custodian over time, as planned or as operators told."
    return states("Journey", words, queries, none_named("none"), nothing="no journey in this time", height=6).interval(
        AT_LEAST
    )


def _channel(title: str, words: str, channel: str) -> TimeSeries:
    extremes = "Highest and lowest are of all loggers shown, so that no peak is averaged away."
    drawn = lines(
        title,
        f"{words} {extremes} {channel_words(channel)}",
        channel_queries(channel),
        unit=channel_unit(channel),
        nothing="no readings in this time",
        limits=limits_of(channel),
        width=12,
    )
    band = [
        DynamicConfigValue("custom.lineStyle", {"fill": "dot", "dash": [1, 6]}),
        DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "gray"}),
    ]
    return drawn.interval(AT_LEAST).span_nulls(GAP_MS).override_by_regexp("^(highest|lowest)$", band)


def _shocks() -> TimeSeries:
    text = f"""SELECT "resultant_g" FROM "shock" WHERE $timeFilter AND {OF_LOGGER}
               GROUP BY "container", "logger", "sensor" """
    limits = peak_limits("resultant")
    words = (
        "Peak of the vector of each recorded event; a click opens the event. Rules judge it behind their low-pass and "
        f"for their least duration, so a point beyond a line is not always an alert. {in_words(limits, 'g')}"
    )
    query, nothing = series(text, "$tag_logger"), "no shock in this time"
    drawn = as_points(lines("Shocks", words, query, unit="g", nothing=nothing, limits=limits, width=12))
    to_event = event_address("${__field.labels.container}", "${__field.labels.logger}", "${__value.time}")
    return drawn.override_by_regexp(".*", column(link=("Event", to_event))).axis_soft_min(0)


def _alerts() -> Table:
    order = ("severity", "state", "rule", "logger", "channel", "value", "limit", "message")
    chosen = ", ".join(f'"{name}"' for name in order)
    text = f"""SELECT {chosen} FROM "alert" WHERE $timeFilter AND {OF_CONTAINER}
               ORDER BY time DESC LIMIT {MAX_ALERTS}"""
    words = (
        "Each change of an alert's state, as the notifiers told it, newest first; value and limit in the rule's unit. "
        f"Of more than {MAX_ALERTS} the newest."
    )
    shown = rows("Alerts", words, table(text), nothing="no alert in this time", first="Time", height=10)
    shown = shown.override_by_name("severity", column(mappings=severity_names()))
    return shown.with_transformation(arranged(("Time", *order), hidden=()))


def _loggers() -> Table:
    text_fields = ("place", "serial", "other_serial", "model", "calibration_due")
    fields = (*text_fields, "online", "armed", "silent_s", "lag_s", "gap_records", "battery_pct", "memory_pct", "clock")
    chosen = ", ".join(f'last("{field}") AS "{field}"' for field in fields)
    text = f'SELECT {chosen} FROM "logger" WHERE {AT_END} AND {OF_LOGGER} GROUP BY "logger"'
    words = (
        "Who measures where, until when it is calibrated, and how it is: silent since its last message, lag of its "
        "newest reading, records known to be missing. A serial that the logger says and its file does not: the "
        "certificates are another's. Clock: 2 synchronised, 1 free running, 0 unset."
    )
    shown = rows("Loggers", words, table(text), nothing="no logger was told of within a day", height=8)
    exposure = address(EXPOSURE, (("container", "${container}"), ("logger", "${__value.text}")))
    own = {
        "logger": column(link=("Exposure", exposure)),
        "other_serial": column(name="says serial"),
        "calibration_due": column(name="calibration due"),
        "online": column(mappings=yes_no("online", "offline")),
        "armed": column(mappings=yes_no("armed", "disarmed")),
        "silent_s": column(name="silent for", unit="s"),
        "lag_s": column(name="lag", unit="s"),
        "gap_records": column(name="missing records"),
        "battery_pct": column(name="battery", unit="%"),
        "memory_pct": column(name="memory", unit="%"),
    }
    for name, properties in own.items():
        shown = shown.override_by_name(name, properties)
    return shown.with_transformation(arranged(("logger", *fields)))
