"""`tcm` as its users call it: check, status, alerts and replay, with and without a running daemon."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from monitor.journal import StateLock
from tests.commands import REPOSITORY, run, tcm
from tests.daemon import LIMITS, DaemonProcess
from tests.fleet import START_NS, Logger
from tests.influx import influx_v1
from tests.processes import HOST, free_port, wait_until
from tests.raw_http import answer as http_answer
from tests.raw_http import raw_server
from tests.servers import Influxd, Mosquitto, mosquitto

WARM = """[[rule]]
id = "warm"
kind = "exposure"
channel = "temperature.hardware"
measure = "time"
above = "25 degC"
limit = "9 h"
severity = "info"
"""
LENIENT = LIMITS.replace("25 degC", "95 degC").replace('"24 degC"', '"94 degC"').replace("2 g", "15 g")


def test_check_accepts_the_example() -> None:
    """The configuration that is shipped has no errors."""
    done = tcm("check", "--json", "--config", "config/monitor.toml")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["ok"], answer["errors"]) == (0, True, [])
    assert set(answer) == {"ok", "errors", "warnings"}


def test_check_reports_all_errors_of_all_files_at_once(tmp_path: Path) -> None:
    """Each has the file, the key and what was expected; the exit status is 2, and `run` says the same."""
    folder = tmp_path / "config"
    shutil.copytree(REPOSITORY / "config", folder)
    spoil = {
        "monitor.toml": ('url = "mqtt://127.0.0.1:1883"', 'url = "http://127.0.0.1"'),
        "limits/flight-hardware.toml": ('above = "25 degC"', 'above = "25 Pa"'),
        "containers/C-102.toml": ('title = "', 'titel = "'),
        "consignments/exomars-return.toml": ("planned_start = 2026-11-23T06:00:00Z", "planned_start = 'soon'"),
    }
    for name, (good, bad) in spoil.items():
        text = (folder / name).read_text()
        assert good in text
        (folder / name).write_text(text.replace(good, bad, 1))
    done = tcm("check", "--json", "--config", str(folder / "monitor.toml"))
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["ok"]) == (2, False)
    found = {error["file"].rpartition("config/")[2]: (error["key"], error["message"]) for error in answer["errors"]}
    assert set(found) == set(spoil)
    assert found["monitor.toml"][0] == "mqtt.url"
    assert "above" in found["limits/flight-hardware.toml"][0]
    assert "titel" in found["containers/C-102.toml"][0]
    assert "planned_start" in found["consignments/exomars-return.toml"][0]
    said = run([sys.executable, "-m", "monitor", "run", "--config", str(folder / "monitor.toml")]).stderr
    assert all(error["message"] in said for error in answer["errors"])


def test_check_connect_tries_the_servers(
    tmp_path: Path, own_mosquitto_server: Mosquitto, influx_server: Influxd
) -> None:
    """Servers that answer are no error; those that do not are named, each under its key."""
    up = DaemonProcess(tmp_path / "up", own_mosquitto_server.url, influx_v1(influx_server, "check"))
    done = up.tcm("check", "--connect", "--json")
    assert (done.returncode, json.loads(done.stdout)["errors"]) == (0, [])
    store = f'kind = "influxdb"\nurl = "http://{HOST}:{free_port()}"\ndialect = "v1"\ndatabase = "check"'
    down = DaemonProcess(tmp_path / "down", f"mqtt://{HOST}:{free_port()}", store)
    done = down.tcm("check", "--connect", "--json")
    assert done.returncode == 2
    assert {error["key"] for error in json.loads(done.stdout)["errors"]} == {"mqtt.url", "store.url"}
    assert not up.state_dir.exists()


def test_check_connect_tries_to_write(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """A store that answers and takes no write of this user's is an error."""
    with raw_server() as server:
        server.script.append(http_answer(401, b'{"error":"authorization failed"}'))
        store = f'kind = "influxdb"\nurl = "{server.url}"\ndialect = "v1"\ndatabase = "tcm"'
        done = DaemonProcess(tmp_path, own_mosquitto_server.url, store).tcm("check", "--connect", "--json")
    assert done.returncode == 2
    (error,) = json.loads(done.stdout)["errors"]
    assert error["key"] == "store.username"
    assert "authorization failed" in error["message"]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon that has seen a warm spell that ended, one that goes on, a knock and a bad message."""
    with (
        mosquitto() as broker,
        DaemonProcess(tmp_path_factory.mktemp("journey"), broker.url) as daemon,
        Logger(broker.port, "L-01") as logger,
    ):
        daemon.start()
        for number, level in enumerate([20.0, 26.0, 27.0, 20.0, 28.0, 29.0]):
            logger.env(START_NS + number * 30 * 10**9, [[level + row / 100] for row in range(30)])
        counts = np.zeros((3, 200), dtype=np.int16)
        counts[0, 100:120] = 500
        logger.shock(START_NS + 10**9, counts, 99)
        logger.birth()
        logger.send()
        logger.publish(f"{logger.topic}/up/env", b"rubbish")
        logger.wait_acknowledged(6)
        daemon.wait_settled(7)
        wait_until(lambda: daemon.status()["quarantined"] == 1, 10, "the bad message in quarantine")
        yield daemon


def answer(daemon: DaemonProcess, *arguments: str) -> Any:
    done = daemon.tcm(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_status_with_and_without_a_daemon(journey: DaemonProcess) -> None:
    """The files tell the same as the daemon, and the answer says that none runs."""
    live = answer(journey, "status")
    assert (live["instance"], live["state"], live["problems"]) == ("test", "ready", {})
    assert (live["ingest"]["records"], live["ingest"]["connected"], live["quarantined"]) == (7, True, 1)
    assert live["alerts"] == {"firing": 1, "acknowledged": 0}
    assert live["provisional"] == []
    assert set(live["consumers"]) == {"watch", "store", "notify"}
    (logger,) = live["loggers"]
    assert (logger["container"], logger["logger"], logger["upto"], logger["state"]) == ("C-1", "L-01", 6, "online")
    assert "test: ready" in journey.tcm("status").stdout
    assert journey.stop() == 0
    try:
        stopped = answer(journey, "status")
        assert stopped["state"] == "stopped"
        assert "not running" in stopped["problems"]["daemon"]
        for key in ("quarantined", "gaps", "loggers", "alerts", "provisional"):
            assert stopped[key] == live[key]
        assert "test: stopped" in journey.tcm("status").stdout
        with StateLock(journey.state_dir):  # as of a daemon that stands still
            hanging = answer(journey, "status")
        assert hanging["state"] == "hanging"
        assert f"process {os.getpid()} holds the state directory but does not answer" in hanging["problems"]["daemon"]
    finally:
        journey.start()


def test_alerts_list_with_and_without_a_daemon(journey: DaemonProcess) -> None:
    """Cleared ones included, in order of occurrence; `--state` and `--container` choose.

    The second warm spell begins within the hold-off: it is the alert of the first.
    """
    live = answer(journey, "alerts", "list")
    assert [(alert["rule"], alert["state"], alert["reopened"]) for alert in live] == [
        ("knock", "cleared", 0),
        ("hot", "firing", 1),
    ]
    assert answer(journey, "alerts", "list", "--state", "firing") == live[1:]
    assert answer(journey, "alerts", "list", "--container", "C-1") == live
    assert answer(journey, "alerts", "list", "--container", "C-1", "--state", "acknowledged") == []
    unknown = journey.tcm("alerts", "list", "--container", "C-2")
    assert (unknown.returncode, "C-2: no such container" in unknown.stderr) == (2, True)
    assert journey.tcm("alerts", "list", "--state", "loud").returncode == 2
    with patch.dict(os.environ, {"COLUMNS": "72"}):
        lines = journey.tcm("alerts", "list").stdout.splitlines()
    assert "temperature.hardware" in "".join(lines) and max(map(len, lines)) <= 72
    assert lines[0].split() == ["severity", "state", "id", "rule"]
    assert journey.stop() == 0
    try:
        done = journey.tcm("alerts", "list", "--json")
        assert json.loads(done.stdout) == live
        assert f"no daemon is running; read from {journey.state_dir}" in done.stderr
        assert journey.tcm("alerts", "list", "--container", "C-2").returncode == 2
    finally:
        journey.start()


def test_replay_equals_live_in_all_fields(journey: DaemonProcess, tmp_path: Path) -> None:
    """Exit status 1 when an alarm fired, 0 when these limits raise none."""
    done = tcm("replay", str(journey.state_dir), "--json")
    replayed = json.loads(done.stdout)
    assert done.returncode == 1
    assert replayed["alerts"] == answer(journey, "alerts", "list")
    assert (replayed["readings"], replayed["events"]) == (180, 1)
    assert replayed["totals"] == {"hot": 1, "knock": 1}
    assert replayed["from_pos"] == 1
    keys = ("source", "from_pos", "limits", "readings", "events", "alerts", "totals", "exposure", "seconds")
    assert set(replayed) == {*keys, "unplaced", "against", "margins", "unjudged"}
    assert {row["rule"] for row in replayed["margins"]} == {"hot", "knock"}
    assert done.stderr == ""  # in a pipe no progress is shown
    lenient = tmp_path / "lenient.toml"
    lenient.write_text(LENIENT)
    old = ("--against", "journalled")
    done = tcm("replay", str(journey.state_dir / "journal.db"), "--limits", str(lenient), *old, "--json")
    assert (done.returncode, json.loads(done.stdout)["alerts"]) == (0, [])
    assert json.loads(done.stdout)["against"] == {"only_new": [], "only_old": replayed["alerts"], "both": []}


def test_replay_in_official_order_shows_the_totals(journey: DaemonProcess, tmp_path: Path) -> None:
    """Each rule's and stream's, in a table behind the alerts."""
    limits = tmp_path / "warm.toml"
    limits.write_text(LENIENT + WARM)
    with patch.dict(os.environ, {"COLUMNS": "120"}):
        done = tcm("replay", str(journey.state_dir), "--ordered", "--limits", str(limits))
    (row,) = (line for line in done.stdout.splitlines() if "time_above_s " in line)
    assert row.split()[:4] == ["warm", "C-1", "L-01", "temperature.hardware"]
    assert "time_above_s " not in tcm("replay", str(journey.state_dir), "--limits", str(limits)).stdout


def test_replay_of_a_recording(tmp_path: Path) -> None:
    """Limits are tried on a recording without a daemon; it is left as it is."""
    limits = tmp_path / "test.toml"
    limits.write_text(LIMITS)
    recording = "tests/data/recordings/ssx70065"
    done = tcm("replay", recording, "--limits", str(limits), "--json")
    assert done.returncode == 1
    assert [alert["rule"] for alert in json.loads(done.stdout)["alerts"]] == ["knock"]
    assert tcm("replay", recording).returncode == 2  # whose limits?


@pytest.mark.parametrize("what", ["absent", "text", "folder", "journal", "limits"])
def test_replay_of_rubbish_is_one_message(tmp_path: Path, what: str) -> None:
    """Exit status 2 and the place."""
    source, limits = tmp_path / "source", tmp_path / "limits.toml"
    limits.write_text("rubbish" if what == "limits" else LIMITS)
    if what == "text":
        source.write_text("this is\nno recording\n")
    elif what != "absent":
        source.mkdir()
    if what == "journal":
        (source / "journal.db").write_bytes(b"rubbish" * 1000)
    done = tcm("replay", str(source), "--limits", str(limits))
    assert done.returncode == 2
    assert ("limits.toml" if what == "limits" else "source") in done.stderr


def test_a_state_directory_that_was_never_used(tmp_path: Path) -> None:
    """Status and alerts say that nothing has run there, instead of making files."""
    daemon = DaemonProcess(tmp_path, f"mqtt://{HOST}:{free_port()}")
    for command in (("status",), ("alerts", "list")):
        done = daemon.tcm(*command)
        assert done.returncode == 2
        assert "no daemon has run on it yet" in done.stderr
    assert not daemon.state_dir.exists()
