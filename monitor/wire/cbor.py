"""Messages of wire format version 1: CBOR maps whose arrays are RFC 8746 typed arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import cbor2
import numpy as np
from numpy.typing import NDArray

from monitor.model.errors import WireError
from monitor.model.record import MAX_RATE_HZ, SEQ_LIMIT, Env, Message, Shock, Stamp
from monitor.wire.fields import (
    MAX_TEXT,
    TIME_LIMIT_NS,
    Content,
    finite,
    integer,
    number,
    read_stamp,
    required,
    shown,
    text,
)
from monitor.wire.status import read_status
from monitor.wire.structure import load_map

VERSION = 1
MAX_READINGS = 100_000
MAX_CHANNELS = 64
MAX_SAMPLES = 170_000
MAX_SCALE_G = 100.0  # a full scale of 3 million g; sums of squares of it are far from infinite
MAX_WANT = 64
MAX_KEPT, MAX_KEPT_BYTES = 4_096, 2_048  # messages that stay decoded for the next reader: 8 MB and as much again
SPAN_LIMIT_NS = 1 << 62  # so that the time of a record's last reading fits int64 wherever its first is placed
MULTI_DIM, INT16_LE, INT64_LE, FLOAT32_LE = 40, 77, 79, 85  # RFC 8746


def decode(kind: str, payload: bytes) -> Message:
    """Decode a payload of `kind` env, shock or status; its arrays cannot be written to.

    Raises WireError with the reason; where the payload decodes as a whole and carries boot and seq, the error has them
    as `identity`, because a message in quarantine settles its seq.
    """
    return _decode_kept(kind, payload) if len(payload) <= MAX_KEPT_BYTES else decode_once(kind, payload)


def decode_once(kind: str, payload: bytes) -> Message:
    """As `decode`, for whoever is the only reader: nothing is kept for the next."""
    content = load_map(payload)
    try:
        version = integer(content, "v", 1 << 16)
        if version != VERSION:
            raise WireError(f"v: expected {VERSION}, got {version}")
        return _DECODERS[kind](content)
    except WireError as error:
        if kind != "status":
            error.identity = _identity(content)
        raise


# The intake decodes a record, watch and the store do so again a moment later.
_decode_kept = lru_cache(MAX_KEPT)(decode_once)


def encode_ack(boot: int, upto: int, now_ns: int, want: Sequence[tuple[int, int]] = ()) -> bytes:
    """Tell a logger that every seq up to `upto` (-1: none) of `boot` is settled, and what time it is.

    `want` are missing ranges (from, to) that the logger still holds, oldest first; the first MAX_WANT are told.
    """
    ranges = [list(missing) for missing in want[:MAX_WANT]]
    return cbor2.dumps({"v": VERSION, "boot": boot, "upto": upto, "want": ranges, "now": now_ns})


def _identity(content: Content) -> tuple[int, int] | None:
    boot, seq = content.get("boot"), content.get("seq")
    if type(boot) is int and type(seq) is int and 0 <= boot < SEQ_LIMIT and 0 <= seq < SEQ_LIMIT:
        return boot, seq
    return None


def _env(content: Content) -> Env:
    stamp = read_stamp(content)
    channels = _channels(content)
    shape, data = _array(content, "x", FLOAT32_LE, 4)
    rows, columns = shape
    if columns != len(channels) or not 1 <= rows * columns <= MAX_READINGS * MAX_CHANNELS or rows > MAX_READINGS:
        raise WireError(f"x: expected [1..{MAX_READINGS}, {len(channels)}] values, got {list(shape)}")
    values = np.frombuffer(data, "<f4").reshape(rows, columns)
    offsets_ns, interval_ns = _offsets(content, rows, stamp)
    return Env(
        stamp=stamp,
        seq=integer(content, "seq", SEQ_LIMIT),
        oldest=integer(content, "oldest", SEQ_LIMIT),
        overrun=integer(content, "overrun", SEQ_LIMIT, 0),
        channels=channels,
        values=values,
        offsets_ns=offsets_ns,
        interval_ns=interval_ns,
    )


def _shock(content: Content) -> Shock:
    stamp = read_stamp(content)
    shape, data = _array(content, "a", INT16_LE, 2)
    if shape[0] != 3 or not 1 <= shape[1] <= MAX_SAMPLES:
        raise WireError(f"a: expected [3, 1..{MAX_SAMPLES}] counts, got {list(shape)}")
    fs_hz = number(content, "fs")
    if not 0 < fs_hz <= MAX_RATE_HZ or shape[1] * 1e9 / fs_hz >= SPAN_LIMIT_NS:
        raise WireError(f"fs: expected a sampling rate above 0 and up to {MAX_RATE_HZ:g} Hz, got {fs_hz:g}")
    pre = integer(content, "pre", MAX_SAMPLES + 1)
    if pre > shape[1]:
        raise WireError(f"pre: expected at most the {shape[1]} samples of the record, got {pre}")
    scale = required(content, "scale")
    if not isinstance(scale, list) or len(scale) != 3:
        raise WireError("scale: expected 3 numbers")
    return Shock(
        stamp=stamp,
        seq=integer(content, "seq", SEQ_LIMIT),
        oldest=integer(content, "oldest", SEQ_LIMIT),
        overrun=integer(content, "overrun", SEQ_LIMIT, 0),
        fs_hz=fs_hz,
        pre=pre,
        scale=np.array([_scale(value) for value in scale]),
        range_g=number(content, "range_g"),
        counts=np.frombuffer(data, "<i2").reshape(shape),
        accelerometer=text(content, "acc") or "a",
        level_g=number(content, "level_g"),
        rejected=integer(content, "rejected", SEQ_LIMIT),
    )


_DECODERS: dict[str, Callable[[Content], Message]] = {"env": _env, "shock": _shock, "status": read_status}


def _scale(value: object) -> float:
    scale = finite("scale", value)
    if abs(scale) > MAX_SCALE_G:
        raise WireError(f"scale: expected at most {MAX_SCALE_G:g} g a count, got {scale:g}")
    return scale


def _channels(content: Content) -> tuple[str, ...]:
    names = required(content, "ch")
    if not isinstance(names, list) or not 1 <= len(names) <= MAX_CHANNELS:
        raise WireError(f"ch: expected a list of 1 to {MAX_CHANNELS} channels")
    for name in names:
        if not isinstance(name, str):
            raise WireError(f"ch: expected text of 1 to {MAX_TEXT} characters, got {shown(name)}")
    return _checked(tuple(names))


@lru_cache(maxsize=1024)  # loggers of a fleet share a few sets of channels; 8 kB each at most
def _checked(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not 1 <= len(name) <= MAX_TEXT:
            raise WireError(f"ch: expected text of 1 to {MAX_TEXT} characters, got {shown(name)}")
    if len(set(names)) != len(names):
        raise WireError("ch: expected each channel once")
    return names


def _array(content: Content, key: str, tag: int, item_bytes: int) -> tuple[tuple[int, int], bytes]:
    """The shape and bytes of tag 40 [[rows, columns], tag `tag` bytes]; the two agree in size."""
    outer = required(content, key)
    value = outer.value if isinstance(outer, cbor2.CBORTag) and outer.tag == MULTI_DIM else None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise WireError(f"{key}: expected tag {MULTI_DIM} [[rows, columns], tag {tag}]")
    shape, inner = value
    if not (isinstance(inner, cbor2.CBORTag) and inner.tag == tag and isinstance(inner.value, bytes)):
        raise WireError(f"{key}: expected the values as tag {tag} over a byte string")
    rows, columns = shape if isinstance(shape, list | tuple) and len(shape) == 2 else (None, None)
    if not (type(rows) is int and type(columns) is int and rows >= 0 and columns >= 0):
        raise WireError(f"{key}: expected two dimensions")
    if rows * columns * item_bytes != len(inner.value):
        raise WireError(
            f"{key}: shape [{rows}, {columns}] needs {rows * columns * item_bytes} bytes, got {len(inner.value)}"
        )
    return (rows, columns), inner.value


def _offsets(content: Content, rows: int, stamp: Stamp) -> tuple[NDArray[np.int64], int | None]:
    """Each row's distance from the first in ns, and the constant interval where there is one."""
    dt = required(content, "dt")
    if isinstance(dt, cbor2.CBORTag):
        if dt.tag != INT64_LE or not isinstance(dt.value, bytes) or len(dt.value) != 8 * rows:
            raise WireError(f"dt: expected tag {INT64_LE} over {8 * rows} bytes, one int64 for each row")
        offsets_us, interval_ns = np.frombuffer(dt.value, "<i8"), None
        last_us, first_us = int(offsets_us.max()), int(offsets_us.min())
        if offsets_us[0] != 0 or first_us < 0:
            raise WireError("dt: expected us after t0, the first 0 and none negative")
    else:
        interval_us = integer(content, "dt", SPAN_LIMIT_NS // 1000)
        interval_ns, last_us = interval_us * 1000, interval_us * (rows - 1)
    if last_us * 1000 >= SPAN_LIMIT_NS or max(stamp.t0_ns, stamp.mono_ns) + last_us * 1000 >= TIME_LIMIT_NS:
        raise WireError("dt: the last reading's time does not fit 63 bits of ns")
    if interval_ns is None:
        return offsets_us * 1000, None
    return _even_offsets(rows, interval_ns), interval_ns


@lru_cache(maxsize=64)  # loggers of a fleet share a few forms of block; of 100 000 rows 0.8 MB each, 51 MB in all
def _even_offsets(rows: int, interval_ns: int) -> NDArray[np.int64]:
    offsets_ns = np.arange(rows, dtype=np.int64) * interval_ns
    offsets_ns.flags.writeable = False
    return offsets_ns
