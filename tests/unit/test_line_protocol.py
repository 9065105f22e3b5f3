"""Line protocol: what is printed comes back exactly, what InfluxDB refuses is left out."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from monitor.model.batch import Points, Table
from monitor.sinks.line_protocol import _ROWS_AT_ONCE, lines

TAGS = (("container", "C-101"), ("logger", "L-01"))
FIELD = re.compile(r'((?:[^\\,=]|\\.)+)=("(?:[^\\"]|\\.)*"|[^,]+)(?:,|$)', re.DOTALL)

blocks = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.floats(width=32))
float64_columns = arrays(np.float64, st.integers(1, 12), elements=st.floats())


def points(fields: dict[str, Any], tags: tuple[tuple[str, str], ...] = TAGS, rows: int | None = None) -> Points:
    rows = len(next(iter(fields.values()))) if rows is None else rows
    return Points(7, "env", tags, 1_760_000_000_000_000_000 + np.arange(rows, dtype=np.int64), fields)


def columns(block: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    return {f"temperature_{index}_c": column for index, column in enumerate(block.T)}


def parsed(body: bytes) -> dict[int, dict[str, str]]:
    """A plain reader of lines without spaces in tags: time -> field -> text of the value."""
    found: dict[int, dict[str, str]] = {}
    for match in re.finditer(r'(\S+) ((?:"(?:[^\\"]|\\.)*"|[^" ])+) (-?\d+)\n', body.decode()):
        found[int(match[3])] = dict(FIELD.findall(match[2]))
    return found


@given(blocks)
def test_float32_comes_back_exactly(block: NDArray[np.float32]) -> None:
    """Every finite float32 of a block is read back bit for bit; every NaN and infinity is absent."""
    one = points(columns(block))
    found = parsed(lines([one]))
    for name, values in one.fields.items():
        for time_ns, value in zip(one.times_ns.tolist(), values, strict=True):
            text = found.get(time_ns, {}).get(name)
            if np.isfinite(value):
                assert text is not None
                assert np.float32(text).tobytes() == np.float32(value).tobytes()
            else:
                assert text is None


def test_any_bit_pattern_comes_back() -> None:
    """Ten thousand float32 of random bits: eight digits would lose about half of them."""
    bits = np.random.default_rng(1).integers(0, 2**32, 10_000, dtype=np.uint32)
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    found = parsed(lines([points({"value": values})]))
    assert [np.float32(row["value"]) for row in found.values()] == values.tolist()


@given(blocks)
def test_a_line_for_each_row_with_a_value(block: NDArray[np.float32]) -> None:
    """One line a row, none for a row that has nothing."""
    assert lines([points(columns(block))]).count(b"\n") == int(np.isfinite(block).any(axis=1).sum())


@given(float64_columns)
def test_float64_comes_back_exactly(values: NDArray[np.float64]) -> None:
    """Results are float64 and come back bit for bit as well, also when their sum overflows."""
    one = points({"peak_g": values})
    found = parsed(lines([one]))
    expected = {int(t): value for t, value in zip(one.times_ns, values, strict=True) if np.isfinite(value)}
    assert {t: np.float64(row["peak_g"]).tobytes() for t, row in found.items()} == {
        t: np.float64(value).tobytes() for t, value in expected.items()
    }


@given(blocks)
def test_same_points_same_bytes(block: NDArray[np.float32]) -> None:
    """Building twice, from other arrays of the same content, gives the same bytes."""
    assert lines([points(columns(block))]) == lines([points(columns(block.copy()))])


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_text_comes_back(texts: list[str]) -> None:
    """Any text survives quoting: quotes, backslashes, commas, line breaks, percent signs."""
    found = parsed(lines([points({"message": texts})]))
    read = [re.sub(r"\\(.)", r"\1", row["message"][1:-1], flags=re.DOTALL) for row in found.values()]
    assert read == texts


def test_the_line_as_it_stands() -> None:
    """The format, spelled out: tags and fields in the given order, floats without suffix, flags and text."""
    one = points({"value": np.array([20.0, 0.1], np.float32), "valid": [True, False], "kind": ["drop", 'a "b"']})
    assert lines([one]) == (
        b'env,container=C-101,logger=L-01 value=20.0,valid=true,kind="drop" 1760000000000000000\n'
        b'env,container=C-101,logger=L-01 value=0.1,valid=false,kind="a \\"b\\"" 1760000000000000001\n'
    )


def test_whole_numbers_carry_no_suffix() -> None:
    """A float64 without fraction stays a float: `1i` would be a type conflict later."""
    assert b" count=3.0 " in lines([points({"count": np.array([3.0])})])


def test_rows_beyond_one_format_are_all_there() -> None:
    """A column longer than what is put together at once comes out whole and in order."""
    values = np.arange(2 * _ROWS_AT_ONCE + 3, dtype=np.float32)
    found = parsed(lines([points({"x_g": values})]))
    assert [float(row["x_g"]) for row in found.values()] == values.tolist()


def test_tags_are_escaped() -> None:
    """Comma, space, equals and percent in a tag neither end it nor disturb the formatting."""
    one = points({"value": np.array([1.0], np.float32)}, (("rule", "a b,c=d%s"),))
    assert lines([one]).startswith(b"env,rule=a\\ b\\,c\\=d%s value=1.0 ")


@pytest.mark.parametrize("value", ["", "a\nb", "a\\"])
def test_a_tag_that_would_change_the_series_is_refused(value: str) -> None:
    """An empty tag vanishes in InfluxDB, a backslash or line break reads as something else."""
    with pytest.raises(ValueError, match="change the series"):
        lines([points({"value": np.array([1.0])}, (("logger", value),))])


@pytest.mark.parametrize(
    "values", [np.array([1, 2]), [1, 2], [1.5, 2.5], [None, "a"]], ids=["int-array", "int", "float", "none"]
)
def test_integers_and_other_types_are_refused(values: Any) -> None:
    """What is neither float array, text nor flag is a programming error, said at once with the field's name."""
    with pytest.raises(TypeError, match="field value"):
        lines([points({"value": values})])


