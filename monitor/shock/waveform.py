"""What every algorithm of this folder is given: one event, its samples in g on container axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.model.record import MAX_RATE_HZ, Shock

AXES = ("x", "y", "z")
RAILS = (-32_768, 32_767)  # int16: a count there has lost what lay beyond


@dataclass(frozen=True, slots=True, eq=False)
class Waveform:
    """Samples of one event and what is known of the sensor that took them.

    `raw_g` float64 [3, n] is turned to container axes, offset and gravity included; NaN where a sensor gave nothing.
    `pre` samples lie before the trigger. `is_at_rail` bool [3, n] (sensor axes) marks samples that have lost what lay
    beyond; `rail_g` is the sensor's full scale, the least of its axes', `level_g` the trigger level, `lowpass_hz` the
    corner of the sensor's own low-pass: None where nobody says. `sensor_g` [3, n] are the samples on the sensor's own
    axes, None where these are the container's. ValueError for what is no event: other than 3 axes, arrays of other
    shapes, no sample, a rate that is not positive or above MAX_RATE_HZ, a `pre` that is no whole number.
    """

    raw_g: NDArray[np.float64]
    fs_hz: float
    pre: int
    is_at_rail: NDArray[np.bool_]
    rail_g: float | None = None
    level_g: float | None = None
    lowpass_hz: float | None = None
    sensor_g: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.raw_g.ndim != 2 or self.raw_g.shape[0] != len(AXES):
            raise ValueError(f"shock event: expected samples of 3 axes, [3, n], got shape {list(self.raw_g.shape)}")
        if self.raw_g.shape[1] == 0:
            raise ValueError("shock event: expected at least one sample, got none")
        if not 0 < self.fs_hz <= MAX_RATE_HZ:
            raise ValueError(f"shock event: expected a rate above 0 and up to {MAX_RATE_HZ:g} Hz, got {self.fs_hz:g}")
        if not isinstance(self.pre, int | np.integer):
            raise ValueError(f"shock event: expected a whole number of samples before the trigger, got {self.pre}")
        for name, shape in (("is_at_rail", self.is_at_rail.shape), ("sensor_g", self.own_g.shape)):
            if shape != self.raw_g.shape:
                raise ValueError(f"shock event: expected {name} as raw_g, {list(self.raw_g.shape)}, got {list(shape)}")

    @property
    def samples(self) -> int:
        """Number of samples on each axis."""
        return int(self.raw_g.shape[1])

    @property
    def samples_before(self) -> int:
        """Number of samples before the trigger that the record holds, whatever `pre` says."""
        return min(max(self.pre, 0), self.samples)

    @property
    def own_g(self) -> NDArray[np.float64]:
        """The samples on the sensor's own axes."""
        return self.raw_g if self.sensor_g is None else self.sensor_g

    def offset_ns(self, sample: float) -> int:
        """Time of a sample, or of a place between two, from the first: round(i * 1e9 / fs)."""
        return round(sample * 1e9 / self.fs_hz)

    def from_trigger_ms(self, sample: float) -> float:
        """Time of a sample, or of a place between two, from the trigger, in ms."""
        return 1e3 * (sample - self.pre) / self.fs_hz


def waveform_of(shock: Shock, rotation: NDArray[np.float64], lowpass_hz: float | None = None) -> Waveform:
    """The event turned to container axes by `rotation` [3, 3] (sensor to container).

    A scale that is no number, or 0, makes all samples NaN: nobody knows what the counts mean. A range that is none, or
    wider than the counts reach, says nothing: the counts' own does. Errors as `Waveform`.
    """
    size_g = np.abs(shock.scale)
    if not (np.isfinite(size_g * RAILS[1]).all() and (size_g > 0).all()):
        unknown_g = np.full(shock.counts.shape, np.nan)
        return Waveform(unknown_g, shock.fs_hz, shock.pre, np.zeros(unknown_g.shape, dtype=np.bool_))
    accel_g = shock.accel_g
    at_rail = (shock.counts == RAILS[0]) | (shock.counts == RAILS[1])
    rail_g = float(size_g.min()) * RAILS[1]
    if 0 < shock.range_g < rail_g:
        # A converter of fewer bits has its upper rail one count below the full scale.
        at_rail |= np.abs(accel_g) >= (shock.range_g - size_g)[:, None]
        rail_g = shock.range_g
    level_g = shock.level_g if shock.level_g > 0 else None
    if lowpass_hz is not None and lowpass_hz <= 0:  # which no sensor has that recorded anything
        lowpass_hz = None
    return Waveform(rotation @ accel_g, shock.fs_hz, shock.pre, at_rail, rail_g, level_g, lowpass_hz, accel_g)
