"""Sending: what a notifier has planned, until its receiver has taken it."""

from __future__ import annotations

import logging
import sqlite3
import traceback
from collections.abc import Sequence
from typing import Any

from monitor.consumers.notify_file import NotifyFile
from monitor.consumers.outbox import Backoff, Draft, Outbox
from monitor.consumers.owed import Owed
from monitor.model.clock import HOUR_NS, NS_PER_S, Clock, rfc3339
from monitor.model.condition import GATEWAY, NOTIFIER_FAILING, NOTIFIER_REFUSED, Condition
from monitor.model.errors import TcmError
from monitor.model.progress import Progress
from monitor.notify.notification import Notification, NotTaken, PartlyTaken, Refused, Transport

MAX_SEND_S = 60  # connecting, a mail with its picture, the answer
FAILING_NS = 120 * NS_PER_S  # a receiver that is restarted is no news
MAX_REFUSALS = 5  # of one notification: who refuses may have been told something else by a proxy
REFUSED_TOLD_NS = HOUR_NS  # how long somebody is told that a notification was set aside

Kept = list[tuple[int, Notification]]  # as they stand in the outbox, with their numbers

log = logging.getLogger(__name__)


class Sending:
    """The outbox of a notifier, sent one after the other; what is not taken is sent again, after 1 s and then ever
    later up to 5 min, for as long as it takes.

    What the receiver refuses for good five times is set aside. What some of its people have counts as taken: the others
    are told beside the queue.
    """

    def __init__(self, name: str, file: NotifyFile, transport: Transport, clock: Clock) -> None:
        self._name, self._file, self._transport, self._clock = name, file, transport, clock
        self._outbox = Outbox(file.connection, name)
        self._backoff = Backoff()
        self._owed = Owed()
        self._refusals = 0
        self._refused: tuple[int, str] | None = None  # when the last one was set aside, steady time, and why
        self._failing_since_ns: int | None = None
        self._sending_since_ns: int | None = None
        self._unkept = 0  # number of what the receiver has, and the disk had no room to note it
        self._counts = (0, 0)
        self._first: tuple[int, Notification] | None = None
        self._waiting = 0
        self.problem = ""

    def begin(self, connection: sqlite3.Connection) -> None:
        """Take up what the last process left."""
        row = connection.execute("SELECT taken, refused FROM notifiers WHERE name = ?", (self._name,)).fetchone()
        self._counts = row
        self._first, self._waiting = self._outbox.first(), self._outbox.waiting()

    def put(self, drafts: Sequence[Draft], at_ns: int) -> Kept:
        """Keep what is to be sent, in the caller's transaction; `follow` once that is committed."""
        return [self._outbox.put(draft, at_ns) for draft in drafts]

    def follow(self, kept: Kept) -> None:
        """Send these next; nothing else waits."""
        self._first, self._waiting = kept[0] if kept else None, len(kept)

    @property
    def is_due(self) -> bool:
        """Whether the receiver may be tried now."""
        return self._backoff.is_due(self._clock.mono_ns())

    @property
    def is_empty(self) -> bool:
        """Whether all is taken, or set aside."""
        return self._first is None

    def send(self) -> bool:
        """Send the first that waits; whether it is done with. Raises DiskFull when that could not be noted."""
        assert self._first is not None
        number, notification = self._first
        refusal = ""
        error = self._tell(notification) if self._unkept != number else None
        if isinstance(error, PartlyTaken):
            log.warning("notifier %s: %s", self._name, error)
            self._owed.add(notification, str(error), self._clock.mono_ns())
        elif error is not None:
            refusal = str(error)
            self._failed(refusal)
            self._refusals += isinstance(error, Refused)
            if not isinstance(error, Refused) or self._refusals < MAX_REFUSALS:
                return False
        else:
            self._owed.all_told()
        if not refusal:
            self._unkept = number
        self._settle(number, refusal)
        return True

    def send_owed(self) -> bool:
        """Send what not everybody has to the others; whether all have it now."""
        notification = self._owed.due(self._clock.mono_ns())
        if notification is None:
            return False
        error = self._tell(notification)
        self._owed.sent(error, self._clock.mono_ns())
        return error is None

    def conditions(self) -> list[Condition]:
        """That the receiver, or some of its people, are not reached, or refused something; any thread may ask."""
        found, now_ns = [], self._clock.mono_ns()
        since_ns, refused, problem = self._failing_since_ns, self._refused, self.problem
        owed_ns = self._owed.since_ns
        if since_ns is not None and now_ns - since_ns > FAILING_NS:
            text = f"notifier {self._name} tells nobody: {problem}; what it has to tell waits"
            found.append(Condition(NOTIFIER_FAILING, GATEWAY, self._name, text))
        elif owed_ns is not None and now_ns - owed_ns > FAILING_NS:
            text = f"notifier {self._name} does not tell everybody: {self._owed.problem}"
            found.append(Condition(NOTIFIER_FAILING, GATEWAY, self._name, text))
        if refused is not None and now_ns - refused[0] < REFUSED_TOLD_NS:
            text = f"notifier {self._name}: the receiver refused a notification for good, it is set aside: {refused[1]}"
            found.append(Condition(NOTIFIER_REFUSED, GATEWAY, self._name, text))
        return found

    def progress(self) -> Progress:
        """Of what is being sent, which may take as long as MAX_SEND_S; what waits for a receiver is no stall."""
        since_ns = self._sending_since_ns
        waited_s = 0 if since_ns is None else (self._clock.mono_ns() - since_ns) // NS_PER_S
        return Progress(min(waited_s, MAX_SEND_S), 0)

    def document(self, origin_ns: int) -> dict[str, Any]:
        """For the status document; from memory alone, any thread may ask. `origin_ns` (UTC) is steady time's 0."""
        since_ns, (taken, refused) = self._failing_since_ns, self._counts
        since_ns = self._owed.since_ns if since_ns is None else since_ns
        return {
            "backlog": self._waiting,
            "failing_since": None if since_ns is None else rfc3339((origin_ns + since_ns) // NS_PER_S * NS_PER_S),
            "problem": self.problem or self._owed.problem,
            "told": taken,
            "refused": refused,
        }

    def cut(self) -> None:
        """End what is being sent and give the connection back; any thread may call it."""
        self._transport.close()

    def _tell(self, notification: Notification) -> TcmError | None:
        """Send it once; why it was not taken, None when it was."""
        self._sending_since_ns = self._clock.mono_ns()
        try:
            self._transport.send(notification)
        except TcmError as error:
            return error
        except Exception as error:  # noqa: BLE001 - what one transport did not foresee stops nothing else
            name = type(error).__name__  # alone: the text may hold a secret
            if not self.problem:
                log.error("notifier %s: %s\n%s", self._name, name, "".join(traceback.format_tb(error.__traceback__)))
            return NotTaken("notify", self._name, name, "its log line says where it came from")
        finally:
            self._sending_since_ns = None
        return None

    def _settle(self, number: int, refusal: str) -> None:
        """The first of the outbox is taken, or refused for good; the next one follows."""
        with self._file.writing():
            if refusal:
                self._outbox.set_aside(number, self._clock.now_ns(), refusal)
            else:
                self._outbox.taken(number)
            first = self._outbox.first()
        if refusal:
            log.error("notifier %s: a notification is set aside: %s", self._name, refusal)
            self._refused = (self._clock.mono_ns(), refusal)
        elif self.problem:
            log.info("notifier %s: the receiver takes notifications again", self._name)
        taken, refused = self._counts
        self._counts = (taken, refused + 1) if refusal else (taken + 1, refused)
        self._backoff.succeed()
        self._refusals, self._failing_since_ns, self.problem, self._unkept = 0, None, "", 0
        self._first, self._waiting = first, self._waiting - 1

    def _failed(self, problem: str) -> None:
        if self._failing_since_ns is None:
            log.warning("notifier %s: %s", self._name, problem)
            self._failing_since_ns = self._clock.mono_ns()
        self.problem = problem
        self._backoff.fail(self._clock.mono_ns())
