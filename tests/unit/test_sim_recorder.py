"""From scenarios to what each logger records: as scripted, the same for the same seed, and the truth beside it."""

import json
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from firmware_sim import scenario as scenarios
from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Env, Shock
from firmware_sim.plan import Action, Fact, Happening, LoggerPlan, Made
from firmware_sim.publish.line import LocalLine
from firmware_sim.recorder import plan
from firmware_sim.recorder.truth import Truth
from firmware_sim.runner import Fleet
from firmware_sim.scenario.faults import SensorFaultPart
from firmware_sim.unit import Unit

START_NS = 1_795_420_800_000_000_000
HOUR_NS = 3600 * NS_PER_S

FAULTY = """
title = "Two loggers, one of them in trouble"
seed = 5
[device]
interval = "60 s"
block = 5
channels = ["temperature.hardware", "humidity.air"]
drift_ppm = 100
[[container]]
id = "C-1"
logger = [{ id = "L-1", serial = "S-1" }, { id = "L-2", serial = "S-2", armed_at = "2 h" }]
[[leg]]
id = "road"
phase = "road"
for = "6 h"
events = { per_hour = 4, peak_g = [0.5, 3.0] }
[[fault]]
kind = "brown-out"
at = "63 min"
for = "10 min"
torn = 2
loggers = ["L-1"]
[[fault]]
kind = "stuck"
channel = "humidity.air"
at = "2 h"
for = "1 h"
loggers = ["L-1"]
[[fault]]
kind = "network"
at = "1 h"
for = "4 h"
[[fault]]
kind = "clone"
at = "1 h"
loggers = ["L-2"]
"""


def happenings(one: LoggerPlan, hours: float) -> list[Happening]:
    """Return what happens to a logger in the first hours after its first power-up."""
    until_ns = one.boot_ns + round(hours * HOUR_NS)
    return list(takewhile(lambda happening: happening.at_ns < until_ns, one.happenings))


def plans_of(scenario: scenarios.Scenario, loggers: int | None = None, truth: Path | None = None) -> list[LoggerPlan]:
    """Return a scenario's plans, with or without a truth beside them."""
    return plan(scenario, scenario.start_ns() or START_NS, 1.0, loggers, Truth(truth))


def made_by(scenario: scenarios.Scenario, name: str, hours: float = 10) -> list[Made]:
    """Return what one logger records in the first hours."""
    (one,) = [one for one in plans_of(scenario) if one.identity.logger == name and not one.identity.instance]
    return [happening for happening in happenings(one, hours) if isinstance(happening, Made)]


def readings(made: list[Made]) -> dict[str, NDArray[np.float32]]:
    """Return each channel of the env records as one array."""
    blocks = [one.content for one in made if isinstance(one.content, Env)]
    return {name: np.concatenate([block.x[:, i] for block in blocks]) for i, name in enumerate(blocks[0].channels)}


DEPARTURE = scenarios.load("departure")


@pytest.mark.parametrize("name", [logger.id for _, logger in DEPARTURE.loggers()])
def test_departure_exceeds_only_what_is_scripted(name: str) -> None:
    """Every other logger stays well within the limits of the example profile for the whole ten hours."""
    values = readings(made_by(DEPARTURE, name))
    if name != "L-02":
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


def test_the_leak_shows_beside_a_container_that_raises_nothing() -> None:
    """C-102 stays inside the example limits with margin for ten days; C-101 loses its rate, less as it empties."""
    scenario = scenarios.load("nitrogen-leak")
    leaking, *tight = (readings(made_by(scenario, name, 240)) for name in ("L-01", "L-05", "L-06"))
    for values in tight:
        differential_pa, hardware_c = values["differential.inside"], values["temperature.hardware"]
        assert 1000 < differential_pa.min() <= differential_pa.max() < 3000  # warned below 500, above 6000
        assert 16 < hardware_c.min() <= hardware_c.max() < 24
        assert 33 < values["humidity.air"].min() <= values["humidity.air"].max() < 47
    # the weather moves both alike, so the ratio of the over-pressures falls by 500 / 2200 of itself a day
    lost_pa = daily(tight[0]["differential.inside"]) - daily(leaking["differential.inside"])
    whole_pa = daily(tight[0]["differential.inside"]).mean()
    expected_pa = whole_pa * -np.expm1(-500 / 2200 * (np.arange(len(lost_pa)) + 0.5))
    np.testing.assert_allclose(lost_pa, expected_pa, atol=100)
    assert daily(leaking["differential.inside"])[-1] < 500


