"""The true pulses of an event, and whether they were beyond a shock rule: for sure, or perhaps.

Filtered here by SciPy's recursive filter, not by the detector's. What vibration adds is random: it widens the margin by
PEAKS times its RMS on each axis, so on a rough road little can be said and most events are indeterminate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import butter, sosfiltfilt

from benchmarks.quality.arrays import F64, Mask
from benchmarks.quality.limits import Limit
from benchmarks.quality.truth import LoggerTruth, time_ns

G_M_S2 = 9.80665
PEAKS = 4.5  # times RMS: of Gaussian vibration the top of a quarter of a second
SHARE = 0.02  # of the peak: sampling, filter, record's ends
NOISE_G = 0.03  # six times the sensor's noise, with the converter's step and the error of the static part
AC_SHARE, AC_FALL_G = 0.06, 0.4  # droop of a 0.5 Hz high-pass over a pulse, and over a fall
REST_S = 0.1  # without so much rest before a fall the static part is wrong by up to 1 g
REBOUND, STRETCH = 0.12, 2.0  # swing back of a pulse that is no drop's, and how many times its length
OVERSHOOT = 1.2  # a zero-phase low-pass never shows more of a pulse than this
AXES = "xyz"


class Span(NamedTuple):
    """Vibration: RMS on each axis from begin_s to end_s."""

    begin_s: float
    end_s: float
    grms: float


class Event(NamedTuple):
    """A record, or with `reason` a shock that is in none: the impacts [t0_s, t0_s + record) holds, s since the start.

    `vibration_g` is the greatest true departure of a record that vibration triggered.
    """

    acc: str
    t0_s: float
    boot: int
    seq: int
    impacts: Sequence[Mapping[str, Any]]
    vibration_g: float
    reason: str


def part_of(logger: LoggerTruth, acc: str) -> Mapping[str, Any]:
    """The settings of an accelerometer, as a scenario's file has them."""
    part: Mapping[str, Any] = logger.told["accelerometers"][acc]
    return part


@dataclass(frozen=True)
class Shown:
    """What an event holds of impacts, free of noise and vibration, float64 [3, n] in g, and how far a sensor may err.

    `shaken_g`: by how much vibration may add or take away; `greater_g`: by how much the event is greater at most.
    """

    wave_g: F64
    part: Mapping[str, Any]
    margin_g: float
    shaken_g: float
    greater_g: float

    @property
    def raw_g(self) -> float:
        """Greatest departure on an axis, unfiltered."""
        return float(np.abs(self.wave_g).max())

    @cached_property
    def resultant_g(self) -> float:
        """Greatest departure in any direction, unfiltered."""
        return float(np.sqrt((self.wave_g**2).sum(axis=0)).max())

    def filtered_g(self, corner_hz: float) -> F64:
        """The wave as a rule with this corner sees it; kept, as several rules have the same."""
        if corner_hz not in self._kept:
            self._kept[corner_hz] = sosfiltfilt(_sections(corner_hz, self.part["fs_hz"]), self.wave_g, axis=1)
        return self._kept[corner_hz]

    @cached_property
    def _kept(self) -> dict[float, F64]:
        return {}


@lru_cache(maxsize=64)
def _sections(corner_hz: float, fs_hz: float) -> F64:
    """A 4th-order Butterworth low-pass as second-order sections; run both ways it halves at the corner."""
    return np.asarray(butter(4, corner_hz, fs=fs_hz, output="sos"))


def show(logger: LoggerTruth, event: Event, shaking: Sequence[Span]) -> Shown:
    """What an event holds."""
    part = part_of(logger, event.acc)
    t_s = event.t0_s + np.arange(round(part["record"] * part["fs_hz"])) / part["fs_hz"]
    wave_g = np.zeros((3, len(t_s)))
    for impact in event.impacts:
        wave_g += pulse_g(impact, logger.seconds(time_ns(impact["at"])), float(logger.told["isolation"]), t_s)
    end_s = event.t0_s + part["record"]
    grms = max((span.grms for span in shaking if span.begin_s <= end_s and span.end_s >= event.t0_s), default=0.0)
    shaken_g = PEAKS * math.sqrt(3.0) * grms
    margin_g = _margin_g(event, part, float(np.abs(wave_g).max()))
    return Shown(wave_g, part, margin_g, shaken_g, max(shaken_g, event.vibration_g))


