"""The service: what the HTTP interface and the demonstration ask of a running daemon."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, get_args

from monitor.alerts.listing import Change
from monitor.alerts.query import AlertQuery
from monitor.config import Config, Rules
from monitor.config.reload import taken_up
from monitor.consumers.operators import entered_in
from monitor.examine.evidence import evidence_of
from monitor.ingest import Session
from monitor.ingest.importing import import_deliveries, require_accepted
from monitor.ingest.operating import admit, answer
from monitor.journal.attachments import Attachments, Upload
from monitor.model.clock import Clock
from monitor.model.condition import DISK_FULL
from monitor.model.errors import TcmError, Unavailable, UnknownName, WireError
from monitor.model.rules import HealthRule
from monitor.model.strict import Severity
from monitor.parts import Parts
from monitor.shock.spectrum.srs import kernel_in_use
from monitor.telemetry import Rate, StateReader, metrics
from monitor.threads import Loop, Threads

IMPORT_S = 120.0
IMPORT_LOOK_S = 0.5  # how often an import that waits looks whether the daemon ends
ENTRY_S = 20.0  # until others have entered what they have
SHOWN_S, SHOWN_LOOK_S = 0.5, 0.005  # until it shows, which takes milliseconds while nothing is behind
MAX_PAGE = 200  # changes at once

log = logging.getLogger(__name__)
Document = dict[str, Any]
Load = Callable[[], Config]


class Service:
    """Called by any thread; everything but `close` may be called at the same time as anything else."""

    def __init__(
        self, config: Config, parts: Parts, loops: Sequence[Loop], threads: Threads, clock: Clock, load: Load | None
    ) -> None:
        """`load` reads the configuration's files anew, None where the daemon was not started from any."""
        self.config = config
        self._parts, self._loops, self._threads, self._clock, self._load = parts, loops, threads, clock, load
        self._state = StateReader(config.state_dir)
        self._records_before = self._state.journal.records()
        self._rate = Rate(self._records())
        self._attachments = Attachments(config.state_dir, config.journal.reserve_bytes)
        self._entering, self._reloading = threading.Lock(), threading.Lock()

    @property
    def is_ending(self) -> bool:
        """Whether every thread has to come to its end."""
        return self._threads.stopping.is_set()

    def look(self) -> None:
        """Note how far the daemon is, for rates; somebody has to call it again and again."""
        self._rate.look(self._records())

    def status(self) -> Document:
        """The status document of `tcm status` and `/api/status`."""
        problems, parts = self.problems(), self._parts
        live = {
            "instance": self.config.instance,
            "state": "degraded" if problems else "ready",
            "problems": problems,
            "ingest": {
                "connected": all(session.is_connected for session in parts.sessions),
                "records": self._records(),
                "records_per_s": self._rate.per_s(),
                "queue": len(parts.inbox),
                "duplicates": parts.intake.duplicates,
                "dropped": sum(session.dropped for session in parts.sessions),
            },
            "consumers": parts.consumers(self._clock.now_ns(), self._state.watch.book.last_transition()),
            "notifiers": parts.notifiers.document(self._state.watch.book.last_transition()),
            "budget_bytes": self.config.journal.budget_bytes,
            "stalled": {loop.name: loop.is_stalled for loop in self._loops},
            "conditions": [condition._asdict() for condition in sorted(parts.conditions())],
            "provisional": list(parts.watch.judge.forks),
            "started_anew": parts.watch.judge.in_force.started_anew.copy(),
            "unknown_channels": sorted(parts.watch.judge.unknown_channels.copy()),
            "kernel": kernel_in_use(),
        }
        return live | self._state.document(self.config.rules, self._clock.now_ns())

    def problems(self) -> dict[str, str]:
        """What does not move, by part."""
        parts: list[tuple[str, str]] = [(part.name, _session_problem(part)) for part in self._parts.sessions]
        parts += [(loop.name, loop.problem) for loop in self._loops]
        parts += [("store", self._parts.store.problem), ("notify", self._parts.board.problem)]
        parts += [("copy", self._parts.long.problem)] if self._parts.long else []
        parts += self._parts.notifiers.problems()
        parts += [("journal", each.text) for each in self._parts.journal.conditions() if each.rule == DISK_FULL]
        parts += [("daemon", "coming to its end" if self._threads.ended.is_set() else "")]
        return {name: problem for name, problem in parts if problem}

    def metrics(self) -> bytes:
        """Prometheus' text form of the status."""
        return metrics(self.status())

    def latest(self) -> dict[tuple[str, str], dict[str, float]]:
        """Each (container, logger)'s latest reading: value by channel."""
        return self._parts.watch.judge.latest.copy()  # in one step: watch's thread goes on writing

    def newest_ns(self) -> dict[tuple[str, str], int]:
        """The time (ns UTC) of each (container, logger)'s latest reading."""
        return self._parts.watch.judge.latest_ns.copy()  # as above

    def silent_loggers(self) -> set[tuple[str, str]]:
        """(container, logger) of those whose silence is an open alert."""
        rules, found = self.config.rules, self._state.watch.listing.open_rules("health")
        return {(container, logger) for container, logger, rule in found if _is_silence(rules, container, rule)}

    def alerts(self, query: AlertQuery) -> list[Document]:
        """Published alerts."""
        return self._state.watch.listing.alerts(query)

    def alert(self, key: str) -> Document:
        """An alert with its evidence; UnknownName where there is none of this id."""
        return evidence_of(self.config.state_dir, self._alert(key))

    def last_transition(self) -> int:
        """The number of the latest change of an alert, 0 before the first."""
        return self._state.watch.book.last_transition()

    def changes(self, after: int) -> list[Change]:
        """The changes of alerts behind number `after`, a page of them."""
        return self._state.watch.listing.changes(after, MAX_PAGE)

    def containers(self) -> list[Document]:
        """Each container as it stands now, with the number of its open alerts by severity."""
        rules, counts = self.config.rules, self._state.watch.listing.open_by_container()
        standing = self._state.containers(rules, self._clock.now_ns())
        return [
            _described(rules, name) | one | {"alerts": dict.fromkeys(get_args(Severity), 0) | counts.get(name, {})}
            for name, one in standing.items()
        ]

    def rules_in_force(self) -> Rules:
        """The rules with what operators set over plans and files, up to now."""
        return self.config.rules.with_operators(self._state.operators.book())

    def silences(self) -> list[Document]:
        """All silences in the order of their entry, also those that are over."""
        return self._state.silences(self._clock.now_ns())

    def phases(self, container: str | None) -> list[Document]:
        """The present phase of each container, or of one, and what operators entered."""
        return self._state.operators.phases(self.config.rules, self._clock.now_ns(), container)

    def entered(self, container: str | None, kind: str | None) -> list[Document]:
        """Operators' records, of a container and of a type where these are given."""
        return entered_in(self._state.journal, container, kind)

    def enter(self, content: Any) -> Document:
        """Journal what an operator entered; returns once it is durable, and as a rule once it shows.

        One after the other: a second acknowledgement finds the first one.
        """
        if not self._entering.acquire(timeout=ENTRY_S):
            raise Unavailable("enter", "", f"others have entered for {ENTRY_S:g} s", "try again later")
        try:
            record, warnings = admit(
                content, self.config.rules, self._state.journal, self._clock.now_ns(), self._state.alert
            )
            pos = self._parts.desk.enter(record)
        finally:
            self._entering.release()
        self._wait_until_shown(pos)
        return answer(pos, record, warnings)

    def acknowledge(self, key: str, content: Document) -> Document:
        """Journal that somebody has seen an alert; returns once it is durable."""
        of_path = {"type": "ack", "alert": key}
        if not content.keys().isdisjoint(of_path):
            raise WireError(f"{', '.join(of_path)}: expected in the path alone")
        return self.enter(content | of_path)

    def upload(self, name: str) -> Upload:
        """A place for a file that a record will name."""
        return self._attachments.begin(name)

    def import_recording(
        self, name: str, content: bytes, container: str, logger: str, start: str | None
    ) -> dict[str, int]:
        """Put a recording through the intake like a logger's memory; returns once all of it is journalled."""
        done = threading.Semaphore(0)
        require_accepted(self.config.rules, container, logger)
        deliveries, counts = import_deliveries(name, content, container, logger, start, self._clock, done.release)
        again = "import it again: what is there already is not taken twice"
        if not all(self._parts.inbox.put(delivery, is_fill=True) for delivery in deliveries):
            raise Unavailable("import", name, "the daemon ends", again)
        end_s = time.monotonic() + IMPORT_S
        for _ in deliveries:
            while not done.acquire(timeout=IMPORT_LOOK_S):
                if self._threads.stopping.is_set() or time.monotonic() > end_s:
                    raise Unavailable("import", name, "the journal did not take all of it in time", again)
        return counts

    def reload(self) -> Document:
        """Take up the configuration as its files are now: its rules are journalled, and in force from there on.

        ConfigProblems when the files cannot be used: then nothing changes.
        """
        if self._load is None:
            raise TcmError("reload", self.config.instance, "this daemon was not started from files")
        with self._reloading:
            config, restart = taken_up(self.config, self._load())
            pos = None
            if config.digest != self.config.digest:
                pos = self._parts.desk.enter_config(config.rules.to_json())
            self._parts.rules, self.config = config.rules, config
        what = "its rules have not changed" if pos is None else f"its rules are in force from record {pos} on"
        log.info("configuration taken up: %s; after a restart: %s", what, ", ".join(restart) or "nothing more")
        return {"changed": pos is not None, "pos": pos, "digest": config.digest, "restart": restart}

    def reload_at(self, hangup: threading.Event) -> None:
        """Body of a thread: reload whenever `hangup` is set, until the daemon ends."""
        while hangup.wait() and not self.is_ending:
            hangup.clear()
            try:
                self.reload()
            except TcmError as error:
                log.error("nothing was taken up: %s", error)
            except Exception:  # whatever stands in the files: what watches goes on
                log.exception("nothing was taken up")

    def close(self) -> None:
        """Give the files back."""
        self._state.close()

    def _wait_until_shown(self, pos: int) -> None:
        """Wait until what stands at a position is judged; not for ever, as it is journalled all the same."""
        end_s = time.monotonic() + SHOWN_S
        while self._parts.watch.pos < pos and time.monotonic() < end_s and not self.is_ending:
            time.sleep(SHOWN_LOOK_S)

    def _alert(self, key: str) -> Document:
        alert = self._state.alert(key)
        if alert is None:
            raise UnknownName("alert", key, "no such alert", "tcm alerts list shows all")
        return alert

    def _records(self) -> int:
        """Env and shock records in the journal; counted once, as a journal of weeks holds millions."""
        return self._records_before + self._parts.intake.records


def _described(rules: Rules, container: str) -> Document:
    """What a container's file says of it."""
    box = rules.container(container)
    return {
        "container": container,
        "title": box.title,
        "registered": container in rules.containers,
        "marking": box.marking,
        "consignment": box.consignment,
        "limits": rules.profile(container).name,
    }


def _is_silence(rules: Rules, container: str, rule: str) -> bool:
    """Whether a rule of the container's profile is one for silence."""
    profile = rules.profile(container).rule
    return any(isinstance(each, HealthRule) and each.check == "silent" and each.id == rule for each in profile)


def _session_problem(session: Session) -> str:
    return session.problem or ("" if session.is_connected else "not connected")
