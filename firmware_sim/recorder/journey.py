"""What a container goes through by its scenario, in the terms of physics: surroundings, vibration, impacts."""

from collections.abc import Iterator
from itertools import accumulate
from zlib import crc32

import numpy as np

from firmware_sim.physics import Failure, Hull, LocalSource, Stretch, Weather, World
from firmware_sim.physics.impact import Impact, Vector, drop
from firmware_sim.physics.vibration import ASTM_D4169_CYCLE, Vibration
from firmware_sim.physics.world import CHUNK
from firmware_sim.scenario import Scenario
from firmware_sim.scenario.faults import HvacFault
from firmware_sim.scenario.parts import ContainerPart, LegPart, LoggerPart, RoadPart

AXES: dict[str, Vector] = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


KEPT_POINTS = 12_288  # of the grid: two chunks of readings, in which all loggers of a container are at any time


def random_of(scenario: Scenario, *purpose: str | int) -> np.random.Generator:
    """Return a generator of its own for each purpose, so that one more shock changes no temperature."""
    return np.random.default_rng([scenario.seed, *(crc32(str(part).encode()) for part in purpose)])


def make_world(scenario: Scenario, container: ContainerPart, start_ns: int, step_s: float) -> World:
    """Return the noise-free world of a container, on a grid of step_s."""
    hull = Hull(
        free_gas_volume_m3=container.free_gas_volume_m3,
        wall_time_s=container.wall_lag,
        hardware_time_s=container.hardware_lag,
        fill_over_pressure_pa=container.over_pressure_pa,
        crack_pa=container.crack_pa,
        full_flow_pa=container.full_flow_pa,
        leak_pa_d=container.leak_pa_d,
        humidity_pct=container.humidity_pct,
    )
    stretches = [_stretch(leg, begin_s) for leg, begin_s in _timed(scenario.legs_of(container))]
    failures = [
        Failure(fault.at, fault.at + fault.length)
        for fault in scenario.faults_of(container)
        if isinstance(fault, HvacFault)
    ]
    weather = Weather(**scenario.weather.model_dump())
    kept = KEPT_POINTS // CHUNK
    return World(stretches, hull, failures, start_ns, step_s, scenario.seed, weather=weather, kept_chunks=kept)


def heat_sources(scenario: Scenario, container: ContainerPart, logger: LoggerPart) -> list[LocalSource]:
    """Return what is beside one logger's hardware."""
    return [
        LocalSource(heat.at, heat.at + heat.length, heat.delta_k, container.hardware_lag)
        for heat in scenario.heat
        if heat.container == container.id and heat.logger in (None, logger.id)
    ]


def vibrations(scenario: Scenario, container: ContainerPart) -> list[Vibration]:
    """Return the stretches in which the floor vibrates, in order; ASTM D4169's cycle is repeated through its leg."""
    found: list[Vibration] = []
    for leg, begin_s in _timed(scenario.legs_of(container)):
        end_s = begin_s + leg.length
        if leg.vibration != "astm-d4169":
            if leg.vibration > 0:
                found.append(Vibration(begin_s, end_s, leg.vibration, leg.psd))
            continue
        at_s = begin_s
        while at_s < end_s:
            for grms, length_s in ASTM_D4169_CYCLE:
                if at_s < end_s:
                    found.append(Vibration(at_s, min(at_s + length_s, end_s), grms, leg.psd))
                at_s += length_s
    return found


def impacts(scenario: Scenario, container: ContainerPart, logger: LoggerPart) -> list[Impact]:
    """Return what strikes the container at the logger, in the order of time: the road's, and what is scripted."""
    found = [
        impact
        for number, (leg, begin_s) in enumerate(_timed(scenario.legs_of(container)))
        if leg.events is not None
        for impact in _road(leg.events, begin_s, leg.length, random_of(scenario, container.id, "road", number))
    ]
    found += [
        Impact(shock.at, AXES[shock.axis], shock.shape, shock.peak_g, shock.duration_ms, cause="shock")
        for shock in scenario.shock
        if shock.container == container.id and shock.logger in (None, logger.id)
    ]
    found += [
        drop(fall.height_m, fall.surface, fall.at, AXES[fall.axis])
        for fall in scenario.drop
        if fall.container == container.id and fall.logger in (None, logger.id)
    ]
    return sorted(found, key=lambda impact: impact.at_s)


def _timed(legs: list[LegPart]) -> Iterator[tuple[LegPart, float]]:
    """Yield each leg with its begin in s since the scenario's start."""
    begins_s = accumulate((leg.length for leg in legs), initial=0.0)
    return zip(legs, begins_s, strict=False)


def _stretch(leg: LegPart, begin_s: float) -> Stretch:
    return Stretch(
        begin_s=begin_s,
        end_s=begin_s + leg.length,
        outside_c=leg.outside_c,
        day_amplitude_k=leg.day_amplitude_k,
        outside_humidity_pct=leg.humidity_pct,
        hvac_c=leg.hvac_c,
        sun_k=leg.sun_k,
        altitude_m=leg.altitude_m,
        climb_m_per_min=leg.climb_m_per_min,
        is_open=leg.open,
        is_purged=leg.purged,
    )


def _road(road: RoadPart, begin_s: float, length_s: float, random: np.random.Generator) -> Iterator[Impact]:
    """Yield a Poisson process: exponential gaps, uniform peaks and durations, one axis each, both senses."""
    if road.per_hour == 0:
        return
    at_s = begin_s
    while True:
        at_s += float(random.exponential(3600.0 / road.per_hour))
        if at_s >= begin_s + length_s:
            return
        axis, sign = AXES["xyz"[random.integers(3)]], (-1.0, 1.0)[random.integers(2)]
        peak_g, duration_ms = float(random.uniform(*road.peak_g)), float(random.uniform(*road.duration_ms))
        yield Impact(at_s, axis, "half-sine", sign * peak_g, duration_ms, cause=road.cause)
