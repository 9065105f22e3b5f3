"""Whatever one side may say, the other understands: every valid message in both directions, imports included."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from numpy.typing import NDArray

from firmware_sim import codec
from monitor.model.record import Env, Shock, Stamp, Status
from monitor.wire import decode, encode_ack
from monitor.wire.cbor import MAX_SCALE_G, MAX_WANT, SPAN_LIMIT_NS
from monitor.wire.encode import encode_env, encode_shock
from monitor.wire.fields import TIME_LIMIT_NS

NUMBERS = st.integers(0, 2**53 - 1)  # boot, seq and everything that counts
TIMES = st.integers(0, TIME_LIMIT_NS - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(max_size=128)
NAMES = st.text(min_size=1, max_size=128)
CHANNELS = st.lists(NAMES, min_size=1, max_size=5, unique=True) | st.integers(1, 64).map(
    lambda count: [f"temperature.place_{number}" for number in range(count)]
)
SCALES = st.floats(-MAX_SCALE_G, MAX_SCALE_G)
STAMPS = st.builds(codec.Stamp, NUMBERS, TIMES, TIMES, st.integers(0, 2), st.none() | FINITE)
SETTINGS = st.dictionaries(st.sampled_from(["fs", "range_g", "level_g", "lp_hz", "hp_hz", "dead_ms"]), FINITE)
HELD = st.tuples(NUMBERS, NUMBERS, NUMBERS).map(lambda entry: (entry[0], min(entry[1:]), max(entry[1:])))
BOOTS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=64, unique_by=lambda entry: entry[0])


def said(stamp: codec.Stamp) -> Stamp:
    """A logger's stamp as the monitor reads it."""
    return Stamp(stamp.boot, stamp.t0_ns, stamp.mono_ns, stamp.clk, stamp.sync_age_s)


@st.composite
def spans(draw: st.DrawFn, rows: int) -> tuple[codec.Stamp, int | NDArray[np.int64]]:
    """A stamp, and a `dt` by which the last reading's time still fits 63 bits of ns."""
    stamp = draw(STAMPS)
    room_us = (min(SPAN_LIMIT_NS, TIME_LIMIT_NS - max(stamp.t0_ns, stamp.mono_ns)) - 1) // 1000
    if draw(st.booleans()):
        return stamp, draw(st.integers(0, min(room_us // max(rows - 1, 1), SPAN_LIMIT_NS // 1000 - 1)))
    later = draw(st.lists(st.integers(0, room_us), min_size=rows - 1, max_size=rows - 1))
    return stamp, np.array([0, *later], np.int64)


@given(st.data(), CHANNELS, st.integers(1, 20), NUMBERS, NUMBERS, NUMBERS)
def test_a_block_of_a_logger_is_read_as_it_was_meant(
    data: st.DataObject, channels: list[str], rows: int, seq: int, oldest: int, overrun: int
) -> None:
    """Every channel, offset and bit, payloads of NaN included."""
    stamp, dt_us = data.draw(spans(rows))
    x = data.draw(st_numpy.arrays(np.float32, (rows, len(channels))))
    message = decode("env", codec.encode_env(stamp, seq, oldest, overrun, codec.Env(channels, dt_us, x)))
    assert isinstance(message, Env)
    assert (message.stamp, message.seq, message.oldest, message.overrun) == (said(stamp), seq, oldest, overrun)
    assert (message.channels, message.values.tobytes()) == (tuple(channels), x.tobytes())
    if isinstance(dt_us, int):
        assert message.interval_ns == dt_us * 1000
        assert message.offsets_ns.tolist() == [dt_us * 1000 * row for row in range(rows)]
    else:
        assert message.interval_ns is None
        assert message.offsets_ns.tolist() == (dt_us * 1000).tolist()


@given(
    st.data(), STAMPS, st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), st.integers(1, 50),
    st.tuples(SCALES, SCALES, SCALES), FINITE, FINITE, NAMES,
)  # fmt: skip
def test_an_event_of_a_logger_is_read_as_it_was_meant(
    data: st.DataObject,
    stamp: codec.Stamp,
    numbers: tuple[int, int, int, int],
    samples: int,
    scale: tuple[float, float, float],
    range_g: float,
    level_g: float,
    name: str,
) -> None:
    """Every count and setting."""
    seq, oldest, overrun, rejected = numbers
    fs_hz, pre = data.draw(st.floats(0.01, 1e7)), data.draw(st.integers(0, samples))
    counts = data.draw(st_numpy.arrays(np.int16, (3, samples)))
    shock = codec.Shock(fs_hz, pre, scale, range_g, counts, name, level_g, rejected)
    message = decode("shock", codec.encode_shock(stamp, seq, oldest, overrun, shock))
    assert isinstance(message, Shock)
    assert (message.stamp, message.seq, message.oldest, message.overrun) == (said(stamp), seq, oldest, overrun)
    assert (message.fs_hz, message.pre, tuple(message.scale)) == (fs_hz, pre, scale)
    assert (message.range_g, message.level_g, message.rejected) == (range_g, level_g, rejected)
    assert (message.accelerometer, message.counts.tobytes()) == (name, counts.tobytes())


OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "until_ns": TIMES, "model": TEXT, "fw": TEXT, "next_seq": NUMBERS, "armed": st.booleans(), "interval_us": NUMBERS,
    "held": st.lists(HELD, max_size=20).map(tuple), "accs": st.dictionaries(TEXT, SETTINGS, min_size=1, max_size=4),
    "bat_pct": FINITE, "mem_pct": FINITE,
}  # fmt: skip


@given(
    STAMPS,
    st.sampled_from(["online", "sleeping", "offline"]),
    NAMES,
    BOOTS,
    st.fixed_dictionaries({}, optional=OPTIONS),
)
def test_a_status_of_a_logger_is_read_as_it_was_meant(
    stamp: codec.Stamp, state: str, serial: str, boots: list[tuple[int, int]], options: dict[str, Any]
) -> None:
    """Whatever it leaves out is None, not something that was never said."""
    earlier = tuple(pair for pair in boots if pair[0] != stamp.boot)
    status = codec.Status(state=state, serial=serial, boots=earlier, **options)
    assert decode("status", codec.encode_status(stamp, status)) == Status(
        stamp=said(stamp),
        state=state,
        serial=serial,
        until_ns=status.until_ns,
        model=status.model,
        firmware=status.fw,
        next_seq=status.next_seq,
        held=options.get("held"),
        boots=earlier,
        armed=status.armed,
        interval_us=status.interval_us,
        accelerometers=options.get("accs", {}),
        battery_pct=status.bat_pct,
        memory_pct=status.mem_pct,
    )


def test_the_longest_status_is_read() -> None:
    """As many held ranges, earlier boots and accelerometers as the format admits, each number as long as it may be."""
    held = tuple((2**53 - 1 - number, 2**53 - 2, 2**53 - 1) for number in range(1024))
    boots = tuple((2**53 - 2 - number, 2**53 - 1) for number in range(64))
    accs = {f"{number:0128}": {"fs": 1.5, "range_g": 2.5, "dead_ms": 3.5} for number in range(64)}
    status = codec.Status("online", serial="S" * 128, next_seq=0, held=held, boots=boots, accs=accs)
    payload = codec.encode_status(codec.Stamp(2**53 - 1, TIME_LIMIT_NS - 1, TIME_LIMIT_NS - 1, 0), status)
    message = decode("status", payload)
    assert isinstance(message, Status)
    assert (message.held, message.boots, message.accelerometers) == (held, boots, accs)


RANGES = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=MAX_WANT)


