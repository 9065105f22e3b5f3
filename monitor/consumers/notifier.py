"""Notifier: tells one receiver of the alerts that are routed to it, at least once and in order."""

from __future__ import annotations

import logging
import sqlite3
import traceback
from collections.abc import Mapping
from typing import Any

from monitor.config.alerting import AlertmanagerNotifier, NotifierSettings
from monitor.consumers.direct import DirectPlan, RefreshedPlan
from monitor.consumers.followed import LATE, FollowedBook
from monitor.consumers.grouped import GroupedPlan, Transition
from monitor.consumers.notify_file import NotifyFile
from monitor.consumers.outbox import Backoff, Outbox
from monitor.consumers.owed import Owed
from monitor.consumers.silences import Silences
from monitor.consumers.watch_file import WatchReader
from monitor.model.clock import HOUR_NS, NS_PER_S, Clock, rfc3339
from monitor.model.condition import GATEWAY, NOTIFIER_FAILING, NOTIFIER_REFUSED, Condition
from monitor.model.errors import TcmError
from monitor.model.progress import Progress
from monitor.notify.notification import Notification, NotTaken, PartlyTaken, Refused, Transport

MAX_BATCH = 500  # transitions; some 20 ms
MAX_SEND_S = 60  # connecting, a mail with its picture, the answer
FAILING_NS = 120 * NS_PER_S  # a receiver that is restarted is no news
MAX_REFUSALS = 5  # of one notification: who refuses may have been told something else by a proxy
REFUSED_TOLD_NS = HOUR_NS  # how long somebody is told that a notification was set aside

log = logging.getLogger(__name__)


