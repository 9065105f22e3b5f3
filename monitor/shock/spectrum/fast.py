"""All oscillators over all records as a compiled kernel: eight oscillators to a register, four samples in one go.

Importing this module compiles it, or loads from numba's cache what was compiled before: about a second either way, so
it is for `warm_up`.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from monitor.shock.spectrum.oscillator import Oscillators
from monitor.shock.spectrum.plain import Extremes

WIDTH = 8  # float64 in the widest register; what is missing of the last eight rests


def extremes(records: NDArray[np.float64], oscillators: Oscillators) -> Extremes:
    """As `plain.extremes`."""
    quantities, count = oscillators.factor.shape
    width = -(-count // WIDTH) * WIDTH
    step, gain, factor, direct = oscillators[1:]
    rows = np.zeros((4 + 3 * quantities, width))
    rows[:5, :count] = step.real, step.imag, gain.real, gain.imag, direct[0]
    states, bounds = np.zeros((2, len(records), width)), np.zeros((quantities, 2, len(records), width))
    if quantities == 1:
        _go(records, rows, states, bounds[0], None)
    else:
        rows[5:8, :count] = factor[1].real, factor[1].imag, direct[1]
        _go(records, rows, states, bounds[0], bounds[1])
    state = (states[0] + 1j * states[1])[:, :count]
    return bounds[:, 0, :, :count], bounds[:, 1, :, :count], state


_ROWS, _RECORDS = "float64[:, ::1]", "float64[:, :, ::1]"


# Fused multiplication and addition is allowed ("contract"), nothing that would take another order of sums. Where
# `second` is None, what depends on it is not compiled.
@njit(
    [f"void({_ROWS}, {_ROWS}, {_RECORDS}, {_RECORDS}, {second})" for second in ("none", _RECORDS)],
    fastmath={"contract"},
    nogil=True,
    cache=True,
)
def _go(records, rows, states, first, second):  # type: ignore[no-untyped-def]  # the signatures above type it
    step_real, step_imag, gain_real, gain_imag, direct = rows[0], rows[1], rows[2], rows[3], rows[4]
    for r in range(records.shape[0]):
        a, real, imag, high, low = records[r], states[0, r], states[1, r], first[0, r], first[1, r]
        for k in range(0, a.shape[0], 4):
            # Named one by one, so that each oscillator stays in registers for four samples.
            samples = (a[k], a[k + 1], a[k + 2], a[k + 3])
            for i in range(step_real.shape[0]):
                x, y, most, least = real[i], imag[i], high[i], low[i]
                if second is not None:
                    most_2, least_2 = second[0, r, i], second[1, r, i]
                for g in samples:
                    response = y + direct[i] * g
                    most = response if response > most else most
                    least = response if response < least else least
                    if second is not None:
                        response = rows[5, i] * y + rows[6, i] * x + rows[7, i] * g
                        most_2 = response if response > most_2 else most_2
                        least_2 = response if response < least_2 else least_2
                    x, y = (
                        gain_real[i] * g + step_real[i] * x - step_imag[i] * y,
                        gain_imag[i] * g + step_imag[i] * x + step_real[i] * y,
                    )
                real[i], imag[i], high[i], low[i] = x, y, most, least
                if second is not None:
                    second[0, r, i], second[1, r, i] = most_2, least_2
