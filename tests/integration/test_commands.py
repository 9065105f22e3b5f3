"""The commands of operators, each as it is met: in a terminal of 80 columns, in a pipe, without colour, without a
daemon, with one of another version, with a disk that is full and with a reader that has gone.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

import numpy as np
import pytest

from monitor.journal import Journal
from monitor.model.clock import rfc3339
from tests.commands import tcm, write_files
from tests.journals import arrival
from tests.messages import T0, S, env, matrix, shock
from tests.processes import HOST, free_port
from tests.raw_http import answer, raw_server
from tests.stations import Station
from tests.terminal import COLUMNS, ESCAPE, Said, Terminal, terminal

PROFILE = """
name = "hardware"
title = "Limits of a test"
[[rule]]
id = "temperature-high-at-the-hardware-of-the-lower-section"
kind = "threshold"
channel = "temperature.air"
above = "25 degC"
clear = "24 degC"
severity = "warning"
[[rule]]
id = "dew"
kind = "condensation"
below = "5 K"
clear = "6 K"
severity = "alarm"
[[rule]]
id = "knock"
kind = "shock"
peak = "3 g"
severity = "alarm"
"""
CONTAINER = """
id = "C"
title = "A container"
consignment = "trip"
[[logger]]
id = "L"
serial = "SN-1"
place = "base frame"
"""
TRIP = """
id = "trip"
parties = [{id = "owner-a", title = "A"}, {id = "owner-b", title = "B"}]
[[leg]]
id = "one"
phase = "road"
custodian = "owner-a"
planned_start = 2026-11-23T06:00:00Z
planned_end = 2026-11-24T11:00:00Z
"""
LONG = "closed the doors again, which had been left open by whoever looked at the seals before, and told the driver"
BY = ("--by", "Rossi", "--remark", LONG)


class Gateway(NamedTuple):
    """A configuration and what its state directory holds."""

    folder: Path
    alerts: dict[str, dict[str, Any]]  # by rule

    @property
    def here(self) -> dict[str, str]:
        """The environment by which commands find it."""
        return {"TCM_CONFIG": str(self.folder / "config" / "monitor.toml")}

    def settings(self, listen: str) -> None:
        """Write monitor.toml."""
        (self.folder / "config" / "monitor.toml").write_text(
            f'instance = "test"\nstate_dir = "../var"\n[mqtt]\nurl = "mqtt://{HOST}:{free_port()}"\n'
            f'[web]\nlisten = "{listen}"\n[ingest]\ndefault_limits = "hardware"\n'
            f'[[notifier]]\nname = "on-call"\nkind = "webhook"\nurl = "http://{HOST}:{free_port()}/alerts"\n'
        )


def write_config(folder: Path) -> Gateway:
    """A configuration whose daemon does not run."""
    files = {"limits/hardware.toml": PROFILE, "containers/C.toml": CONTAINER, "consignments/trip.toml": TRIP}
    write_files(folder / "config", files)
    gateway = Gateway(folder, {})
    gateway.settings(f"{HOST}:{free_port()}")
    return gateway


def with_alerts(gateway: Gateway) -> Gateway:
    """The same with a journal of an hour, judged: a warm spell that ended, damp air that goes on, a knock."""
    from monitor.config import load_config

    rules = load_config(gateway.folder / "config" / "monitor.toml").rules
    station = Station(gateway.folder / "var", rules.to_json())
    ch = ["temperature.air", "humidity.air", "temperature.hardware"]
    for minute in range(60):
        warm, damp = 8.0 * (20 <= minute < 24), 80.0 if minute > 40 else 30.0
        rows = [(20 + warm + second / 60, damp, 19.0) for second in range(0, 60, 10)]
        content = env(minute, t0=T0 + minute * 60 * S, mono=minute * 60 * S, values=rows, ch=ch)
        station.append(arrival("env", content, T0 + (minute + 1) * 60 * S))
    counts = np.zeros((3, 400), dtype="<i2")
    counts[2] += 128
    counts[2, 150:170] += 600
    knocked = shock(60, t0=T0 + 1800 * S, mono=1800 * S, fs=2000.0, pre=140) | {"a": matrix(counts, "<i2", 77)}
    station.run(arrival("shock", knocked, T0 + 3600 * S))
    return Gateway(gateway.folder, {alert["rule"]: alert for alert in station.alerts()})


@pytest.fixture(scope="module")
def desk() -> Iterator[Terminal]:
    """Where commands are typed."""
    with terminal() as opened:
        yield opened


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    """A state directory with alerts, without a daemon; nothing is changed in it."""
    return with_alerts(write_config(tmp_path_factory.mktemp("gateway")))


@pytest.fixture
def own(gateway: Gateway, tmp_path: Path) -> Gateway:
    """A copy of it for a test that changes something."""
    shutil.copytree(gateway.folder, tmp_path / "copy")
    return Gateway(tmp_path / "copy", gateway.alerts)


def looking(gateway: Gateway) -> list[tuple[str, ...]]:
    """Commands that only look; what follows a `|` is a file of the test's."""
    new, key = gateway.folder / "new.toml", gateway.alerts["dew"]["id"]
    new.write_text(PROFILE.replace("25 degC", "28 degC").replace("knock", "jolt"))
    return [
        ("alerts", "list"), ("alerts", "list", "--state", "cleared", "--severity", "alarm", "--rule", "kn*"),
        ("alerts", "show", key), ("alerts", "show", gateway.alerts["knock"]["id"]),
        ("phase", "show"), ("log", "list"), ("log", "list", "C", "--type", "custody"),
        ("silence", "list"), ("silence", "list", "--all"),
        ("limits", "list"), ("limits", "explain"), ("limits", "explain", "shock"), ("limits", "explain", "health"),
        ("limits", "diff", "hardware", str(new)), ("limits", "set", str(new), "--dry-run"),
        ("notify", "list"), ("status",),
    ]  # fmt: skip


