"""What a container's exceedances are in official order, and how its alerts become those."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.alerts import AlertBook
from monitor.alerts.ending import cleared_ns, end
from monitor.alerts.reconcile import Told, ended_apart, reconcile
from monitor.alerts.wording import UNTIL
from monitor.model.alert import CLEARED, FIRING, in_json
from monitor.model.batch import Finding


class Before(NamedTuple):
    """An exceedance that fired before the fork: its id, the finding that cleared it (None: it goes on), its peak."""

    exceedance: str
    ended: Finding | None
    peak: float


@dataclass(frozen=True, slots=True)
class Settled:
    """What a container's exceedances are in official order, as of a tick at `at_ns`.

    `positions` int64 [n] are those of the records that were judged again; `official` fired in them, `before` earlier.
    `apart` are the positions of those that came too late for that: they belong before the oldest state that is known.
    """

    container: str
    at_ns: int
    positions: NDArray[np.int64]
    apart: list[int]
    official: list[Told]
    before: list[Before]


def settle(book: AlertBook, settled: Settled) -> None:
    """Make the alerts of a container those of its exceedances in official order.

    Those of records apart stay as they were told; as nothing goes on with them, the open ones end.
    """
    told = book.told(settled.container)
    positions, apart = set(settled.positions.tolist()), set(settled.apart)
    before = {each.exceedance: each for each in settled.before}
    live = [each for each in told if each.body["evidence"]["pos"] in positions]
    rest = [each for each in told if each.body["evidence"]["pos"] not in positions | apart]
    earlier = {
        each.entry.exceedance or "": each
        for each in sorted(rest, key=lambda each: each.number)
        if each.entry.exceedance in before
    }
    official = [replace(each, turn=each.number) for each in settled.official]
    official += [_continued(each, before[key]) for key, each in earlier.items()]
    changes = reconcile([*live, *earlier.values()], official, settled.at_ns)
    told_apart = [each for each in told if each.body["evidence"]["pos"] in apart]
    changes += [ended_apart(each, settled.at_ns) for each in told_apart if each.cleared_ns is None]
    book.settle(changes, told_apart, settled.at_ns)


def _continued(told: Told, before: Before) -> Told:
    """An exceedance that fired before the fork with its peak and end in official order."""
    body = told.body | {"state": FIRING, "cleared_at": None, "peak": in_json(before.peak)}
    if told.body["state"] == CLEARED:
        body["message"] = body["message"].rsplit(UNTIL, 1)[0]
    if before.ended is None:
        return replace(told, cleared_ns=None, body=body)
    end(body, before.ended)
    return replace(told, cleared_ns=cleared_ns(before.ended), body=body)
