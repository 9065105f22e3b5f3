"""Rules over several loggers on the grid: the definitions one by one, the plain twin, and the same however cut."""

from __future__ import annotations

import math
import random
import tracemalloc
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.detect.across.grid import MAX_TRACKS, Grid
from monitor.detect.across.track import MAX_LAID, MAX_PENDING
from monitor.detect.engine import Engine
from monitor.model.batch import Batch, Block, Finding, Tick
from monitor.model.channel import shown_channel
from tests.grids import View
from tests.naive_air import NaiveGrid

S = 1_000_000_000
T0 = 1_800_000_000 * S
MIN = 60 * S
AIR = ("temperature.air", "humidity.air")
HARDWARE = ("temperature.hardware",)
INSIDE, OUTSIDE = ("pressure.inside",), ("pressure.outside",)

MARGIN: dict[str, object] = {
    "id": "m", "kind": "condensation", "scope": "container", "below": "5 K",
    "surface": ["temperature.hardware", "temperature.lid"],
}  # fmt: skip
REDUNDANT: dict[str, object] = {
    "id": "r", "kind": "statistic", "method": "disagreement", "channel": "temperature.air", "above": "1 K",
}  # fmt: skip
OVER: dict[str, object] = {"id": "d", "kind": "threshold", "channel": "differential.*", "below": "5 hPa"}


def made_by(grid: Grid, blocks: Iterable[Block]) -> list[Block]:
    """What the blocks complete, in their order."""
    return [block for block in grid.step(blocks) if block.is_computed]


def block(
    logger: str, channels: tuple[str, ...], rows: Sequence[Sequence[float]], times_s: Sequence[float],
    pos: int = 1, *, is_late: bool = False, container: str = "c",
) -> Block:  # fmt: skip
    """A block at seconds after T0."""
    values = np.array(rows, dtype=np.float32).reshape(len(times_s), len(channels))
    times_ns = np.array([T0 + round(time * S) for time in times_s], dtype=np.int64)
    return Block(pos, container, logger, 7, pos * 10, is_late, channels, times_ns, values, MIN)


def tick(now_s: float, pos: int = 99, *, is_connected: bool = True, is_drained: bool = True) -> Tick:
    return Tick(pos, T0 + round(now_s * S), 0, is_connected, is_drained)


def told(blocks: Sequence[Block]) -> list[tuple[int, str, str, float, float]]:
    """(pos, logger, channel, minute, value) of each computed value."""
    return [
        (each.pos, each.logger, shown_channel(each.channels[0]), (time_ns - T0) / MIN, round(value, 3))
        for each in blocks
        for time_ns, (value,) in zip(each.times_ns.tolist(), each.values.tolist(), strict=True)
    ]


def minutes(first: int, count: int) -> list[float]:
    return [60.0 * (first + row) for row in range(count)]


def test_margin_is_of_the_coldest_surface_and_the_dampest_air_once_both_have_passed() -> None:
    """25 degC and 40 % is a dew point of 10.46: against 12 degC a margin of 1.54 K; the later record completes it."""
    grid = Grid(View(MARGIN))
    assert made_by(grid, [block("a", AIR, [[25, 40]] * 3, minutes(0, 3), 1)]) == []
    made = made_by(grid, [block("b", HARDWARE, [[12]] * 3, minutes(1, 3), 2)])
    assert told(made) == []  # points 0 to 2 passed when only the air's logger was known
    assert made_by(grid, [block("a", AIR, [[25, 40]] * 3, minutes(3, 3), 3)])[0].seq == 30
    made = made_by(grid, [block("b", HARDWARE, [[12], [30], [-1]], minutes(4, 3), 4)])
    assert told(made) == [
        (4, "-", "dew_margin.air", 4, 1.543),
        (4, "-", "dew_margin.air", 5, 19.543),
    ]
    assert made[0].is_computed
    assert (made[0].interval_ns, made[0].boot, made[0].seq) == (MIN, 7, 40)


