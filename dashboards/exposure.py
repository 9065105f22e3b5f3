"""The page *Exposure*: what did the journey cost?"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig

from dashboards.columns import arranged, column
from dashboards.limits import COLOURS, Limit, in_words, profile, thresholds
from dashboards.page import (
    COPY,
    EXPOSURE,
    OF_CONTAINER,
    OF_LOGGER,
    consignment_variable,
    container_variable,
    copy_variable,
    journey_marks,
    logger_variable,
    page,
)
from dashboards.parts import lines, number, rows, states
from dashboards.query import Query, series, table
from dashboards.totals import Total, totals
from dashboards.units import none_named
from monitor.model.channel import field_name
from monitor.model.limit import CyclesRule

HARDWARE = str(field_name("temperature.hardware"))
ACTIVATION_K = 10_000.0  # 83.144 kJ/mol over R, as USP <1079> weighs temperatures, and the rules of kind exposure do
KELVIN = 273.15
BUCKET = "10m"  # legs last hours: their ends are as exact as that, and 30 days are 4 320 rows
NOTHING = "no totals in this time"


def exposure() -> Dashboard:
    """The page of a container's journey: totals against their limits, by rule and leg, and what nobody knows."""
    shown = (
        page(EXPOSURE, "Exposure", "What did the journey cost?", span="now-30d", refresh="5m")
        .with_variable(consignment_variable())
        .with_variable(container_variable())
        .with_variable(logger_variable())
        .with_variable(copy_variable())
        .with_row(Row("$container"))
    )
    for total in totals():
        shown = shown.with_panel(_spent(total)).with_panel(_running(total))
    shown = shown.with_panel(_kinetic()).with_panel(_swing()).with_panel(_shocks()).with_panel(_unknown())
    shown = shown.with_panel(_legs()).with_panel(_by_leg()).with_panel(_all_totals())
    for marks in journey_marks():
        shown = shown.annotation(marks)
    return shown


def _of_rule(total: Total) -> str:
    return f'FROM "exposure" WHERE $timeFilter AND {OF_LOGGER} AND "rule" = \'{total.rule}\''


def _words(total: Total) -> str:
    return f"{total.about} {in_words([total.as_limit], total.unit)}"


def _spent(total: Total) -> Stat:
    text = f'SELECT last("{total.field}") {_of_rule(total)} GROUP BY "logger", "channel"'
    return number(
        total.rule,
        f"At the end of the time shown, for each logger. {_words(total)}",
        series(text, "$tag_logger $tag_channel"),
        unit=total.unit,
        nothing=NOTHING,
        steps=thresholds([total.as_limit], COLOURS["ok"]),
        width=8,
        height=8,
    )


def _running(total: Total) -> TimeSeries:
    text = f'SELECT max("{total.field}") {_of_rule(total)} GROUP BY time($__interval), "logger", "channel" fill(none)'
    drawn = lines(
        f"{total.rule} so far",
        f"The running total of each logger. {_words(total)}",
        series(text, "$tag_logger $tag_channel"),
        unit=total.unit,
        nothing=NOTHING,
        limits=[total.as_limit],
        width=16,
    )
    return drawn.axis_soft_min(0)


def kinetic_queries() -> list[Query]:
    """The mean kinetic temperature of the hardware, from the readings and from the copy: one of them answers.

    InfluxQL takes no regular expression of fields within arithmetic. The time stands in the innermost only: InfluxDB 1
    answers nothing where a first bucket begins before it.
    """
    return [
        series(
            f"""SELECT {-ACTIVATION_K!r} / ln(mean("weight")) - {KELVIN!r} FROM
                (SELECT exp({-ACTIVATION_K!r} / ("mean" + {KELVIN!r})) AS "weight" FROM
                 (SELECT mean("{field}") FROM {COPY}.."env" WHERE $timeFilter AND {OF_LOGGER}
                  GROUP BY time({BUCKET}), "logger")) GROUP BY "logger" """,
            "$tag_logger",
        )
        for field in (HARDWARE, f"{HARDWARE}_mean")
    ]


def _kinetic() -> Stat:
    words = (
        "The constant temperature that would have aged the hardware as much as the time shown did, for each logger: "
        "means of 10 min weighed by the Arrhenius law with 83.144 kJ/mol. A rule of its own would give it a limit."
    )
    return number("Mean kinetic temperature", words, kinetic_queries(), unit="degC", nothing="no readings", width=6)


def _swing() -> Stat:
    limits = [
        Limit(rule.id, rule.severity, rule.range_limit, None, ())
        for rule in profile().rule
        if isinstance(rule, CyclesRule) and rule.range_limit is not None and rule.judges("temperature.hardware")
    ]
    text = (
        f'SELECT spread(/^{HARDWARE}(_mean)?$/) FROM {COPY}.."env" WHERE $timeFilter AND {OF_LOGGER} GROUP BY "logger"'
    )
    words = f"Highest less lowest hardware temperature in the time shown: its largest cycle. {in_words(limits, 'K')}"
    return number(
        "Largest temperature swing",
        words,
        series(text, "$tag_logger"),
        unit="K",
        nothing="no readings",
        steps=thresholds(limits, COLOURS["ok"]),
        width=6,
    )


