"""The title of a notification: one line that says what it is about."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.model.condition import GATEWAY
from monitor.notify.grouping import Tally
from monitor.notify.routing import SEVERITIES, Alert, Key

MAX_TITLE = 300  # characters
_ALONE = {
    "cleared": "cleared: {}",
    "acknowledged": "acknowledged: {}",
    "repeat": "still not acknowledged: {}",
    "escalation": "nobody acknowledged: {}",
    "late": "known only now: {}",
}
_TOGETHER = {
    "cleared": ", cleared",
    "acknowledged": ", acknowledged",
    "repeat": ", still not acknowledged",
    "escalation": ", nobody acknowledged",
    "late": ", known only now as their records came late",
}


def title_of(reason: str, keys: Sequence[Key], tally: Tally, alerts: Sequence[Alert], next_s: float) -> str:
    """The title of what is told of `keys`; `next_s` is after how many seconds more of a flood is told."""
    if tally.alerts == 1 and alerts:
        severity = alerts[0]["severity"].upper()
        return _short(_ALONE.get(reason, "{}").format(f"{severity} {alerts[0]['message']}"))
    goes_on = f"{tally.going_on} of them {'goes' if tally.going_on == 1 else 'go'} on"
    flood = f"; too many: what follows is told in {next_s / 60:g} min" if reason == "flood" else ""
    return _short(f"{_where(keys)}: {_what(keys, tally)}{_TOGETHER.get(reason, '')}; {goes_on}{flood}")


def _where(keys: Sequence[Key]) -> str:
    containers = {key.container for key in keys}
    if len(containers) > 1:
        return f"{len(containers)} containers"
    return "gateway" if GATEWAY in containers else min(containers)


def _what(keys: Sequence[Key], tally: Tally) -> str:
    causes = {key.cause for key in keys}
    cause = f" of {min(causes).replace('_', ' ')}" if len(causes) == 1 else ""
    return f"{tally.alerts} alerts{cause} up to {SEVERITIES[tally.rank]}"


def _short(text: str) -> str:
    return text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 3]}..."
