"""Scenario files: the shipped ones can be read, a bad one tells everything that is wrong."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim import scenario as scenarios
from firmware_sim.clock import NS_PER_S, VirtualClock, parse_duration_s, parse_time_ns, rfc3339
from firmware_sim.codec import Env, Shock, Stamp, encode_env, encode_shock
from firmware_sim.plan import Made
from firmware_sim.recorder.journey import make_world
from firmware_sim.recorder.plans import plan
from firmware_sim.recorder.truth import Truth
from firmware_sim.scenario.contradictions import copies_that_clash, largest_records
from firmware_sim.scenario.values import MAX_C, MAX_VOLUME_M3, MIN_C, MIN_VOLUME_M3

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
    assert keys_of(text) == expected | {
        "device.block",
        "device.channels.0",
        "fault.0.kind",
        "fault.1.at",
        "fault.1.for",
    }
    assert 'expected a duration such as "60 s"' in "\n".join(errors_of(text))


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ('duration = "1 h"', "durration = 1", "durration: unknown key, expected one of title, start, duration, speed"),
        ('interval = "10 s"', "block = 2.5", "device.block: expected a whole number, got 2.5"),
        ('interval = "10 s"', "drift_ppm = 501", "device.drift_ppm: expected at most 500, got 501"),
        ('interval = "10 s"', "rtc = 7", "device.rtc: expected true or false, got 7"),
        ('interval = "10 s"', "accelerometer = 3", "device.accelerometer: expected a table, got 3"),
        ('id = "C-1"', 'id = "C 1"', "container.0.id: expected 1 to 64 letters, digits or the signs _ . -, got 'C 1'"),
        ('id = "C-1"', "id = 3", "container.0.id: expected text in quotes, got 3"),
        ('id = "C-1"', 'id = "C"\ncrack_pa = "x"', "container.0.crack_pa: expected a number, got 'x'"),
        ('"20 s"', '"20 s", bloc = 3', "container.0.logger.1.bloc: unknown key, expected one of id, serial, model,"),
        ('phase = "road"', "", "leg.0.phase: missing"),
        ('phase = "road"', 'phase = "r"\nhumidity_pct = -1', "leg.0.humidity_pct: expected 0 or more, got -1"),
        ('phase = "road"', 'phase = "r"\nevents = { per_hour = -1 }', "leg.0.events.per_hour: expected 0 or more, got"),
        ('phase = "road"', 'phase = "r"\nvibration = "x"', "leg.0.vibration: expected Grms, a number from 0 to"),
        ("[[leg]]", "[[fault]]\n[[leg]]", "fault.0.kind: expected one of network, refused, duplicated"),
        ("[[leg]]", '[[fault]]\nkind = "flood"\n[[leg]]', "fault.0.kind: expected one of network, refused,"),
        (
            "[[leg]]",
            "[[fault]]\nkind = 'clone'\nat = '1 s'\nfor = '1 s'\n[[leg]]",
            "fault.0.for: unknown key, expected one",
        ),
        ("2026-11-23T06:00:00Z", '"soon"', "start: expected a time with its zone"),
    ],
)
def test_an_error_says_in_plain_words_what_was_expected(right: str, wrong: str, message: str) -> None:
    """One line for one mistake, in the words of the file and none of the library's."""
    (line,) = errors_of(GOOD.replace(right, wrong, 1))
    assert line.startswith(f"s.toml: {message}")


