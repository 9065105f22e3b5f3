"""The page *Shock event*: what was that blow?

Its time range is that of the event: links from other pages put it around the trigger. Over a longer range it shows the
gravest event, and of the spectra the largest at each frequency.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders.common import ScaleDistributionConfig
from grafana_foundation_sdk.builders.dashboard import Dashboard, Row, ThresholdsConfig
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.builders.trend import Panel as Trend
from grafana_foundation_sdk.builders.xychart import Panel as Pairs
from grafana_foundation_sdk.models.common import LineInterpolation, ScaleDistribution, VisibilityMode
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    Panel,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.xychart import SeriesMapping

from dashboards.columns import arranged, column, merged
from dashboards.limits import COLOURS, in_words
from dashboards.page import (
    OF_CONTAINER,
    OF_LOGGER,
    SHOCK,
    address,
    alert_marks,
    consignment_variable,
    container_variable,
    logger_variable,
    page,
)
from dashboards.parts import lines, number, panel, rows, showing
from dashboards.query import Query, series, table
from dashboards.shock_limits import damage_boundary, envelope, peak_limits
from dashboards.shock_queries import (
    BOUNDARY,
    ENVELOPE,
    HZ,
    NEARBY,
    RESPONSE,
    VELOCITY,
    boundary_queries,
    spectrum_queries,
)
from dashboards.units import yes_no

MAX_SAMPLES = 6_000  # of a logger: an event has 4 096 and fewer; of 10 000 over 30 days a query takes 0.3 s
MAX_NEIGHBOURS = 200  # rows; a rough road has tens in a day
EVENT_WINDOW_MS = 6_000  # around the trigger: loggers record up to seconds before it and after
AUTO_MAPPING_SINCE = "11.1.0"  # of panel xychart: without it Grafana 11.1 and later take the options for older ones
FIGURES = {  # of an event: field, (name, unit)
    "resultant_g": ("peak", "g"),
    "delta_v_m_s": ("velocity change", "m/s"),
    "duration_ms": ("duration", "ms"),
    "drop_height_m": ("drop height", "m"),
    "srs_peak_g": ("spectrum's peak", "g"),
    "srs_peak_hz": ("at", "Hz"),
}


class XyChart(Pairs):
    """Grafana's panel of one field against another, which says for which version its options are."""

    def build(self) -> Panel:
        """As of any panel."""
        built = super().build()
        built.plugin_version = AUTO_MAPPING_SINCE
        return built


def shock() -> Dashboard:
    """The page of one event: its figures, its waveform, its spectrum, its place by the damage boundary, neighbours."""
    shown = (
        page(SHOCK, "Shock event", "What was that blow?", refresh="")
        .with_variable(consignment_variable())
        .with_variable(container_variable())
        .with_variable(logger_variable())
        .with_row(Row("$container, $logger"))
        .with_panel(_figures())
        .with_panel(_margin())
        .with_panel(_is_valid())
        .with_panel(_waveform())
        .with_panel(_spectrum())
        .with_panel(_against_velocity())
        .with_panel(_neighbours())
    )
    for marks in alert_marks():
        shown = shown.annotation(marks)
    return shown


def event_address(container: str, logger: str, time_ms: str) -> str:
    """Where an event is shown by itself, for links of values; the three are texts that Grafana fills in."""
    of_event = address(SHOCK, (("container", container), ("logger", logger)), keep_time=False)
    return f"{of_event}&time={time_ms}&time.window={EVENT_WINDOW_MS}"


def _of_gravest(fields: Sequence[str]) -> Query:
    """Fields of the event with the largest peak, all of one and the same."""
    more = ", ".join(f'"{field}"' for field in fields)
    text = f'SELECT max("resultant_g") AS "resultant_g", {more} FROM "shock" WHERE $timeFilter AND {OF_LOGGER}'
    return table(text)


def _figures() -> Stat:
    words = (
        "Of the gravest event in the time shown: peak of the vector without offset and gravity, velocity change and "
        "duration of the pulse with the largest peak, the height it was dropped from if it was a drop, and the "
        "largest response of its spectrum."
    )
    fields = tuple(FIGURES)
    shown = number("Figures", words, _of_gravest(fields[1:]), unit="g", nothing="no shock in this time", width=16)
    for field, (name, unit) in FIGURES.items():
        shown = shown.override_by_name(field, column(name=name, unit=unit))
    return showing(shown, *(name for name, _ in FIGURES.values()))


def _margin() -> Stat:
    words = (
        "How far the gravest event is from the profile's damage boundary: below 1 damage is possible. No value where "
        "no boundary holds for the place of the logger."
    )
    steps = [Threshold(value=None, color=COLOURS["alarm"]), Threshold(value=1.0, color=COLOURS["ok"])]
    safe = ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    query = _of_gravest(("damage_margin",))
    shown = number("Damage margin", words, query, unit="", nothing="no boundary holds here", steps=safe)
    return showing(shown, "damage_margin")


def _is_valid() -> Stat:
    words = "Whether the record is what the hardware felt. `tcm shock show` and alert shock-invalid say what is wrong."
    shown = number("Record", words, _of_gravest(("valid",)), unit="text", nothing="no shock in this time")
    return showing(shown.mappings(yes_no("valid", "not valid")), "valid")


