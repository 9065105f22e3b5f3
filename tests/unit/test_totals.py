"""Results of what is derived and summed up: the same however the journal was cut, and as points for the store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.consumers import totals as module
from monitor.consumers.points import result_points
from monitor.consumers.results import RESULT_MIGRATION, RESULT_TABLES, Result, ResultBook
from monitor.consumers.totals import MINUTE_NS, DerivedResults, exposure_results
from monitor.model.batch import Block, Derived, Totals
from monitor.sinks import lines

S = 1_000_000_000
T0 = 1_795_413_600 * S  # a whole minute
NAN = float("nan")
CHANNELS = ("dew_point.air", "dew_margin.air", "pressure_norm.inside")
TAGS = (("container", "c"), ("logger", "l"))


def take(book: DerivedResults, *blocks: Block) -> list[Result]:
    """Results of blocks, each derived by itself."""
    return book.take([Derived([one], np.array([0]), one.channels, one.values) for one in blocks])


def block(
    times_s: Sequence[float], values: Sequence[Sequence[float]] | NDArray[np.float32] | None = None, pos: int = 1,
    logger: str = "l", is_late: bool = False, channels: tuple[str, ...] = CHANNELS, container: str = "c",
) -> Block:  # fmt: skip
    """A block of derived channels; without values each has its row's number, 0.1 more than that, and NaN."""
    times_ns = np.array([T0 + round(time_s * S) for time_s in times_s], dtype=np.int64)
    if values is None:
        values = [[row, row + 0.1, NAN] for row in range(len(times_s))]
    held = np.array(values, dtype=np.float32).reshape(len(times_ns), len(channels))
    return Block(pos, container, logger, 7, 30, is_late, channels, times_ns, held, None)


def test_the_first_reading_of_each_minute_is_told() -> None:
    """With the digits of its float32; a channel of which nothing is known is left out."""
    (result,) = take(DerivedResults(), block([0, 10, 59.9, 60, 125, 179]))
    times_ns = [T0, T0 + MINUTE_NS, T0 + 125 * S]
    fields = {"dew_point_air_c": [0.0, 3.0, 4.0], "dew_margin_k": [0.1, 3.1, 4.1]}
    assert result == Result(1, "derived", TAGS, times_ns, fields)


def test_unknown_values_are_left_out() -> None:
    """One by one as None; a block of them makes no result, but its minutes are told."""
    book = DerivedResults()
    assert take(book, block([0, 60], [[NAN, NAN, NAN], [NAN, np.inf, NAN]])) == []
    (result,) = take(book, block([70, 120, 180], [[1, 1, 1], [2, NAN, NAN], [3, 4, NAN]], pos=2))
    assert result.fields == {"dew_point_air_c": [2.0, 3.0], "dew_margin_k": [None, 4.0]}


def test_channels_that_are_for_the_detector_alone_are_not_stored() -> None:
    """Of margins to two airs the smaller one is the logger's."""
    channels = ("leak.inside", "dew_margin.air", "dew_margin.floor", "differential.computed")
    (result,) = take(DerivedResults(), block([0], [[1, 5, 4, 3]], channels=channels))
    assert result.fields == {"dew_margin_k": [4.0], "differential_computed_pa": [3.0]}


def test_blocks_of_one_record_make_one_result() -> None:
    """As the store has one place for each record and series; none knows of the other's channels."""
    other = block([5], [[7.5]], channels=("differential.computed",))
    (result,) = take(DerivedResults(), block([0], [[1, 2, 3]]), other)
    assert result.times_ns == [T0, T0 + 5 * S]
    assert result.fields["dew_point_air_c"] == [1.0, None] and result.fields["differential_computed_pa"] == [None, 7.5]


@st.composite
def journals(draw: st.DrawFn) -> list[Block]:
    """Blocks of two loggers, live and late, whose time may run back."""
    made = []
    at_s = 0
    for pos in range(1, draw(st.integers(1, 8)) + 1):
        steps = draw(st.lists(st.sampled_from([0, 7, 20, 60, 61, -30]), min_size=1, max_size=8))
        times_s = [at_s := at_s + step for step in steps]
        channels = draw(st.sampled_from([CHANNELS, CHANNELS[:1]]))
        values = [[pos, row, at_s][: len(channels)] for row in range(len(steps))]
        logger, is_late = draw(st.sampled_from("lm")), draw(st.booleans())
        made.append(block(times_s, values, pos, logger, is_late, channels))
    return made


@settings(max_examples=150, deadline=None)
@given(journals(), st.data())
def test_any_split_and_restart_gives_the_same_results(blocks: list[Block], data: st.DataObject) -> None:
    """Blocks of a batch may come in any order of their layouts; a restart goes on from the snapshot."""
    whole = DerivedResults()
    expected = take(whole, *sorted(blocks, key=lambda one: len(one.channels)))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(blocks)))) | {0, len(blocks)})
    book, found = DerivedResults(), []
    for start, stop in pairwise(cuts):
        found += take(book, *blocks[start:stop])
        saved = json.loads(json.dumps(book.snapshot()))
        book = DerivedResults()
        book.adopt(saved)
    assert found == expected
    assert book.snapshot() == whole.snapshot()


@settings(max_examples=100, deadline=None)
@given(journals())
def test_live_minutes_do_not_depend_on_late_ones(blocks: list[Block]) -> None:
    """Late blocks are told too, from a memory of their own."""
    live = [one for one in blocks if not one.is_late]
    expected = {result.pos: result for result in take(DerivedResults(), *live)}
    found = {result.pos: result for result in take(DerivedResults(), *blocks)}
    assert {pos: found[pos] for pos in expected} == expected


