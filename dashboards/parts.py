"""Panels: every one says what it shows, in which unit, and what it means when there is nothing to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders import common as shapes
from grafana_foundation_sdk.builders import stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    Threshold,
    ThresholdsMode,
    ValueMapping,
)

from dashboards.limits import COLOURS, Limit, channel_words, limits_of, thresholds
from dashboards.query import SOURCE, Query
from dashboards.units import channel_unit, grafana_unit

WIDTH = 24  # columns of Grafana's grid; on a phone every panel takes the whole width
HEIGHT = 8  # of 30 pixels


class Described(Protocol):
    """What the SDK's builders of panels have in common."""

    # fmt: off
    # As the SDK has them, which documents them.
    def title(self, title: str) -> Self: ...  # noqa: D102 - see above
    def description(self, description: str) -> Self: ...  # noqa: D102 - see above
    def datasource(self, datasource: DataSourceRef) -> Self: ...  # noqa: D102 - see above
    def unit(self, unit: str) -> Self: ...  # noqa: D102 - see above
    def no_value(self, no_value: str) -> Self: ...  # noqa: D102 - see above
    def targets(self, targets: list[builder.Builder[variants.Dataquery]]) -> Self: ...  # noqa: D102 - see above
    def span(self, w: int) -> Self: ...  # noqa: D102 - see above
    def height(self, h: int) -> Self: ...  # noqa: D102 - see above
    # fmt: on


P = TypeVar("P", bound=Described)


def panel(
    kind: P,
    title: str,
    description: str,
    queries: Sequence[Query] | Query,
    *,
    unit: str,
    nothing: str,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> P:
    """A panel of any kind of the SDK with what every panel must have; `unit` by this project's name.

    `nothing` is what the panel says when the answer has no rows.
    """
    several = [queries] if isinstance(queries, Query) else queries
    targets: list[builder.Builder[variants.Dataquery]] = [
        query.named(chr(ord("A") + number)) for number, query in enumerate(several)
    ]
    return (
        kind.title(title)
        .description(description)
        .datasource(SOURCE)
        .targets(targets)
        .unit(grafana_unit(unit))
        .no_value(nothing)
        .span(width)
        .height(height)
    )


def lines(
    title: str,
    description: str,
    queries: Sequence[Query] | Query,
    *,
    unit: str,
    nothing: str,
    limits: Sequence[Limit] = (),
    width: int = WIDTH,
    height: int = HEIGHT,
) -> timeseries.Panel:
    """Values over time, with limits drawn in: what is beyond them has their colour."""
    drawn = panel(
        timeseries.Panel(), title, description, queries, unit=unit, nothing=nothing, width=width, height=height
    )
    drawn = (
        drawn.line_width(1)
        .fill_opacity(0)
        .show_points(VisibilityMode.AUTO)
        .legend(
            shapes.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(shapes.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    steps = thresholds(limits)
    return with_steps(drawn, steps) if limits else drawn.thresholds(steps)


def with_steps(lines: timeseries.Panel, steps: ThresholdsConfig) -> timeseries.Panel:
    """Lines with what lies beyond each step in its colour (`limits.thresholds`, `from_good`)."""
    style = shapes.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED_AND_AREA)
    return lines.thresholds(steps).thresholds_style(style)


def channel_lines(
    title: str,
    words: str,
    channel: str,
    queries: Sequence[Query] | Query,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> timeseries.Panel:
    """`lines` of a channel: unit, limits and what the description says of them come from the channel."""
    return lines(
        title,
        f"{words} {channel_words(channel)}",
        queries,
        unit=channel_unit(channel),
        nothing="no readings in this time",
        limits=limits_of(channel),
        width=width,
        height=height,
    )


def points(
    title: str,
    description: str,
    queries: Sequence[Query] | Query,
    *,
    unit: str,
    nothing: str,
    limits: Sequence[Limit] = (),
    width: int = WIDTH,
    height: int = HEIGHT,
) -> timeseries.Panel:
    """Single events over time, a point each."""
    drawn = lines(title, description, queries, unit=unit, nothing=nothing, limits=limits, width=width, height=height)
    return drawn.draw_style(GraphDrawStyle.POINTS).point_size(8).show_points(VisibilityMode.ALWAYS)


def rows(
    title: str,
    description: str,
    queries: Sequence[Query] | Query,
    *,
    nothing: str,
    first: str = "",
    unit: str = "",
    width: int = WIDTH,
    height: int = HEIGHT,
) -> table.Panel:
    """A table; `unit` is that of all columns without one of their own (`column`).

    `first` is the column, as shown, whose largest value stands at the top; without it rows stay as they come.
    """
    shown = panel(table.Panel(), title, description, queries, unit=unit, nothing=nothing, width=width, height=height)
    return shown.sort_by([shapes.TableSortByFieldState().display_name(first).desc(True)]) if first else shown


def number(
    title: str,
    description: str,
    queries: Sequence[Query] | Query,
    *,
    unit: str,
    nothing: str,
    steps: ThresholdsConfig | None = None,
    width: int = 4,
    height: int = 4,
) -> stat.Panel:
    """The last value in large; `steps` (of `from_good` or `thresholds`) colour it."""
    shown = panel(stat.Panel(), title, description, queries, unit=unit, nothing=nothing, width=width, height=height)
    last = shapes.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
    return (
        shown.reduce_options(last)
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE)
        .thresholds(steps or thresholds([], COLOURS["ok"]))
    )


def showing(shown: stat.Panel, *names: str) -> stat.Panel:
    """The number panel with the fields of these names, text and flags too; by itself it shows numbers only."""
    named = shapes.ReduceDataOptions().calcs(["lastNotNull"]).fields(f"/^({'|'.join(names)})$/").values(False)
    return shown.reduce_options(named)


def last_word(
    title: str, description: str, queries: Sequence[Query] | Query, *, nothing: str, width: int = 4, height: int = 4
) -> stat.Panel:
    """How long ago the newest row is, in words."""
    shown = number(title, description, queries, unit="ago", nothing=nothing, width=width, height=height)
    return shown.reduce_options(shapes.ReduceDataOptions().calcs(["lastNotNull"]).fields("/^Time$/").values(False))


def states(
    title: str,
    description: str,
    queries: Sequence[Query] | Query,
    mappings: list[ValueMapping],
    *,
    nothing: str,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> statetimeline.Panel:
    """What state each series was in over time; `mappings` (units.in_words) say words and colours of the values."""
    shown = panel(
        statetimeline.Panel(), title, description, queries, unit="", nothing=nothing, width=width, height=height
    )
    return shown.mappings(mappings).line_width(0).fill_opacity(80)


def from_good(*steps: tuple[float, str]) -> ThresholdsConfig:
    """Thresholds that begin in green: (value, name of the severity from there on), lowest first."""
    found = [Threshold(value=None, color=COLOURS["ok"])]
    found += [Threshold(value=value, color=COLOURS[severity]) for value, severity in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)
