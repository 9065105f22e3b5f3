"""The desk: operators' records on their way to the journal's one writer, and back to whoever waits for them."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

from monitor.journal import Journal
from monitor.model.errors import TcmError
from monitor.model.operator import PhaseRecord

MAX_ENTRIES = 100  # that wait; they are made by hand, one fsync each
ENTRY_S = 20.0  # the writer may be at 500 of the largest messages
COMMIT_S = 10.0  # of one, once it has begun; longer only on a disk that hangs

Entry = tuple[PhaseRecord, "Future[int]"]


def _nobody() -> None:
    """Nobody waits for entries."""


class Desk:
    """`enter` is called by anybody, `write` by the journal's writer."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Entry] = queue.Queue(MAX_ENTRIES)
        self._is_closed = False
        self.on_entry: Callable[[], None] = _nobody

    def enter(self, record: PhaseRecord, limit_s: float = ENTRY_S) -> int:
        """The record's position, once it is committed durably; TcmError says whether it may be there all the same."""
        future: Future[int] = Future()
        if self._is_closed:
            raise _ending(record)
        try:
            self._waiting.put_nowait((record, future))
        except queue.Full:
            raise _failure(record, f"{MAX_ENTRIES} others wait for the journal", "try again later") from None
        self.on_entry()
        try:
            return future.result(limit_s)
        except CancelledError:
            raise _ending(record) from None
        except TimeoutError:
            if future.cancel():
                cause = f"the journal did not take it within {limit_s:g} s"
                raise _failure(record, cause, "nothing was entered; see tcm status") from None
        try:
            return future.result(COMMIT_S)  # the commit is under way
        except TimeoutError:
            raise _failure(record, "its commit does not end", "look for it with tcm phase show") from None

    def write(self, journal: Journal) -> bool:
        """Append what waits, each durable before its `enter` returns; whether anything was appended."""
        before = journal.pos
        for record, future in self._take():
            if not future.set_running_or_notify_cancel():
                continue  # nobody waits for it any more, and was told so
            try:
                journal.append_own("operator", record.entered_ns, record.to_json(), record.container)
            except TcmError as error:
                future.set_exception(error)
                raise
            future.set_result(journal.pos)
        return journal.pos > before

    def close(self) -> None:
        """Tell everybody who waits that nothing more is written."""
        self._is_closed = True
        for _, future in self._take():
            future.cancel()

    def _take(self) -> list[Entry]:
        entries: list[Entry] = []
        while len(entries) < MAX_ENTRIES:
            try:
                entries.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return entries


def _failure(record: PhaseRecord, cause: str, hint: str) -> TcmError:
    return TcmError("enter phase", record.container, cause, hint)


def _ending(record: PhaseRecord) -> TcmError:
    return _failure(record, "the daemon ends", "nothing was entered; try again")
