"""What the profile says of shocks, as pages draw it: levels of peaks, the damage boundary, the spectrum's envelope."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from math import exp, log

from dashboards.limits import Limit, profile
from monitor.model.event_summary import Q
from monitor.model.limit import ShockRule
from monitor.model.rules.shock import Axis
from monitor.model.rules.shock_levels import DamageBoundary

# Where spectra are stored: a third of an octave apart from 5 Hz on (docs/store.md).
FREQUENCIES_HZ = tuple(5.0 * 2.0 ** (number / 3) for number in range(26))
Envelope = tuple[tuple[float, float], ...]  # (Hz, g), log-log between them


def rules_of_events() -> list[ShockRule]:
    """The profile's rules that judge each event by itself."""
    return [rule for rule in profile().rule if isinstance(rule, ShockRule) and rule.is_of_events]


def peak_limits(axis: Axis) -> list[Limit]:
    """The levels of an axis' peak, lowest first."""
    found = [
        Limit(rule.id, rule.severity, rule.level, None, tuple(rule.phases or ()))
        for rule in rules_of_events()
        if rule.quantity == "peak" and rule.axis == axis
    ]
    return sorted(found, key=lambda limit: limit.value)


def damage_boundary() -> DamageBoundary | None:
    """The profile's first damage boundary, None where it has none."""
    return next((rule.damage_boundary for rule in rules_of_events() if rule.damage_boundary is not None), None)


def envelope() -> Envelope | None:
    """The profile's first envelope of spectra as they are stored (their Q, all axes), None where it has none."""
    return next((rule.srs for rule in rules_of_events() if rule.srs is not None and rule.q_factor == Q), None)


def envelope_levels(points: Envelope) -> Iterator[tuple[float, tuple[float, ...]]]:
    """(level in g, the stored frequencies in Hz where the envelope has it), frequencies outside of it left out."""
    found: dict[float, list[float]] = defaultdict(list)
    for hz in FREQUENCIES_HZ:
        level_g = _level_g(points, hz)
        if level_g is not None:
            found[float(f"{level_g:.6g}")].append(hz)  # a plateau is one level, whatever the last digits
    yield from ((level_g, tuple(of_level)) for level_g, of_level in sorted(found.items()))


def _level_g(points: Envelope, hz: float) -> float | None:
    for (low_hz, low_g), (high_hz, high_g) in pairwise(points):
        if low_hz <= hz <= high_hz:
            share = log(hz / low_hz) / log(high_hz / low_hz)
            return exp(log(low_g) + share * log(high_g / low_g))
    return None
