"""What the sensors feel: a slow climate and the shocks of the road. Everything is drawn from given generators.

Nothing here knows the time of the process: the same generator gives the same readings, however they are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from firmware_sim.codec import Shock

F64 = NDArray[np.float64]
KELVIN_C = 273.15
DAY_S = 86400.0
WARMEST_HOUR = 14.0
WALK_LIMIT = 2.5  # standard deviations: a bounded walk, so that a scenario can promise what is not exceeded
ACCEL_NOISE_G = 0.005  # rms

# standard deviation of the noise and resolution of each sensor, in the unit of its quantity
SENSORS = {
    "temperature": (0.03, 0.01),  # degC
    "humidity": (0.15, 0.05),  # %RH
    "pressure": (2.0, 1.0),  # Pa
    "differential": (3.0, 1.0),  # Pa
}


@dataclass(frozen=True, slots=True)
class HeatSource:
    """Something beside the hardware that pulls it delta_k away from the air, from at_s for for_s."""

    at_s: float
    for_s: float
    delta_k: float


@dataclass(frozen=True, slots=True)
class ClimateModel:
    """The numbers of a container's climate; walk_*: standard deviations of the slow random parts."""

    mean_c: float = 20.0
    day_amplitude_k: float = 1.5
    walk_k: float = 0.4
    walk_time_s: float = 7200.0
    hardware_lag_s: float = 900.0
    humidity_pct: float = 40.0
    humidity_pct_per_k: float = -0.6
    humidity_walk_pct: float = 0.8
    outside_pa: float = 98_600.0  # Turin, 239 m above the sea
    outside_walk_pa: float = 80.0
    differential_pa: float = 2200.0


def first_order(x: F64, gain: float, state: float) -> F64:
    """Return y[i] = y[i-1] + gain * (x[i] - y[i-1]), with y[-1] = state: a first-order lag sampled at even times.

    gain = 1 - exp(-step / time constant). x: (n,) float64, n >= 1; NaN stays for all later values.
    """
    # blocks have few readings, and scipy.signal would take 1.6 s to import
    path = accumulate(x.tolist(), lambda y, value: y + gain * (value - y), initial=state)
    return np.fromiter(path, dtype=np.float64, count=x.size + 1)[1:]


@dataclass(slots=True)
class Walk:
    """Ornstein-Uhlenbeck walk of standard deviation 1 (exact discretisation), cut at WALK_LIMIT."""

    keep: float  # exp(-step / correlation time)
    state: float = 0.0

    def advance(self, random: np.random.Generator, n: int) -> F64:
        """Return the next n values, (n,) float64."""
        kicks = random.standard_normal(n) * np.sqrt(1.0 - self.keep**2) / (1.0 - self.keep)
        path = first_order(kicks, 1.0 - self.keep, self.state)
        self.state = float(path[-1])
        return np.clip(path, -WALK_LIMIT, WALK_LIMIT)


@dataclass(slots=True)
class Climate:
    """The climate at one logger, advanced reading by reading.

    start_ns: ns UTC of the first reading. interval_s: between readings. sources: what the scenario heats or cools.
    """

    model: ClimateModel
    start_ns: int
    interval_s: float
    random: np.random.Generator
    sources: Sequence[HeatSource] = ()
    _done: int = 0
    _walks: dict[str, Walk] = field(init=False)
    _hardware_c: float = field(init=False)
    _source_k: float = 0.0

    def __post_init__(self) -> None:
        keep = float(np.exp(-self.interval_s / self.model.walk_time_s))
        self._walks = {name: Walk(keep) for name in ("air", "humidity", "pressure")}
        self._hardware_c = float(self._day_c(np.zeros(1))[0])

    def advance(self, n: int) -> dict[str, F64]:
        """Return the next n noise-free readings of every channel, each (n,) float64 in its unit, never NaN.

        air = mean + amplitude cos(2 pi (hour - 14) / 24) + walk; the hardware follows air plus source by a first-order
        lag; humidity falls as the air warms (a desiccant holds it); the tight container keeps its gas at constant
        volume, p = p_fill T / T_mean (ideal gas), and the differential is inside minus outside.
        """
        model = self.model
        elapsed_s = np.arange(self._done, self._done + n, dtype=np.float64) * self.interval_s
        self._done += n
        air_c = self._day_c(elapsed_s) + model.walk_k * self._walks["air"].advance(self.random, n)
        gain = float(-np.expm1(-self.interval_s / model.hardware_lag_s))
        quiet_c = first_order(air_c, gain, self._hardware_c)
        source_k = first_order(self._heating_k(elapsed_s), gain, self._source_k)
        self._hardware_c, self._source_k = float(quiet_c[-1]), float(source_k[-1])
        humidity_pct = (
            model.humidity_pct
            + model.humidity_pct_per_k * (air_c - model.mean_c)
            + model.humidity_walk_pct * self._walks["humidity"].advance(self.random, n)
        )
        outside_pa = model.outside_pa + model.outside_walk_pa * self._walks["pressure"].advance(self.random, n)
        fill_pa = model.outside_pa + model.differential_pa
        inside_pa = fill_pa * (air_c + KELVIN_C) / (model.mean_c + KELVIN_C)
        return {
            "temperature.air": air_c,
            "temperature.hardware": quiet_c + source_k,
            "humidity.air": humidity_pct,
            "pressure.inside": inside_pa,
            "differential.inside": inside_pa - outside_pa,
        }

    def _day_c(self, elapsed_s: F64) -> F64:
        hour = ((self.start_ns / 1e9 + elapsed_s) % DAY_S) / 3600.0
        return self.model.mean_c + self.model.day_amplitude_k * np.cos(2 * np.pi * (hour - WARMEST_HOUR) / 24.0)

    def _heating_k(self, elapsed_s: F64) -> F64:
        heating_k = np.zeros_like(elapsed_s)
        for source in self.sources:
            heating_k += source.delta_k * ((elapsed_s >= source.at_s) & (elapsed_s < source.at_s + source.for_s))
        return heating_k


