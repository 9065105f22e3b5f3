"""Shock events whose quantities are known."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.model.batch import Event
from monitor.model.leg import IDENTITY, Container, Logger
from monitor.model.limit import Profile
from monitor.model.record import Shock, Stamp

S = 1_000_000_000
SPANS = ((40 * S, "road"), (90 * S, "handling"), (200 * S, "air"))
PLACES = {"l": "base frame", "m": "hardware interface, forward", "n": None}
SAMPLES, PRE, FS_HZ = 64, 16, 1000.0
STEP_G = 1 / 256
# Levels that pulses of up to 20 g over up to 12 ms come beyond about as often as not.
LEVELS: tuple[dict[str, Any], ...] = (
    {"peak": "7.03 g"},
    {"velocity_change": "0.311 m/s"},
    {"damage_boundary": {"acceleration": "6.07 g", "velocity_change": "0.207 m/s"}},
    {"srs": [["11 Hz", "3.01 g"], ["70 Hz", "11.3 g"], ["430 Hz", "13.7 g"]]},
    {"srs": [["20 Hz", "7 g"], ["900 Hz", "12.1 g"]], "q": 25.0},
    {"drop_height": "1.13 cm"},
)
WAYS: tuple[dict[str, Any], ...] = ({}, {"count": 1, "within": "60 s"}, {"count": 2, "within": "600 s"})
MORE: tuple[dict[str, Any], ...] = (
    {}, {"guard": "accuracy"}, {"phases": ["road", "handling"]}, {"place": "hardware interface*"}, {"place": "*"},
)  # fmt: skip


class View:
    """One profile of shock rules, a journey by SPANS, loggers at PLACES."""

    def __init__(self, *rules: dict[str, Any], accuracy_g: float | None = None) -> None:
        tables = [{"id": f"r{i}", "kind": "shock", "severity": "alarm"} | rule for i, rule in enumerate(rules)]
        self.given = Profile.model_validate({"name": "p", "rule": tables})
        self._accuracy_g = accuracy_g

    def profile(self, container_id: str) -> Profile:
        return self.given

    def phase_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        return SPANS

    def leg_spans(self, container_id: str) -> tuple[tuple[int, str], ...]:
        return ()

    def logger(self, container_id: str, logger_id: str) -> Logger:
        return Logger(id=logger_id, rotation=IDENTITY, place=PLACES[logger_id])

    def container(self, container_id: str) -> Container:
        return Container(id=container_id)

    def accuracy(self, container_id: str, logger_id: str, channel: str) -> float | None:
        return self._accuracy_g


def event(
    counts: NDArray[np.float64], at_s: float = 0.0, pos: int = 1, logger: str = "l", fs_hz: float = FS_HZ
) -> Event:
    """An event of counts of STEP_G [3, n], its trigger behind PRE samples at `at_s`."""
    shock = Shock(
        Stamp(7, 0, 0, 2), pos, 0, 0, fs_hz, PRE, np.full(3, STEP_G), 100.0, counts.astype(np.int16), "a", 2.0, 0
    )
    return Event(pos, "c", logger, 7, pos, round(at_s * S) - round(PRE * 1e9 / fs_hz), shock)


def half_sine(peak_g: float, length: int = 10, axis: int = 0, samples: int = SAMPLES) -> NDArray[np.float64]:
    """Counts of a half-sine of `length` samples right behind the trigger, quiet before and after."""
    accel_g = np.zeros((3, samples))
    accel_g[axis, PRE : PRE + length + 1] = peak_g * np.sin(np.pi * np.arange(length + 1) / length)
    counts: NDArray[np.float64] = np.rint(accel_g / STEP_G)
    return counts


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """A rule on any quantity, on an axis where it may have one."""
    level = draw(st.sampled_from(LEVELS))
    axis = {} if "drop_height" in level else {"axis": draw(st.sampled_from(["x", "y", "z", "resultant"]))}
    rule: dict[str, Any] = (
        level | axis | draw(st.sampled_from(WAYS)) | draw(st.sampled_from(MORE)) | draw(st.sampled_from(MORE))
    )
    return rule
