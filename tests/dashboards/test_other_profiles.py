"""Pages follow the profile: what other profiles limit is drawn too, and what a profile does not limit is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards import exposure, limits, shock_limits, shock_queries, totals
from dashboards.__main__ import text_of
from dashboards.pages import PAGES
from monitor.config.examples import EXAMPLES
from monitor.detect.kernels import kinetic
from monitor.shock.envelope import limit_g
from monitor.shock.spectrum.octave import STANDARD_HZ, STORED_STEP
from tests.dashboards.grafana import panels
from tests.dashboards.published import faults

HZ, G = st.floats(2.0, 3000.0), st.floats(0.1, 1e3)
POINTS = st.lists(st.tuples(HZ, G), min_size=2, max_size=6, unique_by=lambda point: round(point[0]))


@pytest.fixture
def rich(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A profile with every form of rule that there is, in place of the example."""
    yield from _instead(tmp_path, monkeypatch, "".join(EXAMPLES.values()))


@pytest.fixture
def poor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A profile with hardly any rule, in place of the example."""
    yield from _instead(tmp_path, monkeypatch, EXAMPLES["rate"])


def _instead(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Iterator[None]:
    (folder / "other.toml").write_text(f'name = "other"\n{text}')
    monkeypatch.setattr(limits, "PROFILE", folder / "other.toml")
    limits.profile.cache_clear()
    yield
    limits.profile.cache_clear()


@given(POINTS)
def test_envelope_is_drawn_where_the_rules_see_it(points: list[tuple[float, float]]) -> None:
    """At every stored frequency within it once, at the level by which events are judged there; nowhere else."""
    points.sort()
    levels = list(shock_limits.envelope_levels(tuple(points)))
    drawn = {hz: level_g for level_g, of_level in levels for hz in of_level}
    assert sum(len(of_level) for _, of_level in levels) == len(drawn)
    frequencies_hz = np.array(shock_limits.FREQUENCIES_HZ)
    judged = limit_g(tuple(points), frequencies_hz)
    inside = ~np.isnan(judged)
    assert sorted(drawn) == frequencies_hz[inside].tolist()
    assert np.allclose([drawn[hz] for hz in frequencies_hz[inside].tolist()], judged[inside], rtol=1e-5)


def test_frequencies_are_those_of_the_store() -> None:
    assert np.allclose(shock_limits.FREQUENCIES_HZ, STANDARD_HZ[::STORED_STEP], rtol=1e-12)


def test_kinetic_temperature_weighs_as_the_rules_do() -> None:
    assert (exposure.ACTIVATION_K, exposure.KELVIN) == (kinetic.ACTIVATION_K, kinetic.KELVIN)


@pytest.mark.usefixtures("rich")
def test_every_rule_that_adds_up_has_its_limit() -> None:
    """Limits in the unit of the field that the store has: 12 h are 43 200 s."""
    found = {total.rule: (total.field, total.unit, total.limit) for total in totals.totals()}
    assert found == {
        "warm-hours": ("time_above_s", "s", 43_200.0),
        "cold-dose": ("degree_hours", "", 20.0),
        "kinetic-mean": ("mkt_c", "degC", 25.0),
        "solder-fatigue": ("dose", "", 0.01),
        "rough-hour": ("count", "", 20.0),
        "shock-dose": ("dose", "", 3.0),
    }
    page = json.loads(text_of(PAGES["exposure"]()))
    for panel in panels(page):
        if panel["title"] in found:
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            assert [step["value"] for step in steps] == [None, found.pop(panel["title"])[2]]
    assert found == {}


@pytest.mark.usefixtures("rich")
def test_boundary_and_envelope_are_asked_for() -> None:
    assert len(shock_queries.boundary_queries()) == 3
    asked = [query.text for query in shock_queries.spectrum_queries()[1:]]
    (plateau,) = [text for text in asked if "+ 20.0 AS" in text]
    assert r"/^(100\.8|127|160|" in plateau, "all frequencies of a plateau in one query"


@pytest.mark.usefixtures("poor")
def test_what_is_not_limited_is_not_drawn() -> None:
    assert (totals.totals(), shock_queries.boundary_queries(), len(shock_queries.spectrum_queries())) == ([], [], 1)
    assert "no damage boundary" in text_of(PAGES["shock"]())


@pytest.mark.parametrize("profile", ["rich", "poor"])
@pytest.mark.parametrize("name", ["container", "shock", "exposure"])
def test_grafana_would_take_the_pages_of_any_profile(name: str, profile: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(profile)
    assert faults(json.loads(text_of(PAGES[name]()))) == []
