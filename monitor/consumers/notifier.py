"""Notifier: tells one receiver of the alerts that are routed to it, at least once and in order."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from typing import Any

from monitor.config.alerting import AlertmanagerNotifier, NotifierSettings
from monitor.consumers.direct import DirectPlan, RefreshedPlan
from monitor.consumers.followed import LATE, FollowedBook
from monitor.consumers.grouped import GroupedPlan, Transition
from monitor.consumers.notify_file import NotifyFile
from monitor.consumers.sending import Sending
from monitor.consumers.silences import Silences
from monitor.consumers.watch_file import WatchReader
from monitor.model.clock import Clock
from monitor.model.condition import Condition
from monitor.model.progress import Progress
from monitor.notify.notification import Transport

MAX_BATCH = 500  # transitions; some 20 ms

log = logging.getLogger(__name__)


class Notifier:
    """One `step`: plan what is to be told of the transitions behind the cursor, keep it, send the first of it.

    1. what is to be told stands in the outbox, with its id, before it is sent: a restart sends the same again;
    2. while something there is not taken nothing more is planned: what follows waits as transitions in `watch.db`;
    3. what is not taken is sent again: see `Sending`.

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
        self._clock = clock
        self._origin_ns = clock.now_ns() - clock.mono_ns()
        self._book, self._sending = FollowedBook(file.connection, self.name), Sending(self.name, file, transport, clock)
        self._plan = _plan_for(settings, self._book, self, reader)
        with file.writing(is_durable=True) as connection:  # else one that was told of much might be as new again
            self.pos, known_ns, self._joined = self._begin(connection, routes_of(settings))
            self._sending.begin(connection)
        self._plan.following.known_ns = known_ns

    def step(self) -> bool:
        """Plan and send; False when there was nothing to do, or it was not taken, which `problem` then says.

        DiskFull when what is planned or taken could not be kept: it is planned or sent again.
        """
        if not self._sending.is_due:
            return False
        did = self._sending.is_empty and self._plan_next()
        if not self._sending.is_empty:
            return self._sending.send()
        if not did:
            self._file.idle()
        return did or self._sending.send_owed()

    @property
    def problem(self) -> str:
        """Why the receiver does not take what it is told, "" when it does."""
        return self._sending.problem

    @property
    def is_caught_up(self) -> bool:
        """Whether every transition is planned and all that was planned is taken; windows may be open."""
        return self._sending.is_empty and self._joined is None and self.pos == self._reader.book.last_transition()

    def conditions(self) -> list[Condition]:
        """What somebody has to see of it; any thread may ask."""
        return self._sending.conditions()

    def progress(self) -> Progress:
        """Of the step under way."""
        return self._sending.progress()

    def document(self, last_transition: int) -> dict[str, Any]:
        """How far it is, for the status document; from memory alone, any thread may ask."""
        sending = self._sending.document(self._origin_ns)
        backlog = max(last_transition - self.pos, 0) + sending["backlog"]
        return {"name": self.name, "kind": self.kind, "pos": self.pos} | sending | {"backlog": backlog}

    def cut(self) -> None:
        """End what is being sent and give the connection back; any thread may call it."""
        self._sending.cut()

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
            kept = self._sending.put(drafts, at_ns)
            if (pos, joined) != (self.pos, self._joined):
                statement = "UPDATE notifiers SET pos = ?, joined = ? WHERE name = ?"
                connection.execute(statement, (pos, joined, self.name))
        did = bool(transitions or drafts) or joined != self._joined
        self.pos, self._joined = pos, joined
        self._sending.follow(kept)
        return did

    def _next(self) -> list[Transition]:
        """The next transitions; who begins is shown what is open first, as if it fired now."""
        if self._joined is None:
            return self._reader.book.transitions(self.pos, MAX_BATCH)
        now_ns = self._clock.now_ns()
        return [(self.pos, now_ns, alert) for alert in self._reader.book.open_page(self._joined, MAX_BATCH)]

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
