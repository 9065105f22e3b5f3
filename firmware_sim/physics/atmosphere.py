"""The air of the standard atmosphere, and the water in it: formulas without a model, on arrays of any shape."""

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]

KELVIN_C = 273.15  # 0 degC in K
REFERENCE_K = 293.15  # 20 degC: gas contents are told as the pressure that they would have at this temperature
SEA_LEVEL_PA = 101_325.0
TROPOPAUSE_M = 11_000.0

_SEA_LEVEL_K = 288.15
_LAPSE_K_M = 0.0065
_EXPONENT = 9.80665 * 0.0289644 / (8.31432 * _LAPSE_K_M)  # g0 M / (R L) = 5.25588, ISO 2533's constants
_MAGNUS_PA, _MAGNUS_FACTOR, _MAGNUS_C = 611.2, 17.62, 243.12  # WMO, over water
_VAPOUR_G_K_J = 2.16679  # molar mass of water over R in g K/J


def standard_pressure_pa(altitude_m: F64) -> F64:
    """Return the pressure at a pressure altitude, Pa, float64 of the same shape; NaN stays NaN.

    ISO 2533 (ISA) troposphere: p = p0 (1 - L h / T0)^(g0 M / R L). altitude_m is held within -1 000 m and 11 000 m,
    the formula's range.
    """
    held_m = np.clip(altitude_m, -1000.0, TROPOPAUSE_M)
    pressure_pa: F64 = SEA_LEVEL_PA * (1.0 - _LAPSE_K_M / _SEA_LEVEL_K * held_m) ** _EXPONENT
    return pressure_pa


def saturation_pa(temperature_c: F64) -> F64:
    """Return the saturation vapour pressure over water, Pa, also below 0 degC: so do humidity sensors.

    WMO Magnus: e = 6.112 hPa exp(17.62 t / (243.12 + t)), t in degC above -243.12; NaN stays NaN.
    """
    pressure_pa: F64 = _MAGNUS_PA * np.exp(_MAGNUS_FACTOR * temperature_c / (_MAGNUS_C + temperature_c))
    return pressure_pa


def dew_point_c(temperature_c: F64, humidity_pct: F64) -> F64:
    """Return the dew point over water, degC: the inverse of Magnus at e = humidity / 100 x saturation.

    A humidity of 0 % has none (-inf of the logarithm, -243.12 degC in the limit); NaN stays NaN.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        exponent = np.log(humidity_pct / 100.0) + _MAGNUS_FACTOR * temperature_c / (_MAGNUS_C + temperature_c)
        dew_c: F64 = np.where(np.isneginf(exponent), -_MAGNUS_C, _MAGNUS_C * exponent / (_MAGNUS_FACTOR - exponent))
    return dew_c


def absolute_humidity_g_m3(temperature_c: F64, humidity_pct: F64) -> F64:
    """Return the water in the air, g/m3: 2.16679 e / T with e in Pa and T in K (ideal gas); NaN stays NaN."""
    vapour_pa = humidity_pct / 100.0 * saturation_pa(temperature_c)
    water_g_m3: F64 = _VAPOUR_G_K_J * vapour_pa / (temperature_c + KELVIN_C)
    return water_g_m3
