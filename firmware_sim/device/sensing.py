"""What an accelerometer makes of an acceleration: mounting, coupling, filters, offset, noise and converter.

container axes ─► sensor axes ─► high-pass (AC) ─► low-pass ─► + gravity (DC), offset, noise ─► counts
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from firmware_sim.physics.impact import REST_G

F64 = NDArray[np.float64]
Row = tuple[float, float, float]

IDENTITY: tuple[Row, Row, Row] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
MAX_SAMPLES = 170_000  # in one record, by the wire format
MIN_SAMPLES = 8  # after the trigger: fewer have neither a pulse nor a frequency in them
NEGLIGIBLE = 1e-12


@dataclass(frozen=True, slots=True)
class Accelerometer:
    """Settings of one accelerometer. Raise ValueError for settings that do not go together.

    level_g, wake_g: resultant departure from rest. A free fall departs by 1 g: a DC-coupled sensor of a lower level
    triggers on the fall, not on the impact. wake_g: the sensor sleeps until then and has no samples from before;
    0: it never sleeps. hp_hz: corner of the first-order high-pass of an AC-coupled sensor, 0 with DC. lp_hz: corner of
    a first-order low-pass; from fs_hz / 2 on there is none. offset_g: of the electronics, in sensor axes, after any
    coupling. noise_g: RMS of each axis. rotation: rows of the matrix from sensor to container axes.
    """

    name: str = "a"
    fs_hz: float = 3200.0
    record_s: float = 0.25
    pre_s: float = 0.125
    range_g: float = 16.0
    bits: int = 16
    level_g: float = 1.0
    wake_g: float = 0.0
    dead_s: float = 0.0
    coupling: Literal["dc", "ac"] = "dc"
    hp_hz: float = 0.0
    lp_hz: float = 1600.0
    offset_g: Row = (0.0, 0.0, 0.0)
    noise_g: float = 0.005
    rotation: tuple[Row, Row, Row] = IDENTITY

    def __post_init__(self) -> None:
        matrix = np.array(self.rotation)
        wrong = {
            "rotation: expected a rotation matrix": not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-6)
            or np.linalg.det(matrix) < 0,
            "level_g: expected above 0 and below range_g": not 0 < self.level_g < self.range_g,
            "bits: expected 2 to 16": not 2 <= self.bits <= 16,
            "hp_hz: expected above 0 with AC coupling and 0 with DC": (self.hp_hz > 0) != (self.coupling == "ac"),
            "pre_s: expected from 0 and below record_s": not 0 <= self.pre_s < self.record_s,
            f"record_s: expected at most {MAX_SAMPLES} samples": not 0 < self.record_s * self.fs_hz <= MAX_SAMPLES,
            f"record_s: expected at least {MIN_SAMPLES} samples after pre_s": not (self.record_s - self.pre_s)
            * self.fs_hz
            >= MIN_SAMPLES,
            "wake_g, dead_s, noise_g: expected from 0": min(self.wake_g, self.dead_s, self.noise_g) < 0,
            "lp_hz: expected above 0": not self.lp_hz > 0,
        }
        if any(wrong.values()):
            found = "; ".join(message for message, is_wrong in wrong.items() if is_wrong)
            raise ValueError(f"accelerometer {self.name}: {found}")

    @property
    def scale_g(self) -> float:
        """One count in g: range_g / 2^(bits - 1)."""
        return float(self.range_g / 2 ** (self.bits - 1))

    def settings(self) -> dict[str, float]:
        """Return what the birth declares under `accs`."""
        return {
            "fs": self.fs_hz,
            "range_g": self.range_g,
            "level_g": self.level_g,
            "lp_hz": self.lp_hz,
            "hp_hz": self.hp_hz,
            "dead_ms": self.dead_s * 1000.0,
        }

    def rest_g(self) -> F64:
        """Return what the sensor reads at rest: (3,) float64 in sensor axes, offset and, with DC, gravity."""
        gravity_g = np.array(self.rotation).T @ np.array(REST_G) if self.coupling == "dc" else np.zeros(3)
        return np.asarray(gravity_g + np.array(self.offset_g), dtype=np.float64)

    def sense(self, wave_g: F64, random: np.random.Generator) -> F64:
        """Return what the converter sees: (3, n) float64 g in sensor axes.

        wave_g: (3, n) departures from rest in container axes, at rest before its first sample. The step response of
        the high-pass is exp(-2 pi hp t), and of the low-pass 1 - exp(-2 pi lp t).
        """
        sensed_g = np.array(self.rotation).T @ wave_g
        if self.coupling == "ac":
            sensed_g[:, 1:] -= lagged(sensed_g, self.hp_hz, self.fs_hz)[:, :-1]
        if self.lp_hz < self.fs_hz / 2:
            sensed_g = lagged(sensed_g, self.lp_hz, self.fs_hz)
        sensed_g += self.rest_g()[:, None]
        sensed_g += self.noise_g * random.standard_normal(sensed_g.shape)
        return sensed_g

    def counts(self, sensed_g: F64) -> NDArray[np.int16]:
        """Return (3, n) int16 counts of scale_g, cut at the rails -2^(bits - 1) and 2^(bits - 1) - 1."""
        rail = 2 ** (self.bits - 1)
        return np.clip(np.round(sensed_g / self.scale_g), -rail, rail - 1).astype(np.int16)


def lagged(x: F64, corner_hz: float, fs_hz: float) -> F64:
    """Return y[k] = a y[k-1] + (1 - a) x[k] along the last axis, a = exp(-2 pi corner / fs), from rest.

    The sum over the past is doubled in length at each step, so n samples take log2(n) passes and no loop over samples.
    """
    keep = math.exp(-2.0 * math.pi * corner_hz / fs_hz)
    y, length = (1.0 - keep) * x, 1
    while length < x.shape[-1] and keep**length > NEGLIGIBLE:
        y[..., length:] += keep**length * y[..., :-length]
        length *= 2
    return y
