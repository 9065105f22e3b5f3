"""How uncertain that is which a rule judges, by the accuracies of the channels it is made of."""

from __future__ import annotations

from math import hypot, sqrt
from typing import Any

import pytest

from monitor.model.rules.accuracy import propagated
from tests.kinds import (
    CONDENSATION,
    COUNT,
    DAMAGE,
    FORECAST,
    HARDWARE,
    LEAK,
    MKT,
    RANGE,
    RATE,
    SHOCK,
    STUCK,
    THRESHOLD,
    TIME,
    ZSCORE,
    rule,
)

ACCURACIES = {HARDWARE: 0.2, "temperature.air": 0.3, "humidity.air": 2.0, "pressure.inside": 100.0,
              "pressure.outside": 100.0, "shock.a": 0.1}  # fmt: skip
DEW_U = hypot(0.9576 * 0.3, 0.2211 * 2.0)
GAS_U = hypot(100.0, 345.6 * 0.3)
UNCERTAINTY = [
    (THRESHOLD, HARDWARE, 0.2),
    (THRESHOLD, "temperature.wall", None),
    ({"kind": "threshold", "channel": "dew_point.air", "above": "9 degC"}, "dew_point.air", DEW_U),
    ({"kind": "threshold", "channel": "dew_margin.air", "below": "5 K"}, "dew_margin.air", hypot(0.2, DEW_U)),
    (
        {"kind": "threshold", "channel": "differential.computed", "above": "1 hPa"},
        "differential.computed",
        100 * sqrt(2),
    ),
    ({"kind": "threshold", "channel": "pressure_norm.inside", "above": "1 bar"}, "pressure_norm.inside", GAS_U),
    (RATE, HARDWARE, sqrt(2) * 0.2),
    (RATE | {"over": "30 min"}, HARDWARE, sqrt(2) * 0.4),
    (TIME, HARDWARE, None),
    (MKT, HARDWARE, 0.2),
    (RANGE, HARDWARE, sqrt(2) * 0.2),
    (DAMAGE, HARDWARE, None),
    (CONDENSATION, "dew_margin.air", hypot(0.2, DEW_U)),
    (CONDENSATION | {"air": "hold"}, "dew_margin.hold", None),
    (LEAK, "leak.inside", sqrt(2) * GAS_U),
    (LEAK | {"window": "48 h"}, "leak.inside", sqrt(2) * GAS_U / 2),
    (LEAK | {"above": "0.01 Pa m3/s"}, "leak.inside", sqrt(2) * GAS_U * 9.2 / 86400),
    (FORECAST, HARDWARE, 0.2),
    (ZSCORE, HARDWARE, None),
    (SHOCK, "shock.a", 0.1),
    (COUNT, "shock.a", None),
    (STUCK, HARDWARE, None),
]


@pytest.mark.parametrize(("keys", "channel", "expected"), UNCERTAINTY)
def test_uncertainty_of_what_is_judged(keys: dict[str, Any], channel: str, expected: float | None) -> None:
    """By the channels it is made of; None where nobody can say."""
    got = propagated(rule(**keys), ACCURACIES.get, channel, volume_m3=9.2)
    assert got == (None if expected is None else pytest.approx(expected, rel=1e-12))


def test_sensitivities_are_those_of_the_formula() -> None:
    """The constants against differences of the Magnus formula at 20 degC and 70 %RH."""
    from monitor.detect.kernels.humidity import absolute_humidity_at, dew_point, log_pressure

    def vapour(temperature_c: float, humidity_pct: float) -> float:
        return float(absolute_humidity_at(log_pressure(temperature_c, humidity_pct), temperature_c))

    from monitor.model.rules import accuracy

    for function, per_k, per_percent in (
        (lambda t, h: float(dew_point(t, h)), accuracy.DEW_PER_K, accuracy.DEW_K_PER_PERCENT),
        (vapour, accuracy.VAPOUR_G_M3_PER_K, accuracy.VAPOUR_G_M3_PER_PERCENT),
    ):
        assert (function(20.01, 70.0) - function(19.99, 70.0)) / 0.02 == pytest.approx(per_k, rel=2e-4)
        assert (function(20.0, 70.01) - function(20.0, 69.99)) / 0.02 == pytest.approx(per_percent, rel=5e-4)
