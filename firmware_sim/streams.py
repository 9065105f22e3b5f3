"""From a scenario to what each logger is going to record, as an endless stream in the order of time."""

import heapq
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TextIO
from zlib import crc32

import numpy as np

from firmware_sim.clock import NS_PER_S, rfc3339
from firmware_sim.codec import Env, Shock
from firmware_sim.device import Fate, Identity, Record, resend_time_s
from firmware_sim.physics import F64, Climate, ClimateModel, HeatSource, Pulse, ShockSensor, measure, record_shock
from firmware_sim.recording import Piece, interval_us
from firmware_sim.scenario import LoggerPart, PhasePart, RoadPart, Scenario

ACC = "a"
SENSOR = ShockSensor()


@dataclass(frozen=True, slots=True)
class Made:
    """A record's content before it is a record, with its first and last moment in ns UTC."""

    end_ns: int
    t0_ns: int
    content: Env | Shock


class Truth:
    """Writes what really happened as JSON lines: each record with its fate, each event with its true peak."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    def fate(self, logger: str, record: Record, fate: Fate) -> None:
        """Write what became of a record."""
        line = {"logger": logger, "boot": record.boot, "seq": record.seq, "kind": record.kind}
        self._write(line | {"t0": rfc3339(record.t0_ns), "fate": fate.value})

    def event(self, kind: str, part: LoggerPart, at_ns: int, truth: Mapping[str, object]) -> None:
        """Write what the logger was exposed to, free of noise."""
        self._write({"event": kind, "container": part.container, "logger": part.id, "at": rfc3339(at_ns)} | dict(truth))

    def _write(self, line: dict[str, object]) -> None:
        if self._file is not None:
            self._file.write(json.dumps(line) + "\n")


def scenario_identity(scenario: Scenario, part: LoggerPart, speed: float) -> Identity:
    """Return what a logger of the scenario declares at birth. The accelerometer is DC-coupled and has no dead time."""
    settings = {"fs": SENSOR.fs_hz, "range_g": SENSOR.range_g, "level_g": SENSOR.level_g}
    return Identity(
        container=part.container,
        logger=part.id,
        serial=part.serial,
        model=scenario.model,
        interval_us=round(scenario.interval * 1e6),
        accs={ACC: settings | {"lp_hz": SENSOR.fs_hz / 2, "hp_hz": 0.0, "dead_ms": 0.0}},
        seed=scenario.seed,
        resend_s=resend_time_s(speed),
    )


def recording_identity(pieces: Sequence[Piece], folder: Path, container: str, logger: str) -> Identity:
    """Return what a logger declares that made a recording: what the files show. Raise ValueError for a bad name."""
    for option, name in (("--container", container), ("--logger", logger)):
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name):
            raise ValueError(f"{option} {name!r}: expected 1 to 64 of A-Z a-z 0-9 _ . -")
    shocks = [piece.content for piece in pieces if isinstance(piece.content, Shock)]
    accs = {
        s.acc: {
            "fs": s.fs_hz,
            "range_g": s.range_g,
            "level_g": s.level_g,
            "lp_hz": s.fs_hz / 2,
            "hp_hz": 0.0,
            "dead_ms": 0.0,
        }
        for s in shocks
    }
    return Identity(container, logger, folder.resolve().name, "recording", interval_us(pieces), accs)


def scenario_stream(scenario: Scenario, part: LoggerPart, start_ns: int, truth: Truth) -> Iterator[Made]:
    """Yield everything the logger records from start_ns on, in the order in which the records are complete."""
    streams = [_env_stream(scenario, part, start_ns, truth), _scripted_shocks(scenario, part, start_ns, truth)]
    if scenario.road is not None:
        streams += [
            _road_shocks(scenario.road, phase, part, start_ns, truth, _random(scenario, part, f"road-{index}"))
            for index, phase in enumerate(scenario.road.phases)
        ]
    return heapq.merge(*streams, key=lambda made: made.end_ns)


def _random(scenario: Scenario, part: LoggerPart, purpose: str) -> np.random.Generator:
    """Return a generator of its own for each purpose, so that one more shock changes no temperature."""
    return np.random.default_rng([scenario.seed, crc32(part.id.encode()), crc32(purpose.encode())])


def _env_stream(scenario: Scenario, part: LoggerPart, start_ns: int, truth: Truth) -> Iterator[Made]:
    random, noise = _random(scenario, part, "climate"), _random(scenario, part, "noise")
    sources = [
        HeatSource(event.at, event.length, event.delta_k)
        for event in scenario.temperature_exceedance
        if (event.container, event.logger) == (part.container, part.id)
    ]
    climate = Climate(_climate_model(scenario), start_ns, scenario.interval, random, sources)
    interval_ns = round(scenario.interval * NS_PER_S)
    extremes: dict[HeatSource, float] = {}
    for first in count(0, scenario.block):
        readings = climate.advance(scenario.block)
        elapsed_s = np.arange(first, first + scenario.block, dtype=np.float64) * scenario.interval
        for source in sources:
            _follow(extremes, source, elapsed_s, readings["temperature.hardware"])
        for source in [source for source in extremes if elapsed_s[0] > source.at_s + source.for_s]:
            told = {"delta_k": source.delta_k, "for_s": source.for_s, "peak_c": round(extremes.pop(source), 4)}
            truth.event("temperature", part, start_ns + round(source.at_s * NS_PER_S), told)
        t0_ns = start_ns + first * interval_ns
        env = Env(scenario.channels, interval_ns // 1000, measure(scenario.channels, readings, noise))
        yield Made(t0_ns + (scenario.block - 1) * interval_ns, t0_ns, env)


def _follow(extremes: dict[HeatSource, float], source: HeatSource, elapsed_s: F64, hardware_c: F64) -> None:
    """Keep how far the hardware came in the direction of the source while it acts."""
    during_c = hardware_c[(elapsed_s >= source.at_s) & (elapsed_s <= source.at_s + source.for_s)].tolist()
    if during_c:
        furthest = max if source.delta_k > 0 else min
        extremes[source] = furthest([extremes.get(source, during_c[0]), *during_c])


def _climate_model(scenario: Scenario) -> ClimateModel:
    part = scenario.climate
    return ClimateModel(
        mean_c=part.mean_c,
        day_amplitude_k=part.day_amplitude_k,
        walk_k=part.walk_k,
        hardware_lag_s=part.hardware_lag,
        humidity_pct=part.humidity_pct,
        outside_pa=part.outside_pa,
        differential_pa=part.differential_pa,
    )


def _scripted_shocks(scenario: Scenario, part: LoggerPart, start_ns: int, truth: Truth) -> Iterator[Made]:
    random = _random(scenario, part, "shock")
    for event in sorted(scenario.shock, key=lambda event: event.at):
        if (event.container, event.logger) == (part.container, part.id):
            pulse = Pulse(event.axis, event.peak_g, event.duration_ms)
            yield from _shock(pulse, start_ns + round(event.at * NS_PER_S), part, truth, random)


def _road_shocks(
    road: RoadPart, phase: PhasePart, part: LoggerPart, start_ns: int, truth: Truth, random: np.random.Generator
) -> Iterator[Made]:
    """Yield the shocks of a Poisson process during the phase: exponential gaps, uniform peaks and durations."""
    at_s = phase.begin
    while road.events_per_hour > 0:
        at_s += random.exponential(3600.0 / road.events_per_hour)
        if at_s >= phase.end:
            return
        axis, sign = "xyz"[random.integers(3)], (-1.0, 1.0)[random.integers(2)]
        pulse = Pulse(axis, sign * random.uniform(*road.peak_g), random.uniform(*road.duration_ms))
        yield from _shock(pulse, start_ns + round(at_s * NS_PER_S), part, truth, random)


def _shock(pulse: Pulse, at_ns: int, part: LoggerPart, truth: Truth, random: np.random.Generator) -> Iterator[Made]:
    recorded = record_shock(SENSOR, pulse, ACC, random)
    told = {"axis": pulse.axis, "peak_g": round(pulse.peak_g, 4), "duration_ms": round(pulse.duration_ms, 4)}
    truth.event("shock", part, at_ns, told | {"recorded": recorded is not None})
    if recorded is not None:
        shock, offset_s = recorded
        t0_ns = at_ns + round(offset_s * NS_PER_S)
        yield Made(t0_ns + round(SENSOR.record_s * NS_PER_S), t0_ns, shock)