def measure(channels: Sequence[str], truth: dict[str, F64], random: np.random.Generator) -> NDArray[np.float32]:
    """Return what the sensors make of the truth: Gaussian noise, then rounding to the resolution.

    truth: (n,) float64 for each channel; the result is float32 (n, channels) in the channels' units.
    """
    columns = []
    for channel in channels:
        noise, resolution = SENSORS[channel.partition(".")[0]]
        noisy = truth[channel] + noise * random.standard_normal(truth[channel].size)
        columns.append(np.round(noisy / resolution) * resolution)
    return np.stack(columns, axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class ShockSensor:
    """Settings of a logger's accelerometer. pre_s leaves 0.1 s of rest before the slowest pulse reaches the level."""

    fs_hz: float = 3200.0
    record_s: float = 0.25
    pre_s: float = 0.125
    range_g: float = 16.0
    level_g: float = 1.0
    static_g: tuple[float, float, float] = (0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Pulse:
    """A half-sine on one axis ("x", "y", "z"), as the truth of an event: peak without gravity, in g, signed."""

    axis: str
    peak_g: float
    duration_ms: float


REBOUND = -0.12  # of the peak: the mount swings back twice as long as it was pushed


def record_shock(
    sensor: ShockSensor, pulse: Pulse, acc: str, random: np.random.Generator
) -> tuple[Shock, float] | None:
    """Return the record that `pulse` triggers and the seconds from the pulse's start to its first sample (negative).

    a(t) = A sin(pi t / tau) for 0 <= t < tau, then a rebound REBOUND * A sin(pi (t - tau) / 2 tau) for 2 tau; gravity
    and Gaussian noise are added, then int16 counts of range / 32768 g, cut at the range. The trigger is the first
    sample whose resultant without gravity is beyond the level; None if there is none.
    """
    pre, n = round(sensor.pre_s * sensor.fs_hz), round(sensor.record_s * sensor.fs_hz)
    tau_s = pulse.duration_ms / 1000.0
    margin = int(np.ceil(tau_s * sensor.fs_hz)) + 1  # the trigger may come anywhere within the pulse
    t_s = (np.arange(n + margin) - pre) / sensor.fs_hz  # 0 at the start of the pulse
    wave_g = ACCEL_NOISE_G * random.standard_normal((3, t_s.size))
    push = np.where((t_s >= 0) & (t_s < tau_s), np.sin(np.pi * t_s / tau_s), 0.0)
    swing = np.where((t_s >= tau_s) & (t_s < 3 * tau_s), np.sin(np.pi * (t_s - tau_s) / (2 * tau_s)), 0.0)
    wave_g["xyz".index(pulse.axis)] += pulse.peak_g * (push + REBOUND * swing)
    beyond = np.sqrt((wave_g**2).sum(axis=0)) > sensor.level_g
    first = int(np.argmax(beyond))
    if not beyond[first] or first > pre + margin:
        return None
    wave_g += np.array(sensor.static_g)[:, None]
    scale_g = sensor.range_g / 32768.0
    cut = wave_g[:, first - pre : first - pre + n]
    counts = np.clip(np.round(cut / scale_g), -32768, 32767).astype(np.int16)
    scale = (scale_g, scale_g, scale_g)
    return Shock(sensor.fs_hz, pre, scale, sensor.range_g, counts, acc, sensor.level_g), float(t_s[first - pre])