def daily(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of each whole day of readings a minute."""
    means: NDArray[np.float64] = values[: len(values) // 1440 * 1440].reshape(-1, 1440).mean(axis=1, dtype=np.float64)
    return means


@pytest.mark.parametrize("name", ["hostile", "rough-road", "long-silence"])
def test_the_same_seed_gives_the_same_happenings(name: str, tmp_path: Path) -> None:
    """However often it is asked for, and whether or not the truth is written beside; another seed gives others."""
    scenario = scenarios.load(name)
    first, again = plans_of(scenario), plans_of(scenario, truth=tmp_path)
    other = plans_of(scenario.model_copy(update={"seed": 99}))

    def content(one: LoggerPlan) -> list[object]:
        return [_comparable(happening) for happening in happenings(one, 6)]

    for one, same, another in zip(first, again, other, strict=True):
        expected = content(one)
        assert content(same) == expected
        assert content(another) != expected


def _comparable(happening: Happening) -> object:
    if isinstance(happening, Action):
        return happening
    if isinstance(happening, Fact):
        return happening
    array = happening.content.x if isinstance(happening.content, Env) else happening.content.counts
    return happening.at_ns, happening.t0_ns, array.tobytes()


def test_happenings_come_in_the_order_of_time() -> None:
    """Env and shock share one counter, so the plan has to be in order; also across power cuts."""
    for one in plans_of(scenarios.load("hostile")):
        times_ns = [happening.at_ns for happening in happenings(one, 12)]
        assert times_ns == sorted(times_ns)


def test_nothing_is_recorded_without_power_or_before_it_is_armed() -> None:
    """A block that the brown-out cut was never a record; after it the logger counts from its new start."""
    first, second, clone = plans_of(scenarios.parse(FAULTY, "f.toml"))
    seen = happenings(first, 6)
    off, on = [happening.at_ns - START_NS for happening in seen if isinstance(happening, Action)][1:3]
    assert (off, on) == (63 * 60 * NS_PER_S, 73 * 60 * NS_PER_S)
    made = [happening for happening in seen if isinstance(happening, Made)]
    assert not [one for one in made if one.at_ns - START_NS >= off and one.t0_ns - START_NS < on]
    blocks_ns = [one.t0_ns - START_NS for one in made if isinstance(one.content, Env)]
    assert on in blocks_ns
    assert blocks_ns[12] == on  # twelve blocks of five minutes fit before the 63rd minute
    armed_ns = 2 * HOUR_NS
    assert min(one.t0_ns - START_NS for one in happenings(second, 6) if isinstance(one, Made)) >= armed_ns
    assert (clone.identity.instance, clone.boot_ns - START_NS) == (1, HOUR_NS)


def test_readings_are_taken_when_the_loggers_own_clock_says_so() -> None:
    """A crystal that runs fast takes them early: after six hours by as much as its drift."""
    first = plans_of(
        scenarios.parse(FAULTY.replace('kind = "brown-out"\nat = "63 min"', 'kind = "brown-out"\nat = "9 d"'), "f.toml")
    )[0]
    blocks = [one for one in happenings(first, 6) if isinstance(one, Made) and isinstance(one.content, Env)]
    told_ns = (len(blocks) - 1) * 5 * 60 * NS_PER_S
    true_ns = blocks[-1].t0_ns - START_NS
    assert told_ns / true_ns - 1 == pytest.approx(first.drift_ppm * 1e-6, rel=1e-3)


def test_a_stuck_sensor_holds_its_value() -> None:
    """For as long as the fault lasts, and on its own logger only."""
    scenario = scenarios.parse(FAULTY, "f.toml")
    for name, is_stuck in (("L-1", True), ("L-2", False)):
        during = [
            one.content.x[:, 1]
            for one in made_by(scenario, name, 6)
            if isinstance(one.content, Env)
            and one.t0_ns - START_NS >= 2 * HOUR_NS
            and one.at_ns - START_NS < 3 * HOUR_NS
        ]
        assert (len(set(np.concatenate(during).tolist())) == 1) == is_stuck


def test_a_larger_fleet_travels_along() -> None:
    """Copies have names and sensors of their own; a smaller one takes the first."""
    scenario = scenarios.load("quiet")
    five = plans_of(scenario, loggers=5)
    names = [(one.identity.container, one.identity.logger) for one in five]
    assert names == [
        ("C-201", "L-21"),
        ("C-201", "L-22"),
        ("C-201-1", "L-21-1"),
        ("C-201-1", "L-22-1"),
        ("C-201-2", "L-21-2"),
    ]
    first, copy = (
        readings([happening for happening in happenings(one, 0.1) if isinstance(happening, Made)])["temperature.air"]
        for one in (five[0], five[2])
    )
    assert not np.array_equal(first, copy)
    assert np.abs(first - copy).max() < 0.6  # the same air, U = 0.2 K each
    assert len(plans_of(scenario, loggers=1)) == 1


def test_the_truth_is_free_of_noise_and_ten_times_as_fine(tmp_path: Path) -> None:
    """Readings are the truth at their time but for the sensor that scenario.json describes."""
    scenario = scenarios.parse(FAULTY, "f.toml")
    truth = Truth(tmp_path)
    one = plan(scenario, START_NS, 1.0, None, truth)[0]
    made = [h for h in happenings(one, 6) if isinstance(h, Made) and isinstance(h.content, Env)]
    truth.close()
    told = json.loads((tmp_path / "scenario.json").read_text())["loggers"][0]
    grid = np.load(tmp_path / told["grid"]["file"])
    step_s = told["grid"]["step_s"]
    assert (told["grid"]["columns"], step_s) == (["temperature.hardware", "humidity.air"], 6.0)
    assert len(grid) >= 6 * 600 - 100
    sensor = told["sensors"]["temperature.hardware"]
    times_s = np.concatenate([(h.t0_ns - START_NS) / 1e9 + np.arange(5) * 60 for h in made])
    expected = np.interp(times_s - sensor["lag_s"], np.arange(len(grid)) * step_s, grid[:, 0]) + sensor["bias"]
    error = np.concatenate([h.content.x[:, 0] for h in made if isinstance(h.content, Env)]) - expected
    assert abs(error.mean()) < 0.01
    assert error.std() == pytest.approx(sensor["noise"], rel=0.2)


def test_every_shock_is_told_with_what_became_of_it(tmp_path: Path) -> None:
    """Recorded, below the level, without power, not armed: nothing that struck the container is left out."""
    from firmware_sim.device import Record

    scenario = scenarios.parse(FAULTY, "f.toml")
    truth = Truth(tmp_path)
    plans = plan(scenario, START_NS, 1.0, None, truth)
    recorded = 0
    for one in plans[:2]:
        for seq, happening in enumerate(happenings(one, 7)):
            if isinstance(happening, Fact):
                truth.tell(one.identity, happening)
            elif isinstance(happening, Made) and isinstance(happening.content, Shock):
                truth.recorded(one, happening, Record(7, seq, "shock", happening.t0_ns, b""), clk=2)
                recorded += 1
    truth.close()
    shocks = [json.loads(line) for line in (tmp_path / "shocks.jsonl").read_text().splitlines()]
    struck = {name: sorted(shock["at"] for shock in shocks if shock["logger"] == name) for name in ("L-1", "L-2")}
    assert struck["L-1"] == struck["L-2"]  # they stand in one container
    assert 10 < len(struck["L-1"]) < 50
    assert sum(shock["triggered"] for shock in shocks) == recorded
    reasons = {shock["reason"] for shock in shocks if not shock["triggered"]}
    assert reasons >= {"below level", "not armed"}
    assert all(abs(shock["peak_g"]) > 0.9 for shock in shocks if shock["triggered"])
    faults = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    told = {(fault["kind"], fault["logger"]) for fault in faults}
    assert told == {("brown-out", "L-1"), ("stuck", "L-1"), ("network", "L-1"), ("network", "L-2"), ("clone", "L-2")}


def lines_of(folder: Path, name: str) -> list[dict[str, Any]]:
    """Return what the truth tells."""
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]


def lived(scenario: scenarios.Scenario, folder: Path, hours: float) -> list[Unit]:
    """Let a scenario happen to its loggers for some hours, acknowledged at once, and tell its truth."""
    until_ns = START_NS + round(hours * HOUR_NS)
    fleet = Fleet()
    fleet.end_at(until_ns)
    with Truth(folder) as truth:
        for one in plan(scenario, START_NS, 1.0, None, truth):
            fleet.add(Unit(one, LocalLine(), truth, lambda: until_ns))
        assert fleet.advance(until_ns)
        for unit in fleet.units:
            unit.still_held()
    return fleet.units


ONE = """
title = "One logger"
[device]
interval = "60 s"
block = 5
drift_ppm = 0
accelerometer.a = { dead = "1 h" }
[[container]]
id = "C-1"
logger = [{ id = "L-1", serial = "S-1" }]
[[leg]]
id = "road"
phase = "road"
for = "6 h"
vibration = 0.05
"""


def struck(at: str, peak_g: float = 5.0) -> str:
    """Return a table of a scenario."""
    return f'[[shock]]\ncontainer = "C-1"\nat = "{at}"\naxis = "z"\npeak_g = {peak_g}\nduration_ms = 11\n'


def test_a_record_is_told_when_it_is_made_and_at_its_end_in_true_time(tmp_path: Path) -> None:
    """A clock that a fault sets an hour back changes what the logger told, not when it was."""
    text = ONE + '[[fault]]\nkind = "clock-step"\nat = "62 min"\nstep_s = -3600\n' + struck("70.5 min")
    (unit,) = lived(scenarios.parse(text, "f.toml"), tmp_path, 3)
    created, records = lines_of(tmp_path, "created"), lines_of(tmp_path, "records")
    assert len(created) == unit.logger.created == 36 + 1
    fields = ("container", "logger", "boot", "seq", "kind", "t0", "t0_ns", "told_ns", "clk")
    assert [[line[key] for key in fields] for line in created] == [[line[key] for key in fields] for line in records]
    assert {line["fate"] for line in records} == {"acknowledged"}
    env_s = [(line["t0_ns"] - START_NS) / NS_PER_S for line in created if line["kind"] == "env"]
    assert env_s == [300.0 * number for number in range(36)]
    stepped = [line for line in created if line["t0_ns"] >= START_NS + 62 * 60 * NS_PER_S]
    assert {round((line["t0_ns"] - line["told_ns"]) / NS_PER_S) for line in stepped} == {3600}
    (hit,) = [line for line in created if line["kind"] == "shock"]
    assert datetime.fromisoformat(hit["t0"]).timestamp() == pytest.approx(hit["t0_ns"] / NS_PER_S, abs=1e-5)
    assert (hit["t0_ns"] - START_NS) / NS_PER_S == pytest.approx(70.5 * 60 - 0.125, abs=0.01)


def test_a_shock_is_told_why_there_is_no_record_of_it(tmp_path: Path) -> None:
    """A brown-out ends the dead time of the shock before it; what the end of the run cuts is not "below level"."""
    off = '[[fault]]\nkind = "brown-out"\nat = "20 min"\nfor = "5 min"\n'
    late = '[[fault]]\nkind = "network"\nat = "2 h"\nfor = "1 h"\n'
    times = ("10 min", "15 min", "22 min", "30 min", "3599.95 s", "70 min")
    text = ONE.replace("1 h", "25 min") + off + late + "".join(struck(at) for at in times)
    lived(scenarios.parse(text, "f.toml"), tmp_path, 1)
    told = {shock["at"][11:19]: shock.get("reason", "recorded") for shock in lines_of(tmp_path, "shocks")}
    begin_s = START_NS // NS_PER_S

    def at(second: float) -> str:
        return datetime.fromtimestamp(begin_s + second, UTC).strftime("%H:%M:%S")

    assert told == {
        at(600): "recorded",
        at(900): "dead time",
        at(1320): "no power",
        at(1800): "recorded",
        at(3599): "end of run",
    }
    assert [fault["kind"] for fault in lines_of(tmp_path, "faults")] == ["brown-out"]  # the other one never began


def test_a_logger_of_accelerations_only_has_no_grid(tmp_path: Path) -> None:
    """There is nothing to write, and scenario.json says so; its peaks end at the accelerometer's range."""
    text = ONE.replace("block = 5", 'block = 5\nchannels = ["acceleration.peak", "acceleration.rms"]')
    scenario = scenarios.parse(text + struck("0 s", 9.0) + struck("10.5 min", 90.0), "f.toml")
    lived(scenario, tmp_path, 1)
    told = json.loads((tmp_path / "scenario.json").read_text())
    assert told["loggers"][0]["grid"] is None
    assert list((tmp_path / "quantities").iterdir()) == []
    assert [(span["container"], span["grms"]) for span in told["vibration"]] == [("C-1", 0.05)]
    peak_g = readings(made_by(scenario, "L-1", 1))["acceleration.peak"]
    assert peak_g[0] < 0.1  # the interval before the first reading was without power
    assert peak_g[11] == pytest.approx(16.0, abs=0.1)


def test_a_clone_is_told_apart(tmp_path: Path) -> None:
    """In every file by its instance, with sensors and faults of its own, from when it is switched on."""
    lived(scenarios.parse(FAULTY, "f.toml"), tmp_path, 6)
    loggers = json.loads((tmp_path / "scenario.json").read_text())["loggers"]
    assert [(one["logger"], one.get("instance")) for one in loggers] == [("L-1", None), ("L-2", None), ("L-2", 1)]
    assert loggers[1]["sensors"] != loggers[2]["sensors"]
    assert loggers[1]["grid"] is not None
    assert loggers[2]["grid"] is None
    for name in ("created", "records", "shocks", "faults"):
        lines = [line for line in lines_of(tmp_path, name) if line["logger"] == "L-2"]
        assert {line.get("instance") for line in lines} == {None, 1}
    own = [line for line in lines_of(tmp_path, "shocks") if line.get("instance")]
    assert min(datetime.fromisoformat(line["at"]).timestamp() for line in own) >= START_NS / NS_PER_S + 3600


def test_the_truth_ends_a_run_when_it_cannot_be_written(tmp_path: Path) -> None:
    """Once, with the file's name; the loggers live on undisturbed until the run is closed."""
    full = tmp_path / "full.jsonl"
    full.symlink_to("/dev/full")
    stop = Event()
    with Truth(full) as truth:
        (one,) = plan(scenarios.parse(ONE, "f.toml"), START_NS, 1.0, None, truth)
        truth.stops(stop)
        assert not stop.is_set()
        fleet = Fleet()
        fleet.add(Unit(one, LocalLine(), truth, lambda: START_NS))
        fleet.advance(START_NS + HOUR_NS)
        assert stop.is_set()
        assert fleet.summary().acknowledged == 12
    assert str(full) in str(truth.failure)
    assert "No space left" in str(truth.failure)


SENSOR_FAULTS = [
    (name, fault)
    for name in scenarios.shipped_names()
    for fault in scenarios.load(name).fault
    if isinstance(fault, SensorFaultPart)
]


@pytest.mark.parametrize(
    ("name", "fault"), SENSOR_FAULTS, ids=[f"{name}-{fault.kind}" for name, fault in SENSOR_FAULTS]
)
def test_each_sensor_fault_that_is_shipped_changes_readings(name: str, fault: SensorFaultPart) -> None:
    """At least a hundredth of those within its time, against the same scenario without it; none before."""
    scenario = scenarios.load(name)
    assert fault.loggers is not None
    (logger,) = fault.loggers
    hours = min((fault.at + fault.length) / 3600, fault.at / 3600 + 4)
    without = scenario.model_copy(update={"fault": tuple(one for one in scenario.fault if one != fault)})
    faulty, sound = (readings(made_by(one, logger, hours))[fault.channel] for one in (scenario, without))
    changed = ~((faulty == sound) | (np.isnan(faulty) & np.isnan(sound)))
    first = round(len(changed) * fault.at / 3600 / hours)
    assert changed[first:].mean() > 0.01
    assert not changed[: round(0.98 * first)].any()
