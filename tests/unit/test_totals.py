"""Results of what is derived and summed up: the same however the journal was cut, and as points for the store."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.consumers import totals as module
from monitor.consumers.results import RESULT_MIGRATION_1, RESULT_MIGRATION_2, RESULT_TABLES, ResultBook
from monitor.consumers.totals import DerivedResults, exposure_results
from monitor.journal import Place
from monitor.model.batch import Block, Derived, Points, Table, Totals
from monitor.model.clock import MINUTE_NS
from monitor.sinks import lines

S = 1_000_000_000
T0 = 1_795_413_600 * S  # a whole minute
NAN = float("nan")
CHANNELS = ("dew_point.air", "dew_margin.air", "pressure_norm.inside")
Tags = tuple[tuple[str, str], ...]
TAGS: Tags = (("container", "c"), ("logger", "l"))


def take(book: DerivedResults, *blocks: Block) -> list[Points]:
    """Results of blocks, each derived by itself, in order of their records."""
    tables = book.take([Derived([one], np.array([0]), one.channels, one.values) for one in blocks])
    return sorted((points for table in tables for points in table.split()), key=lambda points: points.key)


def told(points: Points) -> dict[str, list[Any]]:
    """Fields as lists, NaN as None, numbers with the digits of their type."""
    return {
        name: [None if value != value else value for value in np.asarray(column).tolist()]
        if isinstance(column, list)
        else json.loads(orjson.dumps(np.ascontiguousarray(column), option=orjson.OPT_SERIALIZE_NUMPY))
        for name, column in points.fields.items()
    }


def plain(points: Points) -> Any:
    """Points as what can be compared."""
    return points.key, points.tags, points.times_ns.tolist(), told(points)


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
    assert (result.key, result.measurement, result.tags) == (1, "derived", TAGS)
    assert result.times_ns.tolist() == [T0, T0 + MINUTE_NS, T0 + 125 * S]
    assert told(result) == {"dew_point_air_c": [0.0, 3.0, 4.0], "dew_margin_k": [0.1, 3.1, 4.1]}


def test_unknown_values_are_left_out() -> None:
    """One by one; a row of them makes no result, but its minute is told."""
    book = DerivedResults()
    assert take(book, block([0, 60], [[NAN, NAN, NAN], [NAN, np.inf, NAN]])) == []
    (result,) = take(book, block([70, 120, 180, 240], [[1, 1, 1], [2, NAN, NAN], [NAN] * 3, [3, 4, NAN]], pos=2))
    assert result.times_ns.tolist() == [T0 + 120 * S, T0 + 240 * S]
    assert told(result) == {"dew_point_air_c": [2.0, 3.0], "dew_margin_k": [None, 4.0]}


def test_channels_that_are_for_the_detector_alone_are_not_stored() -> None:
    """Of margins to two airs the smaller one is the logger's."""
    channels = ("leak.inside", "dew_margin.air", "dew_margin.floor", "differential.computed")
    (result,) = take(DerivedResults(), block([0], [[1, 5, 4, 3]], channels=channels))
    assert told(result) == {"dew_margin_k": [4.0], "differential_computed_pa": [3.0]}


def test_loggers_of_one_layout_share_a_table() -> None:
    """Each row says whose it is, and the tags of each logger stand once."""
    blocks = [block([0, 60], pos=1), block([0], pos=2, logger="m"), block([120], pos=3)]
    starts, values = np.array([0, 2, 3]), np.concatenate([one.values for one in blocks]) + np.float32(1)
    (table,) = DerivedResults().take([Derived(blocks, starts, CHANNELS, values)])
    assert [dict(tags)["logger"] for tags in table.series] == ["l", "m"]
    assert (table.of.tolist(), table.pos.tolist()) == ([0, 0, 1, 0], [1, 1, 2, 3])
    assert table.times_ns.tolist() == [T0, T0 + MINUTE_NS, T0, T0 + 2 * MINUTE_NS]


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


