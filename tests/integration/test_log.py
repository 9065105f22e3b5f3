"""`tcm log` and `tcm silence`: with the daemon, without one, and what cannot be entered."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from monitor.model.operator_keys import MAX_ATTACHMENT_BYTES
from tests.clocked import LIMITS, Clocked, at
from tests.daemon import DaemonProcess, running_daemon
from tests.servers import Mosquitto

CONSIGNMENT = """
id = "trip"
parties = [{id = "owner-a", title = "A"}, {id = "owner-b", title = "B"}]
"""
CONTAINER = 'id = "C-1"\nconsignment = "trip"\n[[logger]]\nid = "L-1"\n'
ANYWHERE = LIMITS.replace('phases = ["road"]\n', "")


def registered(folder: Path) -> None:
    """Container C-1 on its trip, in the configuration of a daemon there."""
    for kind, name, text in (("containers", "C-1", CONTAINER), ("consignments", "trip", CONSIGNMENT)):
        (folder / "config" / kind).mkdir(parents=True)
        (folder / "config" / kind / f"{name}.toml").write_text(text)


def asked(daemon: DaemonProcess, *arguments: str) -> Any:
    """The JSON answer of a command that succeeds."""
    done = daemon.tcm(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def daemon(tmp_path: Path, own_mosquitto_server: Mosquitto) -> Iterator[DaemonProcess]:
    """A daemon that knows C-1 and watches its temperature."""
    registered(tmp_path)
    with running_daemon(tmp_path, own_mosquitto_server.url, limits=ANYWHERE) as running:
        yield running


def test_what_operators_enter_is_kept_and_obeyed(
    daemon: DaemonProcess, own_mosquitto_server: Mosquitto, tmp_path: Path
) -> None:
    """Files and all; disarmed, an alert is raised as info; everything stands after a kill, with a daemon or without."""
    photograph = tmp_path / "lid [1].jpg"
    photograph.write_bytes(os.urandom(3 << 20))
    entered = asked(
        daemon, *("log", "inspection", "C-1", "--by", "Rossi", "--remark", "dent [b]"), *("--attach", str(photograph))
    )
    (file,) = entered["attachments"]
    assert (file["name"], file["bytes"]) == (photograph.name, 3 << 20)
    assert file["sha256"] == hashlib.sha256(photograph.read_bytes()).hexdigest()
    assert (daemon.state_dir / "attachments" / file["sha256"]).read_bytes() == photograph.read_bytes()
    asked(daemon, "log", "disarm", "C-1", "--at", at(0), "--until", at(10), "--by", "Rossi")
    asked(daemon, "log", "custody", "C-1", "owner-b", "--at", at(5))
    with Clocked(own_mosquitto_server.port, "L-1") as sender:
        for minutes in (7, 12):
            sender.env(int(at_ns(minutes)), [[26.0], [20.0]])
        sender.send()
        daemon.wait_settled(2)
    daemon.kill()
    daemon.start()
    alerts = daemon.get("/api/alerts")[1]
    assert [(one["occurred_at"], one["severity"], one["custodian"]) for one in alerts] == [
        (at(7), "info", "owner-b"),
        (at(12), "alarm", "owner-b"),
    ]
    silence = asked(daemon, "silence", "add", "C-1", "--for", "2 h", "--rule", "hot*", "--remark", "bench")
    standing = daemon.status()["containers"]["C-1"]
    assert (standing["armed"], standing["custodian"]) == (True, "owner-b")
    assert [one["pos"] for one in standing["silences"]] == [silence["pos"]]
    listed = [asked(daemon, *command) for command in (("log", "list", "C-1"), ("silence", "list"))]
    assert [one["type"] for one in listed[0]] == ["inspection", "disarm", "custody", "silence"]
    assert [(one["pos"], one["state"]) for one in listed[1]] == [(silence["pos"], "active")]
    assert asked(daemon, "log", "list", "--type", "custody") == [listed[0][2]]
    with patch.dict(os.environ, {"COLUMNS": "80"}):
        for command in (("log", "list"), ("silence", "list"), ("status",)):
            shown = daemon.tcm(*command).stdout
            assert max(len(line) for line in shown.splitlines()) <= 80, shown
    with patch.dict(os.environ, {"COLUMNS": "200"}):
        assert "dent [b]" in daemon.tcm("log", "list").stdout
        assert "bench" in daemon.tcm("silence", "list").stdout
    assert daemon.stop() == 0
    again = [asked(daemon, *command) for command in (("log", "list", "C-1"), ("silence", "list"))]
    assert again == listed
    daemon.tcm("silence", "end", str(silence["pos"]))
    assert asked(daemon, "silence", "list") == []
    assert [one["state"] for one in asked(daemon, "silence", "list", "--all")] == ["over"]
    assert daemon.tcm("silence", "end", str(silence["pos"])).returncode == 1


def at_ns(minutes: int) -> int:
    """The same instant as `at`."""
    from monitor.model.clock import parse_rfc3339

    return parse_rfc3339(at(minutes))


def refusals(folder: Path) -> list[tuple[tuple[str, ...], str]]:
    """Commands that cannot be done, and what each says."""
    large = folder / "large"
    with large.open("wb") as file:
        file.truncate(MAX_ATTACHMENT_BYTES + 1)
    return [
        (("log", "seal", "C-9", "1"), "no such container (registered are C-1)"),
        (
            ("log", "custody", "C-1", "owner-c"),
            "consignment trip has no such party (known are owner-a, owner-b, plan; --new",
        ),
        (("log", "mount", "C-1", "L-2"), "C-1 has no such logger (known are L-1; --new"),
        (("log", "open", "C-1", "--at", "2093-01-01T00:00:00Z"), "at most 24 h ahead"),
        (("log", "disarm", "C-1", "--until", "2093-01-01T00:00:00Z"), "at most 400 d ahead"),
        (("log", "inspection", "C-1", "--attach", str(folder / "none")), "No such file"),
        (("log", "inspection", "C-1", "--attach", str(folder)), "Is a directory"),
        (("log", "inspection", "C-1", "--attach", str(large)), "expected at most 64 MiB"),
        (("log", "functional-check", "C-1", "perhaps"), "result: expected pass or fail"),
        (("silence", "add", "C-1", "--for", "2 h", "--rule", "a b"), "rule: expected a name"),
        (("silence", "add", "C-1", "--for", "2 h", "--rule", ""), "rule: expected a name"),
        (("silence", "add", "C-1", "--until", ""), "until: expected a time"),
        (("silence", "end", "4711"), "no such silence"),
        (("silence", "end", "9" * 30), "silence: expected a whole number"),
        (("alerts", "ack", os.fsdecode(b"\xff")), "alert: expected an identifier"),
        (("log", "list", "C-9"), "no such container"),
    ]


def test_what_cannot_be_entered_is_refused(daemon: DaemonProcess, tmp_path: Path) -> None:
    """In one line, with exit status 2; nothing of it is in the journal, with a daemon and without."""
    for _ in range(2):
        for arguments, said in refusals(tmp_path):
            done = daemon.tcm(*arguments)
            told = [line for line in done.stderr.splitlines() if not line.startswith("no daemon is running")]
            assert (done.returncode, len(told), said in done.stderr) == (2, 1, True), done.stderr
        for arguments in (
            ("silence", "add", "C-1"),
            ("silence", "add", "C-1", "--for", "2 K"),
            ("log", "theft", "C-1"),
        ):
            assert daemon.tcm(*arguments).returncode == 2
        assert daemon.rows("journal.db", "SELECT count(*) FROM records WHERE kind = 'operator'") == [(0,)]
        attached = daemon.state_dir / "attachments"
        assert not attached.exists() or list(attached.iterdir()) == []
        daemon.stop()
