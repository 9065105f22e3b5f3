"""Damage boundary, ASTM D3332: damage is possible when both the velocity change and the peak are beyond critical.

A test finds two properties of the hardware: the critical velocity change dVc, with pulses so short that the hardware
feels nothing else of them; and the critical acceleration Ac, with long flat ones, whose velocity change is beyond
pi / 2 dVc. Between dVc and pi / 2 dVc the hardware stands more than Ac: the sharp corner there is on the safe side.
"""

from __future__ import annotations

import math


def damage_margin(peak_g: float, delta_v_m_s: float, critical_g: float, critical_m_s: float) -> float:
    """max(Ac / A, dVc / dV): how many times stronger the event could be before it reached the boundary.

    Above 1 is safe, infinite for an event of nothing, below 1 only where both are beyond. Either sign of the event's
    values, g and m/s, NaN of NaN. ValueError: critical values that are not above 0.
    """
    if not (critical_g > 0 and critical_m_s > 0):
        raise ValueError(f"damage boundary: expected critical values above 0, got {critical_g:g} and {critical_m_s:g}")
    if math.isnan(peak_g) or math.isnan(delta_v_m_s):
        return math.nan
    return max(margin(critical_g, peak_g), margin(critical_m_s, delta_v_m_s))


def margin(limit: float, value: float) -> float:
    """Limit over the size of the value: above 1 is within, infinite for a value of 0."""
    return limit / abs(value) if value else math.inf


def margin_db(ratio: float) -> float:
    """A margin in dB, 20 log10: negative beyond the limit, -inf for a margin of 0. NaN in, NaN out.

    ValueError: a margin below 0, which no event has.
    """
    if ratio < 0:
        raise ValueError(f"margin: expected a ratio of 0 or above, got {ratio:g}")
    return 20 * math.log10(ratio) if ratio != 0 else -math.inf
