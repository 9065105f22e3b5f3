"""What a sensor makes of the truth, and what a faulty one does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from firmware_sim.physics.atmosphere import F64, Mask

MAX_EXPONENT = 600.0  # exp(600) is 4e260: a float holds it, with room for the values
SETTLED = 5.0  # time constants: a lag that has had so long leaves exp(-5) = 0.7 % of a step


@dataclass(frozen=True, slots=True)
class Sensor:
    """noise: standard deviation; resolution: smallest step told; bias: constant error; lag_s: first-order time.

    The first three in the quantity's unit. A resolution of 0 does not round.
    """

    noise: float
    resolution: float
    bias: float = 0.0
    lag_s: float = 0.0


@dataclass(slots=True)
class SensorState:
    """What a sensor remembers from one block to the next: its lagged value and the last value shown."""

    lagged: float | None = None
    shown: float | None = None


# by quantity; lags of a thermometer in still air, of a capacitive hygrometer behind its filter
DEFAULTS = {
    "temperature": Sensor(noise=0.03, resolution=0.01, lag_s=10.0),  # degC
    "humidity": Sensor(noise=0.15, resolution=0.05, lag_s=30.0),  # %
    "pressure": Sensor(noise=2.0, resolution=1.0),  # Pa
    "differential": Sensor(noise=3.0, resolution=1.0),  # Pa
    "acceleration": Sensor(noise=0.005, resolution=0.001),  # g
    "light": Sensor(noise=0.5, resolution=1.0),  # lx
}
# U (k = 2) of the calibration, in the same units
ACCURACY = {
    "temperature": 0.2,
    "humidity": 2.0,
    "pressure": 100.0,
    "differential": 20.0,
    "acceleration": 0.02,
    "light": 10.0,
}
SIGNED = frozenset({"differential", "acceleration"})  # quantities whose sensors clip at both ends


def sensor_of(channel: str, random: np.random.Generator) -> Sensor:
    """Return a sensor for `channel` (quantity.place) with a bias of its own.

    The bias is drawn from a normal distribution of U / 2 (k = 2), cut at U. KeyError for an unknown quantity.
    """
    quantity = channel.partition(".")[0]
    default, accuracy = DEFAULTS[quantity], ACCURACY[quantity]
    bias = float(np.clip(random.normal(0.0, accuracy / 2), -accuracy, accuracy))
    return Sensor(default.noise, default.resolution, bias, default.lag_s)


def measure(sensor: Sensor, truth: F64, dt_s: float, random: np.random.Generator, state: SensorState) -> F64:
    """Return what the sensor shows, (n,) float64, for the truth (n,) at readings dt_s apart; NaN stays NaN.

    Lag: y += (1 - exp(-dt / lag)) (x - y), exact for a truth that steps at the readings, from the first truth on; left
    out where dt_s is beyond SETTLED lags. Then bias, Gaussian noise, rounding to the resolution. However a series is
    cut into blocks, the same random and state give the same values.
    """
    lagged = truth if dt_s > SETTLED * sensor.lag_s else _lagged(sensor, truth, dt_s, state)
    shown = lagged + sensor.bias + sensor.noise * random.standard_normal(truth.size)
    return np.round(shown / sensor.resolution) * sensor.resolution if sensor.resolution else shown


def _lagged(sensor: Sensor, truth: F64, dt_s: float, state: SensorState) -> F64:
    if truth.size == 0:
        return truth
    ratio = dt_s / sensor.lag_s
    lagged = float(truth[0]) if state.lagged is None else state.lagged
    rows = max(1, int(MAX_EXPONENT / ratio))
    path = np.empty(truth.size)
    for begin in range(0, truth.size, rows):
        part = truth[begin : begin + rows]
        # y[i] = a^(i+1) (y[-1] + (1 - a) sum_j x[j] a^-(j+1)): the recursion, written out
        fall = np.exp(-ratio * np.arange(1, part.size + 1))
        path[begin : begin + rows] = fall * (lagged - np.expm1(-ratio) * np.cumsum(part / fall))
        lagged = float(path[begin + part.size - 1])
    state.lagged = lagged
    return path


@dataclass(frozen=True, slots=True)
class SensorFault:
    """What is wrong with a channel's sensor for begin_s <= t < end_s.

    stuck: shows the last value from before (at the very first reading: that one). drift: adds `value`, in the
    channel's unit an hour, times the hours since begin_s. dropout: NaN. clip: a signed quantity (SIGNED) stays within
    +-value, any other at or below value.
    """

    kind: Literal["stuck", "drift", "dropout", "clip"]
    begin_s: float
    end_s: float
    channel: str
    value: float = 0.0


def spoil(channel: str, shown: F64, t_s: F64, faults: Sequence[SensorFault], state: SensorState) -> F64:
    """Return what is left of the measured values `shown` (n,) at t_s (n,) after the channel's faults.

    Faults act at once in the order stuck, drift, clip, dropout, whatever their order in `faults`; so a stuck value may
    drift. `state` carries what a stuck sensor shows from block to block: every block of the channel has to come
    through here, in order.
    """
    active = [(fault, (t_s >= fault.begin_s) & (t_s < fault.end_s)) for fault in faults if fault.channel == channel]
    if shown.size == 0 or not active:
        return shown
    spoiled = _stuck(shown, np.any([mask for fault, mask in active if fault.kind == "stuck"], axis=0), state)
    for fault, mask in active:
        if fault.kind == "drift":
            spoiled = spoiled + np.where(mask, fault.value * (t_s - fault.begin_s) / 3600.0, 0.0)
    for fault, mask in active:
        if fault.kind == "clip":
            lowest = -fault.value if channel.partition(".")[0] in SIGNED else -np.inf
            spoiled = np.where(mask, np.clip(spoiled, lowest, fault.value), spoiled)
    for fault, mask in active:
        if fault.kind == "dropout":
            spoiled = np.where(mask, np.nan, spoiled)
    return spoiled


def _stuck(shown: F64, is_stuck: Mask, state: SensorState) -> F64:
    """Return each value, or where it is stuck the last one that was not."""
    before = float(shown[0]) if state.shown is None else state.shown
    last = np.maximum.accumulate(np.where(is_stuck, -1, np.arange(shown.size)))
    held = np.where(last < 0, before, shown[last])
    state.shown = float(held[-1])
    return held