def _shocks() -> Stat:
    text = f'SELECT count("resultant_g") FROM "shock" WHERE $timeFilter AND {OF_LOGGER} GROUP BY "logger"'
    words = "Events that loggers recorded in the time shown, beyond their trigger levels; most are no alert."
    return number("Recorded shocks", words, series(text, "$tag_logger"), unit="", nothing="none", width=6)


def _unknown() -> Stat:
    text = f"""SELECT max("last") FROM (SELECT last("unknown_s") FROM "exposure" WHERE $timeFilter AND {OF_LOGGER}
               GROUP BY "logger", "rule", "channel") GROUP BY "logger" """
    words = (
        "Time of the journey of which no reading is known: nobody can say that it was within limits. The largest of "
        "all rules, for each logger. It falls when records come late."
    )
    return number("Time unknown", words, series(text, "$tag_logger"), unit="s", nothing=NOTHING, width=6)


def _legs() -> StateTimeline:
    text = f"""SELECT last("leg") FROM "container" WHERE $timeFilter AND {OF_CONTAINER}
               GROUP BY time($__interval) fill(none)"""
    words = "The legs of the journey over time, above the same time as the totals."
    return states(
        "Legs", words, series(text, "leg"), none_named("between legs"), nothing="no journey in this time", height=4
    ).interval("1m")


def leg_queries() -> dict[str, tuple[Query, str, str]]:
    """What is known of each leg: name of the column -> (query in buckets, how buckets become one value, unit)."""
    each = f"WHERE $timeFilter AND {OF_LOGGER} GROUP BY time({BUCKET}) fill(none)"
    found: dict[str, tuple[Query, str, str]] = {}
    for total in totals():
        value = f'max("{total.field}")'
        asked = f"non_negative_difference({value})" if total.grows else value
        text = f"SELECT {asked} {_of_rule(total)} GROUP BY time({BUCKET}) fill(none)"
        found[total.rule] = (series(text, total.rule), "sum" if total.grows else "max", total.unit)
    unknown = f'SELECT non_negative_difference(max("unknown_s")) FROM "exposure" {each}'
    coldest = f'SELECT min(/^{HARDWARE}(_min)?$/) FROM {COPY}.."env" {each}'
    hottest = f'SELECT max(/^{HARDWARE}(_max)?$/) FROM {COPY}.."env" {each}'
    found["coldest"] = (series(coldest, "coldest"), "min", "degC")
    found["hottest"] = (series(hottest, "hottest"), "max", "degC")
    found["shocks"] = (series(f'SELECT count("resultant_g") FROM "shock" {each}', "shocks"), "sum", "")
    found["largest shock"] = (series(f'SELECT max("resultant_g") FROM "shock" {each}', "largest shock"), "max", "g")
    found["unknown"] = (series(unknown, "unknown"), "sum", "s")
    return found


def _by_leg() -> Table:
    asked = leg_queries()
    leg = f"""SELECT last("leg") FROM "container" WHERE $timeFilter AND {OF_CONTAINER}
              GROUP BY time({BUCKET}) fill(previous)"""
    words = (
        "What each leg cost, of the loggers chosen together: by how much the worst logger's total of each rule grew, "
        "the extremes of the hardware's temperature, shocks, and time of which nothing is known. Choose one logger "
        "to see its own share. Ends of legs are exact to 10 min."
    )
    queries = [series(leg, "leg"), *(query for query, _, _ in asked.values())]
    shown = rows("Each leg", words, queries, nothing="no journey in this time", height=9)
    shown = shown.override_by_name("leg", column(mappings=none_named("between legs")))
    fields = {"leg": {"aggregations": [], "operation": "groupby"}}
    for name, (_, how, unit) in asked.items():
        fields[name] = {"aggregations": [how], "operation": "aggregate"}
        shown = shown.override_by_name(f"{name} ({how})", column(name=name, unit=unit))
    joined = DataTransformerConfig("joinByField", options={"byField": "Time", "mode": "outer"})
    return shown.transformations([joined, DataTransformerConfig("groupBy", options={"fields": fields})])


def _all_totals() -> Table:
    units = {"time_above_s": "s", "degree_hours": "", "mkt_c": "degC", "count": "", "dose": "", "unknown_s": "s"}
    chosen = ", ".join(f'last("{field}") AS "{field}"' for field in units)
    text = f"""SELECT {chosen} FROM "exposure" WHERE $timeFilter AND {OF_LOGGER}
               GROUP BY "rule", "channel", "logger" """
    words = (
        "Every total at the end of the time shown, also of rules that other profiles have: time beyond the base, "
        "degree-hours, mean kinetic temperature, count, dose, and time of which nothing is known."
    )
    shown = rows("All totals", words, table(text), nothing=NOTHING, height=9)
    for field, unit in units.items():
        name = field.removesuffix("_s").removesuffix("_c").replace("_", " ")
        shown = shown.override_by_name(field, column(name=name, unit=unit))
    return shown.with_transformation(arranged(("rule", "channel", "logger", *units)))
