"""The pages as pictures, drawn of the same JSON and the same answers as in Grafana.

No copy of Grafana's looks: panels lie where they lie there, with its names, units, limits, colours and words, so that a
reader of the documentation sees what a page tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matplotlib import dates, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.dashboards.grafana import Page, Value, Window, listed, panels, rows_of
from tests.dashboards.look import (
    COLOURS,
    INK,
    colour_at,
    figures,
    lines_of,
    override,
    steps,
    table_of,
    words,
)
from tests.dashboards.opened import Opened
from tests.dashboards.transform import rows_shown

WIDTH_IN, ROW_IN, DPI = 13.0, 0.3, 75  # a row of Grafana's grid is a 42nd part of the page's width
COLUMNS = 24
LEFT, RIGHT, TOP, BOTTOM = 1.25, 0.25, 0.95, 0.85  # columns and rows around what is drawn: for title and axes
PAPER, GROUND, FAINT = "#181b1f", "#111217", "#6e7077"
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#b877d9", "#37872d", "#fade2a", "#5794f2")
STYLE: Any = {
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "legend.labelcolor": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "font.size": 7.5,
}
MAX_ROWS, MAX_COLUMNS, MAX_TEXT = 9, 9, 34  # of a table in a picture
OVER_TIME, AGAINST = ("timeseries", "state-timeline"), ("trend", "xychart")  # kinds of panels with axes
NAME_COLUMNS = 1.7  # that a name takes in a legend
MAX_NUMBERS = 6  # beside each other in a panel

Answers = list[list[dict[str, Any]]]  # of each target of a panel its series


def draw_page(page: Opened, file: Path) -> list[str]:
    """Write the page as a PNG; returns the titles of the panels that have nothing to show."""
    shown = [panel for panel in panels(page.page) if panel.get("targets")]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in shown)
    empty = []
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, ROW_IN * height), facecolor=GROUND)
        for row in (row for row in page.page["panels"] if row["type"] == "row"):
            _heading(figure, row, page.values, height)
        for panel in shown:
            axes, answers = _axes(figure, panel, height), page.answers_of(panel)
            if any(rows_of(series) for series in answers):
                _DRAWN[panel["type"]](axes, panel, answers)
                if panel["type"] == "timeseries":
                    _marks(axes, page)
                if panel["type"] in OVER_TIME:
                    _over_time(axes, page.window)
                continue
            empty.append(panel["title"])
            _nothing(axes, panel)
        file.parent.mkdir(exist_ok=True)
        figure.savefig(file, dpi=DPI, metadata={"Software": None})  # else each version of matplotlib gives other bytes
    return empty


def _nothing(axes: Axes, panel: Page) -> None:
    axes.set_axis_off()
    words = panel["fieldConfig"]["defaults"]["noValue"]
    axes.text(0.5, 0.5, words, color=FAINT, ha="center", va="center", transform=axes.transAxes)


def _heading(figure: Figure, row: Page, values: Mapping[str, Value], height: int) -> None:
    """A row's title with the variables in it."""
    text = re.sub(r"\$(\w+)", lambda found: " + ".join(listed(values[found[1]])), row["title"])
    figure.text(RIGHT / COLUMNS, 1 - (row["gridPos"]["y"] + 0.5) / height, text, fontsize=10, va="center")


def _marks(axes: Axes, page: Opened) -> None:
    """The annotations that are shown to begin with."""
    rows = page.rows()
    for one in page.page["annotations"].get("list", ()):
        for row in rows.get(f"annotation {one['name']}", ()) if one["enable"] else ():
            axes.axvline(_day(row["time"]), color=COLOURS[one["iconColor"]], linestyle=":", linewidth=0.6, alpha=0.6)


def _axes(figure: Figure, panel: Page, height: int) -> Axes:
    at = panel["gridPos"]
    left = LEFT if panel["type"] in OVER_TIME or panel["type"] in AGAINST else RIGHT
    corner = ((at["x"] + left) / COLUMNS, 1 - (at["y"] + at["h"] - BOTTOM) / height)
    size = ((at["w"] - left - RIGHT) / COLUMNS, (at["h"] - TOP - BOTTOM) / height)
    axes = figure.add_axes((*corner, *size), facecolor=PAPER)
    axes.set_title(panel["title"], loc="left", fontsize=8.5, pad=4)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _lines(axes: Axes, panel: Page, answers: Answers) -> None:
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
    if 1 < len(names) <= panel["gridPos"]["w"] / NAME_COLUMNS:
        beside_title = (1.0, 0.97)
        axes.legend(loc="lower right", bbox_to_anchor=beside_title, fontsize=6, ncols=len(names), frameon=False)


