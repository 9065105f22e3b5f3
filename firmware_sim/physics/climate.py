"""What surrounds a container: air, sun, room, altitude. All a function of time, but for the room's own lag."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from firmware_sim.physics.atmosphere import F64, Mask, saturation_pa, standard_pressure_pa

DAY_S = 86_400.0
WARMEST_HOUR = 14.0  # UTC; the air is warmest two hours after the sun was highest
NOON_HOUR = 12.0  # UTC
WAVES = 4  # sinusoids of each part of the weather
LONGEST_S, SHORTEST_S = 3 * DAY_S, 3 * 3600.0  # periods of the weather, from fronts to a passing cloud
WEATHER_BOUND = float(np.sqrt(2 * WAVES))  # 2.83 standard deviations: all waves at their crest


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the journey with constant surroundings, begin_s <= t < end_s.

    outside_c, day_amplitude_k: mean and half swing of the air outside; outside_humidity_pct at its mean temperature.
    hvac_c: set point of the truck, hold or hall around the container; None: it stands in the outside air.
    sun_k: sol-air excess of the surroundings at noon. altitude_m: pressure altitude around the container, approached
    from that of the stretch before at climb_m_per_min. is_open: the lid is off; is_purged: nitrogen flows in and holds
    the fill's over-pressure. grms, psd: vibration of the floor, g rms, and the name of its spectrum.
    """

    begin_s: float
    end_s: float
    outside_c: float
    day_amplitude_k: float = 0.0
    outside_humidity_pct: float = 50.0
    hvac_c: float | None = None
    sun_k: float = 0.0
    altitude_m: float = 0.0
    climb_m_per_min: float = 150.0  # 500 ft/min, as cabins climb
    is_open: bool = False
    grms: float = 0.0
    psd: str = "truck"
    is_purged: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """The air conditioning of whatever surrounds the container is off, begin_s <= t < end_s."""

    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class LocalSource:
    """Heat (or cold) beside one logger, on for begin_s <= t < end_s."""

    begin_s: float
    end_s: float
    delta_k: float
    time_s: float = 900.0

    def at(self, t_s: F64) -> F64:
        """Return what it adds to the logger's temperatures at t_s, K, (n,) float64.

        First-order response to a rectangle: D (1 - exp(-(t - begin) / tau)) while on, decaying as exp(-t / tau) after.
        """
        rise = -np.expm1(-np.maximum(t_s - self.begin_s, 0.0) / self.time_s)
        fall = -np.expm1(-np.maximum(t_s - self.end_s, 0.0) / self.time_s)
        return self.delta_k * (rise - fall)


@dataclass(frozen=True, slots=True)
class Weather:
    """Standard deviations of the slow random parts; none is ever beyond WEATHER_BOUND of them."""

    temperature_k: float = 0.4
    humidity_pct: float = 2.0
    pressure_pa: float = 80.0


@dataclass(frozen=True, slots=True)
class _Waves:
    """sum of sd sqrt(2 / m) cos(omega t + phase), m = WAVES: spectral representation (Shinozuka) with few lines."""

    amplitude: float
    omega_rad_s: F64
    phase_rad: F64

    def at(self, t_s: F64) -> F64:
        """Return the sum at t_s, (n,) float64."""
        path = np.zeros_like(t_s)
        for omega_rad_s, phase_rad in zip(self.omega_rad_s, self.phase_rad, strict=True):
            path += np.cos(omega_rad_s * t_s + phase_rad)
        return self.amplitude * path


def _waves(deviation: float, seed: int, purpose: str) -> _Waves:
    """Draw the waves of one part of the weather: periods spread evenly in logarithm, each moved by up to 15 %."""
    random = np.random.default_rng([seed, crc32(b"weather"), crc32(purpose.encode())])
    period_s = np.geomspace(LONGEST_S, SHORTEST_S, WAVES) * random.uniform(0.85, 1.15, WAVES)
    return _Waves(deviation * float(np.sqrt(2.0 / WAVES)), 2 * np.pi / period_s, random.uniform(0, 2 * np.pi, WAVES))


@dataclass(frozen=True, slots=True)
class Around:
    """What surrounds the container at the moments asked for, each (n,).

    target_c: where the room's air is drawn to; is_room: there is a room, which follows with its own time.
    vapour_pa: water in the outside air.
    """

    outside_c: F64
    target_c: F64
    is_room: Mask
    vapour_pa: F64
    outside_pa: F64
    is_open: Mask
    is_purged: Mask


ROOM_REST = 0.05  # of the outside's departure from the set point: what air conditioning leaves (own choice)
ROOM_TIME_S = 3600.0  # a truck's box or a hold follows its target, or the outside when the air conditioning fails


