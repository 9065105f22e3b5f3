"""Whatever is wrong with a configuration is said at once, with file, key and what was expected."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monitor.config import ConfigProblems, load_config
from tests.configs import MINIMAL, PROFILE, problems, write
from tests.examples import change, copied, least


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example that a test may spoil."""
    return copied(tmp_path)


@pytest.fixture
def minimal(tmp_path: Path) -> Path:
    """The least that loads: required keys and one limits profile."""
    return least(tmp_path)


def test_everything_wrong_in_all_files_is_reported_at_once(folder: Path) -> None:
    """One run of the check is enough to mend a folder: each mistake has its file, its key and what was expected."""
    settings, limits = folder / "monitor.toml", folder / "limits" / "flight-hardware.toml"
    change(settings, 'state_dir = "../var"', 'stat_dir = "../var"')
    change(settings, "mqtt://127.0.0.1:1883", "http://127.0.0.1:1883")
    change(settings, 'default_limits = "flight-hardware"', 'default_limits = "flight"')
    change(limits, 'above = "25 degC"', 'above = "25 hPa"')
    change(limits, 'clear = "29 degC"', 'clear = "31 degC"')
    change(limits, 'for = "10 min"', 'for = "10 g"')
    change(limits, 'severity = "warning"', 'severity = "severe"\ndwell = "5 s"')
    change(limits, 'kind = "shock"', 'kind = "bump"')
    change(limits, 'id = "shock-x"', "# no id")
    change(folder / "containers" / "C-101.toml", 'limits = "flight-hardware"', 'limits = "flight-hardwear"')
    change(folder / "containers" / "C-101.toml", 'accuracy = "0.3 K"', 'accuracy = "0.3 Pa"')
    change(folder / "containers" / "C-102.toml", 'consignment = "exomars-return"', 'consignment = "exomars"')
    change(folder / "containers" / "C-102.toml", 'id = "L-05"', 'id = "L-01"')
    change(folder / "containers" / "C-103.toml", 'id = "C-103"', 'id = "C-101"')
    change(folder / "consignments" / "exomars-return.toml", "2026-11-23T06:00:00Z", "2026-11-23T06:00:00")
    write(folder / "limits" / "second.toml", "name = \n")
    expected = {
        ("monitor.toml", "state_dir"): "missing",
        ("monitor.toml", "stat_dir"): "unknown key; expected one of instance, state_dir, limits",
        ("monitor.toml", "mqtt.url"): "mqtt://127.0.0.1:1883",
        ("monitor.toml", "ingest.default_limits"): "expected one of flight-hardware, second, got 'flight'",
        ("flight-hardware.toml", "rule.temperature-high-warning.above"): "units degC; 'hPa' is no unit of temperature",
        ("flight-hardware.toml", "rule.temperature-high-warning.for"): "'g' is no unit of time",
        (
            "flight-hardware.toml",
            "rule.temperature-high-warning.severity",
        ): "expected 'info', 'warning' or 'alarm', got 'severe'",
        ("flight-hardware.toml", "rule.temperature-high-warning.dwell"): "unknown key; expected one of id, severity",
        ("flight-hardware.toml", "rule.temperature-high-alarm.clear"): "expected a level at or below the limit 30",
        ("flight-hardware.toml", "rule.shock-resultant.kind"): "leak, health, statistic, forecast, got 'bump'",
        ("flight-hardware.toml", "rule[22].id"): "missing",
        ("C-101.toml", "limits"): "expected one of flight-hardware, second, got 'flight-hardwear'",
        ("C-101.toml", "logger.L-01.calibration.temperature.air.accuracy"): "'Pa' is no unit of temperature",
        ("C-102.toml", "consignment"): "expected one of exomars-return, got 'exomars'",
        ("C-102.toml", "logger.L-01.id"): "'L-01' stands in",
        ("C-103.toml", "id"): "'C-101' stands in",
        ("exomars-return.toml", "leg.turin-airport.planned_start"): "expected a time with its zone",
        ("second.toml", "line 1, column 8"): "expected TOML: Invalid value",
    }
    found = problems(settings)
    assert set(found) == set(expected)
    assert {place: message for place, message in expected.items() if message not in found[place]} == {}


def test_the_error_has_one_problem_a_line(minimal: Path) -> None:
    """The text is what a terminal shows."""
    write(minimal, MINIMAL + "colour = 1\n[web]\nlisten = 8700\n")
    with pytest.raises(ConfigProblems) as caught:
        load_config(minimal)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems) == 2
    assert "monitor.toml: mqtt.colour: unknown key" in lines[0]
    assert "monitor.toml: web.listen: expected text in quotes, got 8700" in lines[1]


def test_a_bound_has_the_unit_of_what_is_bounded(minimal: Path) -> None:
    """Nobody would take 3600 for an hour."""
    tables = '[store]\nretention = "30 min"\n[[notifier]]\nname = "a"\nkind = "mqtt"\nescalate_after = "9 d"\n'
    write(minimal, MINIMAL + tables)
    found = problems(minimal)
    assert found["monitor.toml", "store.retention"] == "expected 3600 s or more, got '30 min'"
    assert found["monitor.toml", "notifier.a.escalate_after"] == "expected at most 604800 s, got '9 d'"


def test_missing_tables_and_folders_are_named(tmp_path: Path) -> None:
    """A folder that is named must exist."""
    write(tmp_path / "monitor.toml", 'state_dir = "var"\ncontainers = "boxes"\n')
    found = problems(tmp_path / "monitor.toml")
    assert found["monitor.toml", "mqtt"] == "missing; expected this table with url"
    assert "expected a folder of TOML files" in found["monitor.toml", "containers"]
    assert "expected a readable file" in problems(tmp_path / "absent.toml")["absent.toml", ""]