def test_frost_point_counts_for_a_surface_below_zero() -> None:
    """-10 degC and 100 % over water: the frost point is -8.88, so a surface at -8 is 0.88 K above it."""
    grid = Grid(View(MARGIN))
    made = made_by(grid, [block("a", (*AIR, *HARDWARE), [[-10, 100, -8]], [0])])
    assert told(made) == [(1, "-", "dew_margin.air", 0, 0.876)]


def test_pair_needs_both_readings_within_max_age() -> None:
    """A surface that was last seen 10 min before a point counts, 11 min before no longer."""
    grid = Grid(View(MARGIN))
    made_by(grid, [block("b", HARDWARE, [[12]], [0]), block("a", AIR, [[25, 40]], [30])])
    made_by(grid, [block("a", AIR, [[25, 40]] * 14, minutes(1, 14), 5)])
    made = made_by(grid, [block("b", HARDWARE, [[12]], [14.5 * 60], 6)])
    assert [row[3] for row in told(made)] == list(range(1, 11))
    assert {row[0] for row in told(made)} == {6}


def test_ticks_end_the_wait_for_a_silent_logger() -> None:
    """At now >= point + max_age a point is given up; what the silent logger told last counts while young enough."""
    grid = Grid(View(MARGIN))
    made_by(grid, [block("b", HARDWARE, [[12]], [0], 1), block("a", AIR, [[25, 40]] * 30, minutes(0, 30), 2)])
    assert grid.tick(tick(60 * 14 - 1)) != []
    assert told(grid.tick(tick(60 * 14 - 1))) == []
    assert [row[:4] for row in told(grid.tick(tick(60 * 14)))] == [(99, "-", "dew_margin.air", 4)]
    assert [row[3] for row in told(grid.tick(tick(60 * 60)))] == [5, 6, 7, 8, 9, 10]
    assert made_by(grid, [block("b", HARDWARE, [[12]] * 29, minutes(1, 29), 3)]) == []  # too late


@pytest.mark.parametrize("state", [{"is_connected": False}, {"is_drained": False}])
def test_nothing_is_given_up_while_it_may_lie_in_a_queue(state: dict[str, bool]) -> None:
    grid = Grid(View(MARGIN))
    made_by(grid, [block("b", HARDWARE, [[12]], [0], 1), block("a", AIR, [[25, 40]] * 30, minutes(0, 30), 2)])
    assert grid.tick(tick(86400, **state)) == []


def test_over_pressure_is_computed_for_a_logger_that_knows_the_inside_only() -> None:
    """Against the median outside; a logger with a differential of its own needs none."""
    grid = Grid(View(OVER))
    outside = [block(name, OUTSIDE, [[pressure]] * 9, minutes(0, 9), 2) for name, pressure in
               (("o1", 101_000), ("o2", 101_020), ("o3", 90_000))]  # fmt: skip
    assert made_by(grid, outside) == []
    made_by(grid, [block("i", INSIDE, [[102_000]], [0], 1), *outside])
    whole = ("pressure.inside", "differential.inside")
    assert made_by(grid, [block("w", whole, [[102_000, 900]] * 9, minutes(0, 9), 3)]) == []
    made = made_by(grid, [block("i", INSIDE, [[102_000]] * 3, minutes(1, 3), 4)])
    assert told(made) == [(4, "i", "differential.computed", minute, 1000) for minute in (1, 2, 3)]


def test_disagreement_is_the_range_of_what_two_or_more_tell() -> None:
    grid = Grid(View(REDUNDANT))
    temperature = AIR[:1]
    made_by(grid, [block(name, temperature, [[20]], [0]) for name in "abc"])
    told_c = {"a": 20, "b": 21.5, "c": 20.5}
    made = made_by(grid, [block(name, temperature, [[value]] * 2, minutes(1, 2), 5) for name, value in told_c.items()])
    assert told(made) == [(5, "-", "disagreement.temperature.air", minute, 1.5) for minute in (1, 2)]