class Surroundings:
    """The stretches, failures and weather of one journey, as functions of time."""

    def __init__(
        self, stretches: Sequence[Stretch], failures: Sequence[Failure], start_ns: int, weather: Weather, seed: int
    ) -> None:
        """start_ns: UTC of t = 0. ValueError when the stretches are not contiguous from 0."""
        _check(stretches)
        self._begin_s = np.array([stretch.begin_s for stretch in stretches])
        self._columns = {
            name: np.array([getattr(stretch, name) for stretch in stretches], dtype=np.float64)  # None becomes NaN
            for name in ("outside_c", "day_amplitude_k", "outside_humidity_pct", "hvac_c", "sun_k")
        }
        self._is_open = np.array([stretch.is_open for stretch in stretches])
        self._is_purged = np.array([stretch.is_purged for stretch in stretches])
        self._knots_s, self._knots_m = _profile(stretches)
        self._failures = tuple(failures)
        self._start_s = start_ns % int(DAY_S * 1e9) / 1e9
        self._temperature = _waves(weather.temperature_k, seed, "temperature")
        self._humidity = _waves(weather.humidity_pct, seed, "humidity")
        self._pressure = _waves(weather.pressure_pa, seed, "pressure")

    def at(self, t_s: F64) -> Around:
        """Return the surroundings at t_s >= 0, (n,) float64; after the last stretch its values hold.

        Outside air: mean + A cos(2 pi (hour - 14) / 24) + weather. Sun: sun_k max(0, cos(2 pi (hour - 12) / 24)).
        Room: set point + ROOM_REST of the departure, or the outside itself when the air conditioning has failed.
        Vapour of the outside air: humidity (with weather, 0 to 100 %) at the mean temperature, at most saturation.
        """
        part = np.searchsorted(self._begin_s, t_s, side="right") - 1
        column = {name: values[part] for name, values in self._columns.items()}
        hour = (self._start_s + t_s) / 3600.0
        mean_c = column["outside_c"]
        swing_k = column["day_amplitude_k"] * np.cos(2 * np.pi * (hour - WARMEST_HOUR) / 24.0)
        outside_c = mean_c + swing_k + self._temperature.at(t_s)
        sun = np.maximum(0.0, np.cos(2 * np.pi * (hour - NOON_HOUR) / 24.0))
        ambient_c = outside_c + column["sun_k"] * sun
        is_room = ~np.isnan(column["hvac_c"])
        held_c = column["hvac_c"] + ROOM_REST * (ambient_c - column["hvac_c"])
        humidity_pct = np.clip(column["outside_humidity_pct"] + self._humidity.at(t_s), 0.0, 100.0)
        vapour_pa = humidity_pct / 100.0 * saturation_pa(mean_c)
        return Around(
            outside_c=outside_c,
            target_c=np.where(is_room & ~self._is_failed(t_s), held_c, ambient_c),
            is_room=is_room,
            vapour_pa=np.minimum(vapour_pa, saturation_pa(outside_c)),
            outside_pa=standard_pressure_pa(self.altitude_m(t_s)) + self._pressure.at(t_s),
            is_open=self._is_open[part],
            is_purged=self._is_purged[part],
        )

    def altitude_m(self, t_s: F64) -> F64:
        """Return the pressure altitude around the container at t_s, m, (n,) float64."""
        return np.interp(t_s, self._knots_s, self._knots_m)

    def _is_failed(self, t_s: F64) -> Mask:
        failed = np.zeros(t_s.shape, dtype=np.bool_)
        for failure in self._failures:
            failed |= (t_s >= failure.begin_s) & (t_s < failure.end_s)
        return failed


def _check(stretches: Sequence[Stretch]) -> None:
    if not stretches or stretches[0].begin_s != 0:
        raise ValueError("stretches: the first has to begin at 0 s")
    for number, stretch in enumerate(stretches):
        if stretch.end_s <= stretch.begin_s or stretch.climb_m_per_min <= 0:
            raise ValueError(f"stretch {number}: end_s has to be after begin_s, climb_m_per_min above 0")
        if number and stretch.begin_s != stretches[number - 1].end_s:
            raise ValueError(f"stretch {number}: begins at {stretch.begin_s} s, expected the end of the one before")


def _profile(stretches: Sequence[Stretch]) -> tuple[F64, F64]:
    """Return the knots of the altitude, s and m: a straight climb from where the stretch before had come to."""
    knots = [(0.0, stretches[0].altitude_m)]
    for stretch in stretches:
        way_m = stretch.altitude_m - knots[-1][1]
        needed_s = abs(way_m) / (stretch.climb_m_per_min / 60.0)
        length_s = stretch.end_s - stretch.begin_s
        share = min(1.0, length_s / needed_s) if needed_s else 1.0
        knots += [(stretch.begin_s, knots[-1][1]), (stretch.begin_s + share * needed_s, knots[-1][1] + share * way_m)]
        knots.append((stretch.end_s, knots[-1][1]))
    times_s, altitudes_m = zip(*knots, strict=True)
    return np.array(times_s), np.array(altitudes_m)
