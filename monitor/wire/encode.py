"""Records to CBOR, for recordings and other formats that enter the journal as if their logger had sent them."""

from __future__ import annotations

from typing import NamedTuple

import cbor2
import numpy as np
from numpy.typing import NDArray

from monitor.model.record import SYNCHRONISED
from monitor.wire.cbor import FLOAT32_LE, INT16_LE, INT64_LE, MULTI_DIM, VERSION


class Origin(NamedTuple):
    """Whose message of another format a record comes from, and its bytes as received."""

    container: str
    logger: str
    format: str
    raw: bytes


def encode_env(
    boot: int,
    seq: int,
    t0_ns: int,
    offsets_us: NDArray[np.int64],
    channels: tuple[str, ...],
    values: NDArray[np.float32],
    origin: Origin | None = None,
) -> bytes:
    """A block of readings: `offsets_us` int64 [rows] after `t0_ns`, `values` float32 [rows, channels], NaN for none."""
    data = cbor2.CBORTag(FLOAT32_LE, values.astype("<f4").tobytes())
    return cbor2.dumps(
        _common(boot, seq, t0_ns)
        | {
            "dt": cbor2.CBORTag(INT64_LE, offsets_us.astype("<i8").tobytes()),
            "ch": list(channels),
            "x": cbor2.CBORTag(MULTI_DIM, [list(values.shape), data]),
        }
        | (origin._asdict() if origin else {})
    )


def encode_shock(
    boot: int,
    seq: int,
    t0_ns: int,
    fs_hz: float,
    pre: int,
    scale: tuple[float, float, float],
    range_g: float,
    counts: NDArray[np.int16],
    accelerometer: str,
    level_g: float,
) -> bytes:
    """An event: `counts` int16 [3, n] on sensor axes, `scale` g a count, `pre` samples before the trigger."""
    data = cbor2.CBORTag(INT16_LE, counts.astype("<i2").tobytes())
    return cbor2.dumps(
        _common(boot, seq, t0_ns)
        | {
            "fs": fs_hz,
            "pre": pre,
            "scale": list(scale),
            "range_g": range_g,
            "a": cbor2.CBORTag(MULTI_DIM, [list(counts.shape), data]),
            "acc": accelerometer,
            "level_g": level_g,
            "rejected": 0,
        }
    )


def _common(boot: int, seq: int, t0_ns: int) -> dict[str, object]:
    """Keys of both; a recording keeps no time since boot, so `mono` is 0, and its clock counts as right."""
    return {"v": VERSION, "boot": boot, "seq": seq, "t0": t0_ns, "mono": 0, "clk": SYNCHRONISED, "oldest": 0}
