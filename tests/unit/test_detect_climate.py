"""Rules on rate, exposure, mean kinetic temperature and cycles, through the engine: what they tell and remember."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.engine import Engine
from monitor.model.batch import Batch, Block, Detected, Totals
from tests.blocks import S, block, run, told
from tests.cuts import by_reading, comparable
from tests.views import View

AIR: dict[str, object] = {"channel": "temperature.air"}
RISE = AIR | {"id": "rise", "kind": "rate", "over": "1 h", "above": "5 K/h", "clear": "4 K/h"}
FALL = AIR | {"id": "fall", "kind": "rate", "over": "1 h", "below": "-5 K/h"}
TIME = AIR | {"id": "time", "kind": "exposure", "measure": "time", "above": "25 degC", "limit": "12 h"}
AREA = AIR | {"id": "area", "kind": "exposure", "measure": "degree-hours", "below": "10 degC", "limit": "20 K h"}
MKT = AIR | {"id": "mkt", "kind": "exposure", "measure": "mkt", "window": "24 h", "limit": "25 degC"}
RANGE = AIR | {"id": "range", "kind": "cycles", "range": "15 K"}
DAMAGE = AIR | {
    "id": "damage", "kind": "cycles", "damage": 0.5,
    "min_range": "2 K", "ref_range": "10 K", "ref_cycles": 4, "exponent": 2,
}  # fmt: skip
ALL = (RISE, FALL, TIME, AREA, MKT, RANGE, DAMAGE)
LEGS = ((90_000 * S, "second"),)


def hourly(values: Sequence[float], first_h: int = 0, pos: int = 1) -> Block:
    """A block of one reading an hour."""
    return block(values, [3600.0 * (first_h + row) for row in range(len(values))], interval_s=3600, pos=pos)


def test_rate_fires_on_a_rise_and_on_a_fall_and_clears() -> None:
    """6 K up within an hour and down again: each rule tells of its own."""
    values = [20.0] * 60 + [20 + 0.1 * row for row in range(60)] + [26 - 0.1 * row for row in range(60)] + [20.0] * 60
    view = View(RISE, FALL)
    found = run(view, block(values))
    assert {f.rule for f in found} == {"rise", "fall"}
    rise = told([f for f in found if f.rule == "rise"])
    assert [change for change, _, _ in rise] == ["fired", "cleared"]
    assert rise[0][2] == (60 + 51) * 60
    fall = [f for f in found if f.rule == "fall" and f.change == "cleared"]
    assert fall[0].peak == pytest.approx(-6, abs=0.01)


def test_time_above_a_level_accumulates_and_starts_anew_with_each_leg() -> None:
    """Over 12 h above 25 degC on the first leg; the alert ends with it, the second leg does not get there."""
    rule = TIME | {"per": "leg"}
    found = run(View(rule, legs=LEGS), hourly([20, *[30] * 16, 20, 20]), hourly([20, 20, 20, 20, 20, 20, 20, 30], 19))
    assert told(found) == [("fired", 13 * 3600, 13 * 3600), ("cleared", 13 * 3600, 25 * 3600)]
    assert found[0].value == pytest.approx(12.5)
    assert told(run(View(TIME, legs=LEGS), hourly([30] * 40)))[0][0] == "fired"


def test_degree_hours_below_a_level() -> None:
    """5 K below 10 degC for more than four hours."""
    found = run(View(AREA), hourly([5.0] * 6))
    assert told(found) == [("fired", 5 * 3600, 5 * 3600)]
    assert found[0].value == 25.0


def test_mean_kinetic_temperature_of_a_day() -> None:
    """A warm day after a cool one: beyond the limit when enough of it lies in the window."""
    found = run(View(MKT), hourly([20.0] * 48 + [30.0] * 24 + [20.0] * 30))
    changes = [f for f in found if f.change != "peak"]
    assert [f.change for f in changes] == ["fired", "cleared"]
    assert 48 + 6 < changes[0].time_ns / S / 3600 < 48 + 14
    assert changes[1].peak == pytest.approx(30, abs=0.01)


def test_cycles_by_range_and_by_damage() -> None:
    """A swing of 16 K; half a cycle of it does (16 / 10)^2 / 4 / 2 = 0.32, two halves 0.64, then half of 4 K more."""
    found = run(View(RANGE, DAMAGE), block([20, 36, 20, 24, 20]))
    assert [(f.rule, f.time_ns // S, f.value) for f in found] == [
        ("range", 60, 16),
        ("damage", 180, pytest.approx(0.64)),
        ("damage", 240, pytest.approx(0.66)),
    ]


def test_running_totals_are_told_once_a_minute() -> None:
    """Time above in s, degree-hours, MKT, damage and unknown time of each rule; nothing of rates and ranges."""
    detected = step(View(*ALL), [block([30.0] * 4, [0, 30, 60, 90]), hourly([30.0] * 40, 10, pos=2)])
    by_rule = {totals.rule: totals for totals in detected.totals}
    assert set(by_rule) == {"time", "area", "mkt", "damage"}
    time = by_rule["time"]
    assert time.times_ns.tolist()[:3] == [0, 60 * S, 36_000 * S]
    assert time.fields["time_above_s"].tolist()[:4] == [0, 60, 90, 90 + 3600]
    assert time.fields["unknown_s"].tolist()[:3] == [0, 0, 36_000 - 90]
    assert by_rule["area"].fields["degree_hours"].max() == 0
    known = by_rule["mkt"].fields["mkt_c"]
    assert known[~np.isnan(known)].tolist() == pytest.approx([30.0] * 26, abs=1e-4)
    assert by_rule["damage"].fields["dose"].tolist() == [0.0] * len(time.times_ns)


def step(view: View, blocks: list[Block]) -> Detected:
    """What the engine says of one batch."""
    return Engine(view).step(Batch(blocks))


@settings(max_examples=12)
@given(st.integers(0, 2**32))
def test_cuts_and_restarts_change_nothing(seed: int) -> None:
    """One batch, a batch for each reading, and a restart from a snapshot in between: the same findings and state."""
    rng = np.random.default_rng(seed)
    blocks = []
    now_h = 0
    for pos in range(8):
        values = np.round(rng.normal(22, 8, 8), 1)
        values[rng.random(8) < 0.05] = rng.choice([math.nan, math.inf, -math.inf])
        blocks.append(replace(hourly(values.tolist(), now_h, pos), logger=str(rng.choice(["a", "b"]))))
        now_h += int(rng.choice([8, 8, 8, 7, 12]))
    view = View(*ALL, TIME | {"id": "leg", "per": "leg", "limit": "3 h"}, legs=LEGS)

    whole = Engine(view)
    found = whole.step(Batch(list(blocks))).findings
    single = Engine(view)
    one_by_one = [f for each in by_reading(blocks) for f in single.step(Batch([each])).findings]
    assert comparable(one_by_one) == comparable(found)
    assert single.snapshot() == whole.snapshot()

    first, second = Engine(view), Engine(view)
    before = first.step(Batch(blocks[:3])).findings
    assert second.restore(first.snapshot()) == []
    assert comparable(before + second.step(Batch(blocks[3:])).findings) == comparable(found)
    assert second.snapshot() == whole.snapshot()


def test_totals_name_their_lanes() -> None:
    """Each row of the totals says whose it is and which record it comes from."""
    blocks = [replace(hourly([30.0, 30.0], pos=3), logger="a"), replace(hourly([30.0], pos=4), logger="b")]
    totals: Totals = step(View(TIME), blocks).totals[0]
    owners = [totals.owners[lane] for lane in totals.lanes.tolist()]
    assert owners == [("c", "a", "temperature.air")] * 2 + [("c", "b", "temperature.air")]
    assert totals.pos.tolist() == [3, 3, 4]