def test_one_wrong_entry_does_not_make_its_list_empty() -> None:
    """Only the entry is told; a list that is empty in the file is told itself."""
    lines = errors_of('title = "x"\ncontainer = [3]\nleg = []\n')
    assert lines == [
        "s.toml: container.0: expected a table, got 3",
        "s.toml: leg: expected 1 or more entries, got a list of 0",
    ]


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
        "s.toml: logger: id L-1 is used twice, expected one of its own",
        "s.toml: start: expected a time with its zone, such as 2026-11-23T06:00:00Z",
        "s.toml: shock.0.logger: C-1/L-9 is not among the loggers",
        "s.toml: drop.0.container: C-9 is not among the containers",
        "s.toml: leg.1.containers: C-7 is not among the containers",
        "s.toml: leg.1.events.peak_g: expected [least, greatest], got [2.0, 1.0]",
        "s.toml: fault.0.channel: no logger that it concerns has the channel humidity.air",
        "s.toml: fault.1.loggers: expected the loggers that have a clone",
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "key"),
    [
        ("start = 2026", "start = 1960", "start"),
        ("start = 2026", "start = 2300", "start"),
        ('duration = "1 h"', 'duration = "1099 d"', "duration"),
        ('duration = "1 h"', f'duration = "1{"0" * 400} s"', "duration"),
        ("[device]", "speed = 1e300\n[device]", "speed"),
        ("[device]", f"seed = {'9' * 40}\n[device]", "seed"),
        ("[device]", "weather.temperature_k = 1e308\n[device]", "weather.temperature_k"),
        ("[device]", "weather.pressure_pa = 1e5\n[device]", "weather.pressure_pa"),
        ('interval = "10 s"', 'interval = "10 d"', "device.interval"),
        ("[device]", '[device]\nsync_every = "1 ms"', "device.sync_every"),
        ("[device]", "[device]\nisolation = 1e308", "device.isolation"),
        ("[device]", '[device]\nreport_every = "1 ms"', "device.report_every"),
        ("[device]", "[device]\naccelerometer.a.fs_hz = 1e300", "device.accelerometer.a.fs_hz"),
        ("[device]", "[device]\naccelerometer.a.fs_hz = 1", "device.accelerometer.a.fs_hz"),
        ("[device]", "[device]\naccelerometer.a.noise_g = 1e308", "device.accelerometer.a.noise_g"),
        ("[device]", "[device]\naccelerometer.a.offset_pct = [1e9, 0, 0]", "device.accelerometer.a.offset_pct.0"),
        ('id = "C-1"', 'id = "C-1"\ncrack_pa = 1e-300', "container.0.crack_pa"),
        ('id = "C-1"', 'id = "C-1"\nfree_gas_volume_m3 = 1e-300', "container.0.free_gas_volume_m3"),
        ('id = "C-1"', 'id = "C-1"\nover_pressure_pa = -1e9', "container.0.over_pressure_pa"),
        ('id = "C-1"', 'id = "C-1"\nleak_pa_d = 1e308', "container.0.leak_pa_d"),
        ("[[leg]]", "[[leg]]\noutside_c = -1e6", "leg.0.outside_c"),
        ("[[leg]]", "[[leg]]\noutside_c = nan", "leg.0.outside_c"),
        ("[[leg]]", "[[leg]]\nvibration = 1e300", "leg.0.vibration"),
        ("[[leg]]", "[[leg]]\nclimb_m_per_min = 1e-300", "leg.0.climb_m_per_min"),
        ("[[leg]]", "[[leg]]\ncontainers = []", "leg.0.containers"),
        ("[[leg]]", "[[leg]]\nevents = { per_hour = 1, duration_ms = [1e9, 30] }", "leg.0.events.duration_ms.0"),
        ("[[leg]]", "[[leg]]\nevents = { per_hour = 1, peak_g = [1, 1e308] }", "leg.0.events.peak_g.1"),
    ],
)
def test_a_value_beyond_its_bounds_is_one_line(right: str, wrong: str, key: str) -> None:
    """Nothing that is accepted can break the arithmetic later."""
    (line,) = errors_of(GOOD.replace(right, wrong, 1))
    assert line.startswith(f"s.toml: {key}: ")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("accelerometer.a = { rotation = [[1, 1, 0], [0, 1, 0], [0, 0, 1]] }", "accelerometer a: rotation: expected"),
        ("accelerometer.a = { level_g = 100 }", "accelerometer a: level_g: expected above 0 and below range_g"),
        ('accelerometer.a = { coupling = "ac" }', "accelerometer a: hp_hz: expected above 0 with AC"),
        ("accelerometer.a = { hp_hz = 1 }", "accelerometer a: hp_hz: expected above 0 with AC"),
        ('accelerometer.a = { record = "0.3 s", pre = "1 s" }', "accelerometer a: pre_s: expected"),
        (
            'accelerometer.a = { fs_hz = 50, record = "20 ms", pre = "10 ms" }',
            "accelerometer a: record_s: expected at l",
        ),
        ("block = 100000", "flash_bytes: expected at least 400337 for a record of its block, got 65536"),
        ('accelerometer.a = { record = "4 s" }', "flash_bytes: expected at least 77121 for a record of its accelerom"),
        ('channels = ["light.inside", "light.inside"]', "channels: light.inside stands there twice, expected once"),
    ],
)
def test_settings_of_a_logger_that_do_not_go_together(device: str, message: str) -> None:
    """Each is told in a line, with the logger's name."""
    extra = "" if "channels" in device else 'channels = ["temperature.air", "light.inside"]\n'
    extra = 'channels = ["temperature.air"]\n' if "block" in device else extra
    interval = 'interval = "10 ms"' if "block" in device else 'interval = "10 s"'
    text = GOOD.replace('interval = "10 s"', f"{interval}\nflash_bytes = 65536\n{extra}{device}")
    text = text.replace(', interval = "20 s"', "")
    lines = errors_of(text)
    assert any(line.startswith(f"s.toml: logger L-1: {message}") for line in lines)


