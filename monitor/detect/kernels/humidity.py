"""Moist air: dew point, frost point and absolute humidity by the Magnus formula, with WMO's coefficients.

All of them follow from one number, the *log pressure* ln(e / 6.112 hPa) of the vapour pressure e, so a logarithm and an
exponential serve every derived channel of a row. Arrays are worked in their own precision: float32 costs a tenth of
float64 and errs by less than 1e-4 K, a hundredth of what a sensor resolves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

REFERENCE_HPA = 6.112  # saturation at 0 degC
WATER_A, WATER_B_C = 17.62, 243.12
ICE_A, ICE_B_C = 22.46, 272.62
VAPOUR_K_G_M3_HPA = 216.679  # 100 Pa/hPa x 1000 g/kg over the gas constant of water vapour, 461.51 J/(kg K)
ZERO_C_K = 273.15

# Air that a container may hold, and then some; beyond it the formula means nothing and the reading is wrong.
LARGEST_C = 100.0  # on either side of 0
LOWEST_PCT, HIGHEST_PCT = -50.0, 150.0
FLOOR_PCT = 0.01  # what a sensor resolves: 0 and below are taken as this, -75 degC of dew point at 20 degC

Floats = NDArray[np.floating[Any]]


def log_pressure(temperature_c: ArrayLike, humidity_pct: ArrayLike) -> Floats:
    """ln(e / 6.112 hPa) of the vapour pressure e, in the precision of what is given.

    `humidity_pct` is over water, below 0 degC too, as sensors tell it; above 100 % it is taken as it is. NaN where a
    reading is NaN, infinite or absurd.
    """
    temperature, humidity = np.asarray(temperature_c), np.asarray(humidity_pct)
    with np.errstate(all="ignore"):  # absurd readings are sorted out below
        gamma = np.log(np.maximum(humidity, FLOOR_PCT) * 0.01) + WATER_A * temperature / (WATER_B_C + temperature)
        is_air = (abs(temperature) <= LARGEST_C) & (humidity >= LOWEST_PCT) & (humidity <= HIGHEST_PCT)
    return np.where(is_air, gamma, np.asarray(np.nan, gamma.dtype))


def dew_point_at(log_pressure: Floats) -> Floats:
    """Temperature in degC at which vapour of this log pressure saturates over water."""
    return WATER_B_C * log_pressure / (WATER_A - log_pressure)


def frost_point_at(log_pressure: Floats) -> Floats:
    """Temperature in degC at which vapour of this log pressure saturates over ice; means something below 0 degC."""
    return ICE_B_C * log_pressure / (ICE_A - log_pressure)


def absolute_humidity_at(log_pressure: Floats, temperature_c: ArrayLike) -> Floats:
    """Water in g/m3 of air at `temperature_c` with vapour of this log pressure: 216.679 e / T, e in hPa, T in K."""
    with np.errstate(all="ignore"):  # where the temperature is absurd the log pressure is NaN
        factor = VAPOUR_K_G_M3_HPA * REFERENCE_HPA / (np.asarray(temperature_c) + ZERO_C_K)
        return np.exp(log_pressure) * factor


def dew_point(temperature_c: ArrayLike, humidity_pct: ArrayLike) -> Floats:
    """Dew point in degC; NaN as `log_pressure` says."""
    return dew_point_at(log_pressure(temperature_c, humidity_pct))


def frost_point(temperature_c: ArrayLike, humidity_pct: ArrayLike) -> Floats:
    """Frost point in degC; NaN as `log_pressure` says."""
    return frost_point_at(log_pressure(temperature_c, humidity_pct))


def absolute_humidity(temperature_c: ArrayLike, humidity_pct: ArrayLike) -> Floats:
    """Absolute humidity in g/m3; NaN as `log_pressure` says."""
    return absolute_humidity_at(log_pressure(temperature_c, humidity_pct), temperature_c)


def dew_point_bounds(
    temperature_c: ArrayLike, humidity_pct: ArrayLike, temperature_u_k: float, humidity_u_pct: float
) -> tuple[Floats, Floats]:
    """Lowest and highest dew point in degC, as the accuracies (k = 2) of the two sensors allow.

    The two are independent: each is moved to either end of its range and what that changes is added in squares. Far
    from the linear when the air is dry, so the bounds do not lie evenly around the dew point.
    """
    temperature, humidity = np.asarray(temperature_c), np.asarray(humidity_pct)
    middle = dew_point(temperature, humidity)
    low, high = (
        np.hypot(
            dew_point(temperature + sign * temperature_u_k, humidity) - middle,
            dew_point(temperature, humidity + sign * humidity_u_pct) - middle,
        )
        for sign in (-1, 1)
    )
    return middle - low, middle + high
