"""Panels with axes, as they are drawn in pictures of the pages: over time, or one field against another."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from matplotlib import dates
from matplotlib.axes import Axes

from tests.dashboards.grafana import Page, Window, rows_of
from tests.dashboards.look import COLOURS, figures, lines_of, override, steps, words
from tests.dashboards.opened import Opened

WIDTH_IN = 13.0  # of a page
GROUND = "#111217"
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#b877d9", "#37872d", "#fade2a", "#5794f2")
TITLE_SIZE, LEGEND_SIZE = 8.5, 6.0  # points
LETTER = 0.6  # of the size, that a letter is wide on average
MARK_PT = 28.0  # that a name in a legend takes beside its letters

Answers = list[list[dict[str, Any]]]  # of each target of a panel its series


def draw_lines(axes: Axes, panel: Page, answers: Answers) -> None:
    """Over time, with the limits as bands; events as points."""
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    for place, line in enumerate(lines_of(panel, answers)):
        own = override(panel, line.name)
        at = [datetime.fromtimestamp(ms / 1000, UTC) for ms in line.times_ms]
        fixed = own.get("color", {}).get("fixedColor", "")
        colour = COLOURS.get(fixed, PALETTE[place % len(PALETTE)])
        style = "o" if custom.get("drawStyle") == "points" or len(at) < 3 else ":" if "custom.lineStyle" in own else "-"
        axes.plot(at, line.values, style, color=colour, label=line.name, linewidth=0.9, markersize=3.5)  # type: ignore[arg-type]  # dates as numbers
    _bands(axes, panel)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    axes.yaxis.set_major_formatter(lambda value, _: figures(value, unit))
    _legend(axes, panel)


def _bands(axes: Axes, panel: Page) -> None:
    """Limits as dashed lines, and what is beyond them in colour; nothing beyond what the values reach."""
    if panel["fieldConfig"]["defaults"].get("custom", {}).get("thresholdsStyle", {}).get("mode", "off") == "off":
        return
    bottom, top = axes.get_ylim()
    for low, high, colour in steps(panel):
        if colour is not None and low < top and high > bottom:
            axes.axhspan(max(low, bottom), min(high, top), color=colour, alpha=0.14, linewidth=0)
        if colour is not None:
            for edge in (low, high):
                if bottom < edge < top:
                    axes.axhline(edge, color=colour, linestyle="--", linewidth=0.8)
    axes.set_ylim(bottom, top)


def _legend(axes: Axes, panel: Page) -> None:
    """Small, beside the title; none where it has no room."""
    names = axes.get_legend_handles_labels()[1]
    wide_pt = sum(MARK_PT + _wide_pt(name) for name in names) + _wide_pt(panel["title"], TITLE_SIZE)
    if len(names) > 1 and wide_pt <= _width_pt(axes):
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.0, 0.97), fontsize=LEGEND_SIZE, ncols=len(names), frameon=False
        )


def _wide_pt(text: str, size: float = LEGEND_SIZE) -> float:
    return LETTER * size * len(text)


def _width_pt(axes: Axes) -> float:
    """Of the panel from its title to its right edge."""
    return float(axes.get_position().width) * WIDTH_IN * 72


def draw_states(axes: Axes, panel: Page, answers: Answers) -> None:
    """A bar for each series, its colour and word by what it said, until it says something else."""
    lines = lines_of(panel, answers)
    from_ms, until_ms = min(line.times_ms[0] for line in lines), max(line.times_ms[-1] for line in lines)
    points_per_day = _width_pt(axes) / max(_day(until_ms) - _day(from_ms), 1e-9)
    colours: dict[str, str] = {}
    for row, line in enumerate(reversed(lines)):
        begun = [place for place, value in enumerate(line.values) if not place or value != line.values[place - 1]]
        times = [_day(line.times_ms[place]) for place in begun]
        for place, left, right in zip(begun, times, [*times[1:], _day(until_ms)], strict=True):
            value = line.values[place]
            unnamed = str(value), PALETTE[len(colours) % len(PALETTE)]
            text, colour = words(panel, line.name, value) or unnamed
            axes.barh(row, right - left, left=left, height=0.75, color=colours.setdefault(text, colour), linewidth=0)
            if _wide_pt(text) <= (right - left) * points_per_day:
                axes.text((left + right) / 2, row, text, size=LEGEND_SIZE, color=GROUND, ha="center", va="center")
    axes.set_yticks(range(len(lines)), [line.name for line in reversed(lines)])
    axes.xaxis_date()
    for text, colour in colours.items():
        axes.plot([], [], "s", color=colour, label=text)
    _legend(axes, panel)


def draw_against(axes: Axes, panel: Page, answers: Answers) -> None:
    """One field against another: responses over frequency, peaks over velocity change."""
    rows = [row for series in answers for row in rows_of(series)]
    is_spectrum = panel["type"] == "trend"
    by = panel["options"].get("xField") or next(iter(_organised(panel)))
    for name in _organised(panel):
        pairs = [(float(row[by]), row[name]) for row in rows if name != by and row.get(name) is not None]
        own = override(panel, name)
        is_line = is_spectrum or own.get("custom.show") == "lines"
        if is_spectrum:
            pairs.sort()
        if pairs:
            colour = COLOURS.get(own.get("color", {}).get("fixedColor", ""), PALETTE[0])
            label = shown_name(panel, name)
            axes.plot(*zip(*pairs, strict=True), "-" if is_line else "o", color=colour, markersize=3.5, label=label)
    if is_spectrum:
        axes.set_xscale("log")
        axes.set_yscale("log")
    unit = panel["fieldConfig"]["defaults"]["unit"]
    axes.yaxis.set_major_formatter(lambda value, _: figures(value, unit))
    axes.yaxis.set_minor_formatter(lambda value, _: figures(value, unit) if is_spectrum else "")
    own = override(panel, by)
    axes.set_xlabel(f"{shown_name(panel, by)}, {figures(1, own.get('unit', ''))[2:]}", labelpad=1)
    _legend(axes, panel)


def _organised(panel: Page) -> list[str]:
    """The fields of a panel that arranges them, in order."""
    options = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    return sorted(options["indexByName"], key=options["indexByName"].__getitem__)


def draw_marks(axes: Axes, page: Opened) -> None:
    """The annotations that are shown to begin with."""
    rows = page.rows()
    for one in page.page["annotations"].get("list", ()):
        for row in rows.get(f"annotation {one['name']}", ()) if one["enable"] else ():
            axes.axvline(_day(row["time"]), color=COLOURS[one["iconColor"]], linestyle=":", linewidth=0.6, alpha=0.6)


def set_times(axes: Axes, window: Window) -> None:
    axes.set_xlim(_day(window.from_ms), _day(window.to_ms))
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator(), show_offset=False))  # type: ignore[no-untyped-call]  # matplotlib


def _day(at_ms: int) -> float:
    """A time as matplotlib counts it."""
    return float(dates.date2num(datetime.fromtimestamp(at_ms / 1000, UTC)))  # type: ignore[no-untyped-call]  # matplotlib


def shown_name(panel: Page, name: str) -> str:
    """The name under which a field is shown."""
    return str(override(panel, name).get("displayName", name))
