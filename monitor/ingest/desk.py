"""The desk: what people enter, on its way to the journal's one writer, and back to whoever waits for it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import NamedTuple

from monitor.journal import Journal
from monitor.model.errors import TcmError, Unavailable
from monitor.model.operator import OperatorRecord

MAX_ENTRIES = 100  # that wait; they are made by hand, one fsync each
ENTRY_S = 20.0  # the writer may be at 500 of the largest messages
COMMIT_S = 10.0  # of one, once it has begun; longer only on a disk that hangs


class Entry(NamedTuple):
    """What waits: an operator's `record`, or without one the `config` to come into force."""

    record: OperatorRecord | None
    config: bytes
    future: Future[int]

    def failure(self, cause: str, hint: str) -> Unavailable:
        """The error for whoever entered it."""
        if self.record is None:
            return Unavailable("reload", "configuration", cause, hint)
        return Unavailable(f"enter {self.record.type}", self.record.container, cause, hint)

    def append_to(self, journal: Journal, now_ns: int) -> None:
        """Journal it; a configuration that is in force already is not journalled again."""
        if self.record is not None:
            record = self.record
            journal.append_own("operator", record.entered_ns, record.to_json(), record.container)
        elif journal.last_config() != self.config:
            journal.append_own("config", now_ns, self.config)


class Desk:
    """`enter` and `enter_config` are called by anybody, `write` by the journal's writer."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Entry] = queue.Queue(MAX_ENTRIES)
        self._is_closed = False
        self.on_entry: Callable[[], None] = lambda: None

    def enter(self, record: OperatorRecord, limit_s: float = ENTRY_S) -> int:
        """The record's position, once it is committed durably; TcmError says whether it may be there all the same."""
        return self._enter(Entry(record, b"", Future()), limit_s)

    def enter_config(self, payload: bytes, limit_s: float = ENTRY_S) -> int:
        """The position where a configuration (`Rules.to_json`) is in force, once that is durable; errors as `enter`."""
        return self._enter(Entry(None, payload, Future()), limit_s)

    def write(self, journal: Journal, now_ns: int) -> bool:
        """Append what waits, each durable before its `enter` returns; whether anything was appended."""
        before = journal.pos
        for entry in self._take():
            if not entry.future.set_running_or_notify_cancel():
                continue  # nobody waits for it any more, and was told so
            try:
                entry.append_to(journal, now_ns)
            except TcmError as error:
                entry.future.set_exception(error)
                raise
            entry.future.set_result(journal.pos)
        return journal.pos > before

    def close(self) -> None:
        """Tell everybody who waits that nothing more is written."""
        self._is_closed = True
        for entry in self._take():
            entry.future.cancel()

    def _enter(self, entry: Entry, limit_s: float) -> int:
        if self._is_closed:
            raise _ending(entry)
        try:
            self._waiting.put_nowait(entry)
        except queue.Full:
            raise entry.failure(f"{MAX_ENTRIES} others wait for the journal", "try again later") from None
        self.on_entry()
        try:
            return entry.future.result(limit_s)
        except CancelledError:
            raise _ending(entry) from None
        except TimeoutError:
            if entry.future.cancel():
                cause = f"the journal did not take it within {limit_s:g} s"
                raise entry.failure(cause, "nothing was entered; see tcm status") from None
        try:
            return entry.future.result(COMMIT_S)  # the commit is under way
        except TimeoutError:
            raise entry.failure("its commit does not end", "look for it with tcm log list") from None

    def _take(self) -> list[Entry]:
        entries: list[Entry] = []
        while len(entries) < MAX_ENTRIES:
            try:
                entries.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return entries


def _ending(entry: Entry) -> Unavailable:
    return entry.failure("the daemon ends", "nothing was entered; try again")
