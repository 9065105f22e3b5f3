"""What the daemon would have told during the journey, had it taken two days and not eight seconds.

Measurements `container` and `monitor` say how things stand when they are written. So of the days that went by in
seconds there is next to nothing: here the daemon's own points are repeated for each ten minutes before, with leg, phase
and custodian of the plan, with the alerts that measurement `alert` says were open, and the records that had come.
"""

from __future__ import annotations

import itertools
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.dashboards.journey import Journey

EVERY_MS = 600_000
GRAVITY = {"info": 1, "warning": 2, "alarm": 3}
TEXTS = ("title", "marking", "limits", "custodian", "leg", "phase")


def tell_as_then(journey: Journey, configuration: Path) -> None:
    """Write the points into the journey's database."""
    (plan,) = (tomllib.loads(file.read_text())["leg"] for file in (configuration / "consignments").iterdir())
    lines = []
    for series in journey.ask(
        'SELECT * FROM "container" GROUP BY "container", "consignment" ORDER BY time DESC LIMIT 1'
    ):
        point = dict(zip(series["columns"], series["values"][0], strict=True))
        alerts = _alerts(journey, series["tags"]["container"])
        for at_ms in range(journey.from_ms, point["time"], EVERY_MS):
            then = point | _leg(plan, at_ms) | _open(alerts, at_ms) | {"time": at_ms}
            lines.append(_line("container", series["tags"], then))
    lines += _of_daemon(journey)
    url = f"{journey.server.url}/write?db={journey.database}&precision=ms"
    with urllib.request.urlopen(url, "\n".join(lines).encode(), timeout=30) as answer:
        assert answer.status == 204


def _of_daemon(journey: Journey) -> Iterator[str]:
    """How the daemon stands, with the records that come of the readings by then."""
    readings = journey.ask(f'SELECT count("humidity_air_pct") FROM "env" GROUP BY time({EVERY_MS}ms) fill(0)')
    (series,) = journey.ask('SELECT * FROM "monitor" GROUP BY "instance" ORDER BY time LIMIT 1')
    point = dict(zip(series["columns"], series["values"][0], strict=True))
    counts = dict(readings[0]["values"])
    records = itertools.accumulate(counts.values())
    for at_ms, count in zip(counts, records, strict=True):
        if at_ms < point["time"]:
            yield _line("monitor", series["tags"], point | {"records": count, "time": at_ms})


def _leg(plan: list[dict[str, Any]], at_ms: int) -> dict[str, str]:
    """Where the plan has it; before its first leg it is loaded."""
    begun = [leg for leg in plan if leg["planned_start"].timestamp() * 1000 <= at_ms]
    if not begun:
        return {"leg": "", "phase": "handling", "custodian": "owner-a"}
    return {"leg": begun[-1]["id"], "phase": begun[-1]["phase"], "custodian": begun[-1]["custodian"]}


def _alerts(journey: Journey, container: str) -> list[tuple[int, int, float]]:
    """Each alert as (severity, begin, end in ms), without end where it is open."""
    text = f"""SELECT "state" FROM "alert" WHERE "container" = '{container}'
               GROUP BY "rule", "logger", "channel", "severity" """
    found = []
    for series in journey.ask(text):
        begin_ms = None
        for at_ms, state in series["values"]:
            if state == "firing" and begin_ms is None:
                begin_ms = at_ms
            if state == "cleared" and begin_ms is not None:
                found.append((GRAVITY[series["tags"]["severity"]], begin_ms, at_ms))
                begin_ms = None
        if begin_ms is not None:
            found.append((GRAVITY[series["tags"]["severity"]], begin_ms, float("inf")))
    return found


def _open(alerts: list[tuple[int, int, float]], at_ms: int) -> dict[str, int]:
    of_then = [severity for severity, begin_ms, end_ms in alerts if begin_ms <= at_ms < end_ms]
    return {"worst": max(of_then, default=0), "open_alerts": len(of_then)}


def _line(measurement: str, tags: dict[str, str], point: dict[str, Any]) -> str:
    names = ",".join(f"{key}={value}" for key, value in sorted(tags.items()))
    fields = ",".join(
        f'{key}="{value}"' if key in TEXTS else f"{key}={value}"
        for key, value in point.items()
        if key != "time" and value is not None
    )
    return f"{measurement},{names} {fields} {point['time']}"