def test_records_fit_into_messages_and_time() -> None:
    """A payload has 1 MiB at most, a record 170 000 samples, a block 30 days."""
    channels = 'channels = ["temperature.air", "temperature.hardware", "light.inside"]'
    text = GOOD.replace('interval = "10 s"', f'interval = "1 h"\nblock = 100000\n{channels}')
    text = text.replace("[[container]]", 'accelerometer.a = { fs_hz = 10000, record = "100 s" }\n[[container]]')
    lines = [line for line in errors_of(text) if "L-1" in line]
    assert [line.split(": ")[2] for line in lines] == ["block", "accelerometer a", "block", "accelerometer.a"]
    assert "expected at most 30 d of intervals in one" in lines[0]
    assert "expected at most 170000 samples" in lines[1]
    assert "expected a record of at most 1048576 bytes" in lines[2]


def test_the_largest_record_is_at_least_as_large_as_any() -> None:
    """What is reckoned before the start bounds what a logger writes."""
    scenario = scenarios.load("rough-road")
    plans = plan(scenario, scenario.start_ns() or 0, 1.0, None, Truth(None))
    for (_, logger), one in zip(scenario.loggers(), plans, strict=True):
        sizes = largest_records(logger.device)
        made = [each.content for each in islice(one.happenings, 50) if isinstance(each, Made)]
        stamp = Stamp(2**53, 2**62, 2**62, sync_age_s=86_399.999)
        for content in made:
            if isinstance(content, Env):
                assert len(encode_env(stamp, 2**40, 2**40, 2**40, content)) <= sizes["block"]
            if isinstance(content, Shock):
                payload = encode_shock(stamp, 2**40, 2**40, 2**40, content)
                assert len(payload) <= sizes[f"accelerometer.{content.acc}"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ('kind = "network"\nfor = "1 s"\ncontainers = []', "fault.0.containers: expected 1 or more entries"),
        (
            'kind = "network"\nfor = "1 s"\ncontainers = ["C-2"]\nloggers = ["L-1"]',
            "fault.0.loggers: L-1: expected logg",
        ),
        ('kind = "hvac"\nfor = "1 s"\nloggers = ["L-1"]', "fault.0.loggers: expected containers only"),
        ('kind = "clock-step"\nstep_s = 1e300', "fault.0.step_s: expected at most"),
        ('kind = "clock-step"\nstep_s = -1e10', "fault.0.step_s: expected -3"),
        ('kind = "flash"\nbytes = 4096', "logger L-1: flash fault at 1 s: bytes: expected at least 5121"),
        ('kind = "drift"\nfor = "1 s"\nchannel = "temperature.air"\nvalue = 1e308', "fault.0.value: expected at most"),
        ('kind = "network"\nfor = "10000000 d"', "fault.0.for: expected a duration of at most 1098 d"),
    ],
)
def test_a_fault_that_cannot_happen_is_told(fault: str, message: str) -> None:
    """Because it concerns nobody, or is beyond what a logger survives."""
    other = '[[container]]\nid = "C-2"\nlogger = [{ id = "L-3", serial = "S-3" }]\n'
    text = GOOD.replace("[[leg]]", f"{other}[[leg]]") + f'[[fault]]\nat = "1 s"\n{fault}\n'
    assert errors_of(text)[0].startswith(f"s.toml: {message}")