def judge(shown: Shown, rule: Limit, *, is_turned: bool = False) -> tuple[bool, bool]:
    """Whether the rule was exceeded for sure, and whether it may have been; never for sure on a turned axis."""
    level_g, least_s, fs_hz = rule.number("peak"), rule.number("min_duration", 0.0), shown.part["fs_hz"]
    wide_g = shown.margin_g + shown.greater_g
    if OVERSHOOT * shown.resultant_g + wide_g < level_g:
        return False, False
    is_unsure = is_turned or shown.raw_g + wide_g > shown.part["range_g"]  # clipped: a lower bound only
    corner_hz, axis = rule.number("lowpass", 0.0), rule.table.get("axis", "resultant")
    wave_g = shown.filtered_g(corner_hz) if 0.0 < corner_hz < fs_hz / 2 and shown.raw_g > 0 else shown.wave_g
    signal_g = np.sqrt((wave_g**2).sum(axis=0)) if axis == "resultant" else np.abs(wave_g[AXES.index(axis)])
    slack_s = 2.0 / fs_hz
    sure_s = _longest_s(signal_g - shown.margin_g - shown.shaken_g > level_g, fs_hz)
    possible_s = _longest_s(signal_g + wide_g > level_g, fs_hz)
    return sure_s > least_s + slack_s and not is_unsure, is_unsure or possible_s > max(least_s - slack_s, 0.0)


def _margin_g(event: Event, part: Mapping[str, Any], raw_g: float) -> float:
    """By how much the sensor may err in the event, vibration aside."""
    is_ac = part["coupling"] == "ac"
    margin_g = NOISE_G + part["noise_g"] + raw_g * (SHARE + (AC_SHARE if is_ac else 0.0))
    if part["wake_g"] > 0:
        margin_g += part["wake_g"]  # no rest before it: the static part is taken from what woke it
    falls_s = [_fall_s(impact) for impact in event.impacts if impact["drop_height_m"]]
    if falls_s:
        margin_g += AC_FALL_G if is_ac else (1.0 if max(falls_s) + REST_S > part["pre"] else 0.0)
    return float(margin_g)


def pulse_g(impact: Mapping[str, Any], at_s: float, isolation: float, t_s: F64) -> F64:
    """Departure from rest of one impact of the truth at t_s, float64 [3, n] in g: fall, pulse and swing back."""
    tau_s, peak_g = impact["duration_ms"] / 1000.0, impact["peak_g"]
    share = (t_s - at_s) / tau_s
    shape = np.sin(np.pi * share) if impact["shape"] == "half-sine" else share
    along_g = np.where((share >= 0) & (share < 1), peak_g * shape, 0.0)
    swing = (share >= 1) & (share < 1 + STRETCH)
    back = REBOUND
    if impact["drop_height_m"]:
        speed = math.sqrt(2.0 * G_M_S2 * impact["drop_height_m"])
        restitution = impact["delta_v_m_s"] / isolation / speed - 1.0
        area = 2.0 / math.pi if impact["shape"] == "half-sine" else 0.5
        back = restitution / (1.0 + restitution) * area / (2.0 / math.pi * STRETCH)
    along_g -= np.where(swing, back * peak_g * np.sin(np.pi * (share - 1) / STRETCH), 0.0)
    wave_g = np.outer(impact["axis"], along_g)
    wave_g[2] -= (t_s < at_s) & (t_s >= at_s - _fall_s(impact))
    return wave_g


def _fall_s(impact: Mapping[str, Any]) -> float:
    return math.sqrt(2.0 * (impact["drop_height_m"] or 0.0) / G_M_S2)


def _longest_s(beyond: Mask, fs_hz: float) -> float:
    flanks = np.flatnonzero(np.diff(np.concatenate(([0], beyond.astype(np.int8), [0]))))
    return float((flanks[1::2] - flanks[::2]).max(initial=0)) / fs_hz
