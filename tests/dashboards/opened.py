"""Each page as an operator opens it on the journey: its time range, its variables, and what it is answered."""

from __future__ import annotations

from typing import NamedTuple

from tests.dashboards.grafana import Asked, Page, Rows, Value, Window, queries, rows_of, values_of
from tests.dashboards.journey import Journey, Series

CONTAINER = "C-102"  # the one that is dropped
AROUND_MS = 300  # an event: of the seconds that a link shows the part where it happens
LATELY_MS = 60_000  # the daemon itself, which has run for a minute only


class Opened(NamedTuple):
    """A page with the values of its variables, and each query with its answer."""

    page: Page
    window: Window
    values: dict[str, Value]
    answers: list[tuple[Asked, list[Series]]]

    def rows(self) -> dict[str, Rows]:
        """The rows of each panel and annotation, of all its queries."""
        found: dict[str, Rows] = {}
        for asked, series in self.answers:
            found.setdefault(asked.owner, []).extend(rows_of(series))
        return found

    def answers_of(self, panel: Page) -> list[list[Series]]:
        """The series of each of the panel's queries."""
        owner, refs = panel["title"], [target["refId"] for target in panel["targets"]]
        return [
            next(series for asked, series in self.answers if (asked.owner, asked.ref) == (owner, ref)) for ref in refs
        ]


def opened(journey: Journey, name: str, page: Page, window: Window | None = None) -> Opened:
    """The page, over `window` or what fits it; AssertionError when the server refuses a query."""
    range_, chosen = _fitting(journey, name)
    range_ = window or range_
    values = values_of(page, range_, journey.ask, chosen)
    return Opened(page, range_, values, [(asked, journey.ask(asked.text)) for asked in queries(page, values, range_)])


def _fitting(journey: Journey, name: str) -> tuple[Window, dict[str, Value]]:
    if name == "monitor":
        return Window(journey.to_ms - LATELY_MS, journey.to_ms), {}
    if name != "shock":
        return Window(journey.from_ms, journey.to_ms), {"container": CONTAINER}
    gravest = f"""SELECT max("resultant_g"), "logger" FROM "shock" WHERE "container" = '{CONTAINER}'"""
    ((at_ms, _, logger),) = journey.ask(gravest)[0]["values"]
    return Window(at_ms - AROUND_MS, at_ms + AROUND_MS), {"container": CONTAINER, "logger": [logger]}
