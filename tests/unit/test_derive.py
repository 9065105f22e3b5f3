"""Derived channels: what is derived of which layout, its values, and that only a row's own readings count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.detect.derive import derivations, derive
from monitor.model.channel import covers, shown_channel
from monitor.model.limit import CondensationRule, LeakRule, Rule
from tests import naive_air

CHANNELS = ("temperature.air", "temperature.hardware", "humidity.air", "pressure.inside", "pressure.outside")


def condensation(**keys: Any) -> CondensationRule:
    table = {"id": "c", "severity": "alarm", "kind": "condensation", "below": "5 K"}
    return CondensationRule.model_validate(table | keys)


def leak(**keys: Any) -> LeakRule:
    table = {"id": "l", "severity": "alarm", "kind": "leak", "above": "300 Pa/d"}
    return LeakRule.model_validate(table | keys)


def derived(channels: tuple[str, ...], rows: list[list[float]], *rules: Rule) -> dict[str, list[float]]:
    """The derived channels of rows, by name as shown; no reading makes a warning."""
    values = np.array(rows, dtype=np.float32).reshape(len(rows), len(channels))
    plan = derivations(channels, rules)
    with np.errstate(all="raise"):
        made = derive(values, plan)
    assert all(column.dtype == np.float32 and column.shape == (len(values),) for column in made)
    return {shown_channel(each.channel): column.tolist() for each, column in zip(plan, made, strict=True)}


def stored(channels: tuple[str, ...], *rules: Rule) -> list[str]:
    return [each.channel for each in derivations(channels, rules) if each.is_stored]


def test_what_a_layout_makes() -> None:
    expected = [
        "dew_point.air",
        "absolute_humidity.air",
        "dew_margin.air",
        "pressure_norm.inside",
        "differential.computed",
    ]
    assert stored(CHANNELS) == expected
    assert stored(CHANNELS, condensation(), leak()) == expected
    assert [each.channel for each in derivations(CHANNELS, (leak(),))] == [*expected, "leak.inside"]
    assert stored(("acceleration.peak", "unknown", "temperature.air", "humidity.lid")) == []
    assert stored(("temperature.air", "humidity.air")) == ["dew_point.air", "absolute_humidity.air"]
    assert stored(("pressure.inside", "pressure.outside", "differential.inside")) == []


def test_values_of_a_row() -> None:
    """25 degC and 40 %: 10.46; hardware at 15 is 4.54 K above; the hardware's temperature makes no dew point."""
    made = derived(CHANNELS, [[25, 15, 40, 102_000, 101_000]])
    assert made["dew_point.air"] == pytest.approx([10.46], abs=0.005)
    assert made["dew_margin.air"] == pytest.approx([4.54], abs=0.005)
    assert made["absolute_humidity.air"] == pytest.approx([9.19], abs=0.02)
    assert made["differential.computed"] == [1000]


def test_dew_point_takes_temperature_and_humidity_of_the_same_place() -> None:
    channels = ("temperature.hardware", "humidity.air", "temperature.lid", "humidity.lid")
    made = derived(channels, [[15, 40, 25, 40]])
    assert list(made) == ["dew_point.lid", "absolute_humidity.lid"]
    assert made["dew_point.lid"] == pytest.approx([10.46], abs=0.005)


def test_gas_that_cooled_is_not_gas_that_leaked() -> None:
    """102 000 Pa at 20 degC and 98 600 Pa at 10 degC: 102 082 Pa at 20 degC."""
    made = derived(("pressure.inside", "temperature.air"), [[102_000, 20], [98_600, 10]])
    assert made["pressure_norm.inside"] == pytest.approx([102_000, 102_082], abs=0.5)


def test_gas_temperature_is_that_of_the_place_or_else_of_the_air() -> None:
    channels = ("pressure.tank", "temperature.tank", "temperature.air", "pressure.inside", "pressure.outside")
    made = derived(channels, [[100_000, 10, 20, 100_000, 100_000]])
    assert made["pressure_norm.tank"] == pytest.approx([103_532], abs=0.5)
    assert made["pressure_norm.inside"] == pytest.approx([100_000])
    assert "pressure_norm.outside" not in made


