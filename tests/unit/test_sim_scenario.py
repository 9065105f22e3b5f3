"""Scenario files: the shipped ones can be read, a bad one tells everything that is wrong."""

from pathlib import Path

import pytest

from firmware_sim import scenario as scenarios
from firmware_sim.clock import NS_PER_S, VirtualClock, parse_duration_s, parse_time_ns, rfc3339

SHIPPED = sorted(scenarios.shipped_names())

GOOD = """
title = "A short journey"
start = 2026-11-23T06:00:00Z
duration = "1 h"
[device]
interval = "10 s"
[[container]]
id = "C-1"
logger = [{ id = "L-1", serial = "S-1" }, { id = "L-2", serial = "S-2", interval = "20 s" }]
[[leg]]
id = "road"
phase = "road"
for = "1 h"
"""


def errors_of(text: str) -> list[str]:
    """Return the lines of the ScenarioError."""
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.parse(text, "s.toml")
    return str(caught.value).splitlines()


def keys_of(text: str) -> set[str]:
    """Return the keys that the errors name."""
    lines = errors_of(text)
    assert all(line.startswith("s.toml: ") for line in lines)
    return {line.split(": ")[1] for line in lines}


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenarios_are_whole(name: str) -> None:
    """Each can be read, has loggers and, unless it goes on for ever, legs that fill its duration."""
    scenario = scenarios.load(name)
    assert list(scenario.loggers())
    for container in scenario.container:
        length_s = sum(leg.length for leg in scenario.legs_of(container))
        assert scenario.duration is None or length_s == scenario.duration


def test_the_journeys_that_were_asked_for_are_there() -> None:
    """Every leg of the return journey; and each kind of fault is in some scenario."""
    expected = {"turin-return", "quiet-storage", "rough-road", "nitrogen-leak", "long-silence", "hostile"}
    assert expected < set(SHIPPED)
    home = scenarios.load("turin-return")
    assert (home.duration, len(home.container)) == (10 * 86400, 3)
    assert {leg.phase for leg in home.leg} == {"road", "handling", "air", "storage", "open"}
    kinds = {fault.kind for name in SHIPPED for fault in scenarios.load(name).fault}
    links = {"network", "refused", "duplicated", "reordered", "corrupted"}
    assert kinds >= links | {"stuck", "drift", "dropout", "clip", "brown-out", "clock-step", "clone", "hvac"}


def test_a_logger_takes_what_it_does_not_say_from_the_device() -> None:
    """Key by key."""
    scenario = scenarios.parse(GOOD, "s.toml")
    assert [logger.device.interval for _, logger in scenario.loggers()] == [10, 20]
    assert [logger.device.block for _, logger in scenario.loggers()] == [10, 10]


def test_everything_wrong_is_told_at_once() -> None:
    """One line for each thing wrong: the file, the key, what was expected; a wrong [device] is told once."""
    text = GOOD.replace('"A short journey"', "3").replace('duration = "1 h"', 'duration = "1"\nspeeed = 2')
    text = text.replace('interval = "10 s"', 'interval = "10 s"\nblock = 0\nchannels = ["temperature.moon"]')
    text = text.replace('id = "C-1"', 'id = "C 1"').replace('"20 s"', "20").replace('phase = "road"\n', "")
    text += '\n[[fault]]\nkind = "flood"\nat = "1 s"\n[[fault]]\nkind = "network"\nat = "soon"\n'
    expected = {"title", "duration", "speeed", "container.0.id", "container.0.logger.1.interval", "leg.0.phase"}
    assert keys_of(text) == expected | {"device.block", "device.channels.0", "fault.0", "fault.1.at", "fault.1.for"}
    assert 'expected a duration such as "60 s"' in "\n".join(errors_of(text))


def test_contradictions_are_told_at_once() -> None:
    """Names used twice or not defined, times out of order, faults of nobody: no single key shows them."""
    text = GOOD.replace('"L-2"', '"L-1"').replace("Z\n", "\n", 1)
    text += """
    [[shock]]
    at = "1 s"
    container = "C-1"
    logger = "L-9"
    axis = "x"
    peak_g = 2
    duration_ms = 11
    [[drop]]
    at = "1 s"
    container = "C-9"
    height_m = 0.1
    surface = "wood"
    [[fault]]
    kind = "stuck"
    channel = "humidity.air"
    at = "1 s"
    for = "1 s"
    [[fault]]
    kind = "clone"
    at = "1 s"
    [[leg]]
    id = "other"
    phase = "air"
    for = "1 h"
    containers = ["C-7"]
    events = { per_hour = 1, peak_g = [2, 1] }
    """
    assert errors_of(text) == [
        "s.toml: start: expected a time with its zone, such as 2026-11-23T06:00:00Z",
        "s.toml: logger: id L-1 is used twice, expected one of its own",
        "s.toml: shock.0.logger: C-1/L-9 is not among the loggers",
        "s.toml: drop.0.container: C-9 is not among the containers",
        "s.toml: leg.1.containers: C-7 is not among the containers",
        "s.toml: leg.1.events.peak_g: expected [least, greatest], got [2.0, 1.0]",
        "s.toml: fault.0.channel: no logger that it concerns has the channel humidity.air",
        "s.toml: fault.1.loggers: expected the loggers that have a clone",
    ]


def test_brown_outs_of_a_logger_may_not_overlap() -> None:
    """Nothing can lose its power while it has none."""
    text = GOOD + "".join(f'\n[[fault]]\nkind = "brown-out"\nat = "{at} s"\nfor = "10 s"\n' for at in (5, 12))
    assert errors_of(text) == [
        "s.toml: logger L-1: brown-out at 12 s: the power is off already, expected one that begins after 15 s",
        "s.toml: logger L-2: brown-out at 12 s: the power is off already, expected one that begins after 15 s",
    ]


def test_a_file_that_is_no_toml_or_not_there_is_an_error(tmp_path: Path) -> None:
    """With its name, and what would have done."""
    with pytest.raises(scenarios.ScenarioError, match=r"x\.toml: not TOML"):
        scenarios.parse("a = ", "x.toml")
    with pytest.raises(scenarios.ScenarioError, match="departure, hostile"):
        scenarios.load(str(tmp_path / "none.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(scenarios.ScenarioError, match="cannot be read"):
        scenarios.load(str(tmp_path / "binary.toml"))


def test_virtual_time_runs_at_its_speed() -> None:
    """2.5 real seconds at 600 times are 25 virtual minutes."""
    clock = VirtualClock(1_000, speed=600, real_start_s=100.0, wall_s=lambda: 102.5)
    assert clock.now_ns() == 1_000 + 1500 * NS_PER_S


def test_times_and_durations_as_people_write_them() -> None:
    """Durations need a unit, times a zone."""
    assert [parse_duration_s(text) for text in ("60s", "10 min", "1.5 h", "500 ms")] == [60, 600, 5400, 0.5]
    assert rfc3339(parse_time_ns("2026-11-23T06:00:00.123Z")) == "2026-11-23T06:00:00.123Z"
    for text in ("60", "-1 s", "soon", "nan s"):
        with pytest.raises(ValueError, match="expected a duration"):
            parse_duration_s(text)
    for text in ("yesterday", "2026-11-23T06:00:00"):
        with pytest.raises(ValueError, match="with its zone"):
            parse_time_ns(text)
