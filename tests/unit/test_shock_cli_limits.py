"""`tcm shock --limits`: events of journals and recordings held against the rules of a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monitor.replaying import replay_source
from tests.knocks import JOLT, event, half_sine
from tests.messages import matrix
from tests.shock_commands import RECORDING, Tcm, judged_station, listed, shock_command
from tests.stations import Station, rules


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """A journal with three events, judged: 5 g and 20 g of logger L, 4 g of logger M."""
    return judged_station(tmp_path)


@pytest.fixture
def tcm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tcm:
    """`tcm shock` with these arguments: exit status, standard output, standard error."""
    return shock_command(monkeypatch, capsys)


def test_other_limits_may_be_held_against_an_event(tcm: Tcm, station: Station, tmp_path: Path) -> None:
    """A rule that did not watch in the phase of the event is shown as such, with its margin all the same."""
    limits = tmp_path / "other.toml"
    limits.write_text(
        'name = "other"\n[[rule]]\nid = "two"\nkind = "shock"\npeak = "2 g"\naxis = "z"\nseverity = "warning"\n'
        'phases = ["road"]\n',
        encoding="utf-8",
    )
    code, out, _ = tcm("show", "L/1/0", station.folder, "--limits", limits, "--json")
    assert code == 0
    (margin,) = json.loads(out)["margins"]
    assert margin["margin"] == pytest.approx(0.4, rel=0.01)
    assert (margin["verdict"], margin["in_phase"]) == ("beyond", False)


def test_a_recording_is_held_against_a_limits_file(tcm: Tcm) -> None:
    """There are no rules in force in a recording, so none are invented."""
    code, out, _ = tcm("show", RECORDING)
    assert code == 0
    assert "no rule on single shocks applies" in out
    code, out, _ = tcm("show", RECORDING, "--limits", "config/limits/flight-hardware.toml")
    assert code == 0
    assert "shock-y" in out
    assert "low-pass 100 Hz, above it for" in out


def limits_file(folder: Path, *rules: str) -> Path:
    """A limits file of shock rules, each given by its keys."""
    file = folder / "limits.toml"
    named = (f'[[rule]]\nid = "r{n}"\nkind = "shock"\nseverity = "alarm"\n{keys}\n' for n, keys in enumerate(rules))
    file.write_text('name = "tried"\n' + "".join(named), encoding="utf-8")
    return file


BOUNDARY_KEYS = 'damage_boundary = { acceleration = "25 g", velocity_change = "0.1 m/s" }'


def test_a_clipped_event_that_reads_as_within_is_not_told_to_be(tcm: Tcm, tmp_path: Path) -> None:
    """Margins at most, velocity change at least; and no figure in dB that looks like room."""
    station = Station(tmp_path / "var", rules(JOLT))
    station.run(
        event(
            0,
            90.0,
            a=matrix(np.round(np.clip(half_sine(90.0), -20, 20) / 0.005).astype("<i2"), "<i2", 77),
            range_g=20.0,
        )
    )
    limits = limits_file(tmp_path, BOUNDARY_KEYS, 'peak = "25 g"\nlowpass = "100 Hz"')
    (row,) = listed(tcm, station.folder, "--limits", limits)
    assert row["beyond"] == []
    assert [(said["rule"], said["at_most"]) for said in row["not_known"]] == [("r0", True), ("r1", False)]
    text = tcm("list", station.folder, "--limits", limits)[1]
    assert "not known to be within: r0 <= 1.3" in text
    said = tcm("show", "L/1/0", station.folder, "--limits", limits)[1]
    (line,) = [line for line in said.splitlines() if line.startswith("r0")]
    assert "<= 1.3" in line and "dB" not in line
    assert "velocity   change >= " in said


def test_the_list_names_the_rules_that_an_event_is_beyond(tcm: Tcm, station: Station, tmp_path: Path) -> None:
    """Of any quantity, with their margins."""
    limits = limits_file(tmp_path, 'peak = "10 g"', 'srs = [["10 Hz", "1 g"], ["400 Hz", "1 g"]]', 'peak = "40 g"')
    small, strong, _ = listed(tcm, station.folder, "--limits", limits)
    assert [said["rule"] for said in small["beyond"]] == ["r1"]
    assert {said["rule"]: said["margin"] for said in strong["beyond"]}["r0"] == pytest.approx(0.5, rel=0.01)
    assert "beyond: r0 0." in tcm("list", station.folder, "--limits", limits)[1]


def test_a_drop_rule_without_a_drop_says_limit_and_reason(tcm: Tcm, tmp_path: Path) -> None:
    """Never dashes only."""
    limits = limits_file(tmp_path, 'drop_height = "0.2 m"')
    out = tcm("show", RECORDING, "--limits", limits)[1]
    assert "0.2 m" in out and "no fall seen" in out


def test_rules_with_a_place_need_the_place_of_a_recording(tcm: Tcm, tmp_path: Path) -> None:
    """What is not judged is said."""
    limits = limits_file(tmp_path, 'peak = "1 g"\nplace = "hardware*"', 'peak = "1 g"')
    out = tcm("show", RECORDING, "--limits", limits)[1]
    assert "1 rule on shocks not judged: the place of a recording is not known (--place)" in out
    for place, judged in (("hardware, aft", ["r0", "r1"]), ("skin", ["r1"])):
        said = json.loads(tcm("show", RECORDING, "--limits", limits, "--place", place, "--json")[1])
        assert ([margin["rule"] for margin in said["margins"]], said["unplaced"]) == (judged, [])
        replayed = replay_source(RECORDING, limits, lambda *_: None, place=place)
        assert sorted({alert["rule"] for alert in replayed["alerts"]}) == judged
    assert replay_source(RECORDING, limits, lambda *_: None)["unplaced"] == ["r0"]