class Notifier:
    """One `step`: plan what is to be told of the transitions behind the cursor, keep it, send the first of it.

    1. what is to be told stands in the outbox, with its id, before it is sent: a restart sends the same again;
    2. while something there is not taken nothing more is planned: what follows waits as transitions in `watch.db`;
    3. what is not taken is sent again, after 1 s and then ever later up to 5 min, for as long as it takes. What the
       receiver refuses for good five times is set aside. What some of its people have counts as taken: the others are
       told beside the queue.

    All that is planned by is in `notify.db`, in one transaction with the cursor and the outbox.
    """

    def __init__(
        self,
        settings: NotifierSettings,
        file: NotifyFile,
        reader: WatchReader,
        silences: Silences,
        transport: Transport,
        clock: Clock,
    ) -> None:
        self.name, self.kind = settings.name, settings.kind
        self._file, self._reader, self._silences = file, reader, silences
        self._transport, self._clock = transport, clock
        self._origin_ns = clock.now_ns() - clock.mono_ns()
        self._book, self._outbox = FollowedBook(file.connection, self.name), Outbox(file.connection, self.name)
        self._plan = _plan_for(settings, self._book, self, reader)
        self._backoff = Backoff()
        self._owed = Owed()
        self._refusals = 0
        self._refused: tuple[int, str] | None = None  # when the last one was set aside, steady time, and why
        self._failing_since_ns: int | None = None
        self._sending_since_ns: int | None = None
        self._unkept = 0  # number of what the receiver has, and the disk had no room to note it
        self.problem = ""
        with file.writing(is_durable=True) as connection:  # else one that was told of much might be as new again
            self.pos, known_ns, self._joined = self._begin(connection, routes_of(settings))
            row = connection.execute("SELECT taken, refused FROM notifiers WHERE name = ?", (self.name,)).fetchone()
            self._counts: tuple[int, int] = row
            self._first, self._waiting = self._outbox.first(), self._outbox.waiting()
        self._plan.following.known_ns = known_ns

    def step(self) -> bool:
        """Plan and send; False when there was nothing to do, or it was not taken, which `problem` then says.

        DiskFull when what is planned or taken could not be kept: it is planned or sent again.
        """
        if not self._backoff.is_due(self._clock.mono_ns()):
            return False
        did = False
        if self._first is None:
            did = self._plan_next()
        if self._first is None:
            if not did:
                self._file.idle()
            return did or self._send_owed()
        return self._send(*self._first)

    @property
    def is_caught_up(self) -> bool:
        """Whether every transition is planned and all that was planned is taken; windows may be open."""
        return self._first is None and self._joined is None and self.pos == self._reader.book.last_transition()

    def conditions(self) -> list[Condition]:
        """That the receiver, or some of its people, are not reached, or refused something; any thread may ask."""
        found, now_ns = [], self._clock.mono_ns()
        since_ns, refused, problem = self._failing_since_ns, self._refused, self.problem
        owed_ns = self._owed.since_ns
        if since_ns is not None and now_ns - since_ns > FAILING_NS:
            text = f"notifier {self.name} tells nobody: {problem}; what it has to tell waits"
            found.append(Condition(NOTIFIER_FAILING, GATEWAY, self.name, text))
        elif owed_ns is not None and now_ns - owed_ns > FAILING_NS:
            text = f"notifier {self.name} does not tell everybody: {self._owed.problem}"
            found.append(Condition(NOTIFIER_FAILING, GATEWAY, self.name, text))
        if refused is not None and now_ns - refused[0] < REFUSED_TOLD_NS:
            text = f"notifier {self.name}: the receiver refused a notification for good, it is set aside: {refused[1]}"
            found.append(Condition(NOTIFIER_REFUSED, GATEWAY, self.name, text))
        return found

    def progress(self) -> Progress:
        """Of the step under way: what is sent may take as long as MAX_SEND_S; what waits for a receiver is no stall."""
        since_ns = self._sending_since_ns
        waited_s = 0 if since_ns is None else (self._clock.mono_ns() - since_ns) // NS_PER_S
        return Progress(min(waited_s, MAX_SEND_S), 0)

    def document(self, last_transition: int) -> dict[str, Any]:
        """How far it is, for the status document; from memory alone, any thread may ask."""
        since_ns, (taken, refused) = self._failing_since_ns, self._counts
        since_ns = self._owed.since_ns if since_ns is None else since_ns
        return {
            "name": self.name,
            "kind": self.kind,
            "pos": self.pos,
            "backlog": max(last_transition - self.pos, 0) + self._waiting,
            "failing_since": None if since_ns is None else rfc3339((self._origin_ns + since_ns) // NS_PER_S * NS_PER_S),
            "problem": self.problem or self._owed.problem,
            "told": taken,
            "refused": refused,
        }

    def cut(self) -> None:
        """End what is being sent and give the connection back; any thread may call it."""
        self._transport.close()

    def silenced_ns(self, alert: Mapping[str, Any]) -> int | None:
        """Since when (UTC) an operator has silenced an alert, None where nobody has."""
        silence = self._silences.silenced_by(alert, self._clock.now_ns())
        return None if silence is None else silence.effective_ns

    def _begin(self, connection: sqlite3.Connection, routes: str) -> tuple[int, int, str | None]:
        """Cursor, known_ns and joined as the file has them.

        Who is new, or counted in another watch.db, begins with what is open now: nothing of that is followed yet, and
        what was reported until now may have been told. Who is told of other alerts than before looks at what is open.
        """
        self._book.rewind(self._now_ns())
        query = "SELECT watch_id, pos, known_ns, joined FROM notifiers WHERE name = ?"
        row = connection.execute(query, (self.name,)).fetchone()
        before = connection.execute("SELECT routes FROM routes WHERE notifier = ?", (self.name,)).fetchone()
        connection.execute("INSERT OR REPLACE INTO routes VALUES(?, ?)", (self.name, routes))
        is_same = row is not None and row[0] == self._reader.identity
        last = self._reader.book.last_transition()
        pos = min(row[1], last) if is_same else last  # a watch.db that fell back, or was put back, makes numbers anew
        if is_same and before == (routes,):
            return pos, row[2], row[3]
        begun = (pos, self._clock.now_ns(), "")
        if is_same:  # what is followed is told of as before
            self._book.hold(self._book.held(LATE, self._now_ns()), "")  # `_joined` collects only for people
        else:
            if row is not None:
                log.warning("watch.db is another than before: notifier %s begins with what is open now", self.name)
            for table in ("followed", "windows"):
                connection.execute(f"DELETE FROM {table} WHERE notifier = ?", (self.name,))
        statement = (
            "INSERT INTO notifiers VALUES(?, ?, ?, ?, ?, 0, 0) ON CONFLICT(name) DO UPDATE SET "
            "watch_id = excluded.watch_id, pos = excluded.pos, known_ns = excluded.known_ns, joined = excluded.joined"
        )
        connection.execute(statement, (self.name, self._reader.identity, *begun))
        return begun

    def _plan_next(self) -> bool:
        """Plan what the next transitions and the time lead to, and keep it; whether there was anything."""
        joined = self._joined
        transitions = self._next()
        self._silences.refresh()
        now_ns, at_ns = self._now_ns(), self._clock.now_ns()
        pos = transitions[-1][0] if transitions and joined is None else self.pos
        if joined is not None:
            joined = transitions[-1][2]["id"] if transitions else None
        with self._file.writing() as connection:
            drafts = self._plan.plan(transitions, now_ns)
            kept = [self._outbox.put(draft, at_ns) for draft in drafts]
            if (pos, joined) != (self.pos, self._joined):
                statement = "UPDATE notifiers SET pos = ?, joined = ? WHERE name = ?"
                connection.execute(statement, (pos, joined, self.name))
        did = bool(transitions or drafts) or joined != self._joined
        self.pos, self._joined = pos, joined
        self._first, self._waiting = kept[0] if kept else None, len(kept)
        return did

    def _next(self) -> list[Transition]:
        """The next transitions; who begins is shown what is open first, as if it fired now."""
        if self._joined is None:
            return self._reader.book.transitions(self.pos, MAX_BATCH)
        now_ns = self._clock.now_ns()
        return [(self.pos, now_ns, alert) for alert in self._reader.book.open_page(self._joined, MAX_BATCH)]

    def _send(self, number: int, notification: Notification) -> bool:
        refusal = ""
        error = self._tell(notification) if self._unkept != number else None
        if isinstance(error, PartlyTaken):
            log.warning("notifier %s: %s", self.name, error)
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

    def _send_owed(self) -> bool:
        """Send what not everybody has to the others; whether all have it now."""
        notification = self._owed.due(self._clock.mono_ns())
        if notification is None:
            return False
        error = self._tell(notification)
        self._owed.sent(error, self._clock.mono_ns())
        return error is None

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
                log.error("notifier %s: %s\n%s", self.name, name, "".join(traceback.format_tb(error.__traceback__)))
            return NotTaken("notify", self.name, name, "its log line says where it came from")
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
            log.error("notifier %s: a notification is set aside: %s", self.name, refusal)
            self._refused = (self._clock.mono_ns(), refusal)
        elif self.problem:
            log.info("notifier %s: the receiver takes notifications again", self.name)
        taken, refused = self._counts
        self._counts = (taken, refused + 1) if refusal else (taken + 1, refused)
        self._backoff.succeed()
        self._refusals, self._failing_since_ns, self.problem, self._unkept = 0, None, "", 0
        self._first, self._waiting = first, self._waiting - 1

    def _failed(self, problem: str) -> None:
        if self._failing_since_ns is None:
            log.warning("notifier %s: %s", self.name, problem)
            self._failing_since_ns = self._clock.mono_ns()
        self.problem = problem
        self._backoff.fail(self._clock.mono_ns())

    def _now_ns(self) -> int:
        """Steady time that goes on with the calendar from one process to the next."""
        return self._origin_ns + self._clock.mono_ns()


def routes_of(settings: NotifierSettings) -> str:
    """Of which alerts a notifier is told, and whether of each by itself, as text that differs where that does."""
    is_direct = not getattr(settings, "window_s", 0)
    told = (settings.severities, settings.containers, settings.rules, settings.parties, settings.phases, is_direct)
    return repr(told)


def _plan_for(
    settings: NotifierSettings, book: FollowedBook, notifier: Notifier, reader: WatchReader
) -> GroupedPlan | DirectPlan:
    if isinstance(settings, AlertmanagerNotifier):
        return RefreshedPlan(settings, book, notifier.silenced_ns, reader.book.body)
    plan = GroupedPlan if settings.window_s else DirectPlan
    return plan(settings, book, notifier.silenced_ns, reader.book.body)
