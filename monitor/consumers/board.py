"""Board: tells the world of each transition of an alert, at least once and in the order of each alert."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import orjson

from monitor.consumers.cursors import begins_anew
from monitor.consumers.notify_file import NotifyFile
from monitor.consumers.turns import Turns
from monitor.consumers.watch_file import WatchReader
from monitor.journal.failure import write_failure
from monitor.model.alert import CLEARED, state_after
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.errors import DiskFull, JournalError, TcmError
from monitor.wire import alert_topic

MAX_BATCH = 50  # what an alert of another container waits for: some 15 ms
MAX_READ = 10_000  # numbers looked at in one step, some 20 ms
MAX_LOGGED = 20  # of a batch, a line each: a storm shall not fill the log
MAX_TAKEN_DOWN = 200  # the latest cleared alerts; older ones were cleared long before a broker's last save
REFUSED_S = 10.0  # until the broker is asked again whether it takes what it refused
CONFIRM_S = 5.0  # a broker on the same network confirms in milliseconds; past this the whole batch is sent again
BOARD = "board"  # the cursor that stands while open alerts are missing on the board: a restart goes on with them

log = logging.getLogger(__name__)

Change = tuple[str, dict[str, Any]]  # its kind, the alert as it was then


class Receipt(Protocol):
    """A publication under way (paho's MQTTMessageInfo)."""

    def wait_for_publish(self, timeout: float | None = None) -> None:
        """Wait until the broker has it, or the time is over."""

    def is_published(self) -> bool:
        """Whether the broker has it."""


class Board:
    """One `step`: tell a batch of transitions, by turns of their containers, and advance once the broker confirmed.

    1. see what waits behind what was seen before: number and container of each transition, far ahead;
    2. take the next of each container in turn, so that a flood of one delays no other's alert; log and publish them;
    3. wait for the broker's confirmations; what it does not confirm is published again by the next step;
    4. keep the cursor, the number up to which all is confirmed: a restart publishes everything behind it.
    """

    def __init__(
        self, state_dir: Path, reader: WatchReader, clock: Clock, publish: Callable[[str, bytes], Receipt]
    ) -> None:
        self._reader, self._clock, self._publish = reader, clock, publish
        self.file = NotifyFile(state_dir)
        self._count_in(reader.identity)
        row = self.file.connection.execute("SELECT n FROM cursors WHERE name = 'mqtt'").fetchone()
        # A watch.db that fell back, or was put back, makes numbers anew that are not told yet.
        self.pos: int = min(row[0], reader.book.last_transition()) if row else 0
        self._turns = Turns(self.pos)
        self._batch: list[Change] = []
        self.problem = ""
        row = self.file.connection.execute("SELECT n FROM cursors WHERE name = ?", (BOARD,)).fetchone()
        self._board_id = "" if row else None  # the last open alert that is on the board again, None when all are
        self._is_board_lost: bool | None = None
        self._retry_ns = clock.mono_ns()
        self.refusals: Callable[[], tuple[int, str]] = lambda: (0, "")

    def refresh(self, is_new: bool) -> None:
        """The broker is there again; with a new session it has lost its retained messages too. Called by any thread."""
        self._is_board_lost = is_new or bool(self._is_board_lost)

    def step(self) -> bool:
        """Publish one batch; False when nothing waited or the broker did not take it, which `problem` then says.

        DiskFull when the cursor could not be kept: the batch is published again.
        """
        if self._clock.mono_ns() < self._retry_ns:
            return False
        is_board_lost, self._is_board_lost = self._is_board_lost, None
        try:
            did = self._tell_next(is_board_lost)
        except (
            TcmError,
            RuntimeError,
            ValueError,
            sqlite3.Error,
        ) as error:  # paho's, when its queue is full: the middle
            if is_board_lost is not None:
                self.refresh(is_board_lost)
            if isinstance(error, DiskFull | JournalError):
                raise
            if isinstance(error, sqlite3.Error):
                raise write_failure("tell alerts", self.file.path, error) from None
            self.problem = str(error)
            return False
        self.problem = ""
        return did

    @property
    def seen(self) -> int:
        """The number up to which transitions are known here; those behind `pos` are being told."""
        return self._turns.read

    @property
    def is_caught_up(self) -> bool:
        """Whether every transition is told, and every open alert on the board."""
        return self.pos == self._reader.book.last_transition() and self._board_id is None

    def close(self) -> None:
        """Give the file back."""
        self.file.close()

    def _count_in(self, watch_id: str) -> None:
        """A cursor that counts in another watch.db begins anew."""
        try:
            is_other = begins_anew(self.file.connection, "watch", watch_id, "DELETE FROM cursors WHERE name = 'mqtt'")
        except sqlite3.Error as error:
            raise write_failure("tell alerts", self.file.path, error) from None
        if is_other:
            log.warning("watch.db is another than before: all of its alerts are told again")

    def _tell_next(self, is_board_lost: bool | None) -> bool:
        changes = self._next_batch()
        if is_board_lost and self.pos:  # else all of it follows as transitions
            self._keep(BOARD, 0)
            self._board_id = ""
        page = [] if self._board_id is None else self._reader.book.open_page(self._board_id, MAX_BATCH)
        if not changes and is_board_lost is None and self._board_id is None:
            self.file.idle()
            return False
        refused_before = self.refusals()[0]
        receipts = [] if is_board_lost is None else self._take_down()
        receipts += [self._put_up(alert) for alert in page]
        receipts += [receipt for _, alert in changes for receipt in self._send(alert)]
        self._confirm(receipts)
        self._require_taken(refused_before)
        if changes:
            self._advance()
        if self._board_id is not None:
            self._turn_page(page)
        return True

    def _next_batch(self) -> list[Change]:
        """What is to be told next: what was not confirmed, else the next of each container in turn."""
        turns, book = self._turns, self._reader.book
        turns.put(book.waiting(turns.read, min(turns.room, MAX_READ)))
        if not self._batch:
            self._batch = book.changes_of(turns.take(MAX_BATCH))
            _log(self._batch)
        return self._batch

    def _advance(self) -> None:
        """The batch is told."""
        pos = self._turns.pos
        self._keep("mqtt", pos)
        self._turns.confirm()
        self.pos, self._batch = pos, []

    def _turn_page(self, page: list[dict[str, Any]]) -> None:
        """These open alerts are on the board again; a page that is not full was the last."""
        if len(page) < MAX_BATCH:
            with self.file.writing() as connection:
                connection.execute("DELETE FROM cursors WHERE name = ?", (BOARD,))
        self._board_id = page[-1]["id"] if len(page) == MAX_BATCH else None

    def _keep(self, name: str, n: int) -> None:
        with self.file.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO cursors VALUES(?, ?)", (name, n))

    def _confirm(self, receipts: list[Receipt]) -> None:
        """Wait until the broker has confirmed them all; TcmError when that takes longer than CONFIRM_S."""
        end_ns = self._clock.mono_ns() + round(CONFIRM_S * NS_PER_S)
        for receipt in receipts:
            receipt.wait_for_publish(max(end_ns - self._clock.mono_ns(), 0) / NS_PER_S)
            if not receipt.is_published():
                raise TcmError("publish alerts", "", f"not confirmed within {CONFIRM_S:g} s")

    def _require_taken(self, refused_before: int) -> None:
        """TcmError when the broker refused something: it says so in the very message that confirms."""
        refused, reason = self.refusals()
        if refused != refused_before:
            self._retry_ns = self._clock.mono_ns() + round(REFUSED_S * NS_PER_S)
            raise TcmError(
                "publish alerts", "", f"the broker refuses: {reason}", "give this user the right to publish them"
            )

    def _take_down(self) -> list[Receipt]:
        """Take what was cleared off the board: a broker that crashed may have older retained messages."""
        cleared = self._reader.book.alerts(CLEARED, limit=MAX_TAKEN_DOWN)
        return [self._publish(alert_topic(alert["container"], alert["id"]), b"") for alert in cleared]

    def _put_up(self, alert: dict[str, Any]) -> Receipt:
        return self._publish(alert_topic(alert["container"], alert["id"]), orjson.dumps(alert))

    def _send(self, alert: dict[str, Any]) -> list[Receipt]:
        receipts = [self._put_up(alert)]
        if alert["state"] == CLEARED:
            receipts.append(
                self._publish(alert_topic(alert["container"], alert["id"]), b"")
            )  # an empty retained message takes the alert off the board
        return receipts


def _log(changes: list[Change]) -> None:
    for kind, alert in changes[:MAX_LOGGED]:
        level = logging.WARNING if alert["severity"] != "info" and alert["state"] != CLEARED else logging.INFO
        log.log(level, "alert %s %s %s: %s", alert["id"], alert["severity"], state_after(alert, kind), alert["message"])
    if len(changes) > MAX_LOGGED:
        log.warning("and %d more alerts began or changed", len(changes) - MAX_LOGGED)
