"""The title of a notification: one line that says what it is about."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.model.alert import CLEARED
from monitor.model.condition import GATEWAY
from monitor.notify.grouping import Tally
from monitor.notify.routing import SEVERITIES, Alert, Key

MAX_TITLE = 300  # characters
MAX_NAMED = 5  # containers
_ALONE = {
    "cleared": "cleared: {}",
    "acknowledged": "acknowledged: {}",
    "repeat": "still not acknowledged: {}",
    "escalation": "nobody acknowledged: {}",
    "late": "told only now: {}",
}
_TOGETHER = {
    "cleared": ", cleared",
    "acknowledged": ", acknowledged",
    "repeat": ", still not acknowledged",
    "escalation": ", nobody acknowledged",
    "late": ", told only now",
}


def title_of(reason: str, keys: Sequence[Key], tally: Tally, alerts: Sequence[Alert], next_s: float) -> str:
    """The title of what is told of `keys`; `next_s` is after how many seconds more of a flood is told."""
    flood = f"; too many: what follows is told in {next_s / 60:g} min" if reason == "flood" else ""
    if tally.alerts == 1 and alerts:
        return f"{_short(_of_one(reason, alerts[0]), MAX_TITLE - len(flood))}{flood}"
    goes_on = f"{tally.going_on} of them {'goes' if tally.going_on == 1 else 'go'} on"
    return _short(f"{_where(keys)}: {_what(keys, tally)}{_TOGETHER.get(reason, '')}; {goes_on}{flood}")


def _of_one(reason: str, alert: Alert) -> str:
    is_over = reason != "cleared" and alert["state"] == CLEARED and alert["kind"] != "shock"
    over = "over already: " if is_over else ""
    return _ALONE.get(reason, "{}").format(f"{over}{alert['severity'].upper()} {alert['message']}")


def _where(keys: Sequence[Key]) -> str:
    containers = sorted({"gateway" if key.container == GATEWAY else key.container for key in keys})
    named = ", ".join(containers[:MAX_NAMED])
    return named if len(containers) <= MAX_NAMED else f"{len(containers)} containers, as {named}"


def _what(keys: Sequence[Key], tally: Tally) -> str:
    causes = {key.cause for key in keys}
    cause = f" of {min(causes).replace('_', ' ')}" if len(causes) == 1 else ""
    numbers = {"opened": tally.opened, "cleared": tally.cleared, "acknowledged": tally.acknowledged}
    kinds = [f"{number} {kind}" for kind, number in (numbers | {"repeated": tally.repeated}).items() if number]
    mixed = f" ({', '.join(kinds)})" if len(kinds) > 1 else ""
    return f"{tally.alerts} alerts{mixed}{cause} up to {SEVERITIES[tally.rank]}"


def _short(text: str, limit: int = MAX_TITLE) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
