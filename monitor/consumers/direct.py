"""Direct: what a notifier for programs tells, every change by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.config.alerting import AlertmanagerNotifier, Grouped
from monitor.consumers.followed import AGAIN, TO_ACKNOWLEDGE, Followed, FollowedBook
from monitor.consumers.following import Body, Following, Seen, Silenced
from monitor.consumers.grouped import Transition
from monitor.consumers.outbox import Draft
from monitor.model.alert import CLEARED, FIRING
from monitor.model.clock import MINUTE_NS
from monitor.notify.grouping import Tally
from monitor.notify.notification import MAX_ALERTS
from monitor.notify.routing import SEVERITIES, Alert, is_same_to_people, key_of, rank_of
from monitor.notify.titles import title_of

REFRESH_NS = MINUTE_NS  # how often Alertmanager hears of every open alert


class DirectPlan:
    """Every change of an alert that is followed goes out in the order in which it happened."""

    def __init__(
        self, settings: Grouped | AlertmanagerNotifier, book: FollowedBook, silenced: Silenced, body: Body
    ) -> None:
        self._book, self._body = book, body
        self.following = Following(settings, book, silenced, body, is_grouped=False)
        self._opening = "firing" if settings.escalate_after_s is None else "escalation"

    def plan(self, transitions: Sequence[Transition], now_ns: int) -> list[Draft]:
        """What is to be told at `now_ns` (steady time), with these transitions."""
        return [_draft(reason, alert) for reason, alert in self.changes(transitions, now_ns)]

    def changes(self, transitions: Sequence[Transition], now_ns: int) -> Iterator[tuple[str, Alert]]:
        """(reason, alert) of each change that is to be told, which it is once this goes on."""
        with self._book.at_once({alert["id"] for _, _, alert in transitions}):
            for _, at_ns, alert in transitions:
                row = self.following.take(Seen(alert, at_ns if alert["state"] == FIRING else None), now_ns)
                if row is not None and row.is_untold:
                    yield self._reason(row), alert
                    self._told(row, now_ns)
        if self.following.look(now_ns):
            for row in self._book.all_untold(MAX_ALERTS):
                body = self._body(row.alert)
                if body is not None:
                    yield self._reason(row), body
                self._told(row, now_ns)

    def _reason(self, row: Followed) -> str:
        if not row.told:
            return self._opening
        if row.state in TO_ACKNOWLEDGE and row.told == AGAIN:
            return "repeat"
        return "changed" if is_same_to_people(row.mark, row.told) else row.mark.partition(" ")[0]

    def _told(self, row: Followed, now_ns: int) -> None:
        if row.state == CLEARED:
            self._book.drop(row.alert)
        else:
            self._book.put(row._replace(told=row.mark, told_ns=now_ns))


class RefreshedPlan(DirectPlan):
    """For Alertmanager: many changes in one notification, and all open alerts again every minute.

    An event is over once it is known, and Alertmanager tells nobody of what has ended before it looked: the end of one
    is not passed on, it runs out there.
    """

    def __init__(self, settings: AlertmanagerNotifier, book: FollowedBook, silenced: Silenced, body: Body) -> None:
        super().__init__(settings, book, silenced, body)
        self._refreshed_ns = -REFRESH_NS
        self._page: str | None = None  # id of the last alert that was told again, None when all were

    def plan(self, transitions: Sequence[Transition], now_ns: int) -> list[Draft]:
        """What is to be told at `now_ns` (steady time), with these transitions."""
        bundles: list[dict[str, Alert]] = [{}]
        for _, alert in self.changes(transitions, now_ns):
            if alert["state"] == CLEARED and alert["kind"] == "shock":
                continue
            if alert["id"] in bundles[-1] or len(bundles[-1]) == MAX_ALERTS:
                bundles.append({})
            bundles[-1][alert["id"]] = alert
        just_told = {key for bundle in bundles for key in bundle}
        bundles.append({key: alert for key, alert in self._again(now_ns).items() if key not in just_told})
        return [_bundle(list(alerts.values())) for alerts in bundles if alerts]

    def _again(self, now_ns: int) -> dict[str, Alert]:
        """Some of all open alerts, once a minute."""
        if self._page is None:
            if 0 <= now_ns - self._refreshed_ns < REFRESH_NS:
                return {}
            self._page, self._refreshed_ns = "", now_ns
        page = self._book.open_page(self._page, MAX_ALERTS)
        self._page = page[-1] if len(page) == MAX_ALERTS else None
        bodies = ((key, self._body(key)) for key in page)
        return {key: body for key, body in bodies if body is not None}


def _draft(reason: str, alert: Alert) -> Draft:
    """One change of one alert."""
    key, rank, is_open = key_of(alert), rank_of(alert), alert["state"] != CLEARED
    tally = Tally(rank, going_on=int(is_open), opened=1)
    title = title_of(reason, (key,), tally, [alert], 0)
    return Draft(reason, title, key.container, key.cause, alert["severity"], 1, tally.going_on, [alert])


def _bundle(alerts: list[Alert]) -> Draft:
    """Changes of several alerts."""
    keys = sorted({key_of(alert) for alert in alerts})
    going_on = sum(alert["state"] != CLEARED for alert in alerts)
    tally = Tally(max(rank_of(alert) for alert in alerts), going_on, opened=len(alerts))
    title = title_of("changed", keys, tally, alerts, 0)
    return Draft("changed", title, None, None, SEVERITIES[tally.rank], len(alerts), going_on, alerts)
