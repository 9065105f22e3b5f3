"""The limits that pages draw: read from the profile that the monitor itself judges by, never typed a second time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

from monitor.config.load import load_profile
from monitor.model.channel import covers, unit_of
from monitor.model.limit import CondensationRule, Profile, Severity, ThresholdRule

PROFILE = Path(__file__).parent.parent / "config" / "limits" / "flight-hardware.toml"
COLOURS = {"ok": "green", "info": "blue", "warning": "orange", "alarm": "red"}  # from good to grave
PLAIN = "text"  # Grafana's colour of a value that is neither
GRAVITY: tuple[Severity, ...] = ("info", "warning", "alarm")
OPEN = "open"


class Limit(NamedTuple):
    """A limit of a channel in its unit: beyond `above`, or below `below`, an alert of this severity is due."""

    rule: str
    severity: Severity
    above: float | None
    below: float | None
    phases: tuple[str, ...]

    @property
    def value(self) -> float:
        """Where it lies."""
        value = self.above if self.above is not None else self.below
        assert value is not None  # the profile's own check
        return value

    @property
    def is_drawn(self) -> bool:
        """Whether it may hold for a closed container: the others would colour a dry, purged one for ever."""
        return self.phases != (OPEN,)

    def is_passed(self, value: float) -> bool:
        """Whether a value lies beyond it."""
        return value > self.value if self.above is not None else value < self.value


@cache
def profile() -> Profile:
    """The profile that the pages are made for; ConfigError when its file is wrong."""
    return load_profile(PROFILE)


def limits_of(channel: str) -> list[Limit]:
    """The profile's limits on a channel's value, lowest first; of `dew_margin.*` its condensation rules."""
    found = []
    for rule in profile().rule:
        if isinstance(rule, ThresholdRule) and covers(rule.channel, channel):
            found.append(Limit(rule.id, rule.severity, rule.above, rule.below, tuple(rule.phases or ())))
        elif isinstance(rule, CondensationRule) and channel.startswith("dew_margin."):
            found.append(Limit(rule.id, rule.severity, None, rule.below, tuple(rule.phases or ())))
    return sorted(found, key=lambda limit: limit.value)


def thresholds(limits: Sequence[Limit], within: str = "transparent") -> ThresholdsConfig:
    """The limits as Grafana colours what lies between them: by the gravest that is passed there, else `within`."""
    drawn = [limit for limit in limits if limit.is_drawn]
    edges = [-inf, *sorted({limit.value for limit in drawn}), inf]
    steps = []
    for low, high in pairwise(edges):
        inside = _between(low, high)
        passed = [GRAVITY.index(limit.severity) for limit in drawn if limit.is_passed(inside)]
        colour = COLOURS[GRAVITY[max(passed)]] if passed else within
        steps.append(Threshold(value=None if low == -inf else low, color=colour))
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def in_words(limits: list[Limit], unit: str) -> str:
    """The limits as a sentence for a panel's description, phases included."""
    if not limits:
        return "The profile sets no limit."
    return f"Limits of profile {profile().name}: " + "; ".join(_words(limit, unit) for limit in limits) + "."


def channel_words(channel: str) -> str:
    """`in_words` of a channel."""
    return in_words(limits_of(channel), unit_of(channel))


def _words(limit: Limit, unit: str) -> str:
    side = "above" if limit.above is not None else "below"
    where = f" (in {', '.join(limit.phases)})" if limit.phases else ""
    return f"{limit.severity} {side} {limit.value:g} {unit}{where}{'' if limit.is_drawn else ', not drawn'}"


def _between(low: float, high: float) -> float:
    """A value between two edges, of which one may be infinite."""
    if low == -inf:
        return high - 1 if high < inf else 0.0
    return low + 1 if high == inf else (low + high) / 2
