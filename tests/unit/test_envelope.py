"""Envelopes of spectra: log-log lines, where the margin is smallest, and what is not judged."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.shock.envelope import Closest, Points, closest, frequencies_of, limit_g, unjudged_hz
from monitor.shock.spectrum.octave import STANDARD_HZ

LEVEL = st.floats(1e-2, 1e4)


@st.composite
def envelopes(draw: st.DrawFn) -> Points:
    """Ascending frequencies at least 1 % apart."""
    steps = draw(st.lists(st.floats(1.01, 8.0), min_size=1, max_size=6))
    hz = draw(st.floats(0.5, 100.0)) * np.cumprod([1.0, *steps])
    return tuple((float(each), draw(LEVEL)) for each in hz)


def test_lines_are_straight_in_log_log() -> None:
    """A rise of 6 dB an octave doubles the level with the frequency; outside of the points there is no limit."""
    points = ((10.0, 5.0), (40.0, 20.0), (400.0, 20.0))
    found = limit_g(points, np.array([9.9, 10.0, 20.0, 30.0, 40.0, 100.0, 400.0, 401.0]))
    np.testing.assert_allclose(found, [np.nan, 5, 10, 15, 20, 20, 20, np.nan], rtol=1e-12)


@given(envelopes(), st.floats(0, 1))
def test_the_envelope_goes_through_its_points(points: Points, share: float) -> None:
    """And between two of them stays between their levels; where it is in frequency, there it is in level."""
    hz, level_g = np.array(points).T
    np.testing.assert_allclose(limit_g(points, hz), level_g, rtol=1e-12)
    (f1, g1), (f2, g2) = points[:2]
    between = limit_g(points, np.array([f1 * (f2 / f1) ** share]))[0]
    assert math.isnan(between) or between == pytest.approx(g1 * (g2 / g1) ** share, rel=1e-9)


@given(envelopes(), st.floats(0.1, 10.0), st.data())
def test_the_smallest_margin_is_found(points: Points, factor: float, data: st.DataObject) -> None:
    """A spectrum everywhere twice as far from the envelope as at one frequency; to the rounding of float32."""
    frequencies_hz = frequencies_of(points, 1e9)
    limits = limit_g(points, frequencies_hz)
    at = data.draw(st.integers(0, len(limits) - 1))
    value_g = limits / factor / 2
    value_g[at] *= 2
    found = closest(points, frequencies_hz, value_g)
    assert found is not None
    assert found.frequency_hz == frequencies_hz[at]
    assert found.margin == pytest.approx(factor, rel=1e-6)
    assert found.margin_db == pytest.approx(20 * math.log10(factor), abs=1e-5)


@given(envelopes(), st.floats(10.0, 1e5))
def test_where_an_event_is_held_against_it(points: Points, fs_hz: float) -> None:
    """At its points and a twelfth of an octave apart, up to half the rate; what lies above is said."""
    found = frequencies_of(points, fs_hz)
    own_hz = [hz for hz, _ in points]
    assert (np.diff(found) > 0).all()
    assert set(found) >= {hz for hz in own_hz if hz <= fs_hz / 2}
    assert set(found) >= {hz for hz in STANDARD_HZ if own_hz[0] <= hz <= min(own_hz[-1], fs_hz / 2)}
    if len(found) > 1:
        assert np.log2(found[1:] / found[:-1]).max() <= 1 / 12 + 1e-9
    assert not np.isnan(limit_g(points, found)).any()
    gap = unjudged_hz(points, fs_hz)
    assert (gap is None) == (own_hz[-1] <= fs_hz / 2)
    if gap is not None:
        assert gap == (max(own_hz[0], fs_hz / 2), own_hz[-1]) and (found <= gap[0]).all()


def test_what_nobody_measured_is_not_judged() -> None:
    """NaN is passed over, infinity is not; nothing left is no margin at all."""
    points = ((10.0, 5.0), (100.0, 20.0))
    frequencies_hz = np.array([5.0, 10.0, 100.0, 200.0])
    assert closest(points, frequencies_hz, np.array([99.0, np.nan, 10.0, 99.0])) == Closest(100.0, 10.0, 20.0)
    assert closest(points, frequencies_hz, np.array([99.0, np.nan, np.nan, 99.0])) is None
    assert closest(points, np.empty(0), np.empty(0)) is None
    absurd = closest(points, frequencies_hz, np.array([1.0, 1.0, np.inf, 1.0]))
    assert absurd is not None and absurd.margin == 0 and absurd.margin_db == -math.inf
    still = closest(points, frequencies_hz, np.zeros(4))
    assert still is not None and still.margin == still.margin_db == math.inf


@pytest.mark.parametrize(
    "points",
    [(), ((0.0, 1.0),), ((10.0, 0.0), (20.0, 1.0)), ((20.0, 1.0), (10.0, 1.0)), ((10.0, 1.0), (math.nan, 1.0))],
)
def test_an_envelope_that_is_none_is_an_error(points: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="frequencies ascending"):
        limit_g(points, np.array([15.0]))
