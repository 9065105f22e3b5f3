"""Chains: exceedances of one stream that follow each other within the hold-off are one alert, which opens again.

They are looked at in the order in which they were judged. After a container is settled its chains are made anew from
its entries in official order by the same rule, so that they are those of a replay in that order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, pairwise
from typing import NamedTuple

from monitor.alerts.entries import MAX_RECENT, Entry, left_behind
from monitor.model.alert import alert_id
from monitor.model.clock import HOUR_NS

RECENT_NS = HOUR_NS


class Link(NamedTuple):
    """The place of an entry in its chain, in the words of `Entry`."""

    chain: str
    opened_ns: int
    reopened: int
    before: str | None


def goes_on(last: Entry | None, occurred_ns: int, hold_ns: int | None) -> bool:
    """Whether an exceedance is the same alert as the last one of its stream, which must have ended and begun before.

    A clock that was set back a little may have it begin before that end.
    """
    if last is None or hold_ns is None or last.cleared_ns is None:
        return False
    return last.occurred_ns < occurred_ns <= last.cleared_ns + hold_ns


def link(last: Entry | None, key: str, occurred_ns: int, hold_ns: int | None) -> Link:
    """The place of a new entry with the id `key`: behind the last one of its stream, or at the head of a chain."""
    if last is None or not goes_on(last, occurred_ns, hold_ns):
        return Link(key, occurred_ns, 0, None)
    return Link(last.chain, last.opened_ns, last.reopened + 1, left_behind(last))


def made_anew(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of one stream with their chains made anew.

    A chain keeps the id that was told first of those that its entries had; an id that no chain keeps is gone.
    """
    turns = sorted((entry for entry in entries if entry.turn is not None), key=_turn)
    recent = _recent(turns)
    chains = _chains(turns) + [[entry] for entry in entries if entry.turn is None and entry.merged_into is None]
    keys = _keys(chains, {entry.chain for entry in entries})
    made = [entry for chain, key in zip(chains, keys, strict=True) for entry in _linked(chain, key, recent)]
    gone: dict[str, Entry] = {}  # by chain, the last of the merged entries that nothing else stands for
    for entry in sorted((entry for entry in entries if entry.merged_into is not None), key=_number):
        gone[entry.chain] = entry
    for entry in entries:
        if entry.merged_into is not None:
            is_last = gone[entry.chain] is entry and entry.chain not in keys
            made.append(entry._replace(is_last=is_last))
    return made


def _chains(turns: Sequence[Entry]) -> list[list[Entry]]:
    chains = [[entry] for entry in turns[:1]]
    for last, entry in pairwise(turns):
        if goes_on(last, entry.occurred_ns, entry.hold_ns):
            chains[-1].append(entry)
        else:
            chains.append([entry])
    return chains


def _keys(chains: Sequence[Sequence[Entry]], known: set[str]) -> list[str]:
    """The id of each chain; the one of which something was told first chooses first."""
    keys = [""] * len(chains)
    taken: set[str] = set()
    for index in sorted(range(len(chains)), key=lambda index: min(map(_number, chains[index]))):
        told = sorted(chains[index], key=_number)
        had = [entry.chain for entry in told if entry.chain not in taken]
        own = [entry.id for entry in told if entry.id not in known | taken]
        others = (alert_id(told[0].id, "chain", "", "", number) for number in count(1))
        keys[index] = next(iter(had + own), "") or next(key for key in others if key not in known | taken)
        taken.add(keys[index])
    return keys


def _linked(chain: Sequence[Entry], key: str, recent: dict[int, int]) -> list[Entry]:
    made: list[Entry] = []
    for place, entry in enumerate(chain):
        made.append(
            entry._replace(
                chain=key,
                opened_ns=chain[0].occurred_ns,
                reopened=place,
                recent=recent.get(_number(entry), entry.recent),
                before=left_behind(made[-1]) if made else None,
                is_last=place == len(chain) - 1,
            )
        )
    return made


def _recent(turns: Sequence[Entry]) -> dict[int, int]:
    """By number, the openings within the hour before, an entry's own included; where these are counted."""
    found = {}
    for place, entry in enumerate(turns):
        if entry.recent:
            earlier = turns[max(place + 1 - MAX_RECENT, 0) : place]
            found[_number(entry)] = 1 + sum(is_recent(each.occurred_ns, entry.occurred_ns) for each in earlier)
    return found


def is_recent(occurred_ns: int, now_ns: int) -> bool:
    """Whether an opening counts at a later one."""
    return now_ns - RECENT_NS < occurred_ns <= now_ns


def _turn(entry: Entry) -> int:
    assert entry.turn is not None  # chosen for that
    return entry.turn


def _number(entry: Entry) -> int:
    assert entry.number is not None  # it stands in the book
    return entry.number
