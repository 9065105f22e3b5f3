"""Two back-tests beside each other: which alerts only one of them raises."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from monitor.backtest.times import FOREVER, time_key

Alert = dict[str, Any]


def compare(new: Iterable[Alert], old: Iterable[Alert]) -> dict[str, list[Any]]:
    """`only_new`, `only_old`: alerts as JSON; `both`: pairs of them, {"new", "old"}.

    Two are the same where rule, logger, channel and axis are and their times overlap: one long alert may be several
    under other limits. Alerts that were found one with another are left out.
    """
    of_old: defaultdict[tuple[Any, ...], list[Alert]] = defaultdict(list)
    for alert in _told(old):
        of_old[_stream(alert)].append(alert)
    both = [
        {"new": alert, "old": other}
        for alert in _told(new)
        for other in of_old[_stream(alert)]
        if _overlap(alert, other)
    ]
    met = {side: {pair[side]["id"] for pair in both} for side in ("new", "old")}
    return {
        "only_new": [alert for alert in _told(new) if alert["id"] not in met["new"]],
        "only_old": [alert for alert in _told(old) if alert["id"] not in met["old"]],
        "both": both,
    }


def _told(alerts: Iterable[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert["merged_into"] is None]


def _overlap(one: Alert, other: Alert) -> bool:
    """Whether both are open at any one time."""
    begun = max(time_key(alert["occurred_at"]) for alert in (one, other))
    ended = [time_key(alert["cleared_at"]) for alert in (one, other) if alert["cleared_at"] is not None]
    return begun <= min(ended, default=FOREVER)


def _stream(alert: Alert) -> tuple[Any, ...]:
    return tuple(alert[key] for key in ("rule", "container", "logger", "channel", "axis"))
