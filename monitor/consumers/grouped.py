"""Grouped: what a notifier for people tells, few notifications however many alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from monitor.config.alerting import Grouped
from monitor.consumers.followed import LATE, Followed, FollowedBook
from monitor.consumers.following import Body, Following, Seen, Silenced
from monitor.consumers.outbox import Draft
from monitor.model.alert import FIRING
from monitor.model.clock import NS_PER_S
from monitor.notify.grouping import (
    FLOOD,
    MAX_BEGUN,
    MAX_ENDED,
    Budget,
    Tally,
    Telling,
    Window,
    firsts,
    following_window,
    lasts,
    reason_of,
    total,
)
from monitor.notify.notification import MAX_ALERTS
from monitor.notify.routing import SEVERITIES, Alert, Key
from monitor.notify.titles import title_of

QUIET_NS = 30 * NS_PER_S  # nothing more came late for so long: the summary goes out
MAX_COLLECTED_NS = 600 * NS_PER_S  # or after so long, whatever still comes
MAX_URGENT_NS = 120 * NS_PER_S  # or so long after an alarm that still fires

Transition = tuple[int, int, Alert]  # number, time in ns UTC, the alert as it was then


class GroupedPlan:
    """Decides by what stands in the file alone: whatever was planned and not kept is planned again."""

    def __init__(self, settings: Grouped, book: FollowedBook, silenced: Silenced, body: Body) -> None:
        self._settings, self._book, self._body = settings, book, body
        self.following = Following(settings, book, silenced, body, is_grouped=True)
        self._base_ns = round(settings.window_s * NS_PER_S)
        self._begun, self._ended = Budget(MAX_BEGUN, self._base_ns), Budget(MAX_ENDED, self._base_ns)

    def plan(self, transitions: Sequence[Transition], now_ns: int) -> list[Draft]:
        """What is to be told at `now_ns` (steady time), with these transitions."""
        latest = self._take(transitions, now_ns)
        if not self.following.look(now_ns) and not transitions:
            return []
        drafts = self._late(latest, now_ns)
        tellings = self._due(now_ns)
        untold = [row for telling in tellings for key in telling.keys for row in self._book.untold(key)]
        if self.following.hush(untold):
            tellings = self._without_silenced(tellings)
        tallies, windows = self._book.tallies() if tellings else {}, self._book.windows() if tellings else {}
        for telling in tellings:
            drafts += self._told(telling, tallies, windows, latest, now_ns)
        return drafts

    def _take(self, transitions: Sequence[Transition], now_ns: int) -> dict[str, Alert]:
        """Follow the alerts to where the transitions leave them; by id, as they stand there."""
        seen: dict[str, Seen] = {}
        for _, at_ns, alert in transitions:
            before = seen.get(alert["id"])
            evidence_ns = before.evidence_ns if before else None
            if evidence_ns is None and alert["state"] == FIRING:
                evidence_ns = at_ns
            seen[alert["id"]] = Seen(alert, evidence_ns)
        with self._book.at_once(seen):
            for each in seen.values():
                self.following.take(each, now_ns)
            for each in seen.values():
                if each.alert["escalates"]:
                    self.following.look_again(each.alert["escalates"], now_ns)
        return {key: each.alert for key, each in seen.items()}

    def _due(self, now_ns: int) -> list[Telling]:
        """What is told now; windows at whose end there is nothing to tell are over."""
        waiting, windows = self._book.tallies(), self._book.windows()
        for key, window in windows.items():
            if window.due_ns <= now_ns and key not in waiting:
                self._book.close_window(key)
        ended = lasts(waiting, windows, self._ended.left(now_ns), now_ns, self._base_ns)
        told = {key for telling in ended for key in telling.keys}
        others = {key: tally for key, tally in waiting.items() if key not in told}
        begun, overflow = firsts(others, windows, self._begun.left(now_ns))
        for key in overflow:
            self._book.open_window(key, Window(now_ns + self._base_ns, self._base_ns, waiting[key].rank))
        return ended + begun

    def _without_silenced(self, tellings: list[Telling]) -> list[Telling]:
        tallies = self._book.tallies()
        kept = [telling._replace(keys=tuple(key for key in telling.keys if key in tallies)) for telling in tellings]
        return [telling for telling in kept if telling.keys]

    def _told(
        self,
        telling: Telling,
        tallies: dict[Key, Tally],
        windows: dict[Key, Window],
        latest: dict[str, Alert],
        now_ns: int,
    ) -> list[Draft]:
        """One notification of one or several keys, each of which has its next window."""
        told = {key: tallies[key] for key in telling.keys}
        alerts = self._bodies(_shown(told, self._book.untold), latest)
        widest_ns = 0
        for key in telling.keys:
            window = following_window(windows.get(key), telling, tallies[key], self._base_ns, now_ns)
            widest_ns = max(widest_ns, window.width_ns)
            self._book.open_window(key, window)
            self._book.told(key, now_ns)
        (self._begun if telling.is_first else self._ended).spend(now_ns)
        tally = total(told.values())
        is_flood = not telling.is_first and widest_ns > FLOOD * self._base_ns
        is_escalation = self._settings.escalate_after_s is not None
        reason = reason_of(tally, is_first=telling.is_first, is_flood=is_flood, is_escalation=is_escalation)
        return self._draft(reason, telling.keys, tally, alerts, widest_ns)

    def _late(self, latest: dict[str, Alert], now_ns: int) -> list[Draft]:
        """The summary of what came late, once no more of it comes."""
        seen_ns = self._book.late_ns()
        if seen_ns is None:
            return []
        first_ns, last_ns, urgent_ns = seen_ns
        due_ns = min(
            last_ns + QUIET_NS, first_ns + MAX_COLLECTED_NS, (urgent_ns or first_ns + MAX_COLLECTED_NS) + MAX_URGENT_NS
        )
        if now_ns < due_ns:
            return []
        self.following.hush(self._book.held(LATE, now_ns))
        tallies = self._book.late_tallies()
        if not tallies:
            return []
        alerts = self._bodies(_shown(tallies, self._book.late), latest)
        self._book.told_late(now_ns)
        return self._draft("late", list(tallies), total(tallies.values()), alerts, 0)

    def _bodies(self, rows: Iterable[Followed], latest: dict[str, Alert]) -> list[Alert]:
        bodies = (latest.get(row.alert) or self._body(row.alert) for row in rows)
        return [body for body in bodies if body is not None]

    def _draft(self, reason: str, keys: Sequence[Key], tally: Tally, alerts: list[Alert], width_ns: int) -> list[Draft]:
        """None where the alerts are no more: watch.db was made anew."""
        if not alerts:
            return []
        containers, causes = {key.container for key in keys}, {key.cause for key in keys}
        return [
            Draft(
                reason,
                title_of(reason, keys, tally, alerts, width_ns / NS_PER_S),
                min(containers) if len(containers) == 1 else None,
                min(causes) if len(causes) == 1 else None,
                SEVERITIES[tally.rank],
                tally.alerts,
                tally.going_on,
                alerts,
            )
        ]


def _shown(tallies: dict[Key, Tally], rows_of: Callable[[Key, int], list[Followed]]) -> list[Followed]:
    """The rows that a notification has in full: of each container and cause some, whatever floods."""
    rows: list[Followed] = []
    keys = sorted(tallies, key=lambda key: (-tallies[key].rank, tallies[key].alerts))
    for number, key in enumerate(keys[:MAX_ALERTS]):
        rows += rows_of(key, max((MAX_ALERTS - len(rows)) // (min(len(keys), MAX_ALERTS) - number), 1))
    return rows
