"""Shelf: entries taken from the book's tables together, changed in memory, and put back together."""

from __future__ import annotations

import sqlite3
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from itertools import chain
from typing import Any

from monitor import bulk
from monitor.alerts.entries import ENTRY, MAX_RECENT, Entry
from monitor.model.alert import CLEARED

_ENTRIES = f"SELECT json_group_array(json_array({ENTRY})) FROM alerts WHERE"
_LATEST = "SELECT number FROM alerts AS one WHERE stream = asked.value AND turn IS NOT NULL ORDER BY turn DESC LIMIT"
_LAST = f"{_ENTRIES} number IN (SELECT ({_LATEST} 1) FROM json_each(?) AS asked)"
_RECENT = f"""
SELECT json_group_array(json_array(stream, turn, occurred_ns))
FROM json_each(?) AS asked JOIN alerts ON number IN ({_LATEST} {MAX_RECENT - 1})
"""
_UPSERT = f"ON CONFLICT(number) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in Entry._fields[1:])}"
_TRANSITIONS = "INSERT INTO transitions(alert_id, container, state, at_ns, body)"
Transition = tuple[str, str, str, int, str]  # id, container, kind, time ns UTC, JSON


class Shelf:
    """What it is asked for and has not taken yet it takes then; nothing is written before `flush`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._entries: dict[int, Entry] = {}  # as they are now
        self._changed: dict[int, None] = {}
        self._open: defaultdict[str, dict[int, None]] = defaultdict(dict)  # numbers of open entries, by source
        self._complete: set[str] = set()  # the sources of which all open entries are here
        self._last: dict[str, int | None] = {}  # number of the last entry, by stream
        self._recent: dict[str, deque[int]] = {}  # when it opened last (ns UTC), by stream
        self._known: dict[str, bool] = {}  # whether there is an entry, by id
        self._transitions: list[Transition] = []
        self._number: int | None = None

    def fetch(self, ids: Collection[str], sources: Collection[str], streams: Collection[str]) -> None:
        """Take what entries with these ids, of these sources and streams will ask for."""
        found = set(self._read(f"SELECT json_group_array(id) FROM alerts WHERE id {bulk.ANY}", ids))
        self._known |= {key: key in found for key in ids}
        self._complete.update(sources)
        self.take([Entry(*row) for row in self._read(f"{_ENTRIES} state <> 'cleared' AND source {bulk.ANY}", sources)])
        self._last |= dict.fromkeys(streams)
        for entry in self.take([Entry(*row) for row in self._read(_LAST, streams)]):
            self._last[entry.stream] = entry.number
        self._recent |= {stream: deque(maxlen=MAX_RECENT - 1) for stream in streams}
        for stream, _, occurred_ns in sorted(self._read(_RECENT, streams)):
            self._recent[stream].append(occurred_ns)

    def knows(self, key: str) -> bool:
        """Whether there is an entry with this id."""
        if key not in self._known:
            row = self._connection.execute("SELECT 1 FROM alerts WHERE id = ?", (key,)).fetchone()
            self._known[key] = row is not None
        return self._known[key]

    def take(self, entries: Sequence[Entry]) -> list[Entry]:
        """Entries as the table has them; as they are now, where they were changed meanwhile."""
        taken = []
        for entry in entries:
            assert entry.number is not None  # as of every row
            now = self._entries.setdefault(entry.number, entry)
            self._index(now, entry.number)
            taken.append(now)
        return taken

    def entry(self, number: int | None) -> Entry:
        """One that was taken, as it is now."""
        assert number is not None  # as of each that was taken
        return self._entries[number]

    def open_of(self, *sources: str) -> list[Entry]:
        """Open entries of sources, by their numbers."""
        missing = [source for source in sources if source not in self._complete]
        if missing:
            self.fetch((), missing, ())
        numbers = sorted(chain.from_iterable(self._open[source] for source in sources))
        return [self._entries[number] for number in numbers]

    def last_of(self, stream: str) -> Entry | None:
        """The entry with the last turn of a stream, None where there is none."""
        if stream not in self._last:
            self.fetch((), (), [stream])
        number = self._last[stream]
        return None if number is None else self._entries[number]

    def recent(self, stream: str) -> Iterable[int]:
        """When the last MAX_RECENT - 1 entries of a stream with a turn occurred (ns UTC)."""
        if stream not in self._recent:
            self.fetch((), (), [stream])
        return self._recent[stream]

    def next_number(self) -> int:
        """A number for a new entry."""
        if self._number is None:
            (self._number,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM alerts").fetchone()
        self._number += 1
        return self._number

    def add(self, entry: Entry) -> None:
        """Enter a new entry, which has its number."""
        self._known[entry.id] = True
        self.put(entry)
        if entry.turn is not None and entry.stream in self._last:
            self._last[entry.stream] = entry.number
            self._recent[entry.stream].append(entry.occurred_ns)

    def put(self, entry: Entry) -> None:
        """Change an entry."""
        assert entry.number is not None  # as of each that was added or taken
        self._entries[entry.number] = entry
        self._changed[entry.number] = None
        self._index(entry, entry.number)

    def tell(self, transition: Transition) -> None:
        """Append a transition."""
        self._transitions.append(transition)

    def flush(self) -> None:
        """Write what changed, in the order in which it did first."""
        rows = [self._entries[number] for number in self._changed]
        bulk.write(self._connection, f"INSERT INTO alerts VALUES {{}} {_UPSERT}", rows)
        bulk.write(self._connection, f"{_TRANSITIONS} VALUES {{}}", self._transitions)
        self._changed, self._transitions = {}, []

    def _index(self, entry: Entry, number: int) -> None:
        if entry.state == CLEARED:
            self._open[entry.source].pop(number, None)
        else:
            self._open[entry.source][number] = None

    def _read(self, statement: str, keys: Collection[str]) -> list[Any]:
        return bulk.read(self._connection, statement, (bulk.listed(list(keys)),)) if keys else []
