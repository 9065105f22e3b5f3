"""The parts of one gateway, built from the configuration and joined; whoever has them steps them.

The daemon steps each in a thread of its own, a simulation all of them in one, with its own broker, clock and store.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any

from monitor.config import Config
from monitor.config.alerting import NotifierSettings
from monitor.config.endings import end_conditions, endings
from monitor.consumers import Board, Store, Watch, WatchReader
from monitor.consumers.cursors import read_cursors
from monitor.consumers.long import Long
from monitor.consumers.minutes import Minutes
from monitor.consumers.notifiers import Notifiers, Opening
from monitor.examine.evidence import evidence_of
from monitor.ingest import Desk, Inbox, Intake, Session
from monitor.ingest.client import Client
from monitor.journal import Journal, JournalReader, Retention, StateLock
from monitor.journal.failure import write_failure
from monitor.journal.writer import RECOVERED
from monitor.model.clock import Clock
from monitor.model.condition import Condition
from monitor.model.errors import JournalError, TcmError
from monitor.model.progress import Lag, Progress
from monitor.notify.notification import Transport
from monitor.notify.opening import open_transport
from monitor.sinks.sink import Sink
from monitor.wire import FILL_FILTER, LIVE_FILTER, Sources

MAX_FILL_AHEAD = 100  # records not judged yet, some 0.1 s: with more, what comes live would wait behind a back-fill
ClientType = Callable[..., Client]
Copying = tuple[Minutes, Sink, Executor]

log = logging.getLogger(__name__)


class Parts:
    """Holds the state directory from construction to `close`; JournalError when it cannot be used."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        sink: Sink,
        executor: Executor,
        client_type: ClientType = Client,
        opening: Opening | None = None,
        copying: Copying | None = None,
    ) -> None:
        """`opening` gives a notifier its way to the receiver, by default as its settings say.

        `copying` is what the down-sampled copy is read of, the copy, and who waits for them; None without a copy.
        """
        self._endings, self._clock = endings(config), clock
        self._state_dir = state_dir = config.state_dir
        self._lock = StateLock(state_dir)
        self.journal = open_journal(config, clock)
        self.watch_reader, self._store_reader = JournalReader(state_dir), JournalReader(state_dir)
        self.watch = Watch(state_dir, self.watch_reader, clock)
        self._results_reader, self._board_reader = WatchReader(state_dir), WatchReader(state_dir)
        self.store = Store(state_dir, self._store_reader, self._results_reader, sink, executor, clock)
        self.long = long = Long(state_dir, *copying, clock) if copying else None
        if long:
            self.store.copy_to(lambda: long.copied)
        _require_whole_journal(self.journal.pos, {"watch.db": self.watch.kept_pos, "store.db": self.store.pos})
        self.watch.stored_results = lambda: self.store.confirmed["judged"]
        self.inbox, self.desk = Inbox(), Desk()
        self.live, self.fill = self._open_sessions(config, clock, client_type)
        self.board = Board(
            *(state_dir, self._board_reader, clock),
            lambda topic, data: self.live.publish(topic, data, qos=1, retain=True),
        )
        opening = opening or functools.partial(self._open_transport, config, clock)
        self.notifiers = Notifiers(state_dir, config.notifiers, self.board.file, clock, opening)
        self.live.on_granted = self.board.refresh
        self.board.refusals = lambda: (self.live.refusals, self.live.refusal)
        self.inbox.is_fill_held = self._is_fill_held
        self._lag = Lag()
        self.rules = config.rules  # whoever takes up others sets them here
        sources = Sources(config.rules.sources)
        self.intake = Intake(
            self.journal, self.inbox, clock, self._publish_ack, self.sessions, self._accepts, sources, self.desk
        )
        self.retention = Retention(self.journal, clock, config.journal.keep_s, self._confirmed)
        self.stalled: Callable[[], Sequence[Condition]] = tuple  # whoever steps the parts may know of some that hang
        self.intake.upkeep, self.intake.conditions = self._keep_up, self.conditions

    @property
    def sessions(self) -> tuple[Session, Session]:
        """The two MQTT sessions."""
        return self.live, self.fill

    def conditions(self) -> list[Condition]:
        """What somebody has to see of this gateway; any thread may ask."""
        return [
            *(*self.journal.conditions(), *self.store.conditions()),
            *(self.long.conditions() if self.long else ()),
            *(*self.notifiers.conditions(), *self.stalled(), *end_conditions(self._endings, self._clock.now_ns())),
        ]

    @property
    def is_caught_up(self) -> bool:
        """Whether every consumer has passed what came."""
        is_journalled = not len(self.inbox) and self.watch.pos == self.journal.pos
        is_told = self.board.is_caught_up and self.notifiers.is_caught_up
        is_copied = self.long is None or self.long.is_caught_up
        return is_journalled and self.store.is_caught_up and is_copied and is_told

    @property
    def is_at_rest(self) -> bool:
        """Whether every part has done what it can do now; a server that is away is not waited for."""
        if self.inbox.waiting or not self.intake.is_done or self.watch.pos < self.journal.pos:
            return False
        is_stored = bool(self.store.problem) or self.store.is_caught_up
        return is_stored and (bool(self.board.problem) or self.board.is_caught_up) and self.notifiers.is_at_rest

    @property
    def progress(self) -> dict[str, Callable[[], Progress]]:
        """How far each part is, from memory alone: whoever asks never waits for a file."""
        journal, watch, store, board = self.journal, self.watch, self.store, self.board

        def judged() -> Progress:
            again = self.watch_reader.batches_again  # a container that settles may take more than one step's time
            return Progress(watch.pos + again, journal.pos + again)

        def stored() -> Progress:
            position = sum(store.confirmed.values())  # results may go on before the journal does
            return Progress(position, position + journal.pos - store.pos)

        return {
            "journal": lambda: Progress(self.intake.committed, self.inbox.taken + self.inbox.waiting),
            "watch": judged,
            "store": stored,
            "notify": lambda: Progress(board.pos, board.seen),
        }

    def consumers(self, now_ns: int, last_transition: int) -> dict[str, dict[str, float]]:
        """Of each how far it is, how much there is before it, and the age of that, for the status document."""
        watch, store, board, long = self.watch, self.store, self.board, self.long
        document: dict[str, dict[str, float]] = {}

        def tell(name: str, pos: int, backlog: int, done_ns: int) -> None:
            lag_s = self._lag.look_s(name, backlog, now_ns, done_ns)
            document[name] = {"pos": pos, "backlog": backlog, "lag_s": lag_s}

        tell("watch", watch.pos, max(self.journal.pos - watch.pos, 0), watch.last_received_ns)
        document["watch"]["unreadable"] = watch.judge.unreadable
        tell("store", store.pos, max(self.journal.pos - store.pos, 0), store.last_received_ns)
        tell("notify", board.pos, max(last_transition - board.pos, 0), 0)
        if long is not None:
            tell("copy", long.made, long.backlog, long.complete_ns)
        return document

    def close_door(self) -> None:
        """Take nothing more; who waits to hand something in is told, and messages stay with the broker."""
        self.inbox.close()
        self.desk.close()

    def close(self, *, is_store_busy: bool = False, is_copy_busy: bool = False) -> None:
        """Give the files back, each as far as it is; what is not acknowledged comes again.

        A store or a copy of which a write still hangs is left as it is.
        """
        readers = (self.watch_reader, self._store_reader, self._results_reader, self._board_reader)
        stores = () if is_store_busy else (self.store,)
        copies = () if self.long is None or is_copy_busy else (self.long,)
        # Readers first: the last connection to a file puts its WAL away, and only a writer may.
        for part in (*readers, self.notifiers, *copies, *stores, self.board, self.watch, self.journal, self._lock):
            part.close()

    def _is_fill_held(self) -> bool:
        """Whether what comes from memory has to wait: for what is live at the broker, or for its judge."""
        is_live_to_come = self.fill.is_connected and not self.live.is_settled
        return is_live_to_come or self.journal.pos - self.watch.pos > MAX_FILL_AHEAD

    def _confirmed(self) -> int:
        """Up to which position no consumer needs a payload again."""
        return min(self.watch.base_pos, self.store.pos)

    def _keep_up(self) -> bool:
        did = self.retention.step()
        self.watch.is_base_wanted = self.retention.is_short
        return did

    def _open_sessions(self, config: Config, clock: Clock, client_type: ClientType) -> tuple[Session, Session]:
        settings, client_id = config.mqtt, config.mqtt.client_id
        live_filters = (LIVE_FILTER, *(source.topic for source in config.rules.sources))
        live = Session("live", settings, client_id, live_filters, self.inbox, clock, client_type=client_type)
        fill = Session(
            *("fill", settings, f"{client_id}-fill", (FILL_FILTER,), self.inbox, clock),
            is_fill=True,
            client_type=client_type,
        )
        return live, fill

    def _open_transport(self, config: Config, clock: Clock, settings: NotifierSettings) -> Transport:
        return open_transport(settings, clock, config.instance, self._marking, self._evidence)

    def _marking(self, container: str) -> str:
        return self.rules.container(container).marking or ""

    def _evidence(self, alert: dict[str, Any]) -> dict[str, Any] | None:
        """What there is of an alert; where it cannot be read the notification goes out without."""
        try:
            return evidence_of(self._state_dir, alert)
        except (TcmError, sqlite3.Error) as error:
            log.warning("evidence of alert %s: %s", alert["id"], error)
            return None

    def _accepts(self, container: str, logger: str) -> bool:
        return self.rules.accepts(container, logger)

    def _publish_ack(self, topic: str, payload: bytes) -> None:
        with contextlib.suppress(TcmError):  # QoS 0: a lost acknowledgement only means a resend
            self.live.publish(topic, payload)


def open_journal(config: Config, clock: Clock) -> Journal:
    """The journal, with the configuration in force as its last `config` record; the caller holds the lock.

    JournalError when it cannot be used, or is gone: a new one in its place would pass for the whole one.
    """
    state_dir = config.state_dir
    if not any((state_dir / name).exists() for name in ("journal.db", RECOVERED)):
        try:
            _require_whole_journal(0, read_cursors(state_dir))
        except sqlite3.Error as error:
            raise write_failure("start", state_dir, error) from None
    journal = Journal(state_dir, config.journal)
    rules = config.rules.to_json()
    if journal.last_config() != rules:
        journal.append_own("config", clock.now_ns(), rules)
    return journal


def _require_whole_journal(head: int, cursors: dict[str, int]) -> None:
    """A journal that ends before its consumers' cursors would be taken for read while nobody looks at it."""
    for file, pos in cursors.items():
        if pos > head:
            cause = f"{file} has come to position {pos}, but journal.db ends at {head}: records are missing"
            hint = "restore the whole journal; or move watch.db, store.db and notify.db away to start anew"
            raise JournalError("start", file, cause, hint)
