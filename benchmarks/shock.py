"""What the analysis of a shock costs, on one core, with the plain and the compiled kernel of the spectra.

full_analysis_ms: one event of 3 x 4 096 samples at 5 kHz, from its samples to all that can be said of it, spectra of
acceleration, displacement and pseudo-velocity at 104 frequencies included; full_analysis_fast_ms with the compiled
kernel (extra `fast`). srs_ns_per_sample_oscillator: acceleration spectra of 100 such events in one call.
ratio_to_lfilter: its time against scipy's `lfilter`, called once for each frequency with ISO 18431-4's coefficients
over the same records, and the largest magnitudes of what comes out; measured in turns. Medians of processor time.
"""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from benchmarks.common import positive, report, rounded
from monitor.model.event_summary import Q
from monitor.shock.analysis import Analysis
from monitor.shock.boundary import damage_margin
from monitor.shock.envelope import closest
from monitor.shock.spectrum import plain
from monitor.shock.spectrum.octave import STANDARD_HZ
from monitor.shock.spectrum.srs import Kernel, srs, warm_up
from monitor.shock.waveform import Waveform
from tests.iso18431 import acceleration_filter

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
EVENTS, AXES, SAMPLES, FS_HZ, PRE = 100, 3, 4096, 5000.0, 1000
PULSE_G, PULSE_S, NOISE_G = 12.0, 0.011, 0.01
LOWPASS_HZ = 100.0
CRITICAL_G, CRITICAL_M_S = 15.0, 1.5
ENVELOPE = ((10.0, 5.0), (100.0, 30.0), (1000.0, 40.0))
ANALYSES = 20  # events in a round of `full_analysis_ms`


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shock", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=positive, default=7, help="of each figure; the median is shown")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if os.environ | ONE_THREAD != os.environ:  # NumPy reads them when it is loaded, so once more from the start
        command = [sys.executable, "-m", "benchmarks.shock", *sys.argv[1:]]
        sys.exit(subprocess.run(command, env=os.environ | ONE_THREAD, check=False).returncode)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    full_ms = _full_analysis_ms(options.rounds)
    warm_up()
    gc.freeze()  # as the daemon does: else each collection looks through all that the compiler leaves, 70 ms
    full_fast_ms = _full_analysis_ms(options.rounds)
    full = {"full_analysis_ms": full_ms, "full_analysis_fast_ms": full_fast_ms}
    shown = rounded(full | _spectra(options.rounds))
    text = "\n".join(f"{name:<38}{value:>10}" for name, value in shown.items())
    report(shown | {"rounds": options.rounds}, text, options.json)


def _full_analysis_ms(rounds: int) -> float:
    """With the kernel that is ready, one event at a time."""
    waveform = Waveform(_event(), FS_HZ, PRE, np.zeros((AXES, SAMPLES), dtype=np.bool_), rail_g=50.0, level_g=1.0)
    _analyse(waveform)

    def once() -> None:
        for _ in range(ANALYSES):
            _analyse(waveform)

    return 1e3 * median(_seconds(once) for _ in range(rounds)) / ANALYSES


def _analyse(waveform: Waveform) -> None:
    """Everything that rules, store and reports ask of an event."""
    analysis = Analysis(waveform)
    if not analysis.validity.is_valid:
        raise RuntimeError(f"benchmark: the event is invalid: {analysis.validity}")
    analysis.peaks, analysis.kind, analysis.drop, analysis.dominant_hz  # noqa: B018 - worked out when asked for
    analysis.psd, analysis.grms  # noqa: B018 - as above
    analysis.vrs(STANDARD_HZ)
    analysis.pulse(LOWPASS_HZ)
    damage_margin(analysis.peaks.resultant_g, analysis.pulse().delta_v_m_s, CRITICAL_G, CRITICAL_M_S)
    spectrum = analysis.responses.acceleration
    closest(ENVELOPE, spectrum.frequencies_hz, spectrum.maximax.max(axis=0))


def _event() -> NDArray[np.float64]:
    """Samples of three axes: gravity, a half-sine pulse, a structure that rings behind it, noise."""
    time_s = (np.arange(SAMPLES) - PRE) / FS_HZ
    pulse = np.where((time_s >= 0) & (time_s < PULSE_S), np.sin(np.pi * time_s / PULSE_S), 0.0)
    ring = np.where(time_s >= 0, np.exp(-time_s / 0.02) * np.sin(2 * np.pi * 180 * time_s), 0.0)
    axes = PULSE_G * np.outer((0.2, 0.3, 1.0), pulse) + np.outer((1.0, 0.5, 2.0), ring)
    noise = NOISE_G * np.random.default_rng(1).normal(size=(AXES, SAMPLES))
    samples: NDArray[np.float64] = axes + noise + np.array([[0.0], [0.0], [1.0]])
    return samples


def _spectra(rounds: int) -> dict[str, float]:
    """Both kernels and scipy by turns, over the same records, so that all share what the machine does besides."""
    from monitor.shock.spectrum import fast  # compiles: behind `warm_up`

    records = np.tile(_event(), (EVENTS, 1))
    kernels: tuple[Kernel, ...] = (plain.extremes, fast.extremes)
    calls = [lambda: _by_lfilter(records), *(_call(records, kernel) for kernel in kernels)]
    for call in calls[1:]:
        call()
    turns = [[_seconds(call) for call in calls] for _ in range(rounds)]
    lfilter_s, plain_s, fast_s = (median(times) for times in zip(*turns, strict=True))
    ns = 1e9 / (records.size * STANDARD_HZ.size)
    return {
        "srs_ns_per_sample_oscillator": plain_s * ns,
        "srs_fast_ns_per_sample_oscillator": fast_s * ns,
        "lfilter_ns_per_sample_oscillator": lfilter_s * ns,
        "ratio_to_lfilter": lfilter_s / plain_s,
        "ratio_to_lfilter_fast": lfilter_s / fast_s,
    }


def _call(records: NDArray[np.float64], kernel: Kernel) -> Callable[[], object]:
    return lambda: srs(records, FS_HZ, STANDARD_HZ, Q, kernel)


def _by_lfilter(records: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest magnitudes while the record lasts, [f, r], as the usual libraries work them out."""
    filters = (acceleration_filter(hz, Q, FS_HZ) for hz in STANDARD_HZ)
    return np.array([np.abs(lfilter(*each, records)).max(axis=-1) for each in filters])


def _seconds(call: Callable[[], object]) -> float:
    begin_s = time.process_time()
    call()
    return time.process_time() - begin_s


if __name__ == "__main__":
    main()