@settings(max_examples=150)
@given(journals(), st.data())
def test_any_split_and_restart_gives_the_same_results(blocks: list[Block], data: st.DataObject) -> None:
    """Blocks of a batch may come in any order of their layouts; a restart goes on from the snapshot."""
    whole = DerivedResults()
    expected = take(whole, *sorted(blocks, key=lambda one: len(one.channels)))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(blocks)))) | {0, len(blocks)})
    book, found = DerivedResults(), list[Points]()
    for start, stop in pairwise(cuts):
        found += take(book, *blocks[start:stop])
        saved = json.loads(json.dumps(book.snapshot()))
        book = DerivedResults()
        book.adopt(saved)
    assert list(map(plain, found)) == list(map(plain, expected))
    assert book.snapshot() == whole.snapshot()


@settings(max_examples=100)
@given(journals())
def test_live_minutes_do_not_depend_on_late_ones(blocks: list[Block]) -> None:
    """Late blocks are told too, from a memory of their own."""
    live = [one for one in blocks if not one.is_late]
    expected = {result.key: plain(result) for result in take(DerivedResults(), *live)}
    found = {result.key: plain(result) for result in take(DerivedResults(), *blocks)}
    assert {pos: found[pos] for pos in expected} == expected


def test_a_container_is_forgotten_alone() -> None:
    """Its minutes are told again, those of others not."""
    book = DerivedResults()
    blocks = [block([0]), block([0], pos=2, container="d")]
    take(book, *blocks)
    saved = book.snapshot("c")
    book.forget("c")
    assert [result.key for result in take(book, *blocks)] == [1]
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
    (table,) = exposure_results([totals], {"d"})
    first, third, second = table.split()
    assert first.tags == (
        ("container", "c"), ("logger", "l"), ("channel", "temperature.hardware"), ("rule", "warm")
    )  # fmt: skip
    assert (first.key, first.times_ns.tolist()) == (1, [T0, T0 + MINUTE_NS])
    assert told(first) == {"time_above_s": [0.0, 2.5], "mkt_c": [None, None], "provisional": [False, False]}
    assert (third.key, third.times_ns.tolist()) == (3, [T0 + 2 * MINUTE_NS])
    assert told(third) == {"time_above_s": [3.0], "mkt_c": [20.25], "provisional": [False]}
    assert dict(second.tags)["logger"] == "m"
    assert told(second)["provisional"] == [True, True]


def test_totals_without_anything_known_are_not_told() -> None:
    """Nor are those of nobody."""
    assert exposure_results([exposures(mkt_c=[NAN] * 5)]) == []
    (table,) = exposure_results([exposures(mkt_c=[NAN, 1, NAN, NAN, NAN])])
    assert table.pos.tolist() == [2]
    none = np.empty(0, dtype=np.int64)
    nobody = Totals("warm", [], none, none, none, {"count": np.empty(0)})
    assert exposure_results([nobody]) == []


def opened() -> ResultBook:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(RESULT_TABLES)
    return ResultBook(connection)


def table_of(pos: Sequence[int], measurement: str = "derived", tags: Tags = TAGS, **fields: Any) -> Table:
    rows = len(pos)
    held = fields or {"dew_margin_k": np.arange(rows, dtype=np.float32) / 8}
    return Table(measurement, (tags,), np.zeros(rows, np.int64), np.array(pos), np.arange(rows), held)


def printed(book: ResultBook, number: int = 0) -> list[str]:
    """All lines behind a row."""
    body = lines([table for row in book.after(number, 1 << 30) for table in row.tables])
    return sorted(body.decode().splitlines())


# Below 1e7 float32 is printed without exponent, as the float64 that comes of its digits.
ROWS = st.tuples(
    st.integers(1, 9),
    st.floats(-1e6, 1e6, width=32) | st.sampled_from([NAN, np.inf]),
    st.floats(),
    st.text(max_size=3),
    st.booleans(),
)


@given(st.lists(ROWS))
def test_what_is_entered_comes_back_to_the_digit(rows: list[tuple[int, float, float, str, bool]]) -> None:
    """Float32 and float64 as they are printed, text and flags, NaN left out: the same lines, however it is cut."""
    singles, doubles = np.array([row[1] for row in rows], np.float32), np.array([row[2] for row in rows])
    texts, flags = [row[3] for row in rows], [row[4] for row in rows]
    table = table_of([row[0] for row in rows], a=singles, b=doubles, kind=texts, valid=flags)
    book = opened()
    with patch("monitor.consumers.results.MAX_ROW_POINTS", 2):
        book.enter([table], Place(9))
    assert printed(book) == sorted(lines([table]).decode().splitlines())


