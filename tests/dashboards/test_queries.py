"""Every query that a page sends, as Grafana would send it, to an InfluxDB that a real daemon filled on a journey."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from tests.dashboards.grafana import Window, filled_in, pages
from tests.dashboards.journey import Journey
from tests.dashboards.least import LEAST
from tests.dashboards.opened import CONTAINER, opened
from tests.dashboards.pictures import draw_page

DAY_MS = 86_400_000
LONG_DAYS = 30  # a range for which the copy is asked
RARE = {"annotation info", "Records received"}

pytestmark = pytest.mark.timeout(300)  # the journey comes with the first of them


def test_every_panel_has_rows(journey: Journey) -> None:
    """As many as the journey has at least; the table names every panel and annotation."""
    wrong = []
    for name, page in pages().items():
        rows = opened(journey, name, page).rows()
        wrong += [f"{name}: {owner} is in one of page and table only" for owner in sorted(set(rows) ^ set(LEAST[name]))]
        wrong += [
            f"{name}: {owner} has {len(found)} rows, at least {LEAST[name][owner]} are expected"
            for owner, found in rows.items()
            if len(found) < LEAST[name].get(owner, 0)
        ]
    assert not wrong, "\n".join(wrong)


def test_long_ranges_are_read_from_the_copy(journey: Journey) -> None:
    """Each panel that has rows over two days has some over thirty, and those of readings ask the copy alone."""
    copy = f"{journey.database}_long"
    for name in ("container", "exposure"):
        page = pages()[name]
        long = opened(journey, name, page, Window(journey.to_ms - LONG_DAYS * DAY_MS, journey.to_ms))
        short = opened(journey, name, page)
        assert (short.values["copy"], long.values["copy"]) == (journey.database, copy)
        assert any(f'"{copy}".."env"' in asked.text for asked, _ in long.answers)
        assert not any(f'"{journey.database}".."env"' in asked.text for asked, _ in long.answers)
        assert {owner for owner, rows in long.rows().items() if rows} == {
            owner for owner, rows in short.rows().items() if rows
        }


def test_annotations_are_the_alerts_that_the_daemon_tells(journey: Journey) -> None:
    """One for each alert that fired in the container, with the message that the notifiers got."""
    rows = opened(journey, "container", pages()["container"]).rows()
    marked = chain(rows["annotation alarms"], rows["annotation warnings"])
    where = f"""WHERE "container" = '{CONTAINER}' AND "state" = 'firing' AND "severity" != 'info'"""
    told = journey.ask(f'SELECT "message" FROM "alert" {where}')
    assert {row["message"] for row in marked if row["state"] == "firing"} == {row[1] for row in told[0]["values"]}


def test_pages_are_drawn(journey: Journey, tmp_path: Path) -> None:
    """A picture of each page for the documentation: no panel of it is without a drawing."""
    for name, page in pages().items():
        empty = draw_page(opened(journey, name, page), tmp_path / f"{name}.png")
        assert set(empty) <= RARE, f"{name}: {empty}"
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def test_what_grafana_would_not_replace_is_an_error() -> None:
    """Else a query with a macro of another data source would pass here and fail there."""
    with pytest.raises(AssertionError, match="__range"):
        filled_in("SELECT $__range", {}, Window(0, 1), 1000)
