"""Does the record hold the whole event? Not where it is truncated, or where the trigger came too late."""

from __future__ import annotations

import math

import numpy as np

from monitor.shock.fault import TURNED_G, Fault, Look
from monitor.shock.pulse import STEADY_SHARE
from monitor.shock.static import BEHIND_S, known_mean, spread_g

# A half-sine that is cut off where it has come down to a quarter lacks (1 - cos(asin(0.25))) / 2 = 1.6 % of its
# velocity change.
CUT_SHARE = 0.25
# Vibration that was there before the event goes on behind it: its resultant is beyond 4 times the root of the mean
# square (6.9 sigma of an axis) once in 1e10 samples.
NOISE_TIMES = 4.0
# Triggers look at a filtered signal, or for several samples: up to 20 ms. They may look at what the sensor reads with
# gravity in it, and a free fall, which departs from rest by 1 g, need not trigger: 1.2 g with a scale that is wrong.
LATE_S = 0.02
UNSEEN_G = 1.2
# Rest that is measured over what little there is, a rising flank included, must not be wrong by more than a fifth of
# the level, or a twentieth of the peak where nobody says one.
MOVING_LEVEL_SHARE = 0.2
MOVING_PEAK_SHARE = 0.05
ROUNDING_G = 1e-6  # no sensor shows as little


def truncated(look: Look) -> Fault | None:
    """Motion at an end of the record: of the main pulse itself, or as near to the end as the pulse is long.

    So that a crest of what rings is among it; but no nearer to the pulse than to the end.
    """
    waveform, last = look.waveform, look.waveform.samples - 1
    begin, end = look.pulse.limits
    swing = end - begin
    first = slice(0, 1 + math.floor(min(swing, begin / 2)))
    final = slice(last - math.floor(min(swing, (last - end) / 2)), None)
    told = [
        f"{verb} while it {moves} by {motion_g:.3g} g"
        for verb, moves, motion_g in (
            ("begins", "moves", _motion_g(look, first, begin <= 0)),
            ("ends", "still moves", _motion_g(look, final, end >= last)),
        )
        if motion_g > 0
    ]
    if not told:
        return None
    length_ms = 1e3 * waveform.samples / waveform.fs_hz
    return Fault("truncated", f"truncated: the record of {length_ms:.4g} ms {' and '.join(told)}", "at least")


def _motion_g(look: Look, stretch: slice, is_pulse: bool) -> float:
    """The largest departure from rest in a stretch at an end of the record, 0.0 where it is none that matters."""
    moving_g = float(look.length_g[stretch].max(initial=0.0))
    enough_g = max(look.waveform.level_g or 0.0, CUT_SHARE * look.peak_g, NOISE_TIMES * look.noise_g)
    if moving_g <= (enough_g if is_pulse else max(enough_g, UNSEEN_G)) or _is_turned(look, stretch, moving_g):
        return 0.0
    return moving_g


def _is_turned(look: Look, stretch: slice, moving_g: float) -> bool:
    """Whether what looks like motion at an end of the record is rest in another position."""
    width = max(round(BEHIND_S * look.waveform.fs_hz), 2)
    edge = look.dynamic_g[:, :width] if stretch.start == 0 else look.dynamic_g[:, -width:]
    is_away = float(np.linalg.norm(known_mean(edge))) > moving_g / 2  # all of it, not its last sample only
    return is_away and moving_g <= TURNED_G and spread_g(edge) < STEADY_SHARE * moving_g


def late(look: Look) -> Fault | None:
    """Nothing to measure the rest from, or nothing from the trigger on, or motion long before it."""
    if look.static.span is None:
        reason = "late-trigger: nothing before the trigger to measure the rest from"
        return Fault("late-trigger", reason, "at least" if look.pulse.limits[0] <= 0 else "nothing")
    if look.waveform.samples_before == look.waveform.samples:
        return Fault("late-trigger", "late-trigger: the record ends before its trigger", "all")
    return _no_rest(look) or _early(look)


def _no_rest(look: Look) -> Fault | None:
    """So little before the trigger, and in motion, that the rest cannot be told from it."""
    waveform, level_g, error_g = look.waveform, look.waveform.level_g, look.static.error_g
    enough_g = MOVING_PEAK_SHARE * abs(look.pulse.peak_g) if level_g is None else MOVING_LEVEL_SHARE * level_g
    if error_g <= max(enough_g, ROUNDING_G):
        return None
    before_ms = 1e3 * waveform.samples_before / waveform.fs_hz
    return Fault(
        "late-trigger",
        f"late-trigger: the {before_ms:.3g} ms before the trigger are in motion, and the rest is uncertain by "
        f"{error_g:.3g} g",
        "nothing",
    )


def _early(look: Look) -> Fault | None:
    """Motion beyond the level long before the trigger."""
    waveform, level_g = look.waveform, look.waveform.level_g
    early_g = look.length_g[: max(waveform.samples_before - math.ceil(LATE_S * waveform.fs_hz), 0)]
    enough_g = UNSEEN_G + (abs(look.pulse.peak_g) / 2 if level_g is None else level_g)
    beyond = np.flatnonzero(early_g > max(enough_g, NOISE_TIMES * look.noise_g))
    if len(beyond) == 0:
        return None
    first, ahead_ms = int(beyond[0]), -waveform.from_trigger_ms(int(beyond[0]))
    reason = f"late-trigger: {early_g[first]:.3g} g already {ahead_ms:.1f} ms before the trigger"
    return Fault("late-trigger", reason, "all")