@given(NUMBERS, st.integers(-1, 2**53 - 1), TIMES, RANGES)
def test_an_acknowledgement_is_read_as_it_was_meant(
    boot: int, upto: int, now_ns: int, want: list[tuple[int, int]]
) -> None:
    """The other direction, within the size that a logger makes room for."""
    payload = encode_ack(boot, upto, now_ns, want)
    assert codec.decode_ack(payload) == codec.Ack(boot, upto, tuple(want), now_ns)


def test_the_longest_acknowledgement_fits_a_loggers_buffer() -> None:
    """64 ranges of the longest numbers: what docs/wire-format.md tells a firmware engineer to make room for."""
    payload = encode_ack(2**53 - 1, 2**53 - 1, 2**63 - 1, [(2**53 - 1, 2**53 - 1)] * MAX_WANT)
    assert len(payload) == 1268
    assert len(codec.decode_ack(payload).want) == MAX_WANT


@settings(max_examples=50)
@given(st.data(), NUMBERS, NUMBERS, CHANNELS, st.integers(1, 20))
def test_an_imported_block_is_read_as_it_was_meant(
    data: st.DataObject, boot: int, seq: int, channels: list[str], rows: int
) -> None:
    """The monitor's own encoder, by which recordings enter the journal."""
    t0_ns = data.draw(st.integers(0, 2**62))
    values = data.draw(st_numpy.arrays(np.float32, (rows, len(channels))))
    offsets_us = np.array([0, *data.draw(st.lists(st.integers(0, 10**12), min_size=rows - 1, max_size=rows - 1))])
    message = decode("env", encode_env(boot, seq, t0_ns, offsets_us, tuple(channels), values))
    assert isinstance(message, Env)
    assert (message.stamp.boot, message.seq, message.stamp.t0_ns, message.stamp.clk) == (boot, seq, t0_ns, 2)
    assert (message.channels, message.values.tobytes()) == (tuple(channels), values.tobytes())
    assert message.offsets_ns.tolist() == (offsets_us * 1000).tolist()


@settings(max_examples=50)
@given(st.data(), NUMBERS, NUMBERS, TIMES, st.tuples(SCALES, SCALES, SCALES), FINITE, FINITE, NAMES)
def test_an_imported_event_is_read_as_it_was_meant(
    data: st.DataObject,
    boot: int,
    seq: int,
    t0_ns: int,
    scale: tuple[float, float, float],
    range_g: float,
    level_g: float,
    name: str,
) -> None:
    """The same for an event."""
    counts = data.draw(st_numpy.arrays(np.int16, (3, data.draw(st.integers(1, 50)))))
    fs_hz, pre = data.draw(st.floats(0.01, 1e6)), data.draw(st.integers(0, counts.shape[1]))
    message = decode("shock", encode_shock(boot, seq, t0_ns, fs_hz, pre, scale, range_g, counts, name, level_g))
    assert isinstance(message, Shock)
    assert (message.stamp.boot, message.seq, message.stamp.t0_ns) == (boot, seq, t0_ns)
    assert (message.fs_hz, message.pre, message.range_g, message.level_g) == (fs_hz, pre, range_g, level_g)
    assert (tuple(message.scale), message.accelerometer) == (scale, name)
    assert message.counts.tobytes() == counts.tobytes()