def test_containers_without_such_rules_and_late_blocks_have_no_part() -> None:
    own: dict[str, object] = {"id": "m", "kind": "condensation", "below": "5 K"}
    everything = (*AIR, *HARDWARE, *INSIDE)
    rows = [[25, 40, 12, 101_000]] * 3
    assert made_by(Grid(View(own)), [block("a", everything, rows, minutes(0, 3))]) == []
    assert made_by(Grid(View(MARGIN)), [block("a", everything, rows, minutes(0, 3), container="unlimited")]) == []
    assert made_by(Grid(View(MARGIN)), [block("a", everything, rows, minutes(0, 3), is_late=True)]) == []


def test_a_clock_gone_astray_leaves_the_others_in_peace() -> None:
    """A logger a year ahead, or a century, goes on a track of its own; the pair of the others is told as before."""
    year = 365 * 86400.0
    grid, made = Grid(View(MARGIN)), []
    for number in range(20):
        made += made_by(grid, [block("b", HARDWARE, [[12]], [60 * number], 3 * number)])
        made += made_by(grid, [block("a", AIR, [[25, 40]], [60 * number], 3 * number + 1)])
        away_s = (number % 7) * year + 60 * number
        made += made_by(grid, [block("w", HARDWARE, [[5]], [away_s if number % 7 else 6e9], 3 * number + 2)])
    assert {row[3:] for row in told(made)} >= {(minute, 1.543) for minute in range(1, 19)}
    (group,) = grid.snapshot("c")["groups"]
    assert len(group[2]) <= MAX_TRACKS


def test_a_logger_that_went_to_another_time_is_not_waited_for() -> None:
    """What waits for it is done by the record that shows that it is gone, as far as its last reading reaches."""
    grid = Grid(View(MARGIN))
    made_by(grid, [block("b", HARDWARE, [[12]], [0]), block("a", AIR, [[25, 40]] * 4, minutes(0, 4))])
    made = made_by(grid, [block("b", HARDWARE, [[12]], [365 * 86400.0], 7)])
    assert [row[:4] for row in told(made)] == [(7, "-", "dew_margin.air", minute) for minute in (1, 2, 3)]


def test_what_waits_is_bounded() -> None:
    """A logger that runs ahead of a silent one is not waited for over 4096 points; its queue stays as small."""
    grid = Grid(View(MARGIN))
    made_by(grid, [block("b", HARDWARE, [[12]], [0])])
    for hour in range(200):
        made_by(grid, [block("a", AIR, [[25, 40]] * 60, minutes(60 * hour, 60), hour)])
        ((_, _, (track,)),) = grid.snapshot("c")["groups"]
        assert track["newest"] - track["done"] <= MAX_PENDING
        if hour == 100:
            assert track["newest"] - track["done"] == MAX_PENDING
    assert [name for name, *_ in track["members"]] == ["a"]  # one that was silent for days is no longer waited for
    assert track["newest"] == track["done"]


def test_hostile_readings_raise_nothing() -> None:
    """100 000 readings at one time, times at both ends of int64, infinities, times running backwards."""
    grid = Grid(View(MARGIN, REDUNDANT, OVER))
    channels = (*AIR, *HARDWARE, *INSIDE)
    ends = np.iinfo(np.int64)
    times = [np.full(100_000, T0), np.array([ends.min, 0, ends.max]), T0 - np.arange(50) * S, T0 + np.arange(3) * MIN]
    with np.errstate(all="raise"):
        for number, times_ns in enumerate(times):
            for value in (math.inf, -math.inf, math.nan, 3e38):
                values = np.full((len(times_ns), 4), value, dtype=np.float32)
                for logger in "ab":
                    made_by(grid, [Block(number, "c", logger, 1, 1, False, channels, times_ns, values, MIN)])
                grid.tick(tick(1e6))