@pytest.mark.parametrize("text", [f"name = {'1' * 5000}", f"name = 0x{'f' * 5000}", "a = " + "[" * 1500])
def test_what_toml_cannot_digest_is_a_mistake_like_others(minimal: Path, text: str) -> None:
    """Numbers of thousands of digits, lists hundreds deep: with the file, and what is wrong with the other ones."""
    write(minimal, MINIMAL + "colour = 1\n")
    write(minimal.parent / "limits" / "other.toml", text)
    found = problems(minimal)
    assert found["other.toml", ""].startswith("expected TOML that can be taken in: ")
    assert ("monitor.toml", "mqtt.colour") in found


def test_a_pipe_is_no_file(minimal: Path) -> None:
    """Whoever reads it would wait for ever."""
    os.mkfifo(minimal.parent / "limits" / "other.toml")
    assert problems(minimal)["other.toml", ""] == "expected a readable file, got: not a regular file"


@pytest.mark.parametrize(
    ("table", "key", "expected"),
    [
        ('[store]\nkind = "influxdb"\n', "store.url", "kind influxdb requires it"),
        ('[store]\nkind = "influxdb"\nurl = "http://a"\ndialect = "v1"\n', "store.database", "with dialect v1"),
        ('[store]\nkind = "influxdb"\nurl = "http://a"\ndialect = "v2"\norg = "o"\n', "store.bucket", "dialect v2"),
        ('[store]\nkind = "influxdb"\nurl = "a:b"\ndialect = "v3"\n', "store.dialect", "expected v1 or v2"),
        ('[store]\ntoken_file = "absent"\n', "store.token_file", "expected a file that holds the secret"),
        ('[web]\nlisten = "127.0.0.1"\n', "web.listen", "an address and a port"),
        ('[ingest]\nunknown_loggers = "drop"\n', "ingest.unknown_loggers", "expected 'accept' or 'quarantine'"),
        ("ca_file = 'ca.pem'\n", "mqtt.ca_file", "expected only with mqtts://"),
        ("password_file = 'p'\n", "mqtt.username", "missing"),
        ("protocol = 5\n", "mqtt.protocol", "expected '5' or '3.1.1', got 5"),
    ],
)
def test_settings_that_do_not_fit_are_refused(minimal: Path, table: str, key: str, expected: str) -> None:
    """Each table says which of its keys is wrong or missing and why."""
    write(minimal, MINIMAL + table)
    assert expected in problems(minimal)["monitor.toml", key]


def test_headings_are_said_as_the_files_write_them(minimal: Path) -> None:
    """One bracket too few or a plural is the first mistake that people make."""
    limits = minimal.parent / "limits" / "basic.toml"
    write(limits, PROFILE.replace("[[rule]]", "[[rules]]"))
    found = problems(minimal)
    assert found["basic.toml", "rules"] == "unknown key; expected [[rule]]"
    assert found["basic.toml", "rule"] == "missing; expected [[rule]] with id, severity, kind"
    write(limits, PROFILE.replace("[[rule]]", "[rule]"))
    assert problems(minimal)["basic.toml", "rule"] == "expected [[rule]], got [rule]"
    write(limits, PROFILE.replace('kind = "threshold"', ""))
    assert problems(minimal)["basic.toml", "rule.warm.kind"].startswith("missing; expected one of threshold, rate, ")
    write(limits, PROFILE)
    write(minimal, MINIMAL + "[[sources]]\n")
    expected = (
        "unknown key; expected one of [mqtt], [store], [web], [ingest], [alerts], [journal], [[notifier]], [[source]]"
    )
    assert problems(minimal)["monitor.toml", "sources"] == expected


def test_a_wrong_rotation_is_reported_with_the_other_mistakes_of_its_logger(minimal: Path) -> None:
    """One run of the check says both."""
    logger = '[[logger]]\nid = "L-1"\nrotation = [[1, 0, 0], [0, 1, 0], [0, 0, -1]]\n'
    calibration = '[logger.calibration."temperature.air"]\ndate = 2026-01-01\ndue = 2027-01-01\naccuracy = "1 Pa"\n'
    write(minimal.parent / "containers" / "a.toml", f'id = "C-1"\n{logger}{calibration}')
    found = problems(minimal)
    assert (
        found.pop(("a.toml", "logger.L-1.rotation")) == "expected a rotation matrix (orthonormal rows, determinant +1)"
    )
    ((key, message),) = found.items()
    assert key == ("a.toml", "logger.L-1.calibration.temperature.air.accuracy")
    assert "'Pa' is no unit of temperature" in message


def test_a_consignment_s_legs_follow_each_other(folder: Path) -> None:
    """Legs that overlap, or a custodian who is no party, would make hand-overs ambiguous."""
    path = folder / "consignments" / "exomars-return.toml"
    change(path, "planned_start = 2026-11-23T11:00:00Z", "planned_start = 2026-11-23T10:00:00Z")
    message = problems(folder / "monitor.toml")["exomars-return.toml", "leg.departure-handling.planned_start"]
    assert message == "expected a time not before leg turin-airport ends"
    change(path, "planned_start = 2026-11-23T10:00:00Z", "planned_start = 2026-11-23T11:00:00Z")
    change(path, 'phase = "road"', 'phase = "plan"')
    message = problems(folder / "monitor.toml")["exomars-return.toml", "leg.turin-airport.phase"]
    assert message == "expected a phase such as road, 'plan' is the word that hands back to this plan"
    change(path, 'phase = "plan"', 'phase = "road"')
    change(path, 'custodian = "owner-a"', 'custodian = "owner-c"')
    message = problems(folder / "monitor.toml")["exomars-return.toml", "leg.turin-airport.custodian"]
    assert message == "expected one of the parties owner-a, owner-b, got 'owner-c'"
