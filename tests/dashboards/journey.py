"""Two days of the return journey, watched by a daemon that writes to a real InfluxDB: what pages are tried on."""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from shutil import copytree
from typing import Any, NamedTuple

from monitor.model.clock import NS_PER_S, rfc3339
from tests.commands import REPOSITORY, run
from tests.daemon import DaemonProcess, running_daemon
from tests.dashboards.telling import tell_as_then
from tests.influx import influx_v1
from tests.processes import wait_until
from tests.servers import Influxd, Mosquitto

HOURS = 46  # of the journey: loading, road, flight, and a night in the store without heating; below the copy's 48
AGO_HOURS = 47  # that it began: what virtual time runs on while the loggers end does not lie ahead of the daemon's
FOR_S = 8  # of real time, and as much again to settle on a busy machine
SPEED = HOURS * 3600 // FOR_S
DRAIN_S = 100  # a logger that goes before all is settled leaves records that are awaited for ever
LIMIT_S = 200.0
MINUTE_NS = 60 * NS_PER_S
SAID_POINTS = 3  # of the daemon on itself, one each 10 s: two of a rate
SAID_S = 90.0
COPIED_S = 240.0  # until the copy has every minute, which the daemon makes every 20 s, on a busy machine
SCENARIO = REPOSITORY / "firmware_sim" / "scenarios" / "turin-return.toml"
PLANNED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
PLAN_BEGINS = datetime.fromisoformat("2026-11-23T06:00:00+00:00")  # in the example's plan: on the road
LOADING = timedelta(hours=2)  # which the scenario has before the road, and the plan has not

NOTIFIERS = """
[[notifier]]
name = "site"
kind = "mqtt"
url = "{broker}"
topic = "site/told"
[[notifier]]
name = "on-call"
kind = "webhook"
url = "http://127.0.0.1:9/"
"""  # the second one fails: nobody listens on the port called discard

Series = dict[str, Any]  # of InfluxDB's answer: name, tags, columns, values


class Journey(NamedTuple):
    """The server, the database that the daemon wrote to, and the time range that holds all of it."""

    server: Influxd
    database: str
    from_ms: int
    to_ms: int

    def ask(self, statement: str) -> list[Series]:
        """The series that answer an InfluxQL query, times in ms as Grafana asks for them; AssertionError if refused."""
        query = urllib.parse.urlencode({"db": self.database, "epoch": "ms", "q": statement})
        with urllib.request.urlopen(f"{self.server.url}/query?{query}", timeout=30) as answer:
            (result,) = json.load(answer)["results"]
        assert "error" not in result, f"{result['error']}: {statement}"
        found: list[Series] = result.get("series", [])
        return found


@contextmanager
def watched_journey(folder: Path, broker: Mosquitto, server: Influxd, database: str = "journey") -> Iterator[Journey]:
    """The journey, ended, with all of it in the store and its copy; the daemon still runs."""
    # On the half minute: two days of a clock's drift, 4 s at most, put no two readings into one minute of the copy.
    now_ns = time.time_ns() // MINUTE_NS * MINUTE_NS
    start_ns = now_ns - AGO_HOURS * 3600 * NS_PER_S - MINUTE_NS // 2
    _write_configuration(folder / "config", start_ns)
    notifiers = NOTIFIERS.format(broker=broker.url)
    with running_daemon(folder, broker.url, influx_v1(server, database), more=notifiers) as daemon:
        initialised = daemon.tcm("store", "init")
        assert initialised.returncode == 0, initialised.stderr
        _operate(daemon, start_ns)
        _travel(daemon, broker, start_ns)
        journey = Journey(server, database, start_ns // 1_000_000, time.time_ns() // 1_000_000)
        wait_until(lambda: _count(journey, '"monitor"', "records") >= SAID_POINTS, SAID_S, "the daemon's own points")
        wait_until(lambda: _is_copied(journey), COPIED_S, "the copy by the minute")
        tell_as_then(journey, folder / "config")
        yield journey._replace(to_ms=time.time_ns() // 1_000_000)


def _write_configuration(folder: Path, start_ns: int) -> None:
    """The example's containers and limits, and its consignment as if it left two hours after `start_ns`."""
    for kind in ("containers", "limits", "consignments"):
        copytree(REPOSITORY / "config" / kind, folder / kind)
    later = datetime.fromisoformat(rfc3339(start_ns)) + LOADING - PLAN_BEGINS
    for file in (folder / "consignments").iterdir():
        text = file.read_text()
        file.write_text(PLANNED.sub(lambda found: _shifted(found[0], later), text))


def _shifted(moment: str, later: timedelta) -> str:
    return (datetime.fromisoformat(moment) + later).strftime("%Y-%m-%dT%H:%M:%SZ")


def _operate(daemon: DaemonProcess, start_ns: int) -> None:
    """What operators enter on such a journey."""

    def enter(hours: int, *arguments: str) -> None:
        done = daemon.tcm(*arguments, "--by", "Rossi", "--at", rfc3339(start_ns + hours * 3600 * NS_PER_S))
        assert done.returncode == 0, done.stderr

    for container in ("C-101", "C-102", "C-103"):
        enter(0, "log", "arm", container)
        enter(0, "phase", "set", container, "handling")
        enter(2, "phase", "set", container, "plan")
    enter(1, "log", "seal", "C-102", "A-004711")
    enter(9, "log", "custody", "C-101", "owner-b")


def _travel(daemon: DaemonProcess, broker: Mosquitto, start_ns: int) -> None:
    """Let the loggers travel, and somebody see to one of the alerts."""
    course = ("--start", rfc3339(start_ns), "--speed", str(SPEED), "--for", f"{FOR_S}s", "--drain", f"{DRAIN_S}s")
    scenario = daemon.config.parent / "scenario.toml"
    scenario.write_text(_sound(SCENARIO.read_text()))
    command = [sys.executable, "-m", "firmware_sim", "run", str(scenario), "--broker", broker.url, *course, "--json"]
    done = run(command, LIMIT_S)
    assert done.stdout, done.stderr
    daemon.wait_settled(json.loads(done.stdout)["acknowledged"])
    wait_until(lambda: daemon.status()["provisional"] == [], LIMIT_S, "the last word on every container")
    alerts = json.loads(daemon.tcm("alerts", "list", "--json").stdout)
    open_ids = [alert["id"] for alert in alerts if alert["state"] == "firing"]
    assert open_ids, "no alert is open at the end of the journey"
    daemon.tcm("alerts", "ack", open_ids[0], "--by", "Rossi", "--remark", "on the way")


def _sound(scenario: str) -> str:
    """The scenario without corrupted messages: of a boot that never was, made by such a one, records are awaited."""
    text, count = re.subn(r'\[\[fault\]\]\nkind = "corrupted"\n(\S.*\n)+', "", scenario)
    assert count == 1
    return text


def _is_copied(journey: Journey) -> bool:
    """Whether each reading, of which there is one a minute, is in the copy."""
    copy = f'"{journey.database}_long".."env"'
    return _count(journey, copy, "humidity_air_pct_mean") == _count(journey, '"env"', "humidity_air_pct")


def _count(journey: Journey, source: str, field: str) -> int:
    series = journey.ask(f'SELECT count("{field}") FROM {source}')
    return int(series[0]["values"][0][1]) if series else 0
