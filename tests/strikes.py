"""Waveforms of impacts, falls and vibration made by formula, as a sensor of any orientation and offset reads them."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitor.shock.waveform import Waveform

F64 = NDArray[np.float64]
Shape = Literal["half-sine", "sawtooth"]

G_M_S2 = 9.80665
AREA = {"half-sine": 2 / math.pi, "sawtooth": 0.5}  # of a pulse of peak 1 and length 1


def direction(random: np.random.Generator) -> F64:
    """A unit vector, any as likely as any other."""
    vector = random.standard_normal(3)
    return np.asarray(vector / np.linalg.norm(vector))


def pulse(t_s: F64, at_s: float, peak_g: float, length_s: float, shape: Shape = "half-sine") -> F64:
    """A half-sine, or a sawtooth with its peak at the end."""
    x = (t_s - at_s) / length_s
    wave = np.sin(np.pi * x) if shape == "half-sine" else x
    return np.where((x >= 0) & (x < 1), peak_g * wave, 0.0)


def ring(t_s: F64, at_s: float, peak_g: float, hz: float, q: float) -> F64:
    """What dies away after an impact: about `peak_g` at its first crest."""
    x = np.maximum(t_s - at_s, 0.0)
    wave: F64 = peak_g * np.exp(-math.pi * hz * x / q) * np.sin(2 * math.pi * hz * x)
    return wave


def gaussian(
    random: np.random.Generator, samples: int, fs_hz: float, grms: float, low_hz: float, high_hz: float
) -> F64:
    """Gaussian vibration of a flat spectrum between two frequencies, `grms` on each axis, [3, n]."""
    spectrum = np.fft.rfft(random.standard_normal((3, samples)))
    hz = np.fft.rfftfreq(samples, 1 / fs_hz)
    wave = np.fft.irfft(spectrum * ((hz >= low_hz) & (hz <= high_hz)), samples)
    return np.asarray(grms * wave / wave.std())


def fall_s(height_m: float) -> float:
    """Time of a fall."""
    return math.sqrt(2 * height_m / G_M_S2)


def dropped(
    height_m: float,
    restitution: float,
    shape: Shape,
    length_s: float,
    fs_hz: float,
    before_s: float,
    after_s: float,
    offset_g: F64,
    noise_g: float,
    random: np.random.Generator,
    bounces: int = 1,
) -> Waveform:
    """A drop as it is felt: gravity at rest, nothing in the fall, the push of the ground, nothing in each bounce, rest.

    `before_s` of it lie before the impact, fall included. The sensor lies and is pushed any way, only not downwards.
    """
    up, push = direction(random), direction(random)
    push *= math.copysign(1.0, push @ up)
    first_s = random.uniform(0, 1) / fs_hz - before_s
    t_s = first_s + np.arange(math.ceil((before_s + after_s) * fs_hz)) / fs_hz
    speed_m_s, at_s, felt_g = math.sqrt(2 * G_M_S2 * height_m), 0.0, np.zeros(t_s.size)
    for _ in range(bounces):
        peak_g = (1 + restitution) * speed_m_s / (AREA[shape] * length_s * G_M_S2)
        felt_g += pulse(t_s, at_s, peak_g, length_s, shape)
        speed_m_s *= restitution
        at_s += length_s + 2 * speed_m_s / G_M_S2
    has_weight = (t_s < -fall_s(height_m)) | (t_s >= (at_s if bounces > 1 else length_s))
    wave_g = np.outer(up, has_weight) + np.outer(push, felt_g) + offset_g[:, None]
    wave_g += noise_g * random.standard_normal(wave_g.shape)
    return waveform(wave_g, fs_hz, round(before_s * fs_hz))


def waveform(raw_g: F64, fs_hz: float, pre: int) -> Waveform:
    """An event of a sensor whose rails are far away."""
    return Waveform(raw_g, fs_hz, pre, np.zeros(raw_g.shape, dtype=np.bool_))
