"""Derived channels: what follows from the readings of one row.

    dew_point.<p>, absolute_humidity.<p>   of temperature.<p> and humidity.<p>
    dew_margin.<air>                       coldest surface less the dew point, below 0 degC the frost point, of the air
    pressure_norm.<p>                      p Tref / T of the gas: what the pressure would be at 20 degC
    differential.computed                  pressure.inside - pressure.outside, where no differential is measured
    leak.<p>                               pressure_norm for a leak rule, infinite where its valve may be open

Margins and leaks of rules that ask for other inputs are channels of their own: `dew_margin.<air>#<digest>`.

`derivations` says once for each layout what can be derived, `derive` computes it for all rows of a batch; what several
channels need, the vapour pressure above all, is computed once. A value is NaN where one of its inputs is NaN or absurd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from monitor.detect.kernels import humidity
from monitor.model.channel import COMPUTED_DIFFERENTIAL, covers, field_name, place_of, quantity_of
from monitor.model.limit import CondensationRule, LeakRule, Rule

REFERENCE_K = 293.15  # Tref, 20 degC
AIR, HARDWARE = "temperature.air", "temperature.hardware"
INSIDE, OUTSIDE = "pressure.inside", "pressure.outside"
HIGHEST_PA = 1e6  # 10 bar; what lies beyond was not measured in a container

Columns = dict[str, int]  # of a layout: where each channel stands
Values = NDArray[np.float32]


class Work:
    """The rows of one layout, float32 [N, C], with what was computed of them so far."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._made: dict[tuple[object, ...], Values] = {}

    def column(self, at: int) -> Values:
        """One channel, float32 [N], contiguous: a loop over it is fast and gives the same wherever a row stands."""
        return self._once((at,), lambda: np.ascontiguousarray(self._values[:, at]))

    def log_pressure(self, temperature: int, relative: int) -> Values:
        """Log of the vapour pressure of air of which two channels tell temperature and humidity; see `humidity`."""
        return self._once(
            ("log", temperature, relative), lambda: _log_pressure(*map(self.column, (temperature, relative)))
        )

    def pressure_norm(self, pressure: int, temperature: int) -> Values:
        """p Tref / T in Pa of gas of which two channels tell p and T."""
        return self._once(("norm", pressure, temperature), lambda: _norm(*map(self.column, (pressure, temperature))))

    def _once(self, name: tuple[object, ...], make: Callable[[], Values]) -> Values:
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]


@dataclass(frozen=True, slots=True)
class Derivation:
    """A derived channel of a layout and how it is made, float32 [N]; `is_stored`: for people to see, too."""

    channel: str
    is_stored: bool
    make: Callable[[Work], Values]


def derive(values: Values, derivations: Iterable[Derivation]) -> list[Values]:
    """Each derived channel, float32 [N], of rows float32 [N, C]."""
    work = Work(values)
    with np.errstate(all="ignore"):  # infinities and absurd readings, which end as NaN
        return [each.make(work) for each in derivations]


def derivations(channels: tuple[str, ...], rules: tuple[Rule, ...]) -> tuple[Derivation, ...]:
    """What can be derived of rows with these channels under these rules; of a channel named twice the first counts."""
    at = {channel: number for number, channel in reversed(list(enumerate(channels)))}
    return (*_of_air(at), *_margins(at, rules), *_of_gas(at), *_leaks(at, rules))


def surfaces_of(at: Columns, globs: Sequence[str]) -> tuple[int, ...]:
    """Columns of the channels that one of `globs` covers."""
    return tuple(number for channel, number in at.items() if any(covers(glob, channel) for glob in globs))


def has_differential(channels: Iterable[str]) -> bool:
    """Whether an over-pressure is measured."""
    return any(quantity_of(channel) == "differential" and field_name(channel) for channel in channels)


def coldest(surfaces_c: Sequence[Values]) -> Values:
    """Lowest temperature of each row, float32 [N]; a surface that is NaN or absurd does not count."""
    known = [np.where(abs(each) <= humidity.LARGEST_C, each, np.float32(np.nan)) for each in surfaces_c]
    lowest: Values = known[0] if len(known) == 1 else np.fmin.reduce(known)
    return lowest


def margin(coldest_c: Values, log_pressure: Values) -> Values:
    """Coldest surface less the dew point of air of this log pressure, in K; less the frost point below 0 degC."""
    dew_c: humidity.Floats = humidity.dew_point_at(log_pressure)
    is_frost = coldest_c < 0
    if is_frost.any():
        dew_c = np.where(is_frost, humidity.frost_point_at(log_pressure), dew_c)
    return np.asarray(coldest_c - dew_c, dtype=np.float32)


def _of_air(at: Columns) -> Iterator[Derivation]:
    for channel in sorted(at):
        place = place_of(channel)
        air = _air_of(at, place)
        if quantity_of(channel) == "temperature" and air is not None:
            yield Derivation(f"dew_point.{place}", True, partial(_dew_point, air=air))
            yield Derivation(f"absolute_humidity.{place}", True, partial(_absolute_humidity, air=air))


