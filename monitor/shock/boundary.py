"""Damage boundary, ASTM D3332: damage is possible when both the velocity change and the peak are beyond critical."""

from __future__ import annotations


def damage_margin(peak_g: float, delta_v_m_s: float, critical_g: float, critical_m_s: float) -> float:
    """max(Ac / A, dVc / dV): how many times stronger the event could be before it reached the boundary.

    Above 1 is safe; infinite for an event of nothing. Magnitudes, all critical values above 0.
    """
    if peak_g == 0 or delta_v_m_s == 0:
        return float("inf")
    return max(critical_g / abs(peak_g), critical_m_s / abs(delta_v_m_s))
