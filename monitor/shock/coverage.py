"""Does the record hold the whole event? Not where it is truncated, or where the trigger came too late."""

from __future__ import annotations

import math

import numpy as np

from monitor.shock.fault import STEADY_SHARE, TURNED_G, Fault, Record, spread_g
from monitor.shock.static import BEHIND_S, WINDOW_S, known_mean

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
# Rest that is shorter than half of its window of 0.1 s is measured over what there is, a rising flank included: by a
# fifth of the level, or a twentieth of the peak where nobody says one, it must not be in motion. What is shorter than
# 10 ms cannot show that: then the median of a record of 0.1 s and more, most of it rest, must not be further away.
BRIEF_S = 0.01
MOVING_LEVEL_SHARE = 0.2
MOVING_PEAK_SHARE = 0.05


def truncated(record: Record) -> Fault | None:
    """Motion at an end of the record: of the main pulse itself, or as near to the end as the pulse is long.

    So that a crest of what rings is among it; but no nearer to the pulse than to the end.
    """
    waveform, last = record.waveform, record.waveform.samples - 1
    begin, end = record.pulse.limits
    swing = end - begin
    first = slice(0, 1 + math.floor(min(swing, begin / 2)))
    final = slice(last - math.floor(min(swing, (last - end) / 2)), None)
    told = [
        f"{verb} while it {moves} by {motion_g:.3g} g"
        for verb, moves, motion_g in (
            ("begins", "moves", _motion_g(record, first, begin <= 0)),
            ("ends", "still moves", _motion_g(record, final, end >= last)),
        )
        if motion_g > 0
    ]
    if not told:
        return None
    length_ms = 1e3 * waveform.samples / waveform.fs_hz
    return Fault("truncated", f"truncated: the record of {length_ms:.4g} ms {' and '.join(told)}")


def _motion_g(record: Record, stretch: slice, is_pulse: bool) -> float:
    """The largest departure from rest in a stretch at an end of the record, 0.0 where it is none that matters."""
    moving_g = float(record.length_g[stretch].max(initial=0.0))
    enough_g = max(record.waveform.level_g or 0.0, CUT_SHARE * record.peak_g, NOISE_TIMES * record.noise_g)
    if moving_g <= (enough_g if is_pulse else max(enough_g, UNSEEN_G)) or _is_turned(record, stretch, moving_g):
        return 0.0
    return moving_g


def _is_turned(record: Record, stretch: slice, moving_g: float) -> bool:
    """Whether what looks like motion at an end of the record is rest in another position."""
    width = max(round(BEHIND_S * record.waveform.fs_hz), 2)
    edge = record.dynamic_g[:, :width] if stretch.start == 0 else record.dynamic_g[:, -width:]
    is_away = float(np.linalg.norm(known_mean(edge))) > moving_g / 2  # all of it, not its last sample only
    return is_away and moving_g <= TURNED_G and spread_g(edge) < STEADY_SHARE * moving_g


def late(record: Record) -> Fault | None:
    """Nothing to measure the rest from, or motion long before the trigger."""
    if record.static.span is None:
        return Fault("late-trigger", "late-trigger: nothing before the trigger to measure the rest from")
    return _no_rest(record) or _early(record)


def _no_rest(record: Record) -> Fault | None:
    """So little before the trigger, and in motion, that the rest cannot be told from it."""
    waveform, before_s = record.waveform, record.waveform.samples_before / record.waveform.fs_hz
    if before_s >= WINDOW_S / 2 or record.static.is_estimated:
        return None
    level_g = waveform.level_g
    enough_g = MOVING_PEAK_SHARE * abs(record.pulse.peak_g) if level_g is None else MOVING_LEVEL_SHARE * level_g
    moving_g = record.noise_g
    if before_s < BRIEF_S and waveform.samples >= WINDOW_S * waveform.fs_hz:
        away_g = float(np.linalg.norm(np.nan_to_num(np.median(record.dynamic_g, axis=1))))
        moving_g = max(moving_g, away_g)
    if moving_g <= enough_g:
        return None
    return Fault(
        "late-trigger",
        f"late-trigger: the {1e3 * before_s:.3g} ms before the trigger, from which the rest is measured, are in motion "
        f"by {moving_g:.3g} g",
    )


def _early(record: Record) -> Fault | None:
    """Motion beyond the level long before the trigger."""
    waveform, level_g = record.waveform, record.waveform.level_g
    early_g = record.length_g[: max(waveform.samples_before - math.ceil(LATE_S * waveform.fs_hz), 0)]
    enough_g = UNSEEN_G + (abs(record.pulse.peak_g) / 2 if level_g is None else level_g)
    beyond = np.flatnonzero(early_g > max(enough_g, NOISE_TIMES * record.noise_g))
    if len(beyond) == 0:
        return None
    first, ahead_ms = int(beyond[0]), -waveform.from_trigger_ms(int(beyond[0]))
    return Fault("late-trigger", f"late-trigger: {early_g[first]:.3g} g already {ahead_ms:.1f} ms before the trigger")
