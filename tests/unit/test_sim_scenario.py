"""Scenarios: the shipped ones show what they promise, a bad one tells everything that is wrong."""

from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_sim import scenario as scenarios
from firmware_sim.clock import NS_PER_S, VirtualClock, parse_duration_s, parse_time_ns, rfc3339
from firmware_sim.codec import Env, Shock
from firmware_sim.physics import Pulse, ShockSensor, record_shock
from firmware_sim.streams import Made, Truth, scenario_stream

DEPARTURE = scenarios.load("departure")
HOUR_NS = 3600 * NS_PER_S


def made_by(scenario: scenarios.Scenario, name: str, hours: int = 10) -> list[Made]:
    """Return what one logger records in the first hours."""
    (part,) = [logger for logger in scenario.logger if logger.id == name]
    start_ns = scenario.start_ns() or 0
    stream = scenario_stream(scenario, part, start_ns, Truth(None))
    return list(takewhile(lambda made: made.end_ns < start_ns + hours * HOUR_NS, stream))


def readings(made: list[Made]) -> dict[str, NDArray[np.float32]]:
    """Return each channel of the env records as one array."""
    blocks = [one.content for one in made if isinstance(one.content, Env)]
    return {name: np.concatenate([block.x[:, i] for block in blocks]) for i, name in enumerate(blocks[0].channels)}


def test_departure_exceeds_only_what_is_scripted() -> None:
    """Every other logger stays well within the limits of the example profile for the whole ten hours."""
    for part in DEPARTURE.logger:
        values = readings(made_by(DEPARTURE, part.id))
        if part.id != "L-02":
            assert 15.5 < values["temperature.hardware"].min() <= values["temperature.hardware"].max() < 24.5
        assert values["temperature.air"].max() < 27
        assert 35 < values["humidity.air"].min() <= values["humidity.air"].max() < 46
        assert 1000 < values["differential.inside"].min() <= values["differential.inside"].max() < 3500


def test_departure_has_the_scripted_temperature_exceedance() -> None:
    """L-02 crosses 30 degC about an hour after departure, stays beyond for about 45 min and returns."""
    hardware_c = readings(made_by(DEPARTURE, "L-02"))["temperature.hardware"]
    (above,) = np.nonzero(hardware_c > 30)
    assert 57 <= above[0] <= 63
    assert 43 <= above[-1] - above[0] <= 48
    assert hardware_c.max() < 38
    assert hardware_c[150:].max() < 24.5


@pytest.mark.parametrize(("name", "axis", "at_min", "peak_g"), [("L-05", 2, 100, 6.0), ("L-09", 1, 190, 2.6)])
def test_departure_has_the_scripted_shocks(name: str, axis: int, at_min: int, peak_g: float) -> None:
    """The peak on the scripted axis is there, with 0.1 s of rest before; all other events stay below 1.2 g."""
    peaks = {}
    for made in made_by(DEPARTURE, name):
        if isinstance(made.content, Shock):
            wave_g = made.content.counts * np.array(made.content.scale_g)[:, None]
            rest = round(0.1 * made.content.fs_hz)
            dynamic_g = np.abs(wave_g - wave_g[:, :rest].mean(axis=1, keepdims=True)).max(axis=1)
            peaks[(made.t0_ns - (DEPARTURE.start_ns() or 0)) / (60 * NS_PER_S)] = dynamic_g
            assert wave_g[:, :rest].std(axis=1).max() < 0.02
    (scripted,) = [at for at in peaks if abs(at - at_min) < 0.01]
    assert peaks.pop(scripted)[axis] == pytest.approx(peak_g, abs=0.05)
    assert all(dynamic_g.max() < 1.2 for dynamic_g in peaks.values())


def test_the_same_seed_gives_the_same_readings() -> None:
    """However often it is asked for; another seed gives others."""
    again, other = (made_by(DEPARTURE.model_copy(update={"seed": seed}), "L-07", 2) for seed in (DEPARTURE.seed, 99))
    first = readings(made_by(DEPARTURE, "L-07", 2))
    assert all(np.array_equal(first[name], values) for name, values in readings(again).items())
    assert not np.array_equal(first["temperature.air"], readings(other)["temperature.air"])


def test_records_come_in_the_order_in_which_they_are_complete() -> None:
    """Env and shock share one counter, so the stream has to be in order."""
    ends = [made.end_ns for made in made_by(DEPARTURE, "L-05")]
    assert ends == sorted(ends)


def test_quiet_triggers_nothing() -> None:
    """Two loggers, no events."""
    quiet = scenarios.load("quiet")
    assert [part.id for part in quiet.logger] == ["L-21", "L-22"]
    assert not any(isinstance(made.content, Shock) for made in made_by(quiet, "L-21", 1))


def test_a_pulse_below_the_level_is_not_recorded_and_one_beyond_the_range_is_cut() -> None:
    """The trigger decides what becomes a record; counts never wrap."""
    random = np.random.default_rng(1)
    assert record_shock(ShockSensor(), Pulse("x", 0.8, 11.0), "a", random) is None
    recorded = record_shock(ShockSensor(), Pulse("x", -40.0, 11.0), "a", random)
    assert recorded is not None
    assert recorded[0].counts.min() == -32768


BAD = """
title = 3
interval = "5"
block = 0
model = "TL"
channels = ["temperature.moon"]
speeed = 2
logger = [{ container = "a b", id = "L-1", serial = "S" }]
"""


def test_everything_wrong_is_told_at_once() -> None:
    """One line for each thing wrong: the file, the key, what was expected."""
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.parse(BAD, "bad.toml")
    lines = str(caught.value).splitlines()
    keys = {line.split(": ")[1] for line in lines}
    assert keys == {"title", "interval", "block", "channels.0", "speeed", "logger.0.container"}
    assert all(line.startswith("bad.toml: ") for line in lines)
    assert 'expected a duration such as "60 s"' in str(caught.value)


def test_contradictions_are_told_at_once() -> None:
    """Names used twice or not defined, and times out of order, which no single key shows."""
    path = Path(scenarios.__file__).parent / "scenarios" / "departure.toml"
    text = path.read_text(encoding="utf-8").replace('"L-12"', '"L-11"').replace('begin = "20 min"', 'begin = "9 h"')
    with pytest.raises(scenarios.ScenarioError) as caught:
        scenarios.parse(text.replace('logger = "L-05"', 'logger = "L-99"'), "d.toml")
    assert str(caught.value).splitlines() == [
        "d.toml: logger: id L-11 is used twice, expected one of its own",
        "d.toml: shock.0: C-102/L-99 is not among the loggers",
        "d.toml: road.phases.0.end: expected a time after begin",
    ]


def test_a_file_that_is_no_toml_or_not_there_is_an_error(tmp_path: Path) -> None:
    """With its name, and what would have done."""
    with pytest.raises(scenarios.ScenarioError, match=r"x\.toml: not TOML"):
        scenarios.parse("a = ", "x.toml")
    with pytest.raises(scenarios.ScenarioError, match="departure, quiet"):
        scenarios.load(str(tmp_path / "none.toml"))


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
