"""The book of alerts in `watch.db`: enters what fires, what becomes of it, and what operators do about it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from monitor.alerts.acting import ARMED, Effect, about, beside, meet
from monitor.alerts.chains import is_recent, link, made_anew
from monitor.alerts.ending import cleared_ns, end
from monitor.alerts.entries import Entry, Terms, source_of, stream_of
from monitor.alerts.reconcile import Change, Told
from monitor.alerts.settlement import news, settled
from monitor.alerts.shelf import Shelf
from monitor.alerts.view import AlertView
from monitor.model.alert import (
    ACKNOWLEDGED,
    CLEARED,
    FIRING,
    Alert,
    alert_id,
    alert_text,
    awaits_acknowledgement,
    in_json,
    stored_alert,
)
from monitor.model.batch import Finding
from monitor.model.clock import parse_rfc3339, rfc3339
from monitor.model.operator import OperatorRecord

MAX_BESIDE = 100  # open exceedances of a channel that are looked at: one for each of its rules, and a few late ones
_NO_TERMS = Terms()


class AlertBook(AlertView):
    """Writes inside the caller's transaction, in one order: the same changes have the same numbers in every file.

    What it tells the world stands in table `transitions`, as the public alert was then.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._shelf, self._is_at_once = Shelf(connection), False

    @contextmanager
    def at_once(self, findings: Sequence[Finding] = ()) -> Iterator[None]:
        """What is entered meanwhile is written together at the end; what `findings` will ask for is read together."""
        if self._is_at_once:
            yield
            return
        self._is_at_once = True
        try:
            self._fetch(findings)
            yield
            self._shelf.flush()
        finally:
            self._is_at_once = False
            self._shelf.clear()

    def fire(self, alert: Alert, at_ns: int) -> None:
        """Enter a new alert of no exceedance; one that is known already stays as it is."""
        with self.at_once():
            if not self._shelf.knows(alert.id):
                self._report(alert.to_json(), alert, None, _NO_TERMS, at_ns)

    def report(self, alert: Alert, at_ns: int, terms: Terms = _NO_TERMS) -> None:
        """Enter an exceedance that fires; its id is another where one had the same start.

        It is the alert that the last one of its stream was, if that ended within the hold-off. What it is and what is
        open beside it may change each other.
        """
        body = alert.to_json()
        with self.at_once():
            body["id"] = self._free_id(alert.id)
            self._report(body, alert, alert.id, terms, at_ns)

    def follow(self, finding: Finding) -> bool:
        """Apply a `peak` or `cleared` finding to the entry of its exceedance; False when none is open."""
        source = source_of(finding.container, finding.logger, finding.channel)
        key = exceedance_of(finding)
        with self.at_once():
            known = [entry for entry in self._shelf.open_of(source) if entry.exceedance == key]
            if known:
                self._follow(min(known, key=lambda entry: entry.id), finding)
        return bool(known)  # not one judged under other limits before the journal's earliest snapshot

    def acknowledge(self, record: OperatorRecord) -> None:
        """Somebody takes care of an alert.

        Of one that does not await it nothing is left to be done: it ended before the record came, or these are not the
        limits that it fired by. The record itself stands in the journal.
        """
        note = {"by": record.by, "at": rfc3339(record.effective_ns), "remark": record.remark}
        with self.at_once():
            for entry in self._shelf.take(self._standing(record.details["alert"])):
                if awaits_acknowledgement(stored_alert(entry.body)):
                    state = ACKNOWLEDGED if entry.state == FIRING else entry.state
                    changes = {"state": state, "acknowledged": note}
                    self._amend(entry._replace(state=state), ACKNOWLEDGED, changes, record.entered_ns)

    @property
    def is_withholding(self) -> bool:
        """Whether the severity of any open alert is withheld."""
        statement = "SELECT 1 FROM alerts WHERE withheld IS NOT NULL AND state <> 'cleared' LIMIT 1"
        return self._connection.execute(statement).fetchone() is not None

    def arm(self, is_armed: Callable[[str, int, str], bool], at_ns: int) -> None:
        """Give open alerts the severity back that was withheld, where (container, time ns, logger) is armed by now."""
        with self.at_once():
            for entry in self._shelf.take(self._open("withheld IS NOT NULL ORDER BY number")):
                body = stored_alert(entry.body)
                if is_armed(entry.container, at_ns, body["logger"]):
                    body["severity"] = entry.withheld
                    effects = self._meet(body, entry.chain, doubts=entry.doubts)
                    self._amend(entry._replace(withheld=None), ARMED, body, at_ns)
                    self._take_effect(effects, at_ns)

    def told(self, container: str) -> list[Told]:
        """The exceedances of a container by readings, merged ones left out, in order of their ids."""
        of_container = "stream > ?1 || char(10) AND stream < ?1 || char(11)"  # it begins with the container and a \n
        entries = self.entries(f"{of_container} AND NOT by_arrival ORDER BY id", container)
        return [Told.of(each) for each in entries if each.merged_into is None and each.exceedance is not None]

    def settle(self, changes: Sequence[Change], apart: Sequence[Told], at_ns: int) -> None:
        """Enter what a settlement found, at `at_ns` and the nanoseconds after it: no two points of a series at one.

        `apart` are those that are judged apart from all others for good.
        """
        with self.at_once():
            streams = sorted({told.entry.stream for told in (*apart, *(change.told for change in changes))})
            before = [entry for stream in streams for entry in self.entries("stream = ? ORDER BY number", stream)]
            known = {entry.id: entry for entry in before}
            after = settled(before, changes, frozenset(told.entry.id for told in apart), self._begin)
            effects: list[Effect] = []
            for place, entry in enumerate(after):
                if entry.id not in known and entry.state == FIRING:
                    body = stored_alert(entry.body)
                    effects += self._meet(body, entry.chain, doubts=entry.doubts)
                    after[place] = entry = entry._replace(body=alert_text(body))
                if entry != known.get(entry.id):
                    self._shelf.put(entry)
            times_ns = count(at_ns)
            for kind, body, is_joined in news(before, after, at_ns):
                self._shelf.tell((body["id"], body["container"], kind, next(times_ns), alert_text(body)))
                self._connection.execute("DELETE FROM joined WHERE id = ?", (body["id"],))
                if is_joined:
                    row = (body["id"], body["container"], parse_rfc3339(body["occurred_at"]), alert_text(body))
                    self._connection.execute("INSERT INTO joined VALUES(?, ?, ?, ?)", row)
            self._take_effect(effects, next(times_ns))

    def copy_from(self, other: AlertView, is_wanted: Callable[[int], bool]) -> None:
        """Enter what another book has whose evidence stands at a position that is wanted, as it is there now.

        It fires in the order in which it did.
        """
        streams = set()
        with self.at_once():
            for entry in other.entries("TRUE ORDER BY number"):
                if is_wanted(stored_alert(entry.body)["evidence"]["pos"]) and not self._shelf.knows(entry.id):
                    self._shelf.add(entry._replace(number=self._shelf.next_number()))
                    self._tell(FIRING, entry, entry.occurred_ns)
                    streams.add(entry.stream)
        with self.at_once():
            for stream in streams:
                for entry in made_anew(self.entries("stream = ?", stream)):
                    self._shelf.put(entry)

    def _report(self, body: dict[str, Any], alert: Alert, exceedance: str | None, terms: Terms, at_ns: int) -> None:
        key, container, occurred_ns = body["id"], alert.container, alert.occurred_ns
        source = source_of(container, alert.logger, alert.channel)
        stream = stream_of(source, alert.rule, alert.axis)
        last = None if exceedance is None else self._shelf.last_of(stream)
        turn = None if exceedance is None else 1 if last is None else (last.turn or 0) + 1
        recent = 0 if alert.kind == "shock" else self._recent(last, occurred_ns)
        place = link(last, key, occurred_ns, terms.hold_ns)
        effects = self._meet(body, place.chain, doubts=terms.doubts)
        entry = Entry(
            self._shelf.next_number(), key, container, source, stream, alert.state, occurred_ns, alert.cleared_ns,
            exceedance, terms.by_arrival, None, turn, terms.hold_ns, terms.withheld, terms.doubts, place.chain,
            place.opened_ns, place.reopened, recent, place.before, True, alert_text(body),
        )  # fmt: skip
        if last is not None and last.chain == entry.chain:
            self._shelf.put(last._replace(is_last=False))
        self._shelf.add(entry)
        self._tell(FIRING, entry, at_ns)
        self._take_effect(effects, at_ns)

    def _begin(self, change: Change) -> Entry:
        """Insert the entry of an exceedance that another book tells of; its place in a chain is still to be found."""
        told = change.told.entry
        assert told.exceedance is not None  # as of all that the detector finds
        key = self._free_id(told.exceedance)
        body = change.body | {"id": key, "acknowledged": None, "escalates": None, "escalated_to": None}
        number, text = self._shelf.next_number(), alert_text(body)
        entry = told._replace(number=number, id=key, chain=key, state=body["state"], body=text)
        self._shelf.add(entry)
        return entry

    def _meet(self, body: dict[str, Any], key: str, *, doubts: bool) -> list[Effect]:
        """What a new alert (its JSON, its public id) and those that are open beside it change in each other."""
        others = self._shelf.open_of(*beside(body["container"], body["logger"], body["channel"]))[:MAX_BESIDE]
        ending = about(body) if doubts else None
        if ending is not None:
            self._shelf.flush()
            of_container = self._open("source > ?1 || char(10) AND source < ?1 || char(11)", body["container"])
            others += self._shelf.take([entry for entry in of_container if entry.source.endswith(ending)])
            others.sort(key=lambda entry: entry.number or 0)
        if not others:
            return []
        return meet(body, key, [entry for entry in others if entry.chain != key], doubts=doubts)

    def _take_effect(self, effects: Sequence[Effect], at_ns: int) -> None:
        """Each in the nanosecond after the one before."""
        for later_ns, (number, kind, changes) in enumerate(effects, 1):
            self._amend(self._shelf.entry(number), kind, changes, at_ns + later_ns)

    def _amend(self, entry: Entry, kind: str, changes: dict[str, Any], at_ns: int) -> None:
        """Change keys of an entry's JSON, and tell it."""
        entry = entry._replace(body=alert_text(stored_alert(entry.body) | changes))
        self._shelf.put(entry)
        self._tell(kind, entry, at_ns)

    def _recent(self, last: Entry | None, occurred_ns: int) -> int:
        """Openings of a stream within the hour, the one at `occurred_ns` included, by the last MAX_RECENT."""
        earlier = () if last is None else self._shelf.recent(last.stream)
        return 1 + sum(is_recent(one_ns, occurred_ns) for one_ns in earlier)

    def _open(self, where: str, *values: Any) -> list[Entry]:
        return self.entries(f"state <> 'cleared' AND {where}", *values)

    def _free_id(self, key: str) -> str:
        """The id itself for the first exceedance that has it, others by their number."""
        free, number = key, 1
        while self._shelf.knows(free):
            number += 1
            free = alert_id(key, "", "", "", number)
        return free

    def _tell(self, kind: str, entry: Entry, at_ns: int) -> None:
        """A transition of the alert that an entry stands for."""
        text = entry.body if entry.is_plain else alert_text(entry.public())
        self._shelf.tell((entry.chain, entry.container, kind, at_ns, text))

    def _follow(self, entry: Entry, finding: Finding) -> None:
        body = stored_alert(entry.body)
        body["peak"] = in_json(finding.peak)
        if finding.change != "cleared":
            self._shelf.put(entry._replace(body=alert_text(body)))
            return
        end(body, finding)
        entry = entry._replace(state=CLEARED, cleared_ns=cleared_ns(finding), body=alert_text(body))
        self._shelf.put(entry)
        # Later than the start, whatever the clock did: a store keeps but one point of a series at a time.
        self._tell(CLEARED, entry, max(finding.time_ns, finding.start_ns + 1))

    def _fetch(self, findings: Sequence[Finding]) -> None:
        """Have on the shelf what these findings will ask for."""
        places = {(each.container, each.logger, each.channel) for each in findings}
        fired = [each for each in findings if each.change == "fired"]
        keys = {exceedance_of(each) for each in fired}
        sources = {source for place in places for source in beside(*place)}
        streams = {
            stream_of(source_of(each.container, each.logger, each.channel), each.rule, each.axis) for each in fired
        }
        self._shelf.fetch(keys, sources, streams)


def exceedance_of(finding: Finding) -> str:
    """What the detector knows the exceedance of a finding by."""
    return alert_id(finding.rule, finding.container, finding.logger, finding.channel, finding.start_ns)
