"""Rules of every kind: what they are judged by, in the units used inside, and what they judge."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.model.channel import QUANTITIES, UNITS, derived_field_name, field_name
from monitor.model.quantity import SCALES
from tests.kinds import (
    BATTERY,
    BOUNDARY,
    CONDENSATION,
    COUNT,
    DAMAGE,
    DISAGREE,
    DOSE,
    DROP,
    ENVELOPE,
    FORECAST,
    HARDWARE,
    HOURS,
    LEAK,
    MKT,
    RANGE,
    RATE,
    SHOCK,
    STUCK,
    THRESHOLD,
    TIME,
    VELOCITY,
    ZSCORE,
    rule,
)

INSIDE = [
    (THRESHOLD, (25.0, 25.0, 1, 0.0, "degC")),
    ({"kind": "threshold", "channel": "humidity.*", "below": "30 %", "clear": "33 %", "for": "15 min"},
     (30.0, 33.0, -1, 900.0, "%RH")),
    ({"kind": "threshold", "channel": "dew_point.air", "above": "5 degC"}, (5.0, 5.0, 1, 0.0, "degC")),
    ({"kind": "threshold", "channel": "dew_margin.air", "below": "5 K"}, (5.0, 5.0, -1, 0.0, "K")),
    ({"kind": "threshold", "channel": "differential.computed", "below": "2 hPa"}, (200.0, 200.0, -1, 0.0, "Pa")),
    (RATE, (5.0, 5.0, 1, 0.0, "K/h")),
    (RATE | {"above": "24 K/d"}, (1.0, 1.0, 1, 0.0, "K/h")),
    ({"kind": "rate", "channel": HARDWARE, "over": "1 h", "below": "-5 K/h", "clear": "-4 K/h", "for": "10 min"},
     (-5.0, -4.0, -1, 600.0, "K/h")),
    ({"kind": "rate", "channel": "pressure.inside", "over": "10 min", "above": "2 hPa/min"},
     (12_000.0, 12_000.0, 1, 0.0, "Pa/h")),
    ({"kind": "rate", "channel": "humidity.air", "over": "1 h", "above": "0.5 %/min"}, (30.0, 30.0, 1, 0.0, "%/h")),
    (TIME, (12.0, 12.0, 1, 0.0, "h")),
    (TIME | {"limit": "2 d"}, (48.0, 48.0, 1, 0.0, "h")),
    (HOURS, (20.0, 20.0, 1, 0.0, "K h")),
    (MKT, (25.0, 25.0, 1, 0.0, "degC")),
    (RANGE, (15.0, 15.0, 1, 0.0, "K")),
    (DAMAGE, (0.1, 0.1, 1, 0.0, "")),
    (SHOCK, (2.0, 2.0, 1, 0.0, "g")),
    (COUNT, (5.0, 5.0, 1, 0.0, "")),
    (DOSE, (3.0, 3.0, 1, 0.0, "")),
    (VELOCITY, (1.5, 1.5, 1, 0.0, "m/s")),
    (BOUNDARY, (1.0, 1.0, -1, 0.0, "")),
    (BOUNDARY | {"count": 5, "within": "1 h"}, (5.0, 5.0, 1, 0.0, "")),
    (ENVELOPE, (5.0, 5.0, 1, 0.0, "g")),
    (DROP, (0.3, 0.3, 1, 0.0, "m")),
    (CONDENSATION | {"clear": "6 K", "for": "5 min"}, (5.0, 6.0, -1, 300.0, "K")),
    (LEAK | {"clear": "2 hPa/d"}, (300.0, 200.0, 1, 0.0, "Pa/d")),
    (LEAK | {"above": "1e-3 mbar l/s"}, (1e-4, 1e-4, 1, 0.0, "Pa m3/s")),
    (STUCK, (0.0, 0.0, 1, 3600.0, "")),
    (BATTERY | {"clear": "30 %"}, (20.0, 30.0, -1, 0.0, "%")),
    ({"kind": "health", "check": "silent", "for": "2 h"}, (7200.0, 7200.0, 1, 7200.0, "s")),
    ({"kind": "health", "check": "range", "channel": "temperature.air", "most": "85 degC"}, (0.0, 0.0, 1, 0.0, "K")),
    (ZSCORE | {"clear": 3}, (6.0, 3.0, 1, 0.0, "sigma")),
    (DISAGREE, (1.0, 1.0, 1, 0.0, "K")),
    (FORECAST, (25.0, 25.0, 1, 0.0, "degC")),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "expected"), INSIDE)
def test_what_a_rule_is_judged_by(keys: dict[str, Any], expected: tuple[float, float, int, float, str]) -> None:
    """Limit, clear, side and unit answer for every kind, in the units used inside."""
    got = rule(**keys)
    assert (got.limit, got.clear, got.sign, got.for_s, got.unit) == expected


def test_what_of_a_shock_is_judged() -> None:
    """Quantity and level of each form; a dose is on peaks above its floor, a count on any."""
    forms: list[dict[str, Any]] = [SHOCK, COUNT, DOSE, VELOCITY, BOUNDARY, ENVELOPE, DROP]
    got = [(each.quantity, each.level, each.is_of_events) for each in (rule(**keys) for keys in forms)]
    assert got == [
        ("peak", 2.0, True), ("peak", 2.0, False), ("peak", 0.5, False), ("velocity_change", 1.5, True),
        ("damage_boundary", 1.0, True), ("srs", 1.0, True), ("drop_height", 0.3, True),
    ]  # fmt: skip
    assert rule(**ENVELOPE).srs == ((10.0, 20.0), (100.0, 5.0)) and rule(**ENVELOPE).axis == "resultant"
    assert (rule(**ENVELOPE).q_factor, rule(**ENVELOPE | {"q": 25}).q_factor) == (10.0, 25.0)


def test_where_a_shock_rule_judges() -> None:
    """By the logger's place; a logger without one only where no place, or every place, is meant."""
    forward = rule(**SHOCK | {"place": "hardware*, fwd"})
    assert forward.applies_to("hardware interface, fwd") and not forward.applies_to("Hardware interface, fwd")
    assert not forward.applies_to(None) and not forward.applies_to("hardware interface, aft")
    assert rule(**SHOCK).applies_to(None) and rule(**SHOCK | {"place": "*"}).applies_to(None)


