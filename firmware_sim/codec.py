"""Wire format, version 1, as the loggers write it: CBOR maps (RFC 8949) with RFC 8746 typed arrays.

This encoder shares no code with the monitor's decoder; the bytes in `tests/golden/wire.json` hold both to the format.
Keys are written in a fixed order, so the same content gives the same bytes. Optional keys that are None are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cbor2
import numpy as np
from numpy.typing import NDArray

VERSION = 1
CLOCK_SYNCHRONISED = 2
TAG_ROW_MAJOR = 40  # RFC 8746: [[dimensions], elements]
TAG_INT16_LE = 77
TAG_INT64_LE = 79
TAG_FLOAT32_LE = 85
MAX_ACK_BYTES = 4096  # 64 ranges of two 9-byte integers are 1 216 bytes with their headers; the rest is room
MAX_WANT_RANGES = 64
MAX_ACK_DEPTH = 8  # a map of arrays of arrays is 3
MAX_INT = 2**63 - 1


class AckError(ValueError):
    """A message on `down/ack` that is not an acknowledgement; the logger goes on as if it had not come."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where and when a message was made: the part that env, shock and status have in common.

    t0_ns: ns UTC by the logger's clock. mono_ns: ns since boot at the same instant. clk: 0 unset, 1 free running,
    2 synchronised. sync_age_s: seconds since the last synchronisation, None if not told.
    """

    boot: int
    t0_ns: int
    mono_ns: int
    clk: int = CLOCK_SYNCHRONISED
    sync_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Env:
    """A block of readings.

    dt_us: us between readings, or int64 (rows,) us after t0 of each row, the first 0.
    x: float32 (rows, channels) in the channels' own units; NaN where a sensor gave nothing.
    """

    channels: Sequence[str]
    dt_us: int | NDArray[np.int64]
    x: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shock:
    """A triggered waveform.

    counts: int16 (3, n) in sensor axes; counts * scale_g is the acceleration in g. pre: samples before the trigger.
    rejected: triggers since the last event that were not recorded.
    """

    fs_hz: float
    pre: int
    scale_g: tuple[float, float, float]
    range_g: float
    counts: NDArray[np.int16]
    acc: str
    level_g: float
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class Ack:
    """What the monitor has settled of a boot (every seq <= upto), and the ranges it misses (first, last)."""

    boot: int
    upto: int
    want: tuple[tuple[int, int], ...]
    now_ns: int


def encode_env(stamp: Stamp, seq: int, oldest: int, overrun: int, env: Env) -> bytes:
    """Return the payload of `up/env`. Raise ValueError if the shapes do not fit each other."""
    rows, columns = env.x.shape
    if columns != len(env.channels):
        raise ValueError(f"encode env seq {seq}: {columns} columns for {len(env.channels)} channels")
    dt: object = env.dt_us
    if isinstance(env.dt_us, np.ndarray):
        if env.dt_us.shape != (rows,):
            raise ValueError(f"encode env seq {seq}: dt has shape {env.dt_us.shape}, expected ({rows},)")
        dt = cbor2.CBORTag(TAG_INT64_LE, env.dt_us.astype("<i8", copy=False).tobytes())
    values = cbor2.CBORTag(TAG_FLOAT32_LE, env.x.astype("<f4", copy=False).tobytes())
    return _dump(
        _head(stamp, seq)
        | {
            "oldest": oldest,
            "overrun": overrun,
            "dt": dt,
            "ch": list(env.channels),
            "x": cbor2.CBORTag(TAG_ROW_MAJOR, [[rows, columns], values]),
        }
    )


def encode_shock(stamp: Stamp, seq: int, oldest: int, overrun: int, shock: Shock) -> bytes:
    """Return the payload of `up/shock`. Raise ValueError if the counts are not int16 (3, n)."""
    if shock.counts.dtype != np.int16 or shock.counts.ndim != 2 or shock.counts.shape[0] != 3:
        raise ValueError(
            f"encode shock seq {seq}: counts are {shock.counts.dtype} {shock.counts.shape}, not int16 (3, n)"
        )
    counts = cbor2.CBORTag(TAG_INT16_LE, shock.counts.astype("<i2", copy=False).tobytes())
    return _dump(
        _head(stamp, seq)
        | {
            "oldest": oldest,
            "overrun": overrun,
            "fs": float(shock.fs_hz),
            "pre": int(shock.pre),
            "scale": [float(s) for s in shock.scale_g],
            "range_g": float(shock.range_g),
            "a": cbor2.CBORTag(TAG_ROW_MAJOR, [list(shock.counts.shape), counts]),
            "acc": shock.acc,
            "level_g": float(shock.level_g),
            "rejected": shock.rejected,
        }
    )


@dataclass(frozen=True, slots=True)
class Status:
    """A change of a logger's own state: `online` (birth), `sleeping` (with until_ns), `offline` (last will).

    next_seq: next seq of this boot. held: unsettled ranges (boot, first, last) in memory, of all boots.
    interval_us: declared interval of readings. accs: shock settings of each accelerometer.
    boots: (boot, next seq) of earlier boots that are not wholly settled; what lies below and outside `held` is lost.
    """

    state: str
    until_ns: int | None = None
    serial: str | None = None
    model: str | None = None
    fw: str | None = None
    next_seq: int | None = None
    held: Sequence[tuple[int, int, int]] | None = None
    armed: bool | None = None
    interval_us: int | None = None
    accs: Mapping[str, Mapping[str, float]] | None = None
    bat_pct: float | None = None
    mem_pct: float | None = None
    boots: Sequence[tuple[int, int]] | None = None


def encode_status(stamp: Stamp, status: Status) -> bytes:
    """Return the payload of `up/status`, which is also the last will."""
    return _dump(
        _head(stamp)
        | {
            "state": status.state,
            "until": status.until_ns,
            "serial": status.serial,
            "model": status.model,
            "fw": status.fw,
            "next": status.next_seq,
            "held": None if status.held is None else [list(block) for block in status.held],
            "armed": status.armed,
            "interval_us": status.interval_us,
            "accs": None if status.accs is None else {acc: dict(setting) for acc, setting in status.accs.items()},
            "bat_pct": status.bat_pct,
            "mem_pct": status.mem_pct,
            "boots": None if status.boots is None else [list(boot) for boot in status.boots],
        }
    )


def decode_ack(payload: bytes) -> Ack:
    """Return the acknowledgement in `payload`; raise AckError for anything that is not one."""
    if len(payload) > MAX_ACK_BYTES:
        raise AckError(f"acknowledgement of {len(payload)} bytes, at most {MAX_ACK_BYTES} are expected")
    try:
        content = cbor2.loads(payload, max_depth=MAX_ACK_DEPTH, allow_indefinite=False, allow_duplicate_keys=False)
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise AckError(f"acknowledgement is not CBOR: {error}") from error
    if not isinstance(content, dict) or content.get("v") != VERSION:
        raise AckError("acknowledgement is not a map with v = 1")
    want = content.get("want", [])
    if not isinstance(want, list) or len(want) > MAX_WANT_RANGES:
        raise AckError(f"want is not a list of at most {MAX_WANT_RANGES} ranges")
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in want):
        raise AckError("want has an entry that is not [from, to]")
    return Ack(
        boot=_integer("boot", content.get("boot"), 0),
        upto=_integer("upto", content.get("upto"), -1),
        want=tuple((_integer("want", first, 0), _integer("want", last, 0)) for first, last in want),
        now_ns=_integer("now", content.get("now"), 0),
    )


def _head(stamp: Stamp, seq: int | None = None) -> dict[str, object]:
    return {
        "v": VERSION,
        "boot": stamp.boot,
        "seq": seq,
        "t0": stamp.t0_ns,
        "mono": stamp.mono_ns,
        "clk": stamp.clk,
        "sync_age_s": stamp.sync_age_s,
    }


def _dump(content: dict[str, object]) -> bytes:
    return cbor2.dumps({key: value for key, value in content.items() if value is not None})


def _integer(name: str, value: object, least: int) -> int:
    if type(value) is not int or not least <= value <= MAX_INT:  # bool is an int to Python, not on the wire
        raise AckError(f"acknowledgement: {name} is {value!r:.40}, expected an integer from {least}")
    return value
