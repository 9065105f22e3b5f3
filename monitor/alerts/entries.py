"""Entry: what the book keeps of one exceedance, a row of table `alerts`; and the alert that it stands for in public."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from monitor.model.alert import stored_alert
from monitor.model.clock import rfc3339

FLAPPING = 5  # openings of a stream within an hour: it comes and goes, rather than happens
MAX_RECENT = 60  # openings that are counted
SEPARATOR = "\n"  # stands in no identifier; what begins alike lies together in an index
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


class Terms(NamedTuple):
    """What the book has to know of an alert beside its JSON, by the rule as it stood; in the words of `Entry`."""

    by_arrival: bool = False
    hold_ns: int | None = None
    withheld: str | None = None
    doubts: bool = False


class Entry(NamedTuple):
    """One exceedance. Entries of one chain are one alert in public, whose id is `chain`; the last stands for it.

    `number` counts entries in the order in which they were told first. `source` is container, logger and channel,
    `stream` these with rule and axis; `turn` is its place among those of the stream, None of those that do not count.
    `exceedance` is what the detector knows it by (None: a fact that never ends), `body` its own JSON. What depends on
    when records arrive (`by_arrival`) is never settled.

    `hold_ns` is the hold-off in force when it was judged (None: it never goes on with another); `withheld` the severity
    that it would have if its container were armed; `doubts` whether it says that the sensor is not to be trusted.

    Of the chain: `opened_ns` is when it began, `reopened` how many entries came before, `recent` how often the stream
    opened within the hour before (0: not counted), `before` what those earlier entries leave behind, see `left_behind`.
    """

    number: int | None
    id: str
    container: str
    source: str
    stream: str
    state: str
    occurred_ns: int
    cleared_ns: int | None
    exceedance: str | None
    by_arrival: bool
    merged_into: str | None
    turn: int | None
    hold_ns: int | None
    withheld: str | None
    doubts: bool
    chain: str
    opened_ns: int
    reopened: int
    recent: int
    before: str | None
    is_last: bool
    body: str

    def public(self) -> dict[str, Any]:
        """The alert's JSON for everybody."""
        return in_public(self.id, self.chain, self.opened_ns, self.reopened, self.recent, self.before, self.body)

    @property
    def is_plain(self) -> bool:
        """Whether its own JSON is the public one."""
        return is_plain(self.id, self.chain, self.reopened, self.recent)


ENTRY = ", ".join(Entry._fields)
PUBLIC = "id, chain, opened_ns, reopened, recent, before, body"  # the columns of `in_public`


@lru_cache(maxsize=4096)  # as alert_id
def source_of(container: str, logger: str, channel: str) -> str:
    """Column `source`."""
    return SEPARATOR.join((container, logger, channel))


def stream_of(source: str, rule: str, axis: str | None) -> str:
    """Column `stream`."""
    return SEPARATOR.join((source, rule, axis or ""))


def left_behind(entry: Entry) -> str:
    """What an entry with those before it leaves to the next of its chain: when it was reported first, and its peak."""
    body = stored_alert(entry.body)
    if entry.before is None:
        return orjson.dumps([body["reported_at"], body["peak"]]).decode()
    reported_at, peak = orjson.loads(entry.before)
    return orjson.dumps([reported_at, _more_extreme(body, peak)]).decode()


def is_plain(key: str, chain: str, reopened: int, recent: int) -> bool:
    """Whether an entry's own JSON is the public one."""
    return not reopened and recent < FLAPPING and key == chain


def in_public(
    key: str, chain: str, opened_ns: int, reopened: int, recent: int, before: str | None, text: str
) -> dict[str, Any]:
    """The public JSON of an alert, by columns of its last entry."""
    body = stored_alert(text)
    if is_plain(key, chain, reopened, recent):
        return body
    body |= {"id": chain, "reopened": reopened, "flapping": recent >= FLAPPING}
    if before is not None:
        reported_at, peak = orjson.loads(before)
        body |= {"occurred_at": rfc3339(opened_ns), "reported_at": reported_at, "peak": _more_extreme(body, peak)}
        body["message"] += f"; opened again, {_ordinal(reopened + 1)} time since {rfc3339(opened_ns)}"
    if recent >= FLAPPING:
        more = " or more" if recent == MAX_RECENT else ""
        body["message"] += f"; flapping: {recent} times{more} within 1 h"
    return body


def _more_extreme(body: dict[str, Any], peak: float) -> float:
    """The further one of an alert's peak and another; a value `within` its limit lies on the other side of it."""
    rises = (body["value"] > body["limit"]) != (body["decision"] == "within")
    return float(max(body["peak"], peak) if rises else min(body["peak"], peak))


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"
