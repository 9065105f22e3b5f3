"""Panels: every one says what it shows, in which unit, and what it means when there is nothing to show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

from grafana_foundation_sdk.builders.common import (
    GraphThresholdsStyleConfig,
    ReduceDataOptions,
    TableSortByFieldState,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
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
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode, ValueMapping

from dashboards.limits import COLOURS, PLAIN, Limit, thresholds
from dashboards.query import SOURCE, Query
from dashboards.units import grafana_unit

WIDTH = 24  # columns of Grafana's grid; on a phone every panel takes the whole width
HEIGHT = 8  # of 30 pixels

Step = tuple[float, str]  # from this value on it is of this severity; several go from the lowest up


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
) -> TimeSeries:
    """Values over time, with limits drawn in: what is beyond them has their colour."""
    drawn = panel(TimeSeries(), title, description, queries, unit=unit, nothing=nothing, width=width, height=height)
    drawn = (
        drawn.line_width(1)
        .fill_opacity(0)
        .show_points(VisibilityMode.AUTO)
        .legend(
            VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    steps = thresholds(limits)
    return with_steps(drawn, steps) if limits else drawn.thresholds(steps)


def with_steps(lines: TimeSeries, steps: ThresholdsConfig) -> TimeSeries:
    """Lines with what lies beyond each step in its colour (`limits.thresholds`, `beyond`)."""
    style = GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED_AND_AREA)
    return lines.thresholds(steps).thresholds_style(style)


def as_points(lines: TimeSeries) -> TimeSeries:
    """Lines as single events over time, a point each."""
    return lines.draw_style(GraphDrawStyle.POINTS).point_size(8).show_points(VisibilityMode.ALWAYS)


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
) -> Table:
    """A table; `unit` is that of all columns without one of their own (`column`).

    `first` is the column, as shown, whose largest value stands at the top; without it rows stay as they come.
    """
    shown = panel(Table(), title, description, queries, unit=unit, nothing=nothing, width=width, height=height)
    return shown.sort_by([TableSortByFieldState().display_name(first).desc(True)]) if first else shown


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
) -> Stat:
    """The last value in large; `steps` (of `from_good` or `thresholds`) colour it, without them nothing does."""
    shown = panel(Stat(), title, description, queries, unit=unit, nothing=nothing, width=width, height=height)
    last = ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)
    return (
        shown.reduce_options(last)
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE)
        .thresholds(steps or thresholds([], PLAIN))
    )


def showing(shown: Stat, *names: str) -> Stat:
    """The number panel with the fields of these names, text and flags too; by itself it shows numbers only."""
    named = ReduceDataOptions().calcs(["lastNotNull"]).fields(f"/^({'|'.join(names)})$/").values(False)
    return shown.reduce_options(named)


def last_word(title: str, description: str, queries: Sequence[Query] | Query, *, nothing: str) -> Stat:
    """How long ago the newest row is, in words."""
    return showing(number(title, description, queries, unit="ago", nothing=nothing), "Time")


def states(
    title: str,
    description: str,
    queries: Sequence[Query] | Query,
    mappings: list[ValueMapping],
    *,
    nothing: str,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> StateTimeline:
    """What state each series was in over time; `mappings` (units.in_words) say words and colours of the values."""
    shown = panel(StateTimeline(), title, description, queries, unit="", nothing=nothing, width=width, height=height)
    return shown.mappings(mappings).line_width(0).fill_opacity(80)


def from_good(*steps: Step) -> ThresholdsConfig:
    """Thresholds of numbers, green up to the first step."""
    return _stepped(COLOURS["ok"], steps)


def beyond(*steps: Step) -> ThresholdsConfig:
    """Thresholds of lines, without colour up to the first step."""
    return _stepped("transparent", steps)


def _stepped(within: str, steps: Sequence[Step]) -> ThresholdsConfig:
    found = [Threshold(value=None, color=within)]
    found += [Threshold(value=value, color=COLOURS[severity]) for value, severity in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(found)