def test_surface_below_zero_is_held_against_the_frost_point() -> None:
    """-10 degC, 100 % over water: frost -8.88. The coldest surface decides; one without a reading does not count."""
    channels = ("temperature.air", "humidity.air", "temperature.hardware", "temperature.lid")
    rule = condensation(surface=["temperature.hardware", "temperature.l*"])
    rows: list[list[float]] = [
        [-10, 100, -8, 5],
        [-10, 100, 5, math.nan],
        [-10, 100, math.nan, math.nan],
        [-10, 100, math.inf, -8],
    ]
    made = derived(channels, rows, rule)["dew_margin.air"]
    assert made == pytest.approx([0.876, 15.0, math.nan, 0.876], abs=0.005, nan_ok=True)


def test_margin_is_that_of_a_rule_where_there_is_one() -> None:
    """A rule over all loggers makes none here, and a rule whose inputs are not there neither."""
    assert stored(CHANNELS, condensation(scope="container")) == stored(CHANNELS)
    assert "dew_margin.air" not in derived(CHANNELS, [], condensation(surface=["temperature.lid"]))
    lid = ("temperature.lid", "humidity.lid", "temperature.hardware")
    assert "dew_margin.lid" in derived(lid, [], condensation(air="lid"))
    assert "dew_margin.lid" not in derived(lid, [])


def test_rules_of_other_inputs_have_columns_of_their_own() -> None:
    """However alike the names of their surfaces are; rules of equal inputs share one, and each judges its own only."""
    surfaces = [["temperature.wall", "temperature.hardware"], ["temperature.wall_hardware"], ["temperature.w?"],
                ["temperature.w*"], ["temperature.hardware"]]  # fmt: skip
    rules = [condensation(id=str(number), surface=each) for number, each in enumerate(surfaces)]
    rules.append(condensation(id="all", scope="container"))
    leaks = [leak(id=f"l{n}", **keys) for n, keys in enumerate(
        [{}, {"cracking": "30 hPa"}, {"cracking": "40 hPa"}, {"temperature": "temperature.wall"},
         {"cracking": "30 hPa", "differential": "differential.lid"}])]  # fmt: skip
    every: tuple[CondensationRule | LeakRule, ...] = (*rules, *leaks)
    own = [rule.channel for rule in every]
    assert len(set(own)) == len(own)
    assert {shown_channel(channel) for channel in own} == {"dew_margin.air", "leak.inside"}
    assert [[rule.judges(channel) for rule in every].count(True) for channel in own] == [1] * len(own)
    assert condensation(id="again", below="3 K", surface=surfaces[0]).channel == own[0]
    channels = (
        "temperature.wall",
        "temperature.hardware",
        "temperature.wall_hardware",
        "temperature.air",
        "humidity.air",
    )
    values = np.array([[1, 2, 30, 20, 60]], dtype=np.float32)
    plan = derivations(channels, tuple(rules))
    made = {each.channel: float(column[0]) for each, column in zip(plan, derive(values, plan), strict=True)}
    assert made[own[1]] - made[own[0]] == pytest.approx(29, abs=1e-3)
    assert own[5] not in made
    assert "dew_margin.air" in [shown_channel(each.channel) for each in plan if each.is_stored]


def test_a_glob_covers_no_column_of_another_rule() -> None:
    own = condensation(surface=["temperature.lid"]).channel
    assert covers("dew_margin.*", "dew_margin.air") and not covers("dew_margin.*", own)


def test_void_of_a_leak() -> None:
    """Beyond the cracking pressure, either way, nobody knows what went through; unknown where it is not told."""
    channels = ("pressure.inside", "temperature.air", "differential.inside")
    rows = [[102_000, 20, over] for over in (2999, 3001, -3001, math.nan)]
    assert derived(channels, rows, leak())["leak.inside"] == [102_000] * 4
    made = derived(channels, rows, leak(cracking="30 hPa"))["leak.inside"]
    assert made == pytest.approx([102_000, math.inf, math.inf, math.nan], nan_ok=True)
    rows = [[102_000, 20, outside] for outside in (99_001, 98_999)]
    computed = derived(("pressure.inside", "temperature.air", "pressure.outside"), rows, leak(cracking="30 hPa"))
    assert computed["leak.inside"] == [102_000, math.inf]
    assert derived(channels[:2], [[102_000, 20]], leak(cracking="30 hPa"))["leak.inside"] == [102_000]
    assert "leak.inside" not in derived(channels[::2], [], leak())


