"""Milliseconds that InfluxDB takes for each query of the Grafana pages, with 30 days of 12 loggers in it.

A real daemon watches two days of the simulated return journey; what it wrote, and its copy by the minute, is written
again for as many days before as it takes. What the daemon tells of itself and its containers by the clock is written
at its own pace over the whole time. So names, tags and fields are the daemon's. Each page is then asked as Grafana
would, over its default range and over all days, with every logger of a container; a query is measured from the request
to the last byte of the answer, the median of `--rounds`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.common import positive, report, rounded
from tests.dashboards.grafana import Window, pages, queries, values_of
from tests.dashboards.journey import Journey, Series, watched_journey
from tests.dashboards.opened import AROUND_MS, CONTAINER
from tests.servers import influxd, mosquitto

LIMIT_MS = 300.0
DAY_MS = 86_400_000
BODY_LINES = 20_000
BY_DATA_TIME = ("env", "derived", "exposure", "shock", "shock_wave", "srs", "alert", "operator", "journey")
BY_CLOCK_MS = {"container": 60_000, "logger": 60_000, "monitor": 10_000, "notifier": 10_000}  # how often each is told
SPANS_MS = {"now-24h": DAY_MS, "now-7d": 7 * DAY_MS, "now-30d": 30 * DAY_MS, "now-6h": DAY_MS // 4}


def main() -> None:
    """Fill the server, measure, print; exit status 1 when a query takes longer than 300 ms."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dashboards", description=__doc__.partition("\n")[0])
    parser.add_argument("--days", type=positive, default=30)
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tcm-dashboards-") as folder, mosquitto() as broker, influxd() as server:
        with watched_journey(Path(folder), broker, server) as journey:
            pass  # the daemon need not go on while queries are measured
        points = _fill(journey, options.days)
        found = dict(_measured(journey, options.days, options.rounds))
    slow = [name for name, took_ms in found.items() if took_ms > LIMIT_MS]
    worst = rounded(dict(sorted(found.items(), key=lambda pair: -pair[1])[:12]))
    text = "\n".join(f"{took_ms:8.1f} ms  {name}" for name, took_ms in worst.items())
    figures = {"days": options.days, "points": points, "queries": len(found), "worst_ms": worst, "slow": slow}
    report(figures, f"{options.days} days, {points} points, {len(found)} queries; the slowest:\n{text}", options.json)
    raise SystemExit(1 if slow else 0)


def _fill(journey: Journey, days: int) -> int:
    """Write the days before the journey; returns how many points."""
    length_ms = journey.to_ms - journey.from_ms
    turns = range(1, days * DAY_MS // length_ms + 1)
    points = 0
    for database in (journey.database, f"{journey.database}_long"):
        for measurement in BY_DATA_TIME:
            lines = (
                f"{head} {at_ms - turn * length_ms}"
                for head, at_ms in _points(journey, database, measurement)
                for turn in turns
            )
            points += _write(journey, database, lines)
    for measurement, every_ms in BY_CLOCK_MS.items():
        for series in _series(journey, journey.database, measurement, "ORDER BY time DESC LIMIT 1"):
            ((head, at_ms),) = _lines(measurement, series)
            times = range(at_ms - days * DAY_MS, at_ms, every_ms)
            points += _write(journey, journey.database, (f"{head} {time_ms}" for time_ms in times))
    return points


def _points(journey: Journey, database: str, measurement: str) -> Iterator[tuple[str, int]]:
    for series in _series(journey, database, measurement, ""):
        yield from _lines(measurement, series)


def _series(journey: Journey, database: str, measurement: str, more: str) -> list[Series]:
    return journey.ask(f'SELECT * FROM "{database}".."{measurement}" GROUP BY * {more}')


def _lines(measurement: str, series: Series) -> Iterator[tuple[str, int]]:
    """Each point as line protocol without its time, and the time."""
    tags = "".join(f",{key}={value}" for key, value in sorted(series["tags"].items()))
    names = series["columns"][1:]
    for at_ms, *values in series["values"]:
        fields = (f"{name}={_field(value)}" for name, value in zip(names, values, strict=True) if value is not None)
        yield f"{measurement}{tags} {','.join(fields)}", at_ms


def _field(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def _write(journey: Journey, database: str, lines: Iterator[str]) -> int:
    """Write lines of line protocol, times in ms; returns how many."""
    url, written = f"{journey.server.url}/write?db={database}&precision=ms", 0
    while body := list(islice(lines, BODY_LINES)):
        with urllib.request.urlopen(url, "\n".join(body).encode(), timeout=60) as answer:
            answer.read()
        written += len(body)
    return written


def _measured(journey: Journey, days: int, rounds: int) -> Iterator[tuple[str, float]]:
    """(page, range, panel and query; median in ms) of every query of every page."""
    for name, page in pages().items():
        chosen = {} if name == "monitor" else {"container": CONTAINER}
        for title, window in _windows(journey, name, page["time"]["from"], days).items():
            values = values_of(page, window, journey.ask, chosen)
            for asked in queries(page, values, window):
                took = [_took_ms(journey, asked.text) for _ in range(rounds)]
                yield f"{name}, {title}: {asked.owner} {asked.ref}", median(took)


def _windows(journey: Journey, name: str, default: str, days: int) -> dict[str, Window]:
    to_ms = journey.to_ms
    found = {span: Window(to_ms - SPANS_MS[span], to_ms) for span in (default, f"now-{days}d") if span in SPANS_MS}
    if name == "shock":
        newest = f'SELECT last("resultant_g") FROM "shock" WHERE "container" = \'{CONTAINER}\''
        at_ms = journey.ask(newest)[0]["values"][0][0]
        found["an event"] = Window(at_ms - AROUND_MS, at_ms + AROUND_MS)
    return found


def _took_ms(journey: Journey, text: str) -> float:
    began_s = time.perf_counter()
    journey.ask(text)
    return (time.perf_counter() - began_s) * 1000


if __name__ == "__main__":
    main()