@pytest.mark.parametrize("rows", [1, 3])
def test_columns_of_unequal_length_are_refused(rows: int) -> None:
    """Neither a missing nor a surplus value is passed over."""
    with pytest.raises(ValueError, match="2 values for"):
        lines([points({"value": np.array([1.0, 2.0])}, rows=rows)])


def test_nothing_gives_nothing() -> None:
    """No points, no rows and no values all give an empty body."""
    empty = np.empty(0, np.float32)
    assert lines([]) == lines([points({"value": empty})]) == lines([points({"value": empty + 1, "x": empty})]) == b""
    assert lines([points({"value": np.full(3, np.nan, np.float32)})]) == b""


@st.composite
def few_points(draw: st.DrawFn) -> Points | Table:
    """Rows of a series or two at a few times, with some of three fields."""
    rows = draw(st.integers(1, 3))
    names = draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True))
    numbers = st.integers(1, 9).map(float) | st.just(np.nan)
    fields: Any = {name: np.array(draw(st.lists(numbers, min_size=rows, max_size=rows))) for name in names}
    times_ns = np.array(draw(st.lists(st.integers(1, 3), min_size=rows, max_size=rows)), dtype=np.int64)
    tags = ((("logger", "L-1"),), (("logger", "L-2"),))
    if draw(st.booleans()):
        return Points(7, "env", draw(st.sampled_from(tags)), times_ns, fields)
    of = np.array(draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows)), dtype=np.int64)
    return Table("env", tags, of, np.zeros(rows, np.int64), times_ns, fields)


def stored(body: bytes) -> dict[tuple[str, str, str], str]:
    """What stands in the end by series, time and field, where the last line counts."""
    found: dict[tuple[str, str, str], str] = {}
    for text in body.decode().splitlines():
        series, fields, time_ns = text.split(" ")
        found |= {(series, time_ns, name): value for name, value in FIELD.findall(fields)}
    return found


@given(st.lists(few_points(), max_size=8))
def test_what_comes_last_is_written_last(body: list[Points | Table]) -> None:
    """Whatever stands together: of two values of one series and time the later one's stays."""
    single = [
        one.take(np.array([row])) if isinstance(one, Table) else row_of(one, row)
        for one in body
        for row in range(len(one.times_ns))
    ]
    expected: dict[tuple[str, str, str], str] = {}
    for one in single:
        expected |= stored(lines([one]))
    assert stored(lines(body)) == expected


def row_of(points: Points, row: int) -> Points:
    fields = {name: column[row : row + 1] for name, column in points.fields.items()}
    return Points(points.key, points.measurement, points.tags, points.times_ns[row : row + 1], fields)
