"""`tcm phase`: what an operator enters is in the journal before the command says so, and readings obey it."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.clocked import LIMITS, START_NS, Clocked, S, at
from tests.commands import write_files
from tests.daemon import DaemonProcess, running_daemon
from tests.processes import free_port, wait_until
from tests.servers import Mosquitto

CONTAINER = 'id = "C-1"\n[[logger]]\nid = "L-1"\n'


def registered(folder: Path) -> None:
    """Container C-1 in the configuration of a daemon there."""
    write_files(folder / "config", {"containers/C-1.toml": CONTAINER})


def set_phase(daemon: DaemonProcess, *arguments: str) -> dict[str, Any]:
    done = daemon.tcm("phase", "set", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def post(daemon: DaemonProcess, body: bytes, content_type: str = "application/json") -> tuple[int, Any]:
    return daemon.post("/api/operator", body, {"Content-Type": content_type})


@pytest.fixture
def daemon(tmp_path: Path, own_mosquitto_server: Mosquitto) -> Iterator[DaemonProcess]:
    """A daemon that knows C-1 and watches it on the road only."""
    registered(tmp_path)
    with running_daemon(tmp_path, own_mosquitto_server.url, limits=LIMITS) as running:
        yield running


def test_readings_obey_the_phase_at_their_own_time(daemon: DaemonProcess, own_mosquitto_server: Mosquitto) -> None:
    """Set for the past, handed back to the plan, and killed in between: alerts only of what was read on the road."""
    entered = set_phase(daemon, "C-1", "road", "--at", at(10), "--by", "Rossi", "--remark", "left [the/] gate[/b]")
    expected = {"type": "phase", "container": "C-1", "phase": "road", "effective_at": at(10), "by": "Rossi"}
    assert {key: entered[key] for key in expected} == expected
    statement = "SELECT pos, container, logger, payload FROM records WHERE kind = 'operator'"
    ((pos, container, logger, payload),) = daemon.rows("journal.db", statement)
    assert (pos, container, logger) == (entered.pop("pos"), "C-1", None)
    assert json.loads(payload) == entered
    daemon.kill()  # a power cut right after the answer: nothing is lost
    daemon.start()
    assert set_phase(daemon, "C-1", "plan", "--at", at(20))["by"] == getpass.getuser()
    assert daemon.status()["phases"] == {"C-1": "storage"}
    with Clocked(own_mosquitto_server.port, "L-1") as sender:
        for minutes in (5, 15, 25):
            sender.env(START_NS + minutes * 60 * S, [[26.0], [20.0]])
        sender.send()
        daemon.wait_settled(3)
        set_phase(daemon, "C-1", "road", "--at", at(30))
        assert daemon.status()["phases"] == {"C-1": "road"}
        sender.env(START_NS + 35 * 60 * S, [[26.0], [20.0]])
        sender.send(3)
        daemon.wait_settled(4)
    alerts = daemon.get("/api/alerts")[1]
    assert [(alert["occurred_at"], alert["phase"]) for alert in alerts] == [(at(15), "road"), (at(35), "road")]
    (row,) = daemon.get("/api/phases?container=C-1")[1]
    assert (row["phase"], row["since"], row["by"]) == ("road", at(30), getpass.getuser())
    assert [record["phase"] for record in row["records"]] == ["road", "plan", "road"]
    shown = daemon.tcm("phase", "show", "C-1", "--json")
    assert json.loads(shown.stdout) == [row]
    with patch.dict(os.environ, {"COLUMNS": "200"}):
        assert "left [the/] gate[/b]" in daemon.tcm("phase", "show").stdout
    assert "road" in daemon.tcm("status").stdout
    assert daemon.stop() == 0
    offline = daemon.tcm("phase", "show", "--json")
    assert (json.loads(offline.stdout), "no daemon is running" in offline.stderr) == ([row], True)


def test_what_cannot_be_entered_is_refused(daemon: DaemonProcess) -> None:
    """In one line, with exit status 2; the journal has nothing of it and the daemon goes on."""
    good = {"type": "phase", "container": "C-1", "phase": "road", "by": "Rossi"}
    for body, kind, code, said in (
        (json.dumps(good).encode(), "text/plain", 422, "content-type"),
        (b"{", "application/json", 422, "JSON"),
        (b"[]", "application/json", 422, "expected a JSON object"),
        (json.dumps(good | {"remark": "x" * 70_000}).encode(), "application/json", 413, "at most"),
        (json.dumps(good | {"remark": "x" * 2_000}).encode(), "application/json", 422, "remark"),
    ):
        status, answer = post(daemon, body, kind)
        assert (status, said in answer["error"]) == (code, True), answer
    for arguments, said in (
        (("C-9", "road"), "no such container (registered are C-1)"),
        (("C-1", "road", "--at", "2026-11-23T06:00:00"), "time zone"),
        (("C-1", "road", "--at", "2093-01-01T00:00:00Z"), "at most 24 h ahead"),
        (("C-1", "on the road"), "phase: expected an identifier"),
        (("C-1", "raod"), "known are air, handling, open, plan, road, storage; --new enters"),
    ):
        done = daemon.tcm("phase", "set", *arguments)
        assert (done.returncode, said in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
    assert daemon.tcm("phase", "show", "C-9").returncode == 2
    assert daemon.rows("journal.db", "SELECT count(*) FROM records WHERE kind = 'operator'") == [(0,)]
    ferry = good | {"phase": "ferry"}
    status, answer = post(daemon, json.dumps(ferry).encode())
    assert (status, "known are" in answer["error"]) == (422, True)
    status, answer = post(daemon, json.dumps(ferry | {"new": True}).encode(), "application/json; charset=utf-8")
    assert (status, answer["phase"], answer["warnings"][0].partition(":")[0]) == (200, "ferry", "phase ferry")
    wait_until(lambda: daemon.status()["phases"] == {"C-1": "ferry"}, 20.0, "the phase to be shown")
    assert daemon.answers("/readyz")


def test_without_a_daemon_it_is_entered_under_the_lock(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """By the same checks; the daemon that starts afterwards obeys it. A lock that another holds is one error."""
    registered(tmp_path)
    with DaemonProcess(tmp_path, own_mosquitto_server.url, limits=LIMITS) as daemon:
        done = daemon.tcm("phase", "set", "C-9", "road")
        assert (done.returncode, "no such container" in done.stderr) == (2, True)
        done = daemon.tcm("phase", "set", "C-1", "road", "--at", at(0), "--by", "Rossi")
        assert done.stdout == f"C-1: road since {at(0)}, entered by Rossi\n"
        assert "were judged before" in done.stderr
        assert json.loads(daemon.tcm("phase", "show", "--json").stdout)[0]["phase"] == "road"
        daemon.start()
        assert daemon.status()["phases"] == {"C-1": "road"}
        with Clocked(own_mosquitto_server.port, "L-1") as sender:
            sender.env(START_NS + 60 * S, [[26.0]])
            sender.send()
            daemon.wait_settled(1)
        assert [alert["phase"] for alert in daemon.get("/api/alerts")[1]] == ["road"]
        text = daemon.config.read_text()
        daemon.config.write_text(text.replace(str(daemon.port), str(free_port())))
        done = daemon.tcm("phase", "set", "C-1", "plan")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "runs on it" in done.stderr
