"""The benchmark's plain loop raises and clears what the engine does, so that their speeds can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.detect_fleet import CHANNELS, READINGS, Fleet, shipped_rules
from benchmarks.detect_rowwise import Rowwise
from benchmarks.detect_rules import Leak, Limit, Maker, Missing, Rate, Stuck, Told
from monitor.detect.engine import Engine
from monitor.model.batch import Batch, Block
from monitor.model.limit import ThresholdRule
from tests.lanes import Reading, S, random_lanes, twin_readings
from tests.naive import NaiveLeak, NaiveMissing, NaiveRate, NaiveStuck, NaiveThreshold

AIR, HARDWARE, HUMIDITY, PRESSURE, DIFFERENTIAL = range(len(CHANNELS))
HOUR_NS = 3600 * S
LOGGERS, BLOCKS = 10, 20  # 40 h of readings each 2 min: a day's window of the leak, 12 h above 25 degC


def _swing(block: Block) -> None:
    if block.seq == 3:
        block.values[:5, HARDWARE] = 37.0


def _stand_still(block: Block) -> None:
    if block.seq in (2, 9):
        block.values[:, [AIR, HUMIDITY]] = 22.0, 41.0


def _short_circuit(block: Block) -> None:
    if block.seq == 5:
        block.values[10:14, AIR], block.values[40:, PRESSURE] = 900.0, 0.0


def _come_loose(block: Block) -> None:
    if block.seq in (4, 5):
        block.values[20:58, [AIR, HUMIDITY]] = math.nan


def _become_damp(block: Block) -> None:
    if 6 <= block.seq < 8:
        block.values[:, [AIR, HARDWARE, HUMIDITY]] = 20.0, 20.0, 93.0


def _lose_gas(block: Block) -> None:
    day = (block.seq * READINGS + np.arange(READINGS, dtype=np.float32)) / 720
    lost_pa = np.where(day < 1.5, 1_000 * day, 1_500)
    block.values[:, [AIR, DIFFERENTIAL]] = 20.0, 1_500.0
    block.values[:, PRESSURE] = 103_000 - lost_pa


def _vent(block: Block) -> None:
    _lose_gas(block)
    block.values[:, DIFFERENTIAL] = 4_000.0  # beyond the valve's cracking pressure


def _pause(block: Block) -> None:
    block.times_ns[:] += 10 * HOUR_NS if block.seq >= 3 else 0


def _nothing(block: Block) -> None:
    del block


# Two loggers are left to the storm alone.
FAULTS = (_nothing, _swing, _stand_still, _short_circuit, _come_loose, _become_damp, _lose_gas, _vent, _pause)
EXPECTED = {
    "temperature-high-warning", "temperature-high-alarm", "temperature-rise", "temperature-fall",
    "temperature-time-above", "temperature-cycle", "humidity-high-warning", "humidity-high-alarm", "differential-high",
    "condensation-warning", "condensation-alarm", "leak", "temperature-sensor-stuck", "humidity-sensor-stuck",
    "sensor-nan", "sensor-range", "logger-clock",
}  # fmt: skip


def _faulty(batch: Batch) -> Batch:
    """Each logger with a fault of its own; the clock of the last one is not set for a while."""
    blocks = []
    for block in batch.blocks:
        number = int(block.logger.removeprefix("L-"))
        FAULTS[number % len(FAULTS)](block)
        blocks.append(replace(block, clk=1) if number == LOGGERS - 1 and 4 <= block.seq < 8 else block)
    return replace(batch, blocks=blocks)


@pytest.mark.parametrize("interval_s", [10.0, 120.0])
def test_a_storm_raises_and_clears_the_same(interval_s: float) -> None:
    """Rule by rule, stream by stream, at the same readings."""
    fleet, loop = Fleet(LOGGERS, interval_s, is_storm=True), Rowwise(shipped_rules())
    engine = Engine(shipped_rules(), judges="readings")
    told: list[Told] = []
    found = []
    for _ in range(BLOCKS):
        batch = _faulty(fleet.batch(LOGGERS))
        told += loop.step(batch.blocks)
        found += [finding for finding in engine.step(batch).findings if finding.change != "peak"]
    wanted = [(f.change, f.rule, f.container, f.logger, f.channel, f.start_ns, f.time_ns) for f in found]
    assert sorted(tuple(each)[:7] for each in told) == sorted(wanted)
    assert {each.change for each in told} == {"fired", "cleared"}
    assert interval_s < 60 or {each.rule for each in told} >= EXPECTED


@pytest.mark.parametrize(
    ("make", "make_twin"),
    [
        (lambda: Rate(300 * S), lambda: NaiveRate(300 * S)),
        (lambda: Leak(150 * S), lambda: NaiveLeak(150 * S)),
        (lambda: Stuck(1.0, 20.0), lambda: NaiveStuck(1.0, 20.0)),
        (Missing, NaiveMissing),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_written_for_speed_says_what_its_twin_says(
    make: Callable[[], Maker], make_twin: Callable[[], Maker], seed: int
) -> None:
    """At each reading, times that run backwards, gaps and infinities included."""
    readings, known = random_lanes(seed, 6, 2000, is_hostile=seed > 0), 0
    for lane in range(len(readings.counts)):
        plain, twin = make(), make_twin()
        for reading in twin_readings(readings, lane):
            span = reading.span if seed and make is not Missing else 0  # the first goes on without a break
            got, want = (each.reading(row) for each, row in zip((plain, twin), _rows(make, reading, span), strict=True))
            assert (got is None) == (want is None)
            if got is not None and want is not None and abs(want) < 1e38:
                assert got == pytest.approx(want, rel=1e-6)
                known += want != 0
    assert seed or known > 20


def _rows(make: object, reading: Reading, span: int) -> tuple[Reading, Reading]:
    """A reading for the plain one and for its twin: of what is missing the one takes NaN, the other a mark."""
    reading = reading._replace(span=span)
    if make is not Missing:
        return reading, reading
    mark = float(reading.value > 25)
    return reading._replace(value=math.nan if mark else 20.0), reading._replace(value=mark)


@pytest.mark.parametrize("seed", range(6))
def test_a_limit_judges_as_its_twin(seed: int) -> None:
    """Fired and cleared at the same readings, with the same beginning and peak."""
    side = {"above": "25 degC", "clear": "24 degC"} if seed % 2 else {"below": "22 degC", "clear": "23 degC"}
    rule = ThresholdRule.model_validate(
        {"id": "r", "kind": "threshold", "channel": "temperature.air", "for": "10 s", "severity": "alarm"} | side
    )
    readings, known = random_lanes(seed, 4, 400), 0
    for lane in range(4):
        told: list[Told] = []
        limit, twin = Limit(rule, ("c", "l", "temperature.air"), told), NaiveThreshold(rule)
        for number, reading in enumerate(twin_readings(readings, lane)):
            limit.take(reading.value, reading.time_ns, 25 * S)
            times_ns, values = np.array([reading.time_ns]), np.array([[reading.value]], dtype=np.float32)
            twin.feed([Block(1, "c", "l", 1, number, False, ("temperature.air",), times_ns, values, 10 * S)])
        changes = [(f.change, f.start_ns, f.time_ns, f.peak) for f in twin.findings if f.change != "peak"]
        assert [(each.change, *each[5:]) for each in told] == changes
        known += len(changes)
    assert known > 0