LAYOUTS = (
    AIR,
    (*AIR, *HARDWARE),
    ("temperature.lid", *HARDWARE),
    INSIDE,
    OUTSIDE,
    (*INSIDE, *OUTSIDE),
    ("light.inside",),
)
VALUES: dict[str, list[float]] = {
    "temperature": [-20, -0.5, 0, 3, 12, 25, 25, math.nan, math.inf, 500],
    "humidity": [0, 5, 40, 60, 100, 104, math.nan, -1, -math.inf],
    "pressure": [101_000, 101_500, 102_000, math.nan, math.inf],
    "light": [1],
}


def journal(seed: int) -> list[Block | Tick]:
    """Blocks of four loggers in one container, and ticks, in journal order."""
    rng = random.Random(seed)
    layouts = {logger: rng.choice(LAYOUTS) for logger in "abcd"}
    clocks = dict.fromkeys("abcd", 0.0)
    items: list[Block | Tick] = []
    for pos in range(rng.randint(1, 25)):
        if rng.random() < 0.15:
            items.append(tick(max(clocks.values()) + rng.choice([0, 300, 700]), pos, is_drained=rng.random() < 0.8))
            continue
        logger = rng.choice("aaabbcd")
        channels = rng.choice(LAYOUTS) if rng.random() < 0.05 else layouts[logger]
        rows: list[list[float]] = []
        times_s: list[float] = []
        for _ in range(rng.randint(0, 8)):
            clocks[logger] += rng.choice([20, 60, 60, 60, 61, 60.5, 250, 1300, 0, -90, -700])
            times_s.append(clocks[logger])
            rows.append([rng.choice(VALUES[channel.partition(".")[0]]) for channel in channels])
        if rows:
            items.append(block(logger, channels, rows, times_s, pos, is_late=rng.random() < 0.1))
    return items


def feed(grid: Grid, items: Sequence[Block | Tick]) -> list[Block]:
    """The items one batch between two ticks at a time."""
    made: list[Block] = []
    waiting: list[Block] = []
    for item in items:
        if isinstance(item, Block):
            waiting.append(item)
        else:
            made += made_by(grid, waiting)
            waiting = []
            made += grid.tick(item)
    return made + made_by(grid, waiting)


def values_of(blocks: Sequence[Block], kind: str) -> dict[tuple[int, str], tuple[float, int]]:
    """(time, logger) -> (value, pos)."""
    found: dict[tuple[int, str], tuple[float, int]] = {}
    for each in blocks:
        if each.channels[0].startswith(kind):
            for time_ns, (value,) in zip(each.times_ns.tolist(), each.values.tolist(), strict=True):
                assert (time_ns, each.logger) not in found
                found[time_ns, each.logger] = value, each.pos
    return found


TWINS = {"dew_margin": "margin", "differential": "differential", "disagreement": "disagreement"}


@settings(max_examples=250)
@given(st.integers(0, 2**32))
def test_the_grid_equals_its_plain_twin(seed: int) -> None:
    """What is told at which point, and by which record, is what a loop over points and readings tells."""
    items = journal(seed)
    made = feed(Grid(View(MARGIN, REDUNDANT, OVER)), items)
    for channel, kind in TWINS.items():
        twin = NaiveGrid(kind, MIN, 600 * S)
        for item in items:
            if isinstance(item, Block):
                twin.block(item)
            else:
                twin.tick(item)
        got = values_of(made, channel)
        assert {key: pos for key, (_, pos) in got.items()} == {key: pos for key, (_, pos) in twin.told.items()}
        for key, (value, _) in got.items():
            assert value == pytest.approx(twin.told[key][0], abs=2e-4, rel=1e-6)


def equal(one: Sequence[Block], other: Sequence[Block]) -> bool:
    return [_plain(block) for block in one] == [_plain(block) for block in other]


