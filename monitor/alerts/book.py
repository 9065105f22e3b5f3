"""The book of alerts in `watch.db`: enters what fires, what becomes of it, and what operators do about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from monitor.alerts.acting import ARMED, Effect, about, beside, meet
from monitor.alerts.chains import is_recent, link, made_anew
from monitor.alerts.entries import MAX_RECENT, Entry, Terms, source_of, stream_of
from monitor.alerts.reconcile import Change, Told
from monitor.alerts.settlement import news, settled
from monitor.alerts.view import AlertView
from monitor.alerts.wording import ended
from monitor.model.alert import ACKNOWLEDGED, CLEARED, FIRING, Alert, alert_id, alert_text, in_json, stored_alert
from monitor.model.batch import Finding
from monitor.model.clock import parse_rfc3339, rfc3339
from monitor.model.operator import OperatorRecord

_INSERT = f"INSERT INTO alerts VALUES({', '.join('?' * len(Entry._fields))})"
_REPLACE = f"UPDATE alerts SET {', '.join(f'{name} = ?' for name in Entry._fields[1:])} WHERE number = ?"
_NO_TERMS = Terms()


class AlertBook(AlertView):
    """Writes inside the caller's transaction, in one order: the same changes have the same numbers in every file.

    What it tells the world stands in table `transitions`, as the public alert was then.
    """

    def fire(self, alert: Alert, at_ns: int) -> None:
        """Enter a new alert of no exceedance; one that is known already stays as it is."""
        if not self._knows(alert.id):
            self._report(alert.to_json(), alert, None, _NO_TERMS, at_ns)

    def report(self, alert: Alert, at_ns: int, terms: Terms = _NO_TERMS) -> None:
        """Enter an exceedance that fires; its id is another where one had the same start.

        It is the alert that the last one of its stream was, if that ended within the hold-off. What it is and what is
        open beside it may change each other.
        """
        body = alert.to_json()
        body["id"] = self._free_id(alert.id)
        self._report(body, alert, alert.id, terms, at_ns)

    def follow(self, finding: Finding) -> bool:
        """Apply a `peak` or `cleared` finding to the entry of its exceedance; False when none is open."""
        key = alert_id(finding.rule, finding.container, finding.logger, finding.channel, finding.start_ns)
        source = source_of(finding.container, finding.logger, finding.channel)
        known = [entry for entry in self._open("source = ?", source) if entry.exceedance == key]
        if not known:
            return False  # judged under other limits before the journal's earliest snapshot
        entry = min(known, key=lambda entry: entry.id)
        body = stored_alert(entry.body)
        body["peak"] = in_json(finding.peak)
        if finding.change != "cleared":
            self._connection.execute("UPDATE alerts SET body = ? WHERE number = ?", (alert_text(body), entry.number))
            return True
        end(body, finding)
        entry = entry._replace(state=CLEARED, cleared_ns=cleared_ns(finding), body=alert_text(body))
        self._update(entry)
        # Later than the start, whatever the clock did: a store keeps but one point of a series at a time.
        self._tell(CLEARED, entry, max(finding.time_ns, finding.start_ns + 1))
        return True

    def acknowledge(self, record: OperatorRecord) -> None:
        """Somebody takes care of an alert.

        Of one that is not firing nothing is left to be done: it ended before the record came, or these are not the
        limits that it fired by. The record itself stands in the journal.
        """
        rows = self.entries("chain = ? AND is_last AND state = 'firing'", record.details["alert"])
        note = {"by": record.by, "at": rfc3339(record.effective_ns), "remark": record.remark}
        for entry in rows:
            changes = {"state": ACKNOWLEDGED, "acknowledged": note}
            self._amend(entry._replace(state=ACKNOWLEDGED), ACKNOWLEDGED, changes, record.entered_ns)

    @property
    def is_withholding(self) -> bool:
        """Whether the severity of any open alert is withheld."""
        statement = "SELECT 1 FROM alerts WHERE withheld IS NOT NULL AND state <> 'cleared' LIMIT 1"
        return self._connection.execute(statement).fetchone() is not None

    def arm(self, is_armed: Callable[[str, int, str], bool], at_ns: int) -> None:
        """Give open alerts the severity back that was withheld, where (container, time ns, logger) is armed by now."""
        for entry in self._open("withheld IS NOT NULL"):
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
                self._replace(entry)
        times_ns = count(at_ns)
        for kind, body, is_joined in news(before, after, at_ns):
            self._transition(kind, body["id"], body["container"], next(times_ns), alert_text(body))
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
        for entry in other.entries("TRUE ORDER BY number"):
            if is_wanted(stored_alert(entry.body)["evidence"]["pos"]) and not self._knows(entry.id):
                self._insert(entry._replace(number=None))
                self._tell(FIRING, entry, entry.occurred_ns)
                streams.add(entry.stream)
        for stream in streams:
            for entry in made_anew(self.entries("stream = ?", stream)):
                self._replace(entry)

    def _report(
        self, body: dict[str, Any], alert: Alert, exceedance: str | None, terms: Terms, at_ns: int
    ) -> None:
        key, container, occurred_ns = body["id"], alert.container, alert.occurred_ns
        source = source_of(container, alert.logger, alert.channel)
        stream = stream_of(source, alert.rule, alert.axis)
        last = None if exceedance is None else self._last_of(stream)
        turn = None if exceedance is None else 1 if last is None else (last.turn or 0) + 1
        recent = 0 if alert.kind == "shock" else self._recent(last, occurred_ns)
        place = link(last, key, occurred_ns, terms.hold_ns)
        effects = self._meet(body, place.chain, doubts=terms.doubts)
        entry = Entry(
            None, key, container, source, stream, alert.state, occurred_ns, alert.cleared_ns, exceedance,
            terms.by_arrival, None, turn, terms.hold_ns, terms.withheld, terms.doubts, place.chain, place.opened_ns,
            place.reopened, recent, place.before, True, alert_text(body),
        )  # fmt: skip
        if last is not None and last.chain == entry.chain:
            self._connection.execute("UPDATE alerts SET is_last = 0 WHERE number = ?", (last.number,))
        self._insert(entry)
        self._tell(FIRING, entry, at_ns)
        self._take_effect(effects, at_ns)

    def _begin(self, change: Change) -> Entry:
        """Insert the entry of an exceedance that another book tells of; its place in a chain is still to be found."""
        told = change.told.entry
        assert told.exceedance is not None  # as of all that the detector finds
        key = self._free_id(told.exceedance)
        body = change.body | {"id": key, "acknowledged": None, "escalates": None, "escalated_to": None}
        entry = told._replace(number=None, id=key, chain=key, state=body["state"], body=alert_text(body))
        return entry._replace(number=self._insert(entry))

    def _meet(self, body: dict[str, Any], key: str, *, doubts: bool) -> list[Effect]:
        """What a new alert (its JSON, its public id) and those that are open beside it change in each other."""
        others = self._open("source IN (?, ?)", *beside(body))
        ending = about(body) if doubts else None
        if ending is not None:
            of_container = "source > ?1 || char(10) AND source < ?1 || char(11)"
            others += [entry for entry in self._open(of_container, body["container"]) if entry.source.endswith(ending)]
        return meet(body, key, [entry for entry in others if entry.chain != key], doubts=doubts)

    def _take_effect(self, effects: Sequence[Effect], at_ns: int) -> None:
        """Each in the nanosecond after the one before."""
        for later_ns, (number, kind, changes) in enumerate(effects, 1):
            for entry in self.entries("number = ?", number):
                self._amend(entry, kind, changes, at_ns + later_ns)

    def _amend(self, entry: Entry, kind: str, changes: dict[str, Any], at_ns: int) -> None:
        """Change keys of an entry's JSON, and tell it."""
        entry = entry._replace(body=alert_text(stored_alert(entry.body) | changes))
        self._update(entry)
        self._tell(kind, entry, at_ns)

    def _last_of(self, stream: str) -> Entry | None:
        rows = self.entries("stream = ? AND turn IS NOT NULL ORDER BY turn DESC LIMIT 1", stream)
        return rows[0] if rows else None

    def _recent(self, last: Entry | None, occurred_ns: int) -> int:
        """Openings of a stream within the hour, the one at `occurred_ns` included, by the last MAX_RECENT."""
        if last is None:
            return 1
        earlier = self._connection.execute(
            "SELECT occurred_ns FROM alerts WHERE stream = ? AND turn IS NOT NULL ORDER BY turn DESC LIMIT ?",
            (last.stream, MAX_RECENT - 1),
        )
        return 1 + sum(is_recent(one_ns, occurred_ns) for (one_ns,) in earlier)

    def _open(self, where: str, *values: Any) -> list[Entry]:
        return self.entries(f"state <> 'cleared' AND {where} ORDER BY number", *values)

    def _knows(self, key: str) -> bool:
        return self._connection.execute("SELECT 1 FROM alerts WHERE id = ?", (key,)).fetchone() is not None

    def _free_id(self, key: str) -> str:
        """The id itself for the first exceedance that has it, others by their number."""
        free, number = key, 1
        while self._knows(free):
            number += 1
            free = alert_id(key, "", "", "", number)
        return free

    def _insert(self, entry: Entry) -> int:
        number = self._connection.execute(_INSERT, entry).lastrowid
        assert number is not None  # as of every insertion
        return number

    def _update(self, entry: Entry) -> None:
        """Write what changes while an entry lives; `_replace` writes all of it, which costs more."""
        row = (entry.state, entry.cleared_ns, entry.withheld, entry.body, entry.number)
        self._connection.execute(
            "UPDATE alerts SET state = ?, cleared_ns = ?, withheld = ?, body = ? WHERE number = ?", row
        )

    def _replace(self, entry: Entry) -> None:
        self._connection.execute(_REPLACE, (*entry[1:], entry.number))

    def _tell(self, kind: str, entry: Entry, at_ns: int) -> None:
        """A transition of the alert that an entry stands for."""
        text = entry.body if entry.is_plain else alert_text(entry.public())
        self._transition(kind, entry.chain, entry.container, at_ns, text)

    def _transition(self, kind: str, key: str, container: str, at_ns: int, text: str) -> None:
        row = (key, container, kind, at_ns, text)
        self._connection.execute(
            "INSERT INTO transitions(alert_id, container, state, at_ns, body) VALUES(?, ?, ?, ?, ?)", row
        )


def cleared_ns(finding: Finding) -> int:
    """When an exceedance ended (ns UTC), not before it began, as a reading by a clock that was set back would have it.

    `finding` is its `cleared` one.
    """
    return max(finding.start_ns, finding.time_ns)


def end(body: dict[str, Any], finding: Finding) -> None:
    """Clear an alert by the `cleared` finding of its exceedance."""
    time_ns = cleared_ns(finding)
    body["state"], body["cleared_at"] = CLEARED, rfc3339(time_ns)
    body["message"] += ended(body, time_ns, finding.note)
