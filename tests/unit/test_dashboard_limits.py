"""The limits that the pages draw: every value lies in the colour of the gravest limit that it is beyond."""

from __future__ import annotations

from bisect import bisect_right
from math import inf
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.limits import COLOURS, OPEN, Limit, limits_of, thresholds
from dashboards.parts import beyond, from_good
from monitor.model.limit import Severity

VALUES = st.integers(-1000, 1000).map(lambda number: number / 4)  # few enough that limits meet each other
SEVERITIES = st.sampled_from(get_args(Severity))
PHASES = st.sampled_from([(), (OPEN,), ("road", OPEN)])
ABOVE = st.builds(Limit, st.just("rule"), SEVERITIES, VALUES, st.none(), PHASES)
BELOW = st.builds(Limit, st.just("rule"), SEVERITIES, st.none(), VALUES, PHASES)
GRAVEST = [*COLOURS.values()]  # by its place the graver


@given(limits=st.lists(ABOVE | BELOW, max_size=8), value=VALUES)
def test_a_value_has_the_colour_of_the_gravest_limit_it_is_beyond(limits: list[Limit], value: float) -> None:
    steps = thresholds(limits, COLOURS["ok"]).build().steps
    edges = [-inf if step.value is None else step.value for step in steps]
    assert edges == sorted(set(edges))
    assert edges[0] == -inf
    drawn = [limit for limit in limits if limit.phases != (OPEN,)]
    if any(limit.value == value for limit in drawn):
        return  # on a limit itself Grafana has the colour above it
    beyond = {limit.severity for limit in drawn if (value > limit.value) == (limit.above is not None)}
    expected = max((COLOURS[severity] for severity in beyond), key=GRAVEST.index, default=COLOURS["ok"])
    assert steps[bisect_right(edges, value) - 1].color == expected


def test_up_to_their_first_step_numbers_are_green_and_lines_plain() -> None:
    """Shaded is only what lies beyond a limit."""
    steps = ((60.0, "warning"), (600.0, "alarm"))
    for made, within in ((from_good(*steps), COLOURS["ok"]), (beyond(*steps), "transparent")):
        found = [(step.value, step.color) for step in made.build().steps]
        assert found == [(None, within), (60.0, COLOURS["warning"]), (600.0, COLOURS["alarm"])]


@pytest.mark.parametrize("channel", ["temperature.hardware", "humidity.air", "differential.inside", "dew_margin.air"])
def test_each_limit_of_the_profile_is_an_edge(channel: str) -> None:
    limits = limits_of(channel)
    edges = {step.value for step in thresholds(limits).build().steps}
    assert edges == {limit.value for limit in limits if limit.is_drawn} | {None}
