"""Zero-phase low-pass, as limits on shocks are stated for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ORDER = 4
PAD = 15  # samples reflected at each end: 3 x the 5 taps of a 4th-order filter, scipy's own choice

# Below about 1e-8 the sections have no steady state that floats can hold (scipy raises). No sensor samples a million
# times faster than a limit's corner, so such a rate is a wrong one; left unfiltered, the event is judged too high.
MIN_CORNER_PER_FS = 1e-6


def lowpass(accel_g: NDArray[np.float64], fs_hz: float, corner_hz: float) -> NDArray[np.float64]:
    """4th-order Butterworth, forward and backward: half amplitude at the corner, no delay. float64 [..., n], n > 0.

    Unchanged when the corner is not below fs / 2, nor above fs / 1e6. Records shorter than the pad
    are padded by what they have. NaN spreads over its whole axis. Forward-backward filtering: Gustafsson 1996,
    doi:10.1109/78.492552, with odd reflection at the ends (scipy.signal.sosfiltfilt).
    """
    if not MIN_CORNER_PER_FS < corner_hz / fs_hz < 0.5:
        return accel_g
    from scipy.signal import sosfiltfilt  # here: 1.3 s of import that only shock rules need

    filtered: NDArray[np.float64] = sosfiltfilt(
        _sections(corner_hz / fs_hz), accel_g, axis=-1, padlen=min(PAD, accel_g.shape[-1] - 1)
    )
    return filtered


@lru_cache(maxsize=64)  # rules know few corners, loggers few rates; a hostile sender must not grow this
def _sections(corner_per_fs: float) -> NDArray[np.float64]:
    from scipy.signal import butter  # here: as above

    sections: NDArray[np.float64] = butter(ORDER, corner_per_fs, output="sos", fs=1.0)
    return sections
