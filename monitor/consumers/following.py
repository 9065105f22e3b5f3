"""Following: which alerts a notifier tells of, and what forbids telling one now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from monitor.config.alerting import Grouped, Routed
from monitor.consumers.followed import (
    AGAIN,
    COVERED,
    LATE,
    OVER,
    SILENCED,
    TO_ACKNOWLEDGE,
    WAITING,
    Followed,
    FollowedBook,
)
from monitor.model.alert import CLEARED, FIRING, awaits_acknowledgement
from monitor.model.clock import HOUR_NS, NS_PER_S, parse_rfc3339
from monitor.notify.routing import Alert, is_late, is_routed, key_of, mark_of, rank_of, whole_mark_of

LOOK_NS = 1 * NS_PER_S  # how often time alone is looked at: silences that end, repeats, what nobody acknowledged
KNOWN_FOR_NS = HOUR_NS  # watch.db is made anew within minutes; a clock that was ahead may be so for years
EVENT_NS = 24 * HOUR_NS  # an event is to be acknowledged for so long, as it stands nowhere as open
MAX_LOOKED_AT = 1_000  # rows at one look, 10 ms; those that an operator silenced take turns

# Since when (ns UTC) an operator has silenced an alert, by rule, container, logger ...; None where nobody has.
Silenced = Callable[[Mapping[str, Any]], int | None]
Body = Callable[[str], Alert | None]  # the alert of an id as it stands


class Seen(NamedTuple):
    """An alert as transitions show it; `evidence_ns` (UTC) is the time of the one that fired, None for none such."""

    alert: Alert
    evidence_ns: int | None


class Following:
    """Keeps the rows of a notifier as the alerts go on.

    Only what fires is held; the end of what was told is told whatever an operator silenced. With `is_grouped` a warning
    that an alarm stands for is not told by itself, and what came late is collected.
    """

    def __init__(
        self, settings: Routed, book: FollowedBook, silenced: Silenced, body: Body, *, is_grouped: bool
    ) -> None:
        self._settings, self._book, self._silenced, self._is_grouped = settings, book, silenced, is_grouped
        self._body = body
        self._mark_of = mark_of if is_grouped else whole_mark_of
        self._patience_ns = round((settings.escalate_after_s or 0.0) * NS_PER_S)
        repeat_s = settings.repeat_s if isinstance(settings, Grouped) else None
        self._repeat_ns = None if repeat_s is None else round(repeat_s * NS_PER_S)
        self._reminds = bool(repeat_s or settings.escalate_after_s)
        self._looked_ns = 0
        self._page = ""  # the last silenced or covered alert that was looked at
        self.known_ns = 0  # alerts reported before then may have been told, by whoever was there before

    def take(self, seen: Seen, now_ns: int) -> Followed | None:
        """The row of an alert as it is now; None when it is not followed, or no longer. `now_ns` is steady time."""
        alert = seen.alert
        row = self._book.get(alert["id"])
        if row is None:
            if seen.evidence_ns is None or not is_routed(self._settings, alert):
                return None
            row = self._begun(alert, seen.evidence_ns, now_ns)
        if alert["merged_into"] and row.told and self._goes_on(row, alert["merged_into"]):
            return None
        was_held = row.held
        row = row._replace(
            rank=rank_of(alert), state=self._state_of(alert), mark=self._mark_of(alert), escalates=alert["escalates"]
        )
        row = row._replace(held=self.why_held(row, now_ns))
        if self._is_over(row, was_held) or (row.state == CLEARED and row.mark == row.told):
            self._book.drop(row.alert)
            return None
        self._book.put(row)
        return row

    def look_again(self, alert: str, now_ns: int) -> None:
        """Whether an alert that fires may be told may have changed."""
        row = self._book.get(alert)
        if row is not None and row.state == FIRING:
            self._hold(row, now_ns)

    def look(self, now_ns: int) -> bool:
        """Let go of what time alone lets go of; False when it was looked at less than a second ago."""
        if 0 <= now_ns - self._looked_ns < LOOK_NS:
            return False
        self._looked_ns = now_ns
        for row in self._book.held(WAITING, now_ns - self._patience_ns, MAX_LOOKED_AT):
            self._hold(row, now_ns)
        rows = self._book.hushed_page(self._page, MAX_LOOKED_AT)
        self._page = rows[-1].alert if len(rows) == MAX_LOOKED_AT else ""
        for row in rows:
            self._hold(row, now_ns)
        if self._reminds:
            self._book.forget_events(now_ns - EVENT_NS)
        if self._repeat_ns is not None:
            self._book.repeat(now_ns - self._repeat_ns)
        return True

    def hush(self, rows: list[Followed]) -> bool:
        """Hold those of rows about to be told that an operator has silenced meanwhile; whether there are any.

        What goes on no longer and nobody was told of is never told then, unless it was found before the silence began.
        """
        waiting = [row for row in rows if row.state in TO_ACKNOWLEDGE and self._silenced_ns(row) is not None]
        self._book.hold(waiting, SILENCED)
        ended = [(row, self._silenced_ns(row)) for row in rows if row.state not in TO_ACKNOWLEDGE and not row.told]
        hushed = [row for row, begin_ns in ended if begin_ns is not None and row.since_ns >= begin_ns]
        for row in hushed:
            self._book.drop(row.alert)
        return bool(waiting or hushed)

    def why_held(self, row: Followed, now_ns: int) -> str:
        """What forbids telling an alert now, "" for nothing."""
        if row.held == LATE:
            return LATE
        if row.state not in TO_ACKNOWLEDGE:
            return ""
        if not row.told and now_ns - row.since_ns < self._patience_ns:
            return WAITING
        if self._is_grouped and self._book.covers(row.alert):
            return COVERED
        return "" if self._silenced_ns(row) is None else SILENCED

    def _state_of(self, alert: Alert) -> str:
        """Its state; of an event that is over and nobody acknowledged OVER, where people are reminded of such."""
        is_event = alert["state"] == CLEARED and awaits_acknowledgement(alert)
        return OVER if is_event and self._reminds else str(alert["state"])

    def _goes_on(self, row: Followed, into: str) -> bool:
        """Whether a told alert goes on as another one, which counts as told then; programs are told of both."""
        body = self._body(into)
        if into == row.alert or body is None or body["state"] == CLEARED:
            return False
        if self._book.get(into) is None:
            body = body | {"state": row.state}  # later changes of it are still to come
            mark = self._mark_of(body)
            told = mark if self._is_grouped else AGAIN
            occurred_ns, escalates = parse_rfc3339(body["occurred_at"]), body["escalates"]
            other = row._replace(alert=into, rank=rank_of(body), occurred_ns=occurred_ns, escalates=escalates)
            self._book.put(other._replace(mark=mark, told=told, held=""))
        if self._is_grouped:
            self._book.drop(row.alert)
        return self._is_grouped

    def _begun(self, alert: Alert, evidence_ns: int, now_ns: int) -> Followed:
        key, reported_ns = key_of(alert), parse_rfc3339(alert["reported_at"])
        is_known = reported_ns < self.known_ns and now_ns - self.known_ns < KNOWN_FOR_NS
        is_old = self._is_grouped and (is_known or is_late(alert, evidence_ns))
        return Followed(
            alert=alert["id"],
            container=key.container,
            cause=key.cause,
            rule=alert["rule"],
            logger=alert["logger"],
            channel=alert["channel"],
            rank=0,
            occurred_ns=parse_rfc3339(alert["occurred_at"]),
            escalates=None,
            state=FIRING,
            mark="",
            told="",
            held=LATE if is_old and not self._patience_ns else "",
            since_ns=now_ns if is_old else min(self._begun_ns(alert), now_ns),
            told_ns=0,
        )

    def _begun_ns(self, alert: Alert) -> int:
        """Since when (UTC) it is to be acknowledged: one that opens again is the same alert."""
        if not alert["reopened"]:
            return parse_rfc3339(alert["reported_at"])
        return parse_rfc3339((alert["acknowledged"] or {}).get("at") or alert["occurred_at"])

    def _is_over(self, row: Followed, was_held: str) -> bool:
        """Whether an alert that nobody was told of, as something forbade it, goes on no longer."""
        if row.told or row.state in TO_ACKNOWLEDGE:
            return False
        return was_held in (WAITING, COVERED, SILENCED) or bool(self._patience_ns)

    def _hold(self, row: Followed, now_ns: int) -> None:
        why = self.why_held(row, now_ns)
        if why != row.held:
            self._book.hold([row], why)

    def _silenced_ns(self, row: Followed) -> int | None:
        return self._silenced(
            {
                "id": row.alert,
                "rule": row.rule,
                "container": row.container,
                "logger": row.logger,
                "channel": row.channel,
            }
        )