def _plain(block: Block) -> tuple[object, ...]:
    return (
        block.pos, block.logger, block.seq, block.channels, block.times_ns.tobytes(), block.values.tobytes()
    )  # fmt: skip


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.data())
def test_cuts_and_restarts_change_nothing(seed: int, data: st.DataObject) -> None:
    """However the journal is cut, with or without a restart from the snapshot at each cut."""
    items, view = journal(seed), View(MARGIN, REDUNDANT, OVER)
    whole = Grid(view)
    expected = feed(whole, items)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(items))), label="cuts"))
    restarts = data.draw(st.booleans(), label="restart at each cut")
    grid, made = Grid(view), []
    for start, stop in pairwise([0, *cuts, len(items)]):
        made += feed(grid, items[start:stop])
        if restarts:
            content, grid = cbor2.dumps(grid.snapshot(None)), Grid(view)
            assert grid.adopt(cbor2.loads(content)) == []
    assert equal(made, expected)
    assert grid.snapshot("c") == whole.snapshot(None)
    grid.forget("c")
    assert grid.snapshot(None) == {"groups": [], "outside": []}


def test_state_of_a_rule_that_is_gone_is_dropped() -> None:
    grid = Grid(View(MARGIN, REDUNDANT))
    made_by(grid, [block("a", AIR, [[25, 40]], [0])])
    other = Grid(View(REDUNDANT))
    other.adopt(grid.snapshot(None))
    assert len(other.snapshot(None)["groups"]) == 1


def beyond(view: View, blocks: Sequence[Block], cut: int = 1) -> list[Finding]:
    """What fired and cleared, so many blocks a batch."""
    engine, found = Engine(view), list[Finding]()
    for start in range(0, len(blocks), cut):
        found += engine.step(Batch(list(blocks[start : start + cut]))).findings
    return [finding for finding in found if finding.change != "peak"]


def apart(first: int, count: int) -> list[Block]:
    """Two loggers that are 10 K apart."""
    return [
        block(name, AIR[:1], [[20 if name == "a" else 30]], [60 * minute], 10 * minute + number)
        for minute in range(first, first + count)
        for number, name in enumerate("ab")
    ]


DWELL = REDUNDANT | {"for": "5 min"}
DAMP = MARGIN | {"surface": ["temperature.hardware"], "for": "5 min"}


@pytest.mark.parametrize("others", [{"every": "2 min"}, {"max_age": "5 min"}, {"every": "30 s", "max_age": "20 min"}])
@pytest.mark.parametrize("rule", [DWELL, DAMP])
def test_rules_of_another_pace_leave_each_other_in_peace(rule: dict[str, object], others: dict[str, object]) -> None:
    """Each has a column of its own; rules of equal pace share one. All are shown under the same name."""
    blocks = [
        block(name, channels, [row], [60 * minute], 10 * minute + number)
        for minute in range(20)
        for number, (name, channels, row) in enumerate(
            (("a", HARDWARE, [10]), ("b", AIR, [20, 90]), ("c", AIR, [9, 9]))
        )
    ]
    other = rule | others | {"id": "other"}
    alone = [*beyond(View(rule), blocks), *beyond(View(other), blocks)]
    assert [finding.rule for finding in alone] == [rule["id"], "other"]
    together = beyond(View(rule, other), blocks)
    assert sorted(together) == sorted(alone)
    assert {finding.channel for finding in together} < {"dew_margin.air", "disagreement.temperature.air"}
    grid = Grid(View(rule, rule | {"id": "same"}))
    made_by(grid, blocks)
    assert len(grid.snapshot(None)["groups"]) == 1


def test_no_logger_shadows_what_all_of_them_tell() -> None:
    """A block of a logger is not taken for a computed one, whatever it is called and whatever it sends."""
    hostile = block("-", ("disagreement.temperature.air",), [[1]], [0])
    plain = beyond(View(REDUNDANT), apart(1, 6))
    assert [(finding.change, finding.logger, finding.channel) for finding in plain] == [
        ("fired", "-", "disagreement.temperature.air")
    ]
    name = made_by(Grid(View(REDUNDANT)), apart(1, 6))[0].channels
    assert beyond(View(REDUNDANT), [hostile, replace(hostile, channels=name), *apart(1, 6)]) == plain
    over = [block("i", INSIDE, [[100_000]], [60 * m], 10 * m) for m in range(4)]
    outside = [block("o", OUTSIDE, [[100_000]], [60 * m], 10 * m + 1) for m in range(4)]
    both = [each for pair in zip(over, outside, strict=True) for each in pair]
    fake = block("i", ("differential.computed",), [[1]], [0])
    assert beyond(View(OVER), [fake, *both]) == beyond(View(OVER), both) != []