def _waveform() -> TimeSeries:
    text = f"""SELECT "x_g", "y_g", "z_g" FROM "shock_wave" WHERE $timeFilter AND {OF_LOGGER}
               GROUP BY "logger", "sensor" LIMIT {MAX_SAMPLES}"""
    words = (
        "As recorded: the sensor's own axes, offset and gravity included. Drag over a part of it to see that. Of a "
        f"long time the first {MAX_SAMPLES} samples of each logger: choose an event below."
    )
    nothing = "no waveform in this time: choose an event below"
    drawn = lines("Waveform", words, series(text, "$tag_logger $col"), unit="g", nothing=nothing, height=10)
    return drawn.show_points(VisibilityMode.NEVER).line_interpolation(LineInterpolation.LINEAR)


def _spectrum() -> Trend:
    limit = "The profile sets no envelope." if envelope() is None else "The envelope is the profile's."
    words = f"Absolute acceleration of oscillators with Q 10, the largest of the three axes. {limit}"
    nothing = "no spectrum in this time: choose an event below"
    drawn = panel(Trend(), "Shock response spectrum", words, spectrum_queries(), unit="g", nothing=nothing, width=12)
    logarithmic = ScaleDistributionConfig().type(ScaleDistribution.LOG).log(10)
    axis = [
        *column(name="frequency", unit="Hz"),
        DynamicConfigValue("custom.scaleDistribution", {"type": "log", "log": 10}),
    ]
    red = [*column(name="envelope"), DynamicConfigValue("color", {"mode": "fixed", "fixedColor": COLOURS["alarm"]})]
    return (
        drawn.x_field(HZ)
        .scale_distribution(logarithmic)
        .override_by_name(HZ, axis)
        .override_by_name(RESPONSE, column(name="response"))
        .override_by_name(ENVELOPE, red)
        .transformations(
            [
                arranged((HZ, RESPONSE, ENVELOPE)),
                merged(),
                DataTransformerConfig(
                    "convertFieldType", options={"conversions": [{"targetField": HZ, "destinationType": "number"}]}
                ),
                DataTransformerConfig("sortBy", options={"fields": {}, "sort": [{"field": HZ}]}),
            ]
        )
    )


def _against_velocity() -> XyChart:
    events = table(f'SELECT "{VELOCITY}", "resultant_g" FROM "shock" WHERE {NEARBY} AND {OF_CONTAINER}')
    boundary = damage_boundary()
    limit = "The profile sets no damage boundary."
    if boundary is not None:
        limit = (
            f"Beyond {boundary.velocity_change_m_s:g} m/s and {boundary.acceleration_g:g} g damage is possible. "
            "Rules judge behind their low-pass, and where the hardware is."
        )
    words = f"Peak over velocity change of the container's events from 12 h before to 12 h after. {limit}"
    queries, nothing = [events, *boundary_queries()], "no shock within 12 h"
    drawn = panel(XyChart(), "Peak and velocity change", words, queries, unit="g", nothing=nothing, width=12)
    line = [
        *column(name="damage boundary"),
        DynamicConfigValue("custom.show", "lines"),
        DynamicConfigValue("color", {"mode": "fixed", "fixedColor": COLOURS["alarm"]}),
    ]
    return (
        drawn.mapping(SeriesMapping.AUTO)
        .series([])
        .override_by_name(VELOCITY, column(name="velocity change", unit="m/s"))
        .override_by_name("resultant_g", column(name="peak"))
        .override_by_name(BOUNDARY, line)
        .transformations([arranged((VELOCITY, "resultant_g", BOUNDARY)), merged()])
    )


def _neighbours() -> Table:
    fields = (*FIGURES, "damage_margin", "kind", "valid", "boot", "seq")
    axes = ("peak_x_g", "peak_y_g", "peak_z_g")
    chosen = ", ".join(f'"{field}"' for field in ("container", "logger", *fields[:1], *axes, *fields[1:]))
    text = f'SELECT {chosen} FROM "shock" WHERE {NEARBY} AND {OF_CONTAINER} ORDER BY time DESC LIMIT {MAX_NEIGHBOURS}'
    limits = " ".join(f"{axis}: {in_words(peak_limits(axis), 'g')}" for axis in ("x", "y", "z"))
    words = f"The container's events from 12 h before to 12 h after; a click on a time opens its event. {limits}"
    shown = rows("Neighbours in time", words, table(text), nothing="no shock within 12 h", height=10)
    to_event = event_address("${__data.fields.container}", "${__data.fields.logger}", "${__value.raw}")
    shown = shown.override_by_name("Time", column(link=("Event", to_event), width=190))
    for field, (name, unit) in FIGURES.items():
        shown = shown.override_by_name(field, column(name=name, unit=unit))
    for axis in axes:
        shown = shown.override_by_name(axis, column(name=axis[5], unit="g"))
    shown = shown.override_by_name("damage_margin", column(name="damage margin"))
    return shown.override_by_name("valid", column(mappings=yes_no("valid", "not valid")))