def replays(gateway: Gateway) -> tuple[str, ...]:
    return ("replay", str(gateway.folder / "var"), "--limits", str(gateway.folder / "config/limits/hardware.toml"))


def assert_clean(said: Said, *, width: int = 1 << 20) -> None:
    """No traceback, and no line wider than `width`; an address or path that is longer cannot be folded."""
    assert "Traceback" not in said.out + said.err
    for line in said.lines:
        assert len(line) <= width or max(map(len, line.split())) > width - 20, line


def test_each_fits_a_terminal_of_80_columns(desk: Terminal, gateway: Gateway) -> None:
    """With colour and without: no line is wider; where no colour is wanted none is used."""
    for command in looking(gateway):
        said = desk.tty(*command, **gateway.here)
        assert_clean(said, width=COLUMNS)
        assert (said.status, bool(said.out.strip())) == (0, True), (command, said)
        plain = desk.tty(*command, **gateway.here, NO_COLOR="1")
        assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7]|38|48)", plain.out + plain.err), command
        assert plain.lines == said.lines
    said = desk.tty(*replays(gateway))
    assert_clean(said, width=COLUMNS)
    assert said.status == 1  # an alarm fired


def test_in_a_pipe_there_are_no_escape_codes(desk: Terminal, gateway: Gateway) -> None:
    """And with --json nothing but one document."""
    for command in [*looking(gateway), replays(gateway)]:
        said = desk.pipe(*command, **gateway.here)
        assert_clean(said)
        assert not ESCAPE.search(said.out + said.err), command
        document = desk.pipe(*command, "--json", **gateway.here)
        assert json.loads(document.out) is not None
        assert document.status == said.status == (1 if command[0] == "replay" else 0)


def test_an_alert_is_drawn_with_what_the_terminal_can_show(desk: Terminal, gateway: Gateway) -> None:
    """Dots of braille, stars where only ASCII can be shown; the limit goes across, and stands at the side."""
    show = ("alerts", "show", gateway.alerts["dew"]["id"])
    fine = desk.tty(*show, **gateway.here)
    assert re.search("[⠁-⣿]", fine.out) and "          5│─" in fine.out
    for plain in (
        desk.pipe(*show, **gateway.here, PYTHONIOENCODING="ascii"),
        desk.tty(*show, **gateway.here, LC_ALL="C"),
    ):
        assert plain.out.isascii() and plain.status == 0
        assert "***" in plain.out and "          5|-" in plain.out
    assert "dew_margin.air of L in K" in fine.out
    assert "temperature.hardware of L in degC" in fine.out


def test_a_full_disk_and_a_reader_that_has_gone(desk: Terminal, gateway: Gateway) -> None:
    """One message and status 2; or silence, as nobody would read it."""
    commands = [*looking(gateway), ("shock", "list"), ("alerts", "--help")]
    for command in [*commands, replays(gateway)]:
        full = desk.full(*command, **gateway.here)
        assert (full.status, "No space left on device" in full.err) == (2, True), (command, full)
        assert_clean(full)
        closed = desk.closed(*command, **gateway.here)
        assert closed.status in (0, 1), (command, closed)
        assert_clean(closed)
        assert "Broken pipe" not in closed.err


