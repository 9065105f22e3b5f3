"""Impacts: single pulses of acceleration, and the drops that end in one.

    begin_s        at_s                        end_s
       │  fall      │  pulse     │  swing back   │
       └── -1 g ────┘ peak_g     └ -rebound * peak_g, REBOUND_STRETCH times as long

All accelerations are in container axes (z up) as departures from rest: gravity is not in them.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Vector = tuple[float, float, float]
Shape = Literal["half-sine", "sawtooth"]

G_M_S2 = 9.80665
REST_G = (0.0, 0.0, 1.0)  # what a DC-coupled sensor in container axes reads at rest
UP: Vector = (0.0, 0.0, 1.0)
REBOUND = 0.12  # of the peak, as a mount swings back that is pushed; a drop computes its own
REBOUND_STRETCH = 2.0  # the swing back lasts so many times the pulse
MAX_DROP_M = 10.0
MAX_FALL_S = math.sqrt(2.0 * MAX_DROP_M / G_M_S2)  # 1.43 s
AREA = {"half-sine": 2.0 / math.pi, "sawtooth": 0.5}  # of a pulse of peak 1 and duration 1
ENERGY = {"half-sine": 0.5, "sawtooth": 1.0 / 3.0}  # its square's area


@dataclass(frozen=True, slots=True)
class Surface:
    """What is dropped upon: duration of the pulse, restitution (speed after / speed before) and shape of the pulse."""

    duration_ms: float
    restitution: float
    shape: Shape


# Our own choice for a packed container of some hundred kilograms; no standard is behind these figures.
SURFACES = {
    "concrete": Surface(6.0, 0.4, "half-sine"),
    "wood": Surface(11.0, 0.3, "half-sine"),
    "soil": Surface(20.0, 0.1, "sawtooth"),  # pushes back harder the deeper it is pressed, then gives way
    "foam": Surface(30.0, 0.5, "half-sine"),
}


@dataclass(frozen=True, slots=True)
class Impact:
    """A pulse that begins at at_s (s since the scenario's start).

    axis_unit: direction of a positive peak in container axes. peak_g: signed. rebound: amplitude of the swing back as
    a share of the peak, from 0 to 1. drop_height_m: the fall that ends in this pulse, None without one. cause: for the
    truth. Raise ValueError for a direction that is not of length 1, and for anything out of its range.
    """

    at_s: float
    axis_unit: Vector
    shape: Shape
    peak_g: float
    duration_ms: float
    rebound: float = REBOUND
    drop_height_m: float | None = None
    cause: str = "impact"

    def __post_init__(self) -> None:
        where = f"impact at {self.at_s} s ({self.cause})"
        if not math.isclose(math.hypot(*self.axis_unit), 1.0, abs_tol=1e-6):
            raise ValueError(f"{where}: axis_unit {self.axis_unit} is not of length 1")
        if self.shape not in AREA:
            raise ValueError(f"{where}: shape {self.shape!r}, expected one of {', '.join(AREA)}")
        if not (self.duration_ms > 0 and 0 <= self.rebound <= 1 and math.isfinite(self.peak_g)):
            raise ValueError(f"{where}: expected duration_ms above 0, rebound from 0 to 1 and a finite peak_g")
        if self.drop_height_m is not None and not 0 < self.drop_height_m <= MAX_DROP_M:
            raise ValueError(f"{where}: drop_height_m {self.drop_height_m}, expected above 0 and up to {MAX_DROP_M} m")

    @property
    def fall_s(self) -> float:
        """Time of the free fall in s, sqrt(2 h / g); 0 without a drop."""
        return math.sqrt(2.0 * (self.drop_height_m or 0.0) / G_M_S2)

    @property
    def begin_s(self) -> float:
        """When the first departure from rest begins: at_s, or the begin of the fall."""
        return self.at_s - self.fall_s

    @property
    def pulse_end_s(self) -> float:
        """When the pulse is over and the swing back begins."""
        return self.at_s + self.duration_ms / 1000.0

    @property
    def end_s(self) -> float:
        """When the swing back is over."""
        return self.pulse_end_s + (REBOUND_STRETCH * self.duration_ms / 1000.0 if self.rebound > 0 else 0.0)

    @property
    def delta_v_m_s(self) -> float:
        """Velocity change of the pulse without the swing back: 2/pi A tau (half-sine), A tau / 2 (sawtooth)."""
        return AREA[self.shape] * self.peak_g * G_M_S2 * self.duration_ms / 1000.0

    @property
    def energy_g2_s(self) -> float:
        """Integral of the squared departure from rest over pulse, swing back and fall."""
        swing = self.rebound**2 * REBOUND_STRETCH * ENERGY["half-sine"]
        return self.peak_g**2 * self.duration_ms / 1000.0 * (ENERGY[self.shape] + swing) + self.fall_s

    def behind(self, isolation: float) -> "Impact":
        """Return what is left of the pulse behind an isolation that lets this share through; a fall stays a fall."""
        return self if isolation == 1.0 else replace(self, peak_g=self.peak_g * isolation)

    def wave_g(self, t_s: F64) -> F64:
        """Return the departure from rest at t_s (n,), in any order, as (3, n) float64 in g, container axes.

        Half-sine A sin(pi t / tau) or terminal-peak sawtooth A t / tau for 0 <= t < tau; then the swing back
        -rebound A sin(pi (t - tau) / (stretch tau)); before it, in a drop, free fall: minus what rest reads.
        """
        elapsed_s, tau_s = t_s - self.at_s, self.duration_ms / 1000.0
        along_g = np.zeros(t_s.size)
        pulse = (elapsed_s >= 0) & (elapsed_s < tau_s)
        share = elapsed_s[pulse] / tau_s
        along_g[pulse] = self.peak_g * (np.sin(np.pi * share) if self.shape == "half-sine" else share)
        swing = (elapsed_s >= tau_s) & (t_s < self.end_s)
        phase = np.pi / REBOUND_STRETCH * (elapsed_s[swing] / tau_s - 1.0)
        along_g[swing] = -self.rebound * self.peak_g * np.sin(phase)
        wave_g = np.outer(self.axis_unit, along_g)
        if self.drop_height_m is not None:
            wave_g[:, (t_s >= self.begin_s) & (elapsed_s < 0)] -= np.array(REST_G)[:, None]
        return wave_g


def drop(height_m: float, surface: str, at_s: float, axis_unit: Vector = UP, cause: str = "drop") -> Impact:
    """Return the impact that ends a fall of height_m at at_s on one of SURFACES.

    v = sqrt(2 g h), dV = (1 + e) v; the peak follows from dV and the surface's duration; the swing back takes away
    what is left, e v, so that everything is at rest in the end. Raise ValueError for a surface that is not known.
    """
    if surface not in SURFACES:
        raise ValueError(f"drop at {at_s} s: surface {surface!r}, expected one of {', '.join(SURFACES)}")
    ground = SURFACES[surface]
    return struck(height_m, ground, at_s, axis_unit, cause)


def struck(height_m: float, ground: Surface, at_s: float, axis_unit: Vector = UP, cause: str = "drop") -> Impact:
    """Return what `drop` returns, for a surface of one's own."""
    delta_v_m_s = (1.0 + ground.restitution) * math.sqrt(2.0 * G_M_S2 * height_m)
    area = AREA[ground.shape]
    peak_g = delta_v_m_s / (area * ground.duration_ms / 1000.0 * G_M_S2)
    returned = ground.restitution / (1.0 + ground.restitution)  # e v as a share of dV
    rebound = returned * area / (AREA["half-sine"] * REBOUND_STRETCH)
    return Impact(at_s, axis_unit, ground.shape, peak_g, ground.duration_ms, rebound, height_m, cause)


class Nearby:
    """The impacts around the present, pulled one by one from a stream in order of at_s that need not fit into memory.

    reach_s: how far the times of `within` may go back. Raise ValueError for a stream out of order, once it shows.
    """

    def __init__(self, impacts: Iterable[Impact], reach_s: float) -> None:
        self._stream = enumerate(impacts)
        self._reach_s = reach_s + MAX_FALL_S
        self._near: deque[tuple[int, Impact]] = deque()
        self._done = 0  # of _near

    def first(self) -> tuple[int, Impact] | None:
        """Return the first that is not done, with its place in the stream; None at the end."""
        if self._done == len(self._near) and not self._pull():
            return None
        return self._near[self._done]

    def done(self) -> None:
        """Take the first as done; it stays within reach."""
        self._done += 1

    def within(self, begin_s: float, end_s: float) -> list[Impact]:
        """Return all whose departure from rest shares time with [begin_s, end_s), done or not."""
        while (not self._near or self._near[-1][1].at_s <= end_s + MAX_FALL_S) and self._pull():
            pass
        while self._done and self._near[0][1].end_s < begin_s - self._reach_s:
            self._near.popleft()
            self._done -= 1
        return [impact for _, impact in self._near if impact.end_s > begin_s and impact.begin_s < end_s]

    def _pull(self) -> bool:
        entry = next(self._stream, None)
        if entry is None:
            return False
        if self._near and entry[1].at_s < self._near[-1][1].at_s:
            raise ValueError(f"impacts: number {entry[0]} at {entry[1].at_s} s comes before the one ahead of it")
        self._near.append(entry)
        return True