def _states(axes: Axes, panel: Page, answers: Answers) -> None:
    """A bar for each series, its colour and word by what it said, until it says something else."""
    lines = lines_of(panel, answers)
    until_ms = max(line.times_ms[-1] for line in lines)
    colours: dict[str, str] = {}
    for row, line in enumerate(reversed(lines)):
        for begin_ms, end_ms, value in zip(line.times_ms, [*line.times_ms[1:], until_ms], line.values, strict=True):
            unnamed = str(value), PALETTE[len(colours) % len(PALETTE)]
            text, colour = words(panel, line.name, value) or unnamed
            left, right = _day(begin_ms), _day(end_ms)
            axes.barh(row, right - left, left=left, height=0.75, color=colours.setdefault(text, colour), linewidth=0)
    axes.set_yticks(range(len(lines)), [line.name for line in reversed(lines)])
    axes.xaxis_date()
    for text, colour in colours.items():
        axes.plot([], [], "s", color=colour, label=text)
    _legend(axes, panel)


def _over_time(axes: Axes, window: Window) -> None:
    axes.set_xlim(_day(window.from_ms), _day(window.to_ms))
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(axes.xaxis.get_major_locator(), show_offset=False))  # type: ignore[no-untyped-call]  # matplotlib


def _day(at_ms: int) -> float:
    """A time as matplotlib counts it."""
    return float(dates.date2num(datetime.fromtimestamp(at_ms / 1000, UTC)))  # type: ignore[no-untyped-call]  # matplotlib


def _numbers(axes: Axes, panel: Page, answers: Answers) -> None:
    """The last value of each series in large."""
    lines = lines_of(panel, answers)
    fields = panel["options"]["reduceOptions"].get("fields", "").strip("/")
    if fields == "^(Time)$":
        said = [(lines[0].name, lines[0].times_ms[-1])]
    else:
        said = [(line.name, line.values[-1]) for line in lines if re.search(fields, _shown(panel, line.name))]
    said = said[:MAX_NUMBERS]
    axes.set_axis_off()
    if not said:
        _nothing(axes, panel)
    unit = panel["fieldConfig"]["defaults"]["unit"]
    for place, (name, value) in enumerate(said):
        own = override(panel, name)
        text, colour = words(panel, name, value) or (figures(value, own.get("unit", unit)), colour_at(panel, value))
        at = (place + 0.5) / len(said)
        size = 17 if len(said) == 1 and len(text) < 14 else 11
        axes.text(at, 0.5, text, color=colour, fontsize=size, ha="center", va="center", transform=axes.transAxes)
        if len(said) > 1:
            heading = _shown(panel, name).replace(" ", "\n")
            axes.text(at, 0.95, heading, color=FAINT, fontsize=6, ha="center", va="center", transform=axes.transAxes)


def _shown(panel: Page, name: str) -> str:
    """The name under which a field is shown."""
    return str(override(panel, name).get("displayName", name))


def _table(axes: Axes, panel: Page, answers: Answers) -> None:
    """The first rows and columns, as wide as their texts."""
    axes.set_axis_off()
    heads, cells = table_of(panel, rows_shown(panel, answers))
    heads, cells = heads[:MAX_COLUMNS], [row[:MAX_COLUMNS] for row in cells[:MAX_ROWS]]
    short = [[text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…" for text in row] for row in [heads, *cells]]
    widths = [max(len(row[column]) for row in short) + 2 for column in range(len(heads))]
    for number, row in enumerate(short):
        for column, text in enumerate(row):
            at = sum(widths[:column]) / sum(widths)
            high = 1 - (number + 0.5) / (MAX_ROWS + 1)
            axes.text(at, high, text, va="center", color=FAINT if number == 0 else INK, transform=axes.transAxes)


def _against(axes: Axes, panel: Page, answers: Answers) -> None:
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
            label = _shown(panel, name)
            axes.plot(*zip(*pairs, strict=True), "-" if is_line else "o", color=colour, markersize=3.5, label=label)
    if is_spectrum:
        axes.set_xscale("log")
        axes.set_yscale("log")
    own = override(panel, by)
    axes.set_xlabel(f"{_shown(panel, by)}, {figures(1, own.get('unit', ''))[2:]}", labelpad=1)
    _legend(axes, panel)


def _organised(panel: Page) -> list[str]:
    """The fields of a panel that arranges them, in order."""
    options = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    return sorted(options["indexByName"], key=options["indexByName"].__getitem__)


_DRAWN: dict[str, Callable[[Axes, Page, Answers], None]] = {
    "timeseries": _lines,
    "state-timeline": _states,
    "stat": _numbers,
    "table": _table,
    "trend": _against,
    "xychart": _against,
}