def entries(gateway: Gateway) -> list[tuple[str, ...]]:
    """Commands that enter something, in an order in which each can be."""
    key = gateway.alerts["dew"]["id"]
    return [
        ("alerts", "ack", key, *BY), ("phase", "set", "C", "storage", *BY), ("log", "custody", "C", "owner-b", *BY),
        ("log", "disarm", "C", "--until", rfc3339(time.time_ns() + 3600 * S), *BY), ("log", "arm", "C", *BY),
        ("log", "seal", "C", "A-004711", "--attach", str(gateway.folder / "config" / "monitor.toml"), *BY),
        ("log", "functional-check", "C", "pass", *BY), ("silence", "add", "C", "--for", "2 h", "--rule", "dew", *BY),
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["tty", "pipe"])
def test_entries_without_a_daemon(desk: Terminal, own: Gateway, how: str) -> None:
    """Each is in the journal afterwards, under the name that was given, and shown by those that look."""
    for command in entries(own):
        said = getattr(desk, how)(*command, **own.here)
        assert_clean(said, width=COLUMNS if how == "tty" else 1 << 20)
        assert said.status == 0, (command, said)
        assert how == "tty" or not ESCAPE.search(said.out + said.err)
    for command in (("log", "list"), ("silence", "list", "--all"), ("phase", "show")):
        said = getattr(desk, how)(*command, **own.here)
        assert "Rossi" in said.out
        assert_clean(said, width=COLUMNS if how == "tty" else 1 << 20)


def test_what_cannot_be_entered(desk: Terminal, own: Gateway) -> None:
    """An unknown alert, one acknowledged before (also a shock that is over), an unplanned phase: nothing is entered."""
    dew, knock = own.alerts["dew"]["id"], own.alerts["knock"]["id"]
    for alert in (dew, knock):
        assert desk.pipe("alerts", "ack", alert, *BY, **own.here).status == 0
    head = journal_head(own)
    for command, status, words in (
        (("alerts", "ack", dew, "--by", "Bianchi"), 1, "Rossi"),
        (("alerts", "ack", knock, "--by", "Bianchi"), 1, "Rossi"),
        (("alerts", "ack", "0123456789abcdef", "--by", "Bianchi"), 2, "0123456789abcdef"),
        (("alerts", "show", "0123456789abcdef"), 2, "0123456789abcdef"),
        (("phase", "set", "C", "orbit", "--by", "Bianchi"), 2, "orbit"),
        (("silence", "end", "4711", "--by", "Bianchi"), 2, "4711"),
        (("notify", "test", "nobody"), 2, "nobody"),
        (("notify", "test", "on-call"), 1, "on-call: "),
        (("alerts", "list", "--severity", "loud"), 2, "severity"),
        (("alerts", "list", "--since", "noon"), 2, "since"),
        (("alerts", "list", "--container", "D"), 2, "no such container"),
        (("alerts", "watch"), 2, "no daemon is running"),
        (("limits", "diff", "hardware", "nowhere"), 2, "nowhere"),
    ):
        said = desk.tty(*command, **own.here)
        assert (said.status, words in said.words) == (status, True), (command, said)
        assert_clean(said, width=COLUMNS)
    assert journal_head(own) == head


def journal_head(gateway: Gateway) -> int:
    journal = Journal(gateway.folder / "var")
    try:
        return journal.pos
    finally:
        journal.close()


def test_a_login_name_that_cannot_be_known(own: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then --by is needed, and enough."""
    monkeypatch.setattr("getpass.getuser", Mock(side_effect=KeyError("getpwuid(): uid not found: 54321")))
    command = ("phase", "set", "C", "storage", "--config", own.here["TCM_CONFIG"])
    done = tcm(*command)
    assert (done.returncode, "--by" in done.stderr) == (2, True)
    assert tcm(*command, "--by", "Rossi").returncode == 0
    monkeypatch.setenv("SUDO_USER", "Bianchi")  # of whoever called sudo, not root
    assert "entered by Bianchi" in tcm(*command).stdout


@pytest.mark.parametrize("api", ["2", None])
def test_a_daemon_of_another_version(desk: Terminal, own: Gateway, api: str | None) -> None:
    """Whoever would ask it says so, and does nothing; who needs no daemon goes on."""
    headers = [] if api is None else [f"TCM-API: {api}", "TCM-Version: 0.9.0"]
    head = journal_head(own)
    with raw_server() as server:
        own.settings(server.url.removeprefix("http://"))
        asking = [*looking(own), *entries(own), ("alerts", "watch"), ("limits", "set", str(own.folder / "new.toml"))]
        for command in asking:
            server.script.extend([answer(200, b"[]", "Content-Type: application/json", *headers)] * 3)
            said = desk.tty(*command, **own.here)
            server.script.clear()
            assert_clean(said, width=COLUMNS)
            is_alone = command[0] == "notify" or (command[0] == "limits" and command != asking[-1])
            assert said.status == (0 if is_alone else 2), (command, said)
            assert is_alone or ("0.9.0" if api else "earlier version") in said.words, command
    assert journal_head(own) == head
    assert (own.folder / "config/limits/hardware.toml").read_text() == PROFILE
    assert not [path for path in (own.folder / "config/limits").iterdir() if path.name != "hardware.toml"]