def test_which_channels_a_rule_judges() -> None:
    """Globs of the place; margin and loss by their own channel; health of what is measured only."""
    assert rule(**THRESHOLD | {"channel": "temperature.*"}).judges("temperature.wall_1")
    assert not rule(**THRESHOLD | {"channel": "temperature.wall_?"}).judges("temperature.air")
    assert rule(**CONDENSATION | {"air": "hold"}).judges("dew_margin.hold")
    assert rule(**LEAK).judges("leak.inside") and rule(**LEAK).channel == "leak.inside"
    assert rule(**STUCK).judges("light.air") and not rule(**STUCK).judges("dew_point.air")
    assert rule(**SHOCK).judges("shock.a") and not rule(**SHOCK).judges("acceleration.peak")


def test_derived_channels_have_fields_but_are_not_taken_from_loggers() -> None:
    """As the table of measurements says."""
    expected = {
        "dew_point.air": "dew_point_air_c", "dew_margin.air": "dew_margin_k",
        "pressure_norm.inside": "pressure_norm_inside_pa",
        "absolute_humidity.air": "absolute_humidity_air_g_m3", "differential.computed": "differential_computed_pa",
    }  # fmt: skip
    assert {channel: derived_field_name(channel) for channel in expected} == expected
    assert [field_name(channel) for channel in expected if not channel.startswith("diff")] == [None] * 4
    assert derived_field_name("temperature.air") is None


def test_every_quantity_has_its_units() -> None:
    """The shown unit of a channel is one that a file may use."""
    assert UNITS.keys() | {"dew_point"} <= QUANTITIES.keys() <= SCALES.keys()
    assert all(unit in SCALES[quantity] for quantity, (unit, _) in QUANTITIES.items())