def test_a_container_is_forgotten_alone() -> None:
    """Its minutes are told again, those of others not."""
    book = DerivedResults()
    blocks = [block([0]), block([0], pos=2, container="d")]
    take(book, *blocks)
    saved = book.snapshot("c")
    book.forget("c")
    assert [result.pos for result in take(book, *blocks)] == [1]
    book.forget("c")
    book.adopt(saved)
    assert take(book, *blocks) == []


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that invents names empties the memory; a minute is then told once more, and none is lost."""
    monkeypatch.setattr(module, "MAX_SERIES", 3)
    book = DerivedResults()
    for n in range(5):
        assert len(take(book, block([0], logger=f"l{n}"))) == 1
    assert len(book.snapshot()) <= 3


def exposures(**fields: Sequence[float]) -> Totals:
    """Five rows of two lanes in three records, not in the order of their lanes."""
    times_ns = np.array([T0, T0, T0 + MINUTE_NS, T0 + 2 * MINUTE_NS, T0 + MINUTE_NS])
    owners = [("c", "l", "temperature.hardware"), ("d", "m", "temperature.hardware")]
    lanes, pos = np.array([0, 1, 0, 0, 1]), np.array([1, 2, 1, 3, 2])
    return Totals("warm", owners, lanes, pos, times_ns, {name: np.array(held) for name, held in fields.items()})


def test_running_totals_are_told_by_lane_and_record() -> None:
    """With what may still change marked, and nothing in place of what is unknown."""
    totals = exposures(time_above_s=[0, 1, 2.5, 3, 4], mkt_c=[NAN, NAN, NAN, 20.25, NAN])
    first, third, second = exposure_results([totals], {"d"})
    tags = (("container", "c"), ("logger", "l"), ("channel", "temperature.hardware"), ("rule", "warm"))
    fields = {"time_above_s": [0.0, 2.5], "provisional": False}
    assert first == Result(1, "exposure", tags, [T0, T0 + MINUTE_NS], fields)
    fields = {"time_above_s": [3.0], "mkt_c": [20.25], "provisional": False}
    assert third == Result(3, "exposure", tags, [T0 + 2 * MINUTE_NS], fields)
    assert dict(second.tags)["logger"] == "m"
    assert second.fields == {"time_above_s": [1.0, 4.0], "provisional": True}


def test_totals_without_anything_known_are_not_told() -> None:
    """Nor are those of nobody."""
    assert exposure_results([exposures(mkt_c=[NAN] * 5)]) == []
    none = np.empty(0, dtype=np.int64)
    nobody = Totals("warm", [], none, none, none, {"count": np.empty(0)})
    assert exposure_results([nobody]) == []


def test_results_become_points_of_the_schema() -> None:
    """Lists are a value for each time, single values hold for all, None is left out."""
    fields = {"mkt_c": [20.25, None], "count": [1, 2], "provisional": True, "note": None}
    points = result_points(Result(1, "exposure", (("container", "c"),), [T0, T0 + 1], fields))
    assert sorted(lines([points]).decode().splitlines()) == [
        f"exposure,container=c count=2.0,provisional=true {T0 + 1}",
        f"exposure,container=c mkt_c=20.25,count=1.0,provisional=true {T0}",
    ]


def opened() -> ResultBook:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(RESULT_TABLES)
    return ResultBook(connection)


def result(pos: int, points: int = 1) -> Result:
    return Result(pos, "derived", TAGS, list(range(points)), {"dew_margin_k": [0.5] * points})


def test_results_are_kept_once_and_read_in_order() -> None:
    """That of records; a second entry takes no number; a reading is bounded by number and size, but not empty."""
    book = opened()
    book.enter([result(2, 500), result(1)])
    book.enter([result(1, 3), result(3)])
    assert book.after(0, 10, 10**6) == [(1, result(1)), (2, result(2, 500)), (3, result(3))]
    assert [n for n, _ in book.after(1, 1, 10**6)] == [2]
    assert [n for n, _ in book.after(0, 10, 100)] == [1, 2]
    assert [n for n, _ in book.after(1, 10, 1)] == [2]
    assert book.last() == 3 and opened().last() == 0


def test_what_the_store_has_confirmed_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never what may be judged again or is not confirmed, and only so much at once; numbers go on."""
    monkeypatch.setattr("monitor.consumers.results.MAX_DROPPED", 2)
    book = opened()
    book.enter([result(pos) for pos in range(1, 7)])
    for left in ([3, 4, 5, 6], [4, 5, 6], [4, 5, 6]):
        book.drop(upto=4, upto_pos=3)
        assert [n for n, _ in book.after(0, 10, 10**6)] == left
    book.drop(upto=6, upto_pos=9)
    book.drop(upto=6, upto_pos=9)
    assert book.last() == 6
    book.enter([result(9)])
    assert book.after(0, 10, 10**6) == [(7, result(9))]


def test_results_of_an_earlier_version_stay() -> None:
    """Those of a file in which a result was one point keep their numbers, and the next one follows."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(
        RESULT_TABLES.replace("times_ns TEXT", "time_ns INTEGER")
        + "INSERT INTO results VALUES(5, 2, 'shock', '{\"container\": \"c\"}', 77, '{\"valid\": true}');"
        + RESULT_MIGRATION
        + RESULT_TABLES
    )
    book = ResultBook(connection)
    book.enter([result(3), Result(2, "shock", (("container", "c"),), [78], {})])
    old = Result(2, "shock", (("container", "c"),), [77], {"valid": True})
    assert book.after(0, 10, 10**6) == [(5, old), (6, result(3))] and book.last() == 6