@pytest.mark.parametrize("cut", [2, 4, 1000])
def test_own_and_computed_over_pressure_do_not_depend_on_the_cut(cut: int) -> None:
    """A logger that tells of both sides in each third record only: the grid's values stand where they came about."""
    blocks = []
    for minute in range(30):
        high, is_whole = 100_000 + 1000 * (minute > 15), minute % 3 == 0
        blocks.append(block("o", OUTSIDE, [[100_000]], [60 * minute], 3 * minute))
        channels, row = ((*INSIDE, *OUTSIDE), [high, 100_000]) if is_whole else (INSIDE, [high])
        blocks.append(block("a", channels, [row], [60 * minute], 3 * minute + 1))
    view = View({"id": "d", "kind": "threshold", "channel": "differential.*", "above": "5 hPa"})
    assert beyond(view, blocks, cut) == beyond(view, blocks) != []


@pytest.mark.parametrize("ahead_d", [1, 2, 60])
@pytest.mark.parametrize("is_within", [False, True])
@pytest.mark.parametrize("has_ticks", [False, True])
def test_one_wrong_time_blinds_nobody(ahead_d: int, is_within: bool, has_ticks: bool) -> None:
    """A record, or a reading in one, that lies days ahead; the next ones are as before, and so is what they make."""
    grid, made = Grid(View(REDUNDANT)), []
    for minute in range(120):
        wrong = minute == 50
        away_s = 60.0 * minute + 86_400 * ahead_d
        times_s = ([60.0 * minute, away_s, 60.0 * minute + 30] if is_within else [away_s]) if wrong else [60.0 * minute]
        made += made_by(grid, [block("a", AIR[:1], [[20]] * len(times_s), times_s, 3 * minute)])
        made += made_by(grid, [block("b", AIR[:1], [[30]], [60 * minute], 3 * minute + 1)])
        if has_ticks:
            made += grid.tick(tick(60 * minute, 3 * minute + 2))
    told_at = {row[3] for row in told(made) if row[4] == 10}
    assert told_at >= set(range(1, 120)) - {50}


def test_a_wrong_time_behind_loses_nothing_that_waits() -> None:
    """What a logger told before its clock went back for one reading counts as long as it is not told anew."""
    grid = Grid(View(REDUNDANT))
    made_by(grid, [block("b", AIR[:1], [[30]], [0]), block("a", AIR[:1], [[20]] * 100, minutes(0, 100))])
    made_by(grid, [block("a", AIR[:1], [[25]], [-86_400.0], 2), block("a", AIR[:1], [[20]], [6000], 3)])
    made = made_by(grid, [block("b", AIR[:1], [[30]] * 100, minutes(1, 100), 4)])
    assert told(made) == [(4, "-", "disagreement.temperature.air", minute, 10) for minute in range(1, 101)]


def test_a_record_lays_out_no_more_points_than_a_maximum() -> None:
    """20 000 readings 10 min apart on a grid of seconds are 12 million points; the last ones of them are told."""
    grid = Grid(View(MARGIN | {"every": "1 s"}))
    rows, times_s = [[25, 40, 12]] * 20_000, [600.0 * row for row in range(20_000)]
    record = block("a", (*AIR, *HARDWARE), rows, times_s)
    tracemalloc.start()
    made = made_by(grid, [record])
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(len(each.times_ns) for each in made) == MAX_LAID
    assert made[0].times_ns[-1] == record.times_ns[-1]
    assert peak_bytes < 16e6
