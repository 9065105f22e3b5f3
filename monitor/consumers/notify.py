"""Notify: tells the world of each transition of an alert, at least once and in order."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from monitor.consumers.watch import WatchReader
from monitor.journal.schema import Checkpoint, open_for_writing, write_failure
from monitor.model.alert import CLEARED
from monitor.model.clock import NS_PER_S, Clock
from monitor.model.errors import TcmError
from monitor.wire import alert_topic

MAX_BATCH = 100
MAX_RESTORED = 200  # the latest alerts; older ones were cleared long before a broker's last save
REFUSED_S = 10.0  # until the broker is asked again whether it takes what it refused
CONFIRM_S = 5.0  # a broker on the same network confirms in milliseconds; past this the whole batch is sent again
NOTIFY_TABLES = "CREATE TABLE IF NOT EXISTS cursors(name TEXT PRIMARY KEY, n INTEGER NOT NULL);"

log = logging.getLogger(__name__)


class Receipt(Protocol):
    """A publication under way (paho's MQTTMessageInfo)."""

    def wait_for_publish(self, timeout: float | None = None) -> None:
        """Wait until the broker has it, or the time is over."""

    def is_published(self) -> bool:
        """Whether the broker has it."""


class Notify:
    """One `step`: read transitions behind the cursor, log and publish them, advance once the broker confirmed."""

    def __init__(
        self, state_dir: Path, reader: WatchReader, clock: Clock, publish: Callable[[str, bytes], Receipt]
    ) -> None:
        self._reader, self._clock, self._publish = reader, clock, publish
        self._path = state_dir / "notify.db"
        self._connection = open_for_writing(self._path, NOTIFY_TABLES, can_fall_back=True)
        row = self._connection.execute("SELECT n FROM cursors WHERE name = 'mqtt'").fetchone()
        self.pos: int = row[0] if row else 0
        self.seen = self._logged = self.pos
        self.problem = ""
        self._checkpoint = Checkpoint(self._connection)
        self._is_board_lost: bool | None = None
        self._retry_ns = clock.mono_ns()
        self.refusals: Callable[[], tuple[int, str]] = _none

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
            if isinstance(error, sqlite3.Error):
                raise write_failure("tell alerts", self._path, error) from None
            self.problem = str(error)
            return False
        self.problem = ""
        return did

    @property
    def is_caught_up(self) -> bool:
        """Whether every transition is told."""
        return self.pos == self._reader.book.last_transition()

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _tell_next(self, is_board_lost: bool | None) -> bool:
        transitions = self._reader.book.transitions(self.pos, MAX_BATCH)
        if not transitions and is_board_lost is None:
            self._checkpoint.idle()
            return False
        self.seen = transitions[-1][0] if transitions else self.seen
        refused_before = self.refusals()[0]
        receipts = [] if is_board_lost is None else self._restore_board(is_board_lost)
        receipts += [receipt for n, _, alert in transitions for receipt in self._send(n, alert)]
        self._confirm(receipts)
        self._require_taken(refused_before)
        if transitions:
            self._connection.execute("INSERT OR REPLACE INTO cursors VALUES('mqtt', ?)", (self.seen,))
            self.pos = self.seen
            self._checkpoint.committed()
        return True

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

    def _restore_board(self, is_lost: bool) -> list[Receipt]:
        """Make the retained messages those of the book: a broker that crashed may have older ones, or none.

        Only what was published before counts; the rest follows as transitions.
        """
        receipts = []
        for alert in self._reader.book.alerts()[-MAX_RESTORED:]:
            topic = alert_topic(alert["container"], alert["id"])
            if alert["state"] == CLEARED:
                receipts.append(self._publish(topic, b""))
            elif is_lost and self.pos:
                receipts.append(self._publish(topic, json.dumps(alert).encode()))
        return receipts

    def _send(self, number: int, alert: dict[str, Any]) -> list[Receipt]:
        if number > self._logged:
            level = logging.WARNING if alert["severity"] != "info" and alert["state"] != CLEARED else logging.INFO
            log.log(level, "alert %s %s %s: %s", alert["id"], alert["severity"], alert["state"], alert["message"])
            self._logged = number
        topic = alert_topic(alert["container"], alert["id"])
        receipts = [self._publish(topic, json.dumps(alert).encode())]
        if alert["state"] == CLEARED:
            receipts.append(self._publish(topic, b""))  # an empty retained message takes the alert off the board
        return receipts


def _none() -> tuple[int, str]:
    """Nothing was refused."""
    return 0, ""
