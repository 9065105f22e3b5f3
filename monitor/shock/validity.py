"""Is the record what the hardware felt? Looked at before anything else, after the idea of EN 15433-3."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.shock.coverage import late, truncated
from monitor.shock.fault import TURNED_G, Fault, Look
from monitor.shock.peak import vector_length
from monitor.shock.pulse import DURATION_SHARE, STEADY_SHARE, Pulse
from monitor.shock.spike import REACH, spikes
from monitor.shock.static import GRAVITY_G, WINDOW_S, Static, known_mean, spread_g
from monitor.shock.still import Standstill, standstills
from monitor.shock.waveform import AXES, Waveform

# Gravity takes 1 g of a sensor's range and its offset up to a quarter; a piezo sensor of 100 g has several g of it.
OFFSET_SHARE = 0.25
# An AC-coupled sensor of 0.5 Hz droops by 2 pi 0.5 Hz x 2 / pi x 25 ms = 5 % of a half-sine of 25 ms.
DROOP_SHARE = 0.05


class Validity(NamedTuple):
    """What is wrong with a record; `is_lower_bound` when its peaks and velocity change are at least what they read."""

    faults: tuple[Fault, ...]
    is_lower_bound: bool

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.faults

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the faults, each once."""
        return tuple(dict.fromkeys(fault.name for fault in self.faults))

    @property
    def reason(self) -> str:
        """All reasons in one line, "" for a valid record."""
        return "; ".join(fault.reason for fault in self.faults)


def validity(
    waveform: Waveform, static: Static, dynamic_g: NDArray[np.float64], length_g: NDArray[np.float64], pulse: Pulse
) -> Validity:
    """What is wrong with a record, whose main pulse is `pulse`.

    `dynamic_g` [3, n] is without its static part, `length_g` [n] the length of that vector.
    """
    noise_g = 0.0 if static.span is None else spread_g(waveform.raw_g[:, slice(*static.span)])
    length_g = np.fmax(length_g, 0.0)  # NaN is nothing felt
    peak_g = float(length_g.max())
    moving = np.flatnonzero(length_g > DURATION_SHARE * peak_g)
    motion = (int(moving[0]), int(moving[-1]) + 1) if moving.size else (0, 0)
    look = Look(waveform, static, dynamic_g, pulse, length_g, peak_g, noise_g, motion)
    found = [check(look) for check in (CHECKS if math.isfinite(pulse.peak_g) else CHECKS[:2])]
    faults = tuple(fault for fault in found if fault is not None)
    holds = {fault.holds for fault in faults}
    return Validity(faults, "at least" in holds and "nothing" not in holds)


def _clipped(look: Look) -> Fault | None:
    waveform = look.waveform
    if not waveform.is_at_rail.any():
        return None
    at = np.flatnonzero(waveform.is_at_rail.any(axis=0))
    rail_g = float(np.abs(waveform.own_g[waveform.is_at_rail]).max())
    where = f"{_names(waveform.is_at_rail)} at +-{rail_g:.4g} g {_span(waveform, int(at[0]), int(at[-1]))}"
    return Fault("clipped", f"clipped: {where}; the peak is at least {abs(look.pulse.peak_g):.4g} g", "at least")


def _dropped_out(look: Look) -> Fault | None:
    waveform = look.waveform
    is_hole = ~np.isfinite(waveform.own_g)
    if is_hole.any():
        at = np.flatnonzero(is_hole.any(axis=0))
        when = "" if len(at) == waveform.samples else f" {_span(waveform, int(at[0]), int(at[-1]))}"
        return Fault("drop-out", f"drop-out: {_names(is_hole)} gave nothing for {len(at)} samples{when}", "at least")
    span, is_triggered = look.static.span or (0, 0), waveform.level_g is not None
    found = standstills(waveform.own_g, span, look.motion, waveform.is_at_rail, is_triggered=is_triggered)
    if not found:
        return None
    told = ", ".join(_stillness(waveform, each) for each in found)
    return Fault("drop-out", f"drop-out: {told}", "nothing")  # a value that is held adds to what was felt


def _offset(look: Look) -> Fault | None:
    waveform, static = look.waveform, look.static
    rail_g = waveform.rail_g
    rest_g = known_mean(waveform.own_g[:, slice(*(static.span or (None, None)))])
    axis = int(np.abs(rest_g).argmax())
    if rail_g is not None and static.span is not None and abs(rest_g[axis]) > GRAVITY_G + OFFSET_SHARE * rail_g:
        left_g = rail_g - abs(rest_g[axis])
        return Fault(
            "offset",
            f"offset: {AXES[axis]} rests at {rest_g[axis]:.4g} g of +-{rail_g:.4g} g, which leaves {left_g:.4g} g",
            "nothing",
        )
    return None if static.is_estimated else _shifted(look)


def _shifted(look: Look) -> Fault | None:
    """Rest behind the event that is not where it was before it."""
    width = max(round(WINDOW_S * look.waveform.fs_hz), 2)
    behind = look.dynamic_g[:, look.waveform.samples_before :]  # a pulse that comes back to another rest has no end
    blocks = behind.shape[1] // width
    cut_g = behind[:, : blocks * width].reshape(len(AXES), blocks, width)
    shift_g = vector_length(cut_g.mean(axis=2))
    allowed_g = TURNED_G + DROOP_SHARE * abs(look.pulse.peak_g)
    if not (shift_g > allowed_g).any():
        return None
    spread_g = np.sqrt(cut_g.var(axis=2).sum(axis=0))
    rest = int(spread_g.argmin())
    if not (shift_g[rest] > allowed_g and spread_g[rest] < STEADY_SHARE * shift_g[rest]):
        return None
    return Fault(
        "offset",
        f"offset: at rest behind the event the sensor reads {shift_g[rest]:.3g} g differently from before it, "
        f"and turning over explains at most {allowed_g:.3g} g",
        "nothing",
    )


def _spikes(look: Look) -> Fault | None:
    first = max(look.motion[0] - REACH - 1, 0)  # outside of the motion none is high enough to matter
    found = spikes(look.waveform.own_g[:, first : look.motion[1] + REACH + 1], abs(look.pulse.peak_g))
    if not found:
        return None
    highest = max(found, key=lambda spike: spike.height_g)
    when = f"{look.waveform.from_trigger_ms(first + highest.sample):.1f} ms"
    return Fault(
        "spikes",
        f"spikes: {len(found)} of one sample, the highest {highest.height_g:.3g} g on {AXES[highest.axis]} at {when}; "
        "the peak may be too high",
        "nothing",
    )


CHECKS: tuple[Callable[[Look], Fault | None], ...] = (_clipped, _dropped_out, _offset, _spikes, truncated, late)


def _names(marks: NDArray[np.bool_]) -> str:
    """The axes of [3, n] with any mark."""
    return ", ".join(name for name, row in zip(AXES, marks, strict=True) if row.any())


def _stillness(waveform: Waveform, still: Standstill) -> str:
    axes, verb = [AXES[axis] for axis in still.axes], "stands" if len(still.axes) == 1 else "stand"
    at_g = [f"{waveform.own_g[axis, still.start]:.4g}" for axis in still.axes]
    return f"{', '.join(axes)} {verb} still at {', '.join(at_g)} g {_span(waveform, still.start, still.stop - 1)}"


def _span(waveform: Waveform, first: int, last: int) -> str:
    first_ms, last_ms = waveform.from_trigger_ms(first), waveform.from_trigger_ms(last)
    return f"at {first_ms:.1f} ms" if first == last else f"from {first_ms:.1f} ms to {last_ms:.1f} ms"
