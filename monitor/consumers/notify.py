"""Notify: tells the world of each transition of an alert, at least once and in order."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from monitor.consumers.watch import WatchReader
from monitor.journal.schema import Checkpoint, open_for_writing
from monitor.model.alert import CLEARED
from monitor.model.errors import TcmError
from monitor.wire import alert_topic

MAX_BATCH = 100
MAX_RESTORED = 200  # the latest alerts; older ones were cleared long before a broker's last save
CONFIRM_S = 10.0  # a broker on the same network confirms in milliseconds; past this the batch is sent again
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

    def __init__(self, state_dir: Path, reader: WatchReader, publish: Callable[[str, bytes], Receipt]) -> None:
        self._reader, self._publish = reader, publish
        self._connection = open_for_writing(state_dir / "notify.db", NOTIFY_TABLES, can_fall_back=True)
        row = self._connection.execute("SELECT n FROM cursors WHERE name = 'mqtt'").fetchone()
        self.pos: int = row[0] if row else 0
        self._logged = self.pos
        self.problem = ""
        self._checkpoint = Checkpoint(self._connection)
        self._is_board_lost: bool | None = None

    def refresh(self, is_new: bool) -> None:
        """The broker is there again; with a new session it has lost its retained messages too. Called by any thread."""
        self._is_board_lost = is_new

    def step(self) -> bool:
        """Publish one batch; False when nothing waited or the broker did not take it, which `problem` then says."""
        transitions = self._reader.book.transitions(self.pos, MAX_BATCH)
        is_board_lost, self._is_board_lost = self._is_board_lost, None
        if not transitions and is_board_lost is None:
            self.problem = ""
            self._checkpoint.idle()
            return False
        try:
            receipts = [] if is_board_lost is None else self._restore_board(is_board_lost)
            receipts += [receipt for n, _, alert in transitions for receipt in self._send(n, alert)]
            for receipt in receipts:
                receipt.wait_for_publish(CONFIRM_S)
                if not receipt.is_published():
                    raise TcmError("publish alerts", "", f"not confirmed within {CONFIRM_S:g} s")
        except (TcmError, RuntimeError, ValueError) as error:  # paho raises the latter two when its queue is full
            self.problem = str(error)
            self._is_board_lost = is_board_lost if self._is_board_lost is None else self._is_board_lost
            return False
        if not transitions:
            return True
        self.pos = transitions[-1][0]
        self._connection.execute("INSERT OR REPLACE INTO cursors VALUES('mqtt', ?)", (self.pos,))
        self._checkpoint.committed()
        self.problem = ""
        return True

    @property
    def is_caught_up(self) -> bool:
        """Whether every transition is told."""
        return self.pos == self._reader.book.last_transition()

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

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
