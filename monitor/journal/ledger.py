"""Boots and gaps of a recovered journal: what is not there any more is open again."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Any

from monitor.journal.accounts import BootId, Settled, is_derived
from monitor.journal.gaps import AWAITED, LOST, OPEN, UNMADE, Gap, Range
from monitor.journal.salvage import Salvage
from monitor.model.record import SEQ_LIMIT

Boot = dict[str, Any]  # a row of the table, by column
_TEXT, _INT, _MAYBE = (str,), (int,), (int, type(None))
_GAP = {"logger": _TEXT, "boot": _INT, "from": _INT, "to": _INT, "state": _TEXT}
_BOOT = {
    "logger": _TEXT,
    "boot": _INT,
    "container": _TEXT,
    "upto": _INT,
    "oldest": _INT,
    "next": _INT,
    "seen_ns": _INT,
    **dict.fromkeys(("anchor_ns", "anchor_mono_ns", "least_ns", "waiting_since_ns", "clk", "successor"), _MAYBE),
    "waiting_bytes": _INT,
    "is_known": _INT,
}


def rebuild_boots(damaged: Salvage, made: sqlite3.Connection) -> None:
    """Fill the tables boots and gaps of `made`, whose records and quarantine are there already."""
    settled = Settled(made)
    known: dict[BootId, list[Gap]] = {}
    ends: dict[BootId, int] = {}
    for logger, boot, first, last, state in damaged.rows("gaps", _GAP, 'logger, boot, "from"'):
        if not 0 <= first <= last < SEQ_LIMIT:
            continue
        ends[logger, boot] = max(ends.get((logger, boot), 0), last + 1)
        if state in (LOST, UNMADE):
            known.setdefault((logger, boot), []).append((first, last, state))
    for key, row in _boots(damaged, made).items():
        (last,) = made.execute(
            "SELECT max(seq) FROM records WHERE logger = ? AND boot = ? AND seq IS NOT NULL", key
        ).fetchone()
        row["next"] = max(row["next"], ends.get(key, 0), 0 if last is None else last + 1)
        gaps: list[Gap] = []
        if not is_derived(made, key):
            there = made.execute("SELECT seq FROM records WHERE logger = ? AND boot = ? AND seq IS NOT NULL", key)
            seqs = sorted({seq for (seq,) in there} | settled.of(key))
            gaps = list(_states(_missing(seqs, row["next"]), sorted(known.get(key, []))))
        row["upto"] = next((first for first, _, state in gaps if state in (*AWAITED, UNMADE)), row["next"]) - 1
        made.execute(f"INSERT INTO boots({', '.join(row)}) VALUES({', '.join('?' * len(row))})", tuple(row.values()))
        made.executemany("INSERT INTO gaps VALUES(?, ?, ?, ?, ?)", [(*key, *gap) for gap in gaps])


def _boots(damaged: Salvage, made: sqlite3.Connection) -> dict[BootId, Boot]:
    """What the damaged file still says of boots, and those that only records tell of."""
    columns = {name: types for name, types in _BOOT.items() if name in damaged.columns("boots")}
    rows = damaged.rows("boots", columns, "logger, boot") if columns else []
    boots = {(row["logger"], row["boot"]): row for row in (dict(zip(columns, row, strict=True)) for row in rows)}
    boots = {key: row for key, row in boots.items() if 0 <= row["next"] <= SEQ_LIMIT}
    for logger, boot, container, seen_ns in made.execute(
        "SELECT logger, boot, container, max(received_ns) FROM records WHERE boot IS NOT NULL GROUP BY logger, boot"
    ).fetchall():
        if (logger, boot) in boots:
            continue
        found = damaged.row("boots", columns, logger=logger, boot=boot) if columns else None
        heard = {"logger": logger, "boot": boot, "container": container, "seen_ns": seen_ns, "oldest": 0, "next": 0}
        boots[logger, boot] = heard if found is None else dict(zip(columns, found, strict=True))
    return boots


def _missing(seqs: Iterable[int], next_seq: int) -> Iterator[Range]:
    """The ranges below `next_seq` in which none of `seqs`, in order, lies."""
    at = 0
    for seq in seqs:
        if at < seq < next_seq:
            yield at, seq - 1
        at = seq + 1
    if at < next_seq:
        yield at, next_seq - 1


def _states(missing: Iterable[Range], known: list[Gap]) -> Iterator[Gap]:
    """Ranges cut where they were declared lost, or may never have been made; both in order."""
    for first, last in missing:
        at = first
        for known_first, known_last, state in known[bisect_left(known, first, key=lambda gap: gap[1]) :]:
            if known_first > last:
                break
            low, high = max(at, known_first), min(last, known_last)
            if at < low:
                yield at, low - 1, OPEN
            yield low, high, state
            at = high + 1
        if at <= last:
            yield at, last, OPEN