def test_a_valve_opens_before_it_is_open() -> None:
    """Full flow needs more pressure than the crack."""
    (line,) = errors_of(GOOD.replace('id = "C-1"', 'id = "C-1"\ncrack_pa = 3000\nfull_flow_pa = 3000'))
    assert line == "s.toml: container C-1: full_flow_pa: expected at least 10 Pa above crack_pa"


def test_the_same_name_twice_is_told_with_the_other_errors_of_the_file() -> None:
    """And a [device] that is no table is one line, whatever its loggers say."""
    lines = errors_of(GOOD.replace('"L-2"', '"L-1"').replace('"A short journey"', "3"))
    assert len(lines) == 2
    assert lines[1] == "s.toml: logger: id L-1 is used twice, expected one of its own"
    text = GOOD.replace('[device]\ninterval = "10 s"', "device = 3")
    assert errors_of(text) == ["s.toml: device: expected a table, got 3"]


@pytest.mark.parametrize(
    ("own", "loggers", "message"),
    [
        ("L-1-1", 4, "logger: id L-1-1 is that of a copy too"),
        ("L" * 63, 4, "copy 1 has 65 letters, expected at most 64"),
        ("L-1-1", 2, ""),
    ],
)
def test_copies_of_a_larger_fleet_have_names_of_their_own(own: str, loggers: int, message: str) -> None:
    """Short enough for the wire, and told before anything starts."""
    scenario = scenarios.parse(GOOD.replace('"L-2"', f'"{own}"'), "s.toml")
    assert [message in line for line in copies_that_clash(scenario, loggers)] == [True] * bool(message)


@given(
    outside_c=st.sampled_from((MIN_C, MAX_C)),
    altitude_m=st.sampled_from((-500, 11_000)),
    weather=st.sampled_from((0, 1)),
    valve=st.sampled_from(("crack_pa = 10\nfull_flow_pa = 20", "crack_pa = 10\nfull_flow_pa = 100000")),
    hull=st.sampled_from((f"free_gas_volume_m3 = {MIN_VOLUME_M3}", f"free_gas_volume_m3 = {MAX_VOLUME_M3}")),
    fill_pa=st.sampled_from((-10_000, 100_000)),
    leak=st.sampled_from((0, 1_000_000)),
)
@settings(max_examples=25)
def test_the_world_is_whole_at_the_corners_of_the_bounds(
    outside_c: float, altitude_m: int, weather: int, valve: str, hull: str, fill_pa: int, leak: int
) -> None:
    """What a file may say has finite temperatures and pressures above a vacuum."""
    container = f'id = "C-1"\n{valve}\n{hull}\nover_pressure_pa = {fill_pa}\nleak_pa_d = {leak}'
    leg = f"\noutside_c = {outside_c}\nday_amplitude_k = 40\nsun_k = 60\naltitude_m = {altitude_m}\n"
    rough = f"[weather]\ntemperature_k = {5 * weather}\npressure_pa = {2000 * weather}\n"
    scenario = scenarios.parse(GOOD.replace('id = "C-1"', container) + leg + rough, "s.toml")
    world = make_world(scenario, scenario.container[0], scenario.start_ns() or 0, 1.0)
    found = world.at(np.arange(0.0, 3600.0, 60.0))
    assert all(np.isfinite(values).all() for values in found.values())
    assert (found["pressure.inside"] > 0).all() and (found["pressure.outside"] > 0).all()


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
    assert clock.error_ns(clock.now_ns() + 7) == clock.error_ns(102_500_000_007) == 7
    assert clock.error_ns(clock.now_ns() - 3 * NS_PER_S) == -3 * NS_PER_S
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
