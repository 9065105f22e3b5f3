"""The events of a journal, beside its daemon or without it."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from monitor.config import Rules
from monitor.consumers import WatchReader
from monitor.consumers.points import anchor_of, placed_ns
from monitor.consumers.reading import book_of, read
from monitor.examine.event import Examined, Progress, Wanted
from monitor.examine.rules import rules_at, unplaced
from monitor.journal import JournalReader
from monitor.journal.events import find_shock, lowpass_hz, shock_records
from monitor.model.batch import Event
from monitor.model.errors import TcmError
from monitor.model.limit import Profile
from monitor.model.record import SYNCHRONISED, Record, Shock
from monitor.shock.analysis import Analysis
from monitor.shock.waveform import waveform_of

MAX_CONFIGS = 8  # kept at a time; those in force come one after the other


class JournalEvents:
    """Each event as the daemon judged it: by the rotation, the place and the rules in force at its record.

    With `profile` it is held against that one instead. What operators set is known beforehand, also those that were
    entered later.
    """

    def __init__(self, state_dir: Path, profile: Profile | None) -> None:
        self._state_dir, self._profile = state_dir, profile
        self._reader = JournalReader(state_dir)
        operators = book_of(self._reader.operators())
        self._rules_of = functools.lru_cache(MAX_CONFIGS)(lambda text: Rules.from_json(text).with_operators(operators))
        self.dropped = self.unreadable = 0

    def events(self, wanted: Wanted, progress: Progress) -> Iterator[Examined]:
        """Those of the journal up to its present head, in order of arrival."""
        for record in shock_records(self._reader, wanted.container, wanted.logger, progress):
            if record.payload is None:
                self.dropped += 1
                continue
            event = self._examined(record)
            if event is None:
                self.unreadable += 1
            elif wanted.admits(event):
                yield event

    def event(self, name: str | None) -> Examined:
        """One event by `container/logger/boot/seq`, `logger/boot/seq`, or by the id of an alert that it raised."""
        if name is None:
            raise self._no_event("", "which event?")
        record = self._find(*(self._of_alert(name) if "/" not in name else self._named(name)))
        if record is None:
            raise self._no_event(name, "there is no such event")
        if record.payload is None:
            cause = "its samples were dropped by retention; its digest and what was told of it are kept"
            raise TcmError("examine shock", name, cause, "a backup from before may have them")
        event = self._examined(record)
        if event is None:
            raise TcmError("examine shock", name, "the record cannot be read, see the log above")
        return event

    def close(self) -> None:
        """Give the file back."""
        self._reader.close()

    def _named(self, name: str) -> tuple[str | None, str, int, int]:
        *container, logger, boot, seq = name.split("/") if name.count("/") in (2, 3) else ("", "", "", "")
        if not ((boot + seq).isascii() and boot.isdecimal() and seq.isdecimal() and len(boot + seq) < 40):
            raise self._no_event(name, "expected container/logger/boot/seq, logger/boot/seq or the id of an alert")
        return (container[0] if container else None), logger, int(boot), int(seq)

    def _of_alert(self, name: str) -> tuple[str | None, str, int, int]:
        """The event that an alert has as evidence."""
        alert = None
        if (self._state_dir / "watch.db").exists():
            with closing(WatchReader(self._state_dir)) as watch:
                alert = watch.book.body(name)
        if alert is None:
            raise self._no_event(name, "there is no such alert, and an event is container/logger/boot/seq")
        if not (alert["channel"] or "").startswith("shock."):
            raise self._no_event(name, f"the alert is none of a shock, but of {alert['channel'] or alert['logger']}")
        evidence = alert["evidence"]
        return alert["container"], alert["logger"], evidence["boot"], evidence["seq"]

    def _find(self, container: str | None, logger: str, boot: int, seq: int) -> Record | None:
        if max(boot, seq) >= 1 << 63:  # beyond what SQLite takes
            return None
        record = find_shock(self._reader, logger, boot, seq)
        return None if record is None or container not in (None, record.container) else record

    def _no_event(self, name: str, cause: str) -> TcmError:
        return TcmError("examine shock", name or str(self._state_dir), cause, "tcm shock list shows all")

    def _examined(self, record: Record) -> Examined | None:
        """The event as the daemon judged it, None where the record is none."""
        shock = read(record)
        if not isinstance(shock, Shock):
            return None
        container, logger = record.container or "", record.logger or ""
        rules = self._rules(record.pos)
        anchor = anchor_of(record, shock.stamp, self._reader.anchor)
        start_ns = placed_ns(shock, anchor)
        event = Event(record.pos, container, logger, shock.stamp.boot, shock.seq, start_ns, shock)
        is_placed = shock.stamp.clk == SYNCHRONISED or anchor is not None
        registered = rules.logger(container, logger)
        limits = self._profile or rules.profile(container)
        lowpass = lowpass_hz(self._reader, logger, shock.accelerometer, record.pos)
        return Examined(
            name=f"{container}/{logger}/{event.boot}/{event.seq}",
            container=container,
            logger=logger,
            sensor=shock.accelerometer,
            at_ns=event.trigger_ns if is_placed else None,
            analysis=Analysis(waveform_of(shock, np.array(registered.rotation), lowpass)),
            rules=rules_at(limits, registered.place),
            phase=rules.phase_at(container, event.trigger_ns),
            place=registered.place,
            unplaced=unplaced(limits, registered.place),
        )

    def _rules(self, pos: int) -> Rules:
        config = self._reader.last_config(pos)
        if config is None:
            raise TcmError("examine shock", str(self._state_dir), "the journal has no configuration yet")
        return self._rules_of(config)
