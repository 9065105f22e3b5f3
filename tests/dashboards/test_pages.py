"""The pages as files: made of today's builders, valid for Grafana, complete, and with the limits of the profile."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import limits, query
from dashboards.__main__ import text_of, texts
from dashboards.pages import PAGES
from tests.commands import REPOSITORY
from tests.dashboards.grafana import JSON, Page, pages, panels
from tests.dashboards.published import faults

PROFILE = REPOSITORY / "config" / "limits" / "flight-hardware.toml"
FACTORS = {"degC": 1.0, "K": 1.0, "%": 1.0, "Pa": 1.0, "hPa": 100.0, "kPa": 1000.0}  # into the channels' units
COLOURS = {"alarm": "red", "warning": "orange", "info": "blue"}
CHANNELS = {  # panel of page container -> the channel whose limits it draws
    "Hardware temperature": "temperature.hardware",
    "Margin to dew": "dew_margin.air",
    "Air temperature": "temperature.air",
    "Humidity": "humidity.air",
    "Over-pressure": "differential.inside",
    "Pressure inside": "pressure.inside",
    "Pressure outside": "pressure.outside",
}
BUILT_IN = "-- Grafana --"  # the data source of Grafana's own annotations
WITHOUT_DATA = {"text"}  # kinds of panels that ask nothing
ALL_PAGES = pages()
register_default_plugins()
query.register()

by_page = pytest.mark.parametrize("name", ALL_PAGES)


def test_the_files_are_those_of_the_builders() -> None:
    """`make dashboards` would change nothing, neither add nor leave over a file."""
    made = texts()
    stored = {file.name: file.read_text() for file in JSON.iterdir()}
    assert sorted(made) == sorted(stored)
    stale = [name for name, text in made.items() if text != stored[name]]
    assert not stale, f"stale: {stale}; run make dashboards"


@by_page
def test_grafana_would_take_it(name: str) -> None:
    assert faults(ALL_PAGES[name]) == []


@by_page
def test_it_survives_the_sdk(name: str) -> None:
    """Read into the SDK's types and written again it is the same: nothing in it is unknown to them."""
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(ALL_PAGES[name])))
    assert again == ALL_PAGES[name]


@by_page
def test_no_data_source_is_named(name: str) -> None:
    """Whichever data source an installation has, chosen by the page's variable."""
    page = ALL_PAGES[name]
    named = {source.get("uid") if isinstance(source, dict) else source for source in _all("datasource", page)}
    assert named - {BUILT_IN} == {"${source}"}
    assert [variable["name"] for variable in page["templating"]["list"] if variable["type"] == "datasource"] == [
        "source"
    ]


@by_page
def test_variables_in_regular_expressions_are_quoted_for_them(name: str) -> None:
    """Else a container C.1 would be shown with what C-1 and CX1 measured."""
    texts = [str(text) for text in _all("query", ALL_PAGES[name])]
    assert any(":regex}" in text for text in texts) == (name != "monitor")
    assert [text for text in texts if re.search(r"/\^\$(?!\{\w+:regex\}\$/)", text)] == []


@by_page
def test_every_panel_says_what_it_shows(name: str) -> None:
    shown = [panel for panel in panels(ALL_PAGES[name]) if panel["type"] not in WITHOUT_DATA]
    assert shown
    for panel in shown:
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"], panel
        assert len(panel["description"]) > 20, panel["title"]
        assert defaults["unit"], panel["title"]
        assert defaults["noValue"], panel["title"]
    titles = [panel["title"] for panel in shown]
    assert len(set(titles)) == len(titles), "panels are told apart by their titles"


@by_page
def test_every_unit_is_one_that_grafana_knows(name: str) -> None:
    known = {value for key, value in vars(units).items() if isinstance(value, str) and not key.startswith("_")}
    used = set(_all("unit", ALL_PAGES[name])) | {
        one["value"] for one in _objects(ALL_PAGES[name]) if one.get("id") == "unit"
    }
    assert used - known == set()