def test_of_a_channel_named_twice_the_first_counts() -> None:
    made = derived(("humidity.air", "temperature.air", "humidity.air"), [[40, 25, 90]])
    assert made["dew_point.air"] == pytest.approx([10.46], abs=0.005)


ANY = st.floats(width=32) | st.sampled_from([25.0, 40.0, 101_000.0, -5.0, 0.0, math.nan])
LAYOUTS = st.lists(st.sampled_from([*CHANNELS, "temperature.lid", "humidity.lid", "differential.inside"]), max_size=8)
RULES = (condensation(surface=["temperature.hardware", "temperature.lid"]), leak(cracking="30 hPa"))


@settings(max_examples=200)
@given(LAYOUTS, st.data())
def test_derived_channels_equal_their_plain_twins(layout: list[str], data: st.DataObject) -> None:
    """Whatever the readings are, and however the rows are cut."""
    channels = tuple(layout)
    size = data.draw(st.integers(0, 5))
    row = st.lists(ANY, min_size=len(channels), max_size=len(channels))
    rows = data.draw(st.lists(row, min_size=size, max_size=size))
    made = derived(channels, rows, *RULES)
    for number, values in enumerate(rows):
        named = dict(reversed(list(zip(channels, values, strict=True))))
        expected = twin(named)
        assert set(made) == set(expected)
        for name, column in made.items():
            assert column[number] == pytest.approx(expected[name], rel=2e-6, abs=3e-4, nan_ok=True), name
            alone = derived(channels, [values], *RULES)[name]
            np.testing.assert_array_equal(alone, column[number : number + 1])


def twin(row: dict[str, float]) -> dict[str, float]:
    """The derived channels of a row, one by one."""
    made = {}
    for place in ("air", "lid"):
        if {f"temperature.{place}", f"humidity.{place}"} <= set(row):
            vapour_hpa = naive_air.vapour_hpa(row[f"temperature.{place}"], row[f"humidity.{place}"])
            made[f"dew_point.{place}"] = naive_air.dew_point_c(vapour_hpa)
            made[f"absolute_humidity.{place}"] = 216.679 * vapour_hpa / (row[f"temperature.{place}"] + 273.15)
            surfaces = {"temperature.hardware", "temperature.lid"} & set(row)
            if place == "air" and surfaces:
                made["dew_margin.air"] = naive_air.margin_k(naive_air.coldest_c(row, sorted(surfaces)), vapour_hpa)
    over_pa = row.get("differential.inside")
    if over_pa is None and {"pressure.inside", "pressure.outside"} <= set(row):
        over_pa = float(np.float32(row["pressure.inside"]) - np.float32(row["pressure.outside"]))
        over_pa = over_pa if abs(over_pa) <= 1e6 else math.nan
        made["differential.computed"] = over_pa
    if {"pressure.inside", "temperature.air"} <= set(row):
        norm_pa = naive_air.norm_pa(row["pressure.inside"], row["temperature.air"])
        made["pressure_norm.inside"] = made["leak.inside"] = norm_pa
        if over_pa is not None and not abs(over_pa) <= 3000:
            made["leak.inside"] = math.nan if math.isnan(over_pa) else math.inf
    return made


def test_computing_one_channel_alone_gives_the_same() -> None:
    values: NDArray[np.float32] = np.array([[25, 15, 40, 102_000, 101_000]] * 3, dtype=np.float32)
    plan = derivations(CHANNELS, RULES)
    for each, column in zip(plan, derive(values, plan), strict=True):
        np.testing.assert_array_equal(derive(values, [each])[0], column)
