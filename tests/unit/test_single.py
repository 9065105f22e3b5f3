"""Numbers that leave an analysis."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.single import number, single

SINGLES = st.floats(width=32, allow_nan=False)


@given(st.floats(allow_nan=False))
def test_a_single_is_the_nearest_float32_in_few_digits(value: float) -> None:
    """Read as a float32 it is that one; written it has nine significant digits at most."""
    with np.errstate(over="ignore"):
        assert np.float32(single(value)) == np.float32(value)
    assert single(single(value)) == single(value)
    assert float(f"{single(value):.9g}") == single(value)


@given(SINGLES, SINGLES)
def test_singles_stand_in_the_order_of_their_float32(one: float, other: float) -> None:
    """So a value that is beyond its limit as float32 is beyond in what is told of it."""
    assert (single(one) < single(other)) == (one < other)


@pytest.mark.parametrize("nothing", [None, math.nan, math.inf, -math.inf, 1e300])
def test_what_is_no_finite_float32_is_no_number(nothing: float | None) -> None:
    """JSON and stores take it for unknown."""
    assert number(nothing) is None
    assert number(7.41) == single(float(np.float32(7.41))) == 7.41
