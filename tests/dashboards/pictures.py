"""The pages as pictures, drawn of the same JSON and the same answers as in Grafana.

No copy of Grafana's looks: panels lie where they lie there, with its names, units, limits, colours and words, so that a
reader of the documentation sees what a page tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tests.dashboards.grafana import Page, Value, listed, panels, rows_of
from tests.dashboards.look import (
    INK,
    colour_at,
    figures,
    lines_of,
    override,
    table_of,
    words,
)
from tests.dashboards.opened import Opened
from tests.dashboards.plots import (
    GROUND,
    TITLE_SIZE,
    WIDTH_IN,
    Answers,
    draw_against,
    draw_lines,
    draw_marks,
    draw_states,
    set_times,
    shown_name,
)
from tests.dashboards.transform import rows_shown

ROW_IN, DPI = 0.3, 75  # a row of Grafana's grid is a 42nd part of the page's width
COLUMNS = 24
LEFT, RIGHT, TOP, BOTTOM = 1.25, 0.25, 0.95, 0.85  # columns and rows around what is drawn: for title and axes
PAPER, FAINT = "#181b1f", "#6e7077"
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
MAX_NUMBERS = 6  # beside each other in a panel


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
                    draw_marks(axes, page)
                if panel["type"] in OVER_TIME:
                    set_times(axes, page.window)
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


def _axes(figure: Figure, panel: Page, height: int) -> Axes:
    at = panel["gridPos"]
    left = LEFT if panel["type"] in OVER_TIME or panel["type"] in AGAINST else RIGHT
    corner = ((at["x"] + left) / COLUMNS, 1 - (at["y"] + at["h"] - BOTTOM) / height)
    size = ((at["w"] - left - RIGHT) / COLUMNS, (at["h"] - TOP - BOTTOM) / height)
    axes = figure.add_axes((*corner, *size), facecolor=PAPER)
    axes.set_title(panel["title"], loc="left", fontsize=TITLE_SIZE, pad=4)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _numbers(axes: Axes, panel: Page, answers: Answers) -> None:
    """The last value of each series in large."""
    lines = lines_of(panel, answers)
    fields = panel["options"]["reduceOptions"].get("fields", "").strip("/")
    if fields == "^(Time)$":
        said = [(lines[0].name, lines[0].times_ms[-1])]
    else:
        said = [(line.name, line.values[-1]) for line in lines if re.search(fields, shown_name(panel, line.name))]
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
            heading = shown_name(panel, name).replace(" ", "\n")
            axes.text(at, 0.95, heading, color=FAINT, fontsize=6, ha="center", va="center", transform=axes.transAxes)


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


_DRAWN: dict[str, Callable[[Axes, Page, Answers], None]] = {
    "timeseries": draw_lines,
    "state-timeline": draw_states,
    "stat": _numbers,
    "table": _table,
    "trend": draw_against,
    "xychart": draw_against,
}
