"""All oscillators over all records with NumPy.

A block of 16 samples and the state at its start make the block's responses, by one small matrix for each oscillator; so
a record is one product of matrices. The states go from block to block for all oscillators and records at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitor.shock.spectrum.oscillator import BLOCK, Complexes, Oscillators

# At once, so that what is worked on (4 MB) stays in the processor's cache.
MAX_BLOCKS = 2048
MAX_OSCILLATORS = 128

Extremes = tuple[NDArray[np.float64], NDArray[np.float64], Complexes]


def extremes(records: NDArray[np.float64], oscillators: Oscillators) -> Extremes:
    """Largest and smallest response, 0 before the record included, [m, r, f], and the state behind the record, [r, f].

    `records` are finite, [r, n], n a multiple of 16.
    """
    quantities, count = oscillators.factor.shape
    high, low = np.zeros((2, quantities, len(records), count))
    state = np.zeros((len(records), count), dtype=np.complex128)
    samples = max(1, MAX_BLOCKS // max(1, len(records))) * BLOCK
    for lane in range(0, count, MAX_OSCILLATORS):
        lanes = slice(lane, lane + MAX_OSCILLATORS)
        row = _Row(Oscillators._make(field[..., lanes] for field in oscillators))
        for first in range(0, records.shape[1], samples):
            row.take(records[:, first : first + samples], high[..., lanes], low[..., lanes], state[:, lanes])
    return high, low, state


class _Row:
    """Some oscillators, as the matrices by which they answer a block."""

    def __init__(self, oscillators: Oscillators) -> None:
        powers = oscillators.step[:, None] ** np.arange(BLOCK + 1)
        pushed = oscillators.gain[:, None] * powers[:, :BLOCK]
        self._step = powers[:, BLOCK]
        # Samples to the state behind the block: [16, f] complex, taken as [16, 2 f] real numbers.
        self._to_state = np.ascontiguousarray(pushed[:, ::-1].T).view(np.float64)
        # Samples, and the real and the imaginary part of the state before them, to responses: [f, m, 18, 16].
        factor, direct = oscillators.factor.T[..., None], oscillators.direct.T[..., None]
        after = np.concatenate([direct, (factor * pushed[:, None, :-1]).imag], axis=-1)
        free = factor * powers[:, None, :BLOCK]
        self._to_response = np.zeros((*after.shape[:2], BLOCK + 2, BLOCK))
        for sample in range(BLOCK):
            self._to_response[..., sample, sample:] = after[..., : BLOCK - sample]
        self._to_response[..., BLOCK, :] = free.imag
        self._to_response[..., BLOCK + 1, :] = free.real

    def take(
        self, records: NDArray[np.float64], high: NDArray[np.float64], low: NDArray[np.float64], state: Complexes
    ) -> None:
        """Go on over the next samples [r, n]; extremes and states are brought up to date in place."""
        count, blocks = len(records), records.shape[1] // BLOCK
        given = np.empty((count, blocks, BLOCK + 2))
        given[..., :BLOCK] = records.reshape(count, blocks, BLOCK)
        states = self._states(given[..., :BLOCK], state)
        before = given.view(np.complex128)[..., -1]
        responses = np.empty((count, blocks, BLOCK))
        of_record = responses.reshape(count, blocks * BLOCK)
        for lane, quantities in enumerate(self._to_response):
            before[:] = states[:, :-1, lane]
            for to_response, highest, lowest in zip(quantities, high[..., lane], low[..., lane], strict=True):
                np.matmul(given.reshape(-1, BLOCK + 2), to_response, out=responses.reshape(-1, BLOCK))
                np.maximum(highest, of_record.max(axis=1), out=highest)
                np.minimum(lowest, of_record.min(axis=1), out=lowest)
        state[:] = states[:, -1]

    def _states(self, samples: NDArray[np.float64], first: Complexes) -> Complexes:
        """The states before each block and behind the last, [r, blocks + 1, f]."""
        states = np.empty((samples.shape[0], samples.shape[1] + 1, len(self._step)), dtype=np.complex128)
        states[:, 0] = first
        np.matmul(samples, self._to_state, out=states[:, 1:].view(np.float64))
        decayed = np.empty_like(first)
        for block in range(samples.shape[1]):
            np.multiply(states[:, block], self._step, out=decayed)
            states[:, block + 1] += decayed
        return states
