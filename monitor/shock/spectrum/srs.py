"""Shock response spectra of events, by whichever kernel there is: they agree to 1e-9 of a record's largest response."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from math import prod
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.model.event_summary import Q
from monitor.shock.spectrum import plain
from monitor.shock.spectrum.oscillator import (
    BLOCK,
    Oscillators,
    free_peaks,
    oscillators,
)

MAX_SAMPLES = plain.MAX_BLOCKS * BLOCK  # that a kernel is given in one call, unless a single record is longer

Kernel = Callable[[NDArray[np.float64], Oscillators], plain.Extremes]


class Spectrum(NamedTuple):
    """Largest responses by frequency, float64 [..., f], all as magnitudes >= 0.

    `primary` ones while the record lasts, `residual` ones of the free oscillation behind it; against and along the
    axis. `NaN` where the record holds NaN.
    """

    frequencies_hz: NDArray[np.float64]
    q: float
    primary_positive: NDArray[np.float64]
    primary_negative: NDArray[np.float64]
    residual_positive: NDArray[np.float64]
    residual_negative: NDArray[np.float64]

    @property
    def positive(self) -> NDArray[np.float64]:
        """Along the axis, primary or residual."""
        return np.maximum(self.primary_positive, self.residual_positive)

    @property
    def negative(self) -> NDArray[np.float64]:
        """Against the axis, primary or residual."""
        return np.maximum(self.primary_negative, self.residual_negative)

    @property
    def maximax(self) -> NDArray[np.float64]:
        """The larger of both."""
        return np.maximum(self.positive, self.negative)


class Responses(NamedTuple):
    """Spectra of absolute acceleration (g), relative displacement (m) and pseudo-velocity (m/s)."""

    acceleration: Spectrum
    displacement: Spectrum
    pseudo_velocity: Spectrum


def srs(
    accel_g: NDArray[np.float64],
    fs_hz: float,
    frequencies_hz: NDArray[np.float64],
    q: float = Q,
    kernel: Kernel | None = None,
) -> Spectrum:
    """Absolute acceleration, g, of records float64 [..., n], n > 0, static part removed.

    `kernel` None: the fastest that is ready. ValueError: no sample, a rate that is not positive and finite, Q not above
    0.5, no frequency, or one that is not in 0 < f <= fs / 2.
    """
    _check(accel_g, fs_hz, frequencies_hz, q)
    row = _row(tuple(frequencies_hz.tolist()), q, fs_hz, with_displacement=False)
    return Spectrum(frequencies_hz, q, *_magnitudes(accel_g, row, kernel)[0])


def responses(
    accel_g: NDArray[np.float64],
    fs_hz: float,
    frequencies_hz: NDArray[np.float64],
    q: float = Q,
    kernel: Kernel | None = None,
) -> Responses:
    """All three spectra of records float64 [..., n]; arguments and errors as `srs`."""
    _check(accel_g, fs_hz, frequencies_hz, q)
    row = _row(tuple(frequencies_hz.tolist()), q, fs_hz, with_displacement=True)
    acceleration_g, displacement_m = _magnitudes(accel_g, row, kernel)
    velocity_m_s = displacement_m * (2 * np.pi * frequencies_hz)
    return Responses(*(Spectrum(frequencies_hz, q, *each) for each in (acceleration_g, displacement_m, velocity_m_s)))


_kernels: list[Kernel] = [plain.extremes]  # the last one answers


def warm_up() -> None:
    """Make the compiled kernel ready, where the extra `fast` is installed; until then the plain one answers.

    It takes a second, two where nothing was compiled before; other threads go on meanwhile.
    """
    if find_spec("numba") is None:
        return
    from monitor.shock.spectrum import fast

    _kernels[1:] = [fast.extremes]


def kernel_in_use() -> Literal["numpy", "compiled"]:
    """Which one answers now."""
    return "compiled" if len(_kernels) > 1 else "numpy"


def _check(accel_g: NDArray[np.float64], fs_hz: float, frequencies_hz: NDArray[np.float64], q: float) -> None:
    if accel_g.ndim == 0 or accel_g.shape[-1] == 0:
        raise ValueError(f"srs: expected records of one or more samples, got shape {list(accel_g.shape)}")
    if not 0 < fs_hz < np.inf:
        raise ValueError(f"srs: expected a positive sampling rate in Hz, got {fs_hz:g}")
    if not 0.5 < q < np.inf:
        raise ValueError(f"srs: expected a Q above 0.5, as of an oscillator that swings, got {q:g}")
    if frequencies_hz.ndim != 1 or frequencies_hz.size == 0:
        raise ValueError(f"srs: expected one or more frequencies in a row, got shape {list(frequencies_hz.shape)}")
    wrong_hz = frequencies_hz[~((frequencies_hz > 0) & (frequencies_hz <= fs_hz / 2))]
    if wrong_hz.size:
        raise ValueError(
            f"srs: expected frequencies above 0 and up to {fs_hz / 2:g} Hz, half the rate, got {wrong_hz[0]:g}"
        )


@lru_cache(maxsize=16)  # a logger's events have one rate, and few spectra are asked for
def _row(frequencies_hz: tuple[float, ...], q: float, fs_hz: float, *, with_displacement: bool) -> Oscillators:
    return oscillators(np.array(frequencies_hz, np.float64), q, fs_hz, with_displacement=with_displacement)


def _magnitudes(accel_g: NDArray[np.float64], row: Oscillators, kernel: Kernel | None) -> NDArray[np.float64]:
    """Primary positive and negative, residual positive and negative of records [..., n]: [m, 4, ..., f]."""
    leading, samples = accel_g.shape[:-1], accel_g.shape[-1]
    records = accel_g.reshape(prod(leading), samples)
    quantities, count = row.factor.shape
    magnitudes = np.empty((quantities, 4, len(records), count))
    at_once = max(1, MAX_SAMPLES // samples)
    for first in range(0, len(records), at_once):
        some = slice(first, first + at_once)
        magnitudes[:, :, some] = _magnitudes_of_some(records[some], row, kernel or _kernels[-1])
    return magnitudes.reshape(quantities, 4, *leading, count)


def _magnitudes_of_some(records: NDArray[np.float64], row: Oscillators, kernel: Kernel) -> NDArray[np.float64]:
    """Of records [r, n], by one call of the kernel.

    Behind a record acceleration runs to 0 in one step, as it does where a filter is fed with zeros.
    """
    has_hole = ~np.isfinite(records).all(axis=1)
    count, samples = records.shape
    blocks = np.zeros((count, -(-samples // BLOCK) * BLOCK))
    blocks[:, -samples:] = records
    blocks[has_hole] = 0.0
    high, low, state = kernel(blocks, row)
    magnitudes = np.stack([high, np.abs(low), *free_peaks(row.factor[:, None] * state, row.pole)], axis=1)
    magnitudes[:, :, has_hole] = np.nan
    return magnitudes