def test_results_are_read_in_order_and_bounded() -> None:
    """A reading is bounded by size, but not empty; the last row of a step says up to where all is told."""
    book = opened()
    book.enter([table_of([1, 2])], Place(2))
    book.enter([table_of([3] * 500), table_of([])], Place(3))
    book.finish(Place(3))
    book.enter([table_of([4])], Place(5, 4))
    book.finish(Place(5, 4))
    assert [(row.number, row.upto) for row in book.after(0, 1 << 20)] == [(1, None), (2, 3), (3, 5)]
    assert [row.number for row in book.after(1, 100)] == [2]
    assert [book.before(pos) for pos in (0, 1, 2, 3, 5, 6)] == [0, 0, 1, 2, 2, 3]
    assert book.has_after(2) and not book.has_after(3) and not opened().has_after(0)


def test_what_takes_the_place_of_others_is_read_alone() -> None:
    """So that it can wait for those before it; those behind wait for it."""
    book = opened()
    for pos in (1, 2, 3):
        book.enter([table_of([1])], Place(pos), is_again=pos == 2)
    assert [[row.number for row in book.after(number, 1 << 20)] for number in (0, 1, 2)] == [[1], [2], [3]]
    assert [row.is_again for row in book.after(1, 1 << 20)] == [True]


def test_all_of_a_record_stands_in_one_row() -> None:
    """Whatever its size, since a store that keeps points by record replaces them."""
    book = opened()
    with patch("monitor.consumers.results.MAX_ROW_POINTS", 3):
        book.enter([table_of([1, 2, 2, 2, 2, 3]), table_of([1, 2, 3], "exposure")], Place(3))
    rows = book.after(0, 1 << 20)
    assert [sorted({int(pos) for table in row.tables for pos in table.pos}) for row in rows] == [[1, 2], [3]]


def test_what_the_store_has_confirmed_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never what is not confirmed, and only so much at once; numbers go on."""
    monkeypatch.setattr("monitor.consumers.results.MAX_DROPPED", 2)
    book = opened()
    for pos in range(1, 7):
        book.enter([table_of([pos])], Place(pos))
    for left in ([3, 4, 5, 6], [4, 5, 6], [4, 5, 6]):
        book.drop(upto=3)
        assert [row.number for row in book.after(0, 1 << 20)] == left
    book.drop(upto=6)
    book.drop(upto=6)
    assert book.has_after(5) and not book.has_after(6) and book.before(6) == 6
    book.enter([table_of([9])], Place(9))
    assert [row.number for row in book.after(0, 1 << 20)] == [7]


FIRST_TABLES = """
CREATE TABLE results(
    n INTEGER PRIMARY KEY AUTOINCREMENT, pos INTEGER NOT NULL, measurement TEXT NOT NULL, tags TEXT NOT NULL,
    {times}, fields TEXT NOT NULL, UNIQUE(pos, measurement, tags));
"""


@pytest.mark.parametrize(
    ("times", "time", "migration"),
    [
        ("time_ns INTEGER NOT NULL", "77", RESULT_MIGRATION_1 + RESULT_MIGRATION_2),
        ("times_ns TEXT NOT NULL", "'[77]'", RESULT_MIGRATION_2),
    ],
)
def test_results_of_earlier_versions_are_handed_on(times: str, time: str, migration: str) -> None:
    """Each becomes a row; all are to be confirmed before the store is past any of them, and the next follows."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(
        FIRST_TABLES.format(times=times)
        + f"""
        INSERT INTO results VALUES(5, 2, 'shock', '{{"container": "c"}}', {time}, '{{"valid": true, "peak_g": 2.5}}');
        INSERT INTO results VALUES(6, 4, 'shock', '{{"container": "d"}}', {time}, '{{"kind": "a", "peak_g": null}}');
        """
        + migration
    )
    book = ResultBook(connection)
    assert [(row.number, row.upto) for row in book.after(book.before(0), 1 << 20)] == [(5, None), (6, 4)]
    assert printed(book) == ["shock,container=c valid=true,peak_g=2.5 77", 'shock,container=d kind="a" 77']
    book.enter([table_of([5])], Place(5))
    assert [row.number for row in book.after(6, 1 << 20)] == [7]
