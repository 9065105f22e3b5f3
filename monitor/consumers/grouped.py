"""Grouped: what a notifier for people tells, few notifications however many alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from monitor.config.alerting import Grouped
from monitor.consumers.followed import LATE, Followed, FollowedBook
from monitor.consumers.following import Following, Seen, Silenced
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

Transition = tuple[int, int, Alert]  # number, time in ns UTC, the alert as it was then
Body = Callable[[str], Alert | None]  # the alert of an id as it stands


class GroupedPlan:
    """Decides by what stands in the file alone: whatever was planned and not kept is planned again."""

    def __init__(self, settings: Grouped, book: FollowedBook, silenced: Silenced, body: Body) -> None:
        self._settings, self._book, self._body = settings, book, body
        self.following = Following(settings, book, silenced, is_grouped=True)
        self._base_ns = round(settings.window_s * NS_PER_S)
        self._repeat_ns = None if settings.repeat_s is None else round(settings.repeat_s * NS_PER_S)
        self._begun, self._ended = Budget(MAX_BEGUN, self._base_ns), Budget(MAX_ENDED, self._base_ns)

    def plan(self, transitions: Sequence[Transition], now_ns: int) -> list[Draft]:
        """What is to be told at `now_ns` (steady time), with these transitions."""
        latest = self._take(transitions, now_ns)
        if not self.following.look(now_ns, self._repeat_ns) and not transitions:
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
        rows: list[Followed] = []
        for key in telling.keys:
            rows += self._book.untold(key, MAX_ALERTS - len(rows))
        alerts = self._bodies(rows, latest)
        widest_ns = 0
        for key in telling.keys:
            window = following_window(windows.get(key), telling, tallies[key], self._base_ns, now_ns)
            widest_ns = max(widest_ns, window.width_ns)
            self._book.open_window(key, window)
            self._book.told(key, now_ns)
        (self._begun if telling.is_first else self._ended).spend(now_ns)
        tally = total(tallies[key] for key in telling.keys)
        is_flood = not telling.is_first and widest_ns > FLOOD * self._base_ns
        reason = reason_of(tally, is_flood=is_flood, is_escalation=self._settings.escalate_after_s is not None)
        return self._draft(reason, telling.keys, tally, alerts, widest_ns)

    def _late(self, latest: dict[str, Alert], now_ns: int) -> list[Draft]:
        """The summary of what came late, once no more of it comes."""
        seen_ns = self._book.late_ns()
        if seen_ns is None or (now_ns - seen_ns[1] < QUIET_NS and now_ns - seen_ns[0] < MAX_COLLECTED_NS):
            return []
        self.following.hush(self._book.held(LATE, now_ns))
        tally, keys = self._book.late()
        alerts = self._bodies(self._book.held(LATE, now_ns, MAX_ALERTS), latest)
        self._book.told_late(now_ns)
        return self._draft("late", keys, tally, alerts, 0)

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
