"""`tcm shock list` and `show`: events out of a journal, as its alerts and the store have them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from monitor.model.clock import rfc3339
from tests.knocks import HALF_SINE_S, JOLT, event
from tests.messages import T0, S
from tests.shock_commands import BOUNDARY, ENVELOPE, Tcm, judged_station, listed, shock_command
from tests.stations import Station, rules


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """A journal with three events, judged: 5 g and 20 g of logger L, 4 g of logger M."""
    return judged_station(tmp_path)


@pytest.fixture
def tcm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tcm:
    """`tcm shock` with these arguments: exit status, standard output, standard error."""
    return shock_command(monkeypatch, capsys)


def test_the_list_tells_of_every_event_of_a_journal(tcm: Tcm, station: Station) -> None:
    """What the engineer asks first: which, when, how strong, how far from damage."""
    rows = listed(tcm, station.folder)
    assert [row["event"] for row in rows] == ["C/L/1/0", "C/L/1/2", "C/M/1/0"]
    assert [row["peak_g"] for row in rows] == pytest.approx([5.0, 20.0, 4.0], abs=0.02)
    assert {row["peak_axis"] for row in rows} == {"z"}
    assert rows[0]["at"] == rfc3339(T0 + 150 * S // 1000)
    assert rows[0]["delta_v_m_s"] == pytest.approx(2 / np.pi * 5 * 9.80665 * HALF_SINE_S, rel=0.01)
    assert rows[0]["damage_margin"] == pytest.approx(3.0, rel=0.01)  # 15 g / 5 g: its velocity change is beyond


def test_a_list_for_people_has_lines_of_80_columns_and_no_colour(tcm: Tcm, station: Station) -> None:
    """Nothing is folded on a terminal of the usual width, nothing but text goes into a pipe."""
    code, out, _ = tcm("list", station.folder)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out
    assert out.endswith("3 events\n")


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (("--container", "C"), ["C/L/1/0", "C/L/1/2", "C/M/1/0"]),
        (("--container", "D"), []),
        (("--logger", "M"), ["C/M/1/0"]),
        (("--kind", "free-fall"), []),
        (("--from", rfc3339(T0 + 1000 * S)), ["C/L/1/2"]),
        (("--to", rfc3339(T0 + 1000 * S)), ["C/L/1/0", "C/M/1/0"]),
        (("--from", rfc3339(T0 + 150 * S // 1000), "--to", rfc3339(T0 + 150 * S // 1000)), []),
    ],
)
def test_filters_leave_out_all_others(tcm: Tcm, station: Station, filters: tuple[str, ...], names: list[str]) -> None:
    """`--from` is included, `--to` is not: two lists of following times share no event."""
    assert [row["event"] for row in listed(tcm, station.folder, *filters)] == names


def test_what_is_shown_of_an_event_is_what_its_alert_and_the_store_say(tcm: Tcm, station: Station) -> None:
    """One analysis, whoever asks: the value, limit and margin of each alert, and the fields of measurement `shock`."""
    alerts = [alert for alert in station.alerts() if alert["evidence"]["seq"] == 2]
    assert {alert["rule"] for alert in alerts} == {"jolt", "boundary", "envelope"}
    shown = json.loads(tcm("show", "C/L/1/2", station.folder, "--json")[1])
    margins = {margin["rule"]: margin for margin in shown["margins"]}
    for alert in alerts:
        margin = margins[alert["rule"]]
        assert margin["verdict"] == "beyond"
        for key in ("value", "limit", "margin"):
            assert margin[key] == pytest.approx(alert[key], rel=1e-6), (alert["rule"], key)
    stored = {key: float(value.split("(")[-1].rstrip(")")) for key, value in _stored(station, 2).items()}
    assert len(stored) > 8
    for key, value in stored.items():
        assert shown[key] == pytest.approx(value, rel=1e-6), key


def _stored(station: Station, seq: int) -> dict[str, str]:
    """The numbers of measurement `shock` as the store is to have them."""
    points = station.outcome()[2]
    rows = [values for (_, of, tags, _), values in points if of == "shock" and ("logger", "L") in tags]
    values = next(row for row in rows if row["seq"] == repr(str(seq)))
    texts = ("valid", "kind", "boot", "seq")
    return {key: value for key, value in values.items() if key not in texts and "nan" not in value}


@pytest.mark.parametrize("name", ["C/L/1/2", "L/1/2"])
def test_an_event_has_its_name_with_and_without_container(tcm: Tcm, station: Station, name: str) -> None:
    """A logger's name is unique within a gateway."""
    code, out, _ = tcm("show", name, station.folder)
    assert code == 0
    assert out.startswith("event      C/L/1/2\n")
    assert max(map(len, out.splitlines())) <= 80


def test_the_id_of_an_alert_names_its_event(tcm: Tcm, station: Station) -> None:
    """From the message on a phone to the waveform in one step."""
    alert = next(alert for alert in station.alerts() if alert["rule"] == "boundary")
    code, out, _ = tcm("show", alert["id"], station.folder)
    assert code == 0
    assert out.startswith("event      C/L/1/2\n")


def test_an_event_whose_time_nobody_knows_yet_is_listed_without_one(tcm: Tcm, tmp_path: Path) -> None:
    """Its logger's clock is not set, and its boot has no anchor: whatever `t0` says is no time."""
    station = Station(tmp_path / "var", rules(JOLT))
    station.run(event(0, 5.0, clk=0, t0=5))
    (row,) = listed(tcm, station.folder)
    assert (row["at"], row["peak_axis"]) == (None, "z")
    assert "clock not set" in tcm("list", station.folder)[1]
    assert listed(tcm, station.folder, "--from", rfc3339(0)) == []


def test_the_rules_and_the_rotation_are_those_in_force_at_the_event(tcm: Tcm, tmp_path: Path) -> None:
    """A later configuration changes nothing of what was; limits for another place are none of this one."""
    turned = {"id": "L", "rotation": [[0, 0, 1], [1, 0, 0], [0, 1, 0]]}
    elsewhere, there = BOUNDARY | {"place": "skin*"}, ENVELOPE | {"place": "base*"}
    station = Station(tmp_path / "var", rules(JOLT, elsewhere, there))
    station.run(event(0, 5.0), rules(BOUNDARY, logger=[turned]), event(1, 5.0))
    before, after = listed(tcm, station.folder)
    assert (before["peak_axis"], before["damage_margin"]) == ("z", None)
    shown = json.loads(tcm("show", before["event"], station.folder, "--json")[1])
    assert [margin["rule"] for margin in shown["margins"]] == ["jolt", "envelope"]
    assert (after["peak_axis"], after["damage_margin"] is None) == ("x", False)


def test_events_whose_samples_retention_dropped_are_counted(tcm: Tcm, station: Station) -> None:
    """They are not there any more, and the list says so; to ask for one is an error that says why."""
    with closing(sqlite3.connect(station.folder / "journal.db")) as journal:
        journal.execute("UPDATE records SET payload = NULL WHERE kind = 'shock' AND seq = 0")
        journal.commit()
    code, out, _ = tcm("list", station.folder)
    assert code == 0
    assert out.endswith("1 event, 2 passed over: dropped by retention\n")
    code, out, err = tcm("show", "C/L/1/0", station.folder)
    assert (code, out) == (2, "")
    assert "dropped by retention" in err


def test_help_shows_an_example(tcm: Tcm) -> None:
    """For each command."""
    for command in ("list", "show", "srs"):
        code, out, _ = tcm(command, "--help")
        assert code == 0
        assert f"Example: tcm shock {command}" in " ".join(out.split())