@by_page
def test_links_lead_to_pages_and_variables_that_are_there(name: str) -> None:
    by_uid = {page["uid"]: page for page in ALL_PAGES.values()}
    for url in _all("url", ALL_PAGES[name]):
        found = re.match(r"/d/([\w-]+)", url)
        if not found:
            continue
        assert found[1] in by_uid, url
        there = {variable["name"] for variable in by_uid[found[1]]["templating"]["list"]}
        assert set(re.findall(r"[?&]var-(\w+)=", url)) <= there, url


@by_page
def test_links_between_pages_stand_side_by_side(name: str) -> None:
    """As the SDK has every link in the menu of controls, where newer Grafanas leave out those that drop down."""
    (link,) = ALL_PAGES[name]["links"]
    assert (link["type"], link["tags"], link["asDropdown"]) == ("dashboards", ["tcm"], False)


def test_fleet_leads_to_a_container_and_that_to_an_event() -> None:
    links = {page["uid"]: " ".join(_all("url", page)) for page in ALL_PAGES.values()}
    assert "/d/tcm-container?" in links["tcm-fleet"]
    assert "/d/tcm-shock?" in links["tcm-container"]


def test_no_panel_is_wider_than_the_page_and_none_lie_upon_each_other() -> None:
    for page in ALL_PAGES.values():
        taken: set[tuple[int, int]] = set()
        for panel in page["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert at["x"] + at["w"] <= 24, panel.get("title")
            assert not cells & taken, panel.get("title")
            taken |= cells


@pytest.mark.parametrize("title", CHANNELS)
def test_limits_drawn_are_those_of_the_profile(title: str) -> None:
    """Read here from the file itself, not through the program."""
    assert _drawn(ALL_PAGES["container"], title) == _expected(PROFILE.read_text(), CHANNELS[title])


def test_a_limit_of_the_profile_is_typed_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another number in the profile moves the line that is drawn."""
    text = PROFILE.read_text().replace('above = "30 degC"', 'above = "31.5 degC"').replace('clear = "29 degC"', "")
    (tmp_path / "other.toml").write_text(text)
    monkeypatch.setattr(limits, "PROFILE", tmp_path / "other.toml")
    limits.profile.cache_clear()
    try:
        page = json.loads(text_of(PAGES["container"]()))
    finally:
        limits.profile.cache_clear()
    drawn = _drawn(page, "Hardware temperature")
    assert drawn == _expected(text, "temperature.hardware")
    assert (31.5, "red") in drawn


@by_page
def test_its_picture_is_shown(name: str) -> None:
    """Drawn by `python -m tests.dashboards`."""
    picture = f"images/dashboard-{name}.png"
    assert (REPOSITORY / "docs" / picture).read_bytes().startswith(b"\x89PNG")
    assert f"]({picture})" in (REPOSITORY / "docs" / "dashboards.md").read_text()


def _drawn(page: Page, title: str) -> set[tuple[float, str]]:
    """The limits of a panel: value, and the colour on the side that is beyond it."""
    (panel,) = (panel for panel in panels(page) if panel["title"] == title)
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[0]["value"] is None
    gravity = [*reversed(COLOURS.values())]  # what is none of them is within limits

    def grave(step: Page) -> int:
        return gravity.index(step["color"]) if step["color"] in gravity else -1

    return {(after["value"], max(before, after, key=grave)["color"]) for before, after in pairwise(steps)}


def _expected(profile: str, channel: str) -> set[tuple[float, str]]:
    """The same from the profile's text: its rules for the channel, but for those of an open container."""
    quantity = channel.partition(".")[0]
    found = set()
    for rule in tomllib.loads(profile)["rule"]:
        is_margin = rule["kind"] == "condensation" and quantity == "dew_margin"
        is_channel = rule["kind"] == "threshold" and rule["channel"] in (channel, f"{quantity}.*")
        if (is_margin or is_channel) and rule.get("phases") != ["open"]:
            number, unit = (rule.get("above") or rule["below"]).split()
            found.add((float(number) * FACTORS[unit], COLOURS[rule["severity"]]))
    return found


def _all(key: str, part: Any) -> Iterator[Any]:
    """Every value of a key, wherever it stands; not what is null."""
    return (one[key] for one in _objects(part) if one.get(key) is not None)


def _objects(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for member in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _objects(member)