def _air_of(at: Columns, place: str) -> tuple[int, int] | None:
    """Columns of temperature and humidity at a place, None when one is missing."""
    temperature, relative = at.get(f"temperature.{place}"), at.get(f"humidity.{place}")
    return None if temperature is None or relative is None else (temperature, relative)


def _margins(at: Columns, rules: tuple[Rule, ...]) -> Iterator[Derivation]:
    """The margins that rules judge, without such a rule that of the hardware; the first is stored."""
    judged = [rule for rule in rules if isinstance(rule, CondensationRule) and rule.scope == "logger"]
    wanted = {rule.channel: (rule.air, rule.surfaces) for rule in reversed(judged)}
    is_first = True
    for channel, (place, globs) in reversed((wanted or {"dew_margin.air": ("air", (HARDWARE,))}).items()):
        air, surfaces = _air_of(at, place), surfaces_of(at, globs)
        if air is not None and surfaces:
            yield Derivation(channel, is_first, partial(_margin, air=air, surfaces=surfaces))
            is_first = False


def _of_gas(at: Columns) -> Iterator[Derivation]:
    """Pressures at Tref, but of the open air outside: that is no gas of constant amount; and the over-pressure."""
    for channel in sorted(at):
        place = place_of(channel)
        temperature = at.get(f"temperature.{place}", at.get(AIR))
        if quantity_of(channel) == "pressure" and channel != OUTSIDE and temperature is not None:
            yield Derivation(f"pressure_norm.{place}", True, partial(_pressure_norm, gas=(at[channel], temperature)))
    sides = _sides_of(at)
    if sides is not None and not has_differential(at):
        yield Derivation(COMPUTED_DIFFERENTIAL, True, partial(_difference, sides=sides))


def _sides_of(at: Columns) -> tuple[int, int] | None:
    """Columns of the pressures inside and outside, None when one is missing."""
    return (at[INSIDE], at[OUTSIDE]) if INSIDE in at and OUTSIDE in at else None


def _leaks(at: Columns, rules: tuple[Rule, ...]) -> Iterator[Derivation]:
    """The gas of each leak rule; the profile's first rule for a pressure says how it is made."""
    judged = {rule.channel: rule for rule in reversed(rules) if isinstance(rule, LeakRule)}
    for channel, rule in reversed(judged.items()):
        if rule.pressure not in at or rule.temperature not in at:
            continue
        gas, over = (at[rule.pressure], at[rule.temperature]), _over_pressure_of(at, rule.differential)
        if rule.cracking is None or over is None:
            yield Derivation(channel, False, partial(_pressure_norm, gas=gas))
        else:
            yield Derivation(channel, False, partial(_leak, gas=gas, over=over, cracking_pa=rule.cracking))


def _over_pressure_of(at: Columns, measured: str) -> Callable[[Work], Values] | None:
    """Inside less outside, measured or computed; None when the row says nothing of it."""
    if measured in at:
        return partial(Work.column, at=at[measured])
    sides = _sides_of(at)
    return None if sides is None else partial(_difference, sides=sides)


def _dew_point(work: Work, air: tuple[int, int]) -> Values:
    return humidity.dew_point_at(work.log_pressure(*air))


def _absolute_humidity(work: Work, air: tuple[int, int]) -> Values:
    return humidity.absolute_humidity_at(work.log_pressure(*air), work.column(air[0]))


def _margin(work: Work, air: tuple[int, int], surfaces: tuple[int, ...]) -> Values:
    return margin(coldest([work.column(at) for at in surfaces]), work.log_pressure(*air))


def _pressure_norm(work: Work, gas: tuple[int, int]) -> Values:
    return work.pressure_norm(*gas)


def _difference(work: Work, sides: tuple[int, int]) -> Values:
    difference: Values = work.column(sides[0]) - work.column(sides[1])
    return np.where(abs(difference) <= HIGHEST_PA, difference, np.float32(np.nan))


def _leak(work: Work, gas: tuple[int, int], over: Callable[[Work], Values], cracking_pa: float) -> Values:
    """Infinite where the over-pressure (or vacuum) is beyond the valve's cracking pressure, NaN where it is unknown."""
    over_pa, norm_pa = abs(over(work)), work.pressure_norm(*gas)
    void = np.where(np.isnan(over_pa), np.float32(np.nan), np.float32(np.inf))
    return np.where(over_pa <= cracking_pa, norm_pa, void)


def _log_pressure(temperature_c: Values, humidity_pct: Values) -> Values:
    return humidity.log_pressure(temperature_c, humidity_pct).astype(np.float32, copy=False)


def _norm(pressure_pa: Values, temperature_c: Values) -> Values:
    norm_pa = pressure_pa * (np.float32(REFERENCE_K) / (temperature_c + np.float32(humidity.ZERO_C_K)))
    is_gas = (abs(temperature_c) <= humidity.LARGEST_C) & (pressure_pa >= 0) & (pressure_pa <= HIGHEST_PA)
    return np.where(is_gas, norm_pa, np.float32(np.nan))
