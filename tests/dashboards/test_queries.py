"""Every query that a page sends, as Grafana would send it, to an InfluxDB that a real daemon filled on a journey."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from monitor.model.condition import GATEWAY
from tests.dashboards.grafana import Window, filled_in, pages, panels
from tests.dashboards.journey import SAID_S, Journey
from tests.dashboards.least import LEAST
from tests.dashboards.opened import CONTAINER, opened
from tests.dashboards.pictures import draw_page
from tests.dashboards.transform import field_names, rows_shown
from tests.processes import wait_until

DAY_MS = 86_400_000
LONG_DAYS = 30  # a range for which the copy is asked
(OPEN,) = (panel for panel in pages()["fleet"]["panels"] if panel["title"] == "What is open")

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


def test_links_name_fields_that_are_there(journey: Journey) -> None:
    """Else Grafana leaves the name in the address as it is, and the page behind it opens without a container."""
    named = 0
    for name, page in pages().items():
        page_opened = opened(journey, name, page)
        for panel in panels(page):
            wanted = set(re.findall(r"\$\{__data\.fields\.([^}]+)\}", json.dumps(panel)))
            named += len(wanted)
            assert wanted <= (wanted and field_names(panel, page_opened.answers_of(panel))), (name, panel["title"])
    assert named > 0


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


def test_all_that_is_open_is_listed(journey: Journey) -> None:
    """For each container as many alerts as the daemon says are open."""

    def listed() -> dict[str, int]:
        now = Window(journey.from_ms, time.time_ns() // 1_000_000)
        rows = rows_shown(OPEN, opened(journey, "fleet", pages()["fleet"], now).answers_of(OPEN))
        return Counter(row["container"] for row in rows if row["container"] != GATEWAY)

    def said() -> dict[str, int]:
        found = journey.ask('SELECT last("open_alerts") FROM "container" GROUP BY "container"')
        return {one["tags"]["container"]: one["values"][0][1] for one in found}

    wait_until(lambda: listed() == said(), SAID_S, "as many alerts as the daemon says")
    assert sum(listed().values()) > 0


def test_an_open_alert_is_listed_however_much_came_behind_it(journey: Journey) -> None:
    """Thousands of changes of others do not hide it; one that has cleared is not open by a change before that.

    Neither where its severity was another then, nor where that stands at a later time.
    """
    lines = [
        *(_change(0, 1, "L-0", "firing"), _change(1, 2, "L-1", "firing")),
        *(_change(2, 3, "L-2", "firing", "info"), _change(3, 3, "L-2", "armed"), _change(4, 3, "L-2", "cleared")),
        *(_change(6, 4, "L-3", "acknowledged", number=6), _change(5, 4, "L-3", "cleared", number=7)),
        *(_change(number, number, f"L-{number % 100}", "cleared") for number in range(100, 3100)),
    ]
    database = f"{journey.database}_open"
    journey.ask(f'CREATE DATABASE "{database}"')
    url = f"{journey.server.url}/write?db={database}&precision=ms"
    urllib.request.urlopen(url, "\n".join(lines).encode(), timeout=30).close()
    text = filled_in(OPEN["targets"][0]["query"], {}, Window(0, 10_000), 1000)
    rows = rows_shown(OPEN, [journey._replace(database=database).ask(text)])
    assert [row["logger"] for row in rows] == ["L-1", "L-0"]


def _change(at_ms: int, alert: int, logger: str, state: str, severity: str = "alarm", number: int | None = None) -> str:
    """A change of an alert as a line of its point; its number goes with its time unless given."""
    n = at_ms if number is None else number
    tags = f"container=C,logger={logger},channel=temperature.air,rule=hot,severity={severity}"
    return f'alert,{tags} state="{state}",alert_id="{alert}",number={n},message="hot",value=1,limit=1 {at_ms}'


def test_pages_are_drawn(journey: Journey, tmp_path: Path) -> None:
    """A picture of each page for the documentation: no panel of it is without a drawing."""
    for name, page in pages().items():
        empty = draw_page(opened(journey, name, page), tmp_path / f"{name}.png")
        assert not empty, f"{name}: {empty}"
        assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def test_what_grafana_would_not_replace_is_an_error() -> None:
    """Else a query with a macro of another data source, or without a format, would pass here and fail there."""
    with pytest.raises(AssertionError, match="__range"):
        filled_in("SELECT $__range", {}, Window(0, 1), 1000)
    with pytest.raises(AssertionError, match="several values"):
        filled_in("SELECT ${logger:raw}", {"logger": ["L-1", "L-2"]}, Window(0, 1), 1000)
    with pytest.raises(AssertionError, match="hangs on Grafana's version"):
        filled_in('SELECT 1 FROM "$copy".."env"', {"copy": "tcm.prod"}, Window(0, 1), 1000)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("C-1", "/^C-1$/"), ("C.1", r"/^C\.1$/"), (["C.1"], r"/^C\.1$/"), (["C.1", "C-2"], r"/^(C\.1|C-2)$/")],
)
def test_a_dot_in_a_name_is_a_dot(value: str | list[str], expected: str) -> None:
    assert filled_in("/^${container:regex}$/", {"container": value}, Window(0, 1), 1000) == expected
