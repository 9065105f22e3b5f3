"""The logger as a state machine: memory, acknowledgements, live and fill, births."""

from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import AckError, Env, Shock
from firmware_sim.device import Fate, Identity, Logger, Oscillator, resend_time_s
from firmware_sim.publish.line import Settlement
from tests.loggers import MINUTE_NS, START_NS, add, make, paths, read, seqs, settle


def test_birth_comes_first_and_says_what_is_held() -> None:
    """Nothing is due before a connection; the birth is retained and names the next seq and the unsettled ranges."""
    logger = make(accs={"a": {"fs": 3200.0}})
    add(logger, 3)
    assert (logger.due(START_NS), logger.next_due_ns()) == ([], None)
    message = logger.connected(START_NS + MINUTE_NS)
    birth = read(message)
    assert (message.topic, message.retain) == ("tcm/v1/C-1/L-1/up/status", True)
    assert (birth["state"], birth["serial"], birth["next"], birth["mono"]) == ("online", "SN-1", 3, MINUTE_NS)
    assert (birth["armed"], birth["interval_us"], birth["accs"]) == (True, 60_000_000, {"a": {"fs": 3200.0}})
    assert birth["held"] == [[logger.boot, 0, 2]]
    assert birth["boots"] == []


def test_first_sendings_are_live_and_what_waited_is_fill() -> None:
    """Records of the time without connection go by the fill topics, after what is live."""
    logger = make()
    add(logger, 2)
    logger.connected(START_NS)
    add(logger, 1)
    assert logger.next_due_ns() == 0
    messages = logger.due(START_NS)
    assert paths(messages) == ["up/env", "up/fill/env", "up/fill/env"]
    assert seqs(messages) == [2, 0, 1]
    assert (logger.published, logger.next_due_ns()) == (3, START_NS + MINUTE_NS)


def test_an_unsettled_record_is_sent_again_byte_for_byte_after_the_resend_time() -> None:
    """59 s are not enough, 60 s are; the bytes are those of the first sending although other records came since."""
    logger = make()
    logger.connected(START_NS)
    add(logger)
    (first,) = logger.due(START_NS)
    add(logger)
    logger.due(START_NS + MINUTE_NS // 2)
    assert logger.due(START_NS + 59 * NS_PER_S) == []
    (again,) = logger.due(START_NS + MINUTE_NS)
    assert again.payload == first.payload
    assert paths([first, again]) == ["up/env", "up/fill/env"]


def test_a_reconnect_resends_at_once_by_the_fill_topics() -> None:
    """Who knows what the broken connection carried: all that is not settled goes again, and counts once."""
    logger = make()
    logger.connected(START_NS)
    add(logger, 3)
    logger.due(START_NS)
    settle(logger, 0)
    logger.disconnected(START_NS)
    assert logger.due(START_NS + 1) == []
    logger.connected(START_NS + 2)
    messages = logger.due(START_NS + 2)
    assert (seqs(messages), set(paths(messages)), logger.published) == ([1, 2], {"up/fill/env"}, 3)


def test_what_a_broken_connection_did_not_take_is_no_longer_live() -> None:
    """A record that was made on a connection and not sent on it waits with the others."""
    logger = make()
    logger.connected(START_NS)
    add(logger, 2)
    logger.disconnected(START_NS)
    logger.connected(START_NS + 1)
    assert paths(logger.due(START_NS + 1)) == ["up/fill/env", "up/fill/env"]


def test_only_an_acknowledgement_of_its_boot_frees() -> None:
    """upto settles everything up to it; one of another boot, or -1, or rubbish, settles nothing."""
    logger = make()
    logger.connected(START_NS)
    add(logger, 4)
    settle(logger, 3, boot=logger.boot + 1)
    settle(logger, -1)
    with pytest.raises(AckError):
        logger.receive(START_NS, b"\xff")
    assert logger.held == 4
    settle(logger, 2)
    assert (logger.held, logger.acknowledged) == (1, 3)
    assert [record.seq for record in logger.still_held()] == [3]


def test_a_full_memory_overwrites_the_oldest_and_says_so() -> None:
    """The record that overwrites already carries the new `oldest` and `overrun`; the fate of the old one is told."""
    fates: list[tuple[int, Fate]] = []
    identity = Identity("C-1", "L-1", "SN-1", "TL-3", 60_000_000, capacity_bytes=1000)
    logger = Logger(identity, Oscillator(), START_NS, lambda record, fate: fates.append((record.seq, fate)))
    last = cbor2.loads(add(logger, 20)[-1].payload)
    assert 0 < logger.lost < 20
    assert logger.held + logger.lost == 20
    assert last["oldest"] == last["overrun"] == logger.lost
    assert fates == [(seq, Fate.LOST) for seq in range(logger.lost)]
    assert sum(len(record.payload) for record in logger.still_held()) <= 1000


@given(st.integers(500, 6000), st.lists(st.integers(1, 9), min_size=1, max_size=4), st.lists(st.integers(0, 40)))
@settings(max_examples=15)
def test_what_an_overrun_flash_keeps_does_not_hang_on_acknowledgements(
    capacity_bytes: int, rows: list[int], lags: list[int]
) -> None:
    """`overrun` takes one byte, two or three in the payload, and always as much in the flash: the same `oldest`."""
    told: list[list[dict[str, Any]]] = []
    for acks in ([], lags):
        logger = make(capacity_bytes=capacity_bytes)
        told.append([])
        for seq in range(300):
            x = np.full((rows[seq % len(rows)], 1), 20.0, np.float32)
            record = logger.add_env(START_NS + seq * MINUTE_NS, Env(("temperature.air",), 60_000_000, x))
            told[-1].append({key: value for key, value in cbor2.loads(record.payload).items() if key != "overrun"})
            if acks:
                settle(logger, max(-1, seq - acks[seq % len(acks)]))
        assert logger.overrun == logger.lost
    assert told[0] == told[1]


def test_a_record_of_whatever_content_fits_into_the_room_made_for_it() -> None:
    """The room is reckoned before the record is encoded: with the longest numbers and names it is still enough."""
    logger = make(capacity_bytes=4000)
    logger.boot, logger.next_seq, logger.overrun = 2**53 - 1, 2**53 - 2, 2**53 - 1
    logger.synchronise(START_NS, START_NS)
    at_ns = START_NS + 10**9
    names = [f"temperature.{'x' * n}" for n in (1, 10, 52, 64)]
    env = Env(names, np.arange(2) * 10**15, np.zeros((2, 4), np.float32))
    shock = Shock(3200.0, 2**40, (1.0, 1.0, 1.0), 16.0, np.zeros((3, 50), np.int16), "a" * 64, 1.0, 2**40)
    sizes = []
    for _ in range(100):
        logger.next_seq = 2**53 - 2
        sizes += [len(logger.add_env(at_ns, env).payload), len(logger.add_shock(at_ns, shock).payload)]
        assert sum(len(record.payload) for record in logger.still_held()) <= 4000
    assert max(sizes) > 500


def test_a_record_larger_than_the_memory_is_an_error() -> None:
    """It would overwrite everything and still not fit."""
    with pytest.raises(ValueError, match="does not fit"):
        add(make(capacity_bytes=50))


def test_the_window_bounds_what_is_in_flight() -> None:
    """Settling makes room for more."""
    logger = make(window_records=2)
    logger.connected(START_NS)
    add(logger, 5)
    assert seqs(logger.due(START_NS)) == [0, 1]
    assert (logger.due(START_NS), logger.next_due_ns()) == ([], START_NS + MINUTE_NS)
    settle(logger, 0)
    assert logger.next_due_ns() == 0
    assert seqs(logger.due(START_NS)) == [2]


def test_a_quarter_of_the_window_is_for_the_fill_while_anything_waits_for_it() -> None:
    """Live first in the rest, and in all of it when nothing waits for the fill, the fill in all that is left."""
    logger = make(window_records=8)
    add(logger, 20)
    logger.connected(START_NS)
    add(logger, 10)
    assert seqs(logger.due(START_NS)) == [20, 21, 22, 23, 24, 25, 0, 1]
    settle(logger, 1)
    assert seqs(logger.due(START_NS)) == [2, 3]
    settle(logger, 25)
    assert seqs(logger.due(START_NS)) == [26, 27, 28, 29]
    assert (logger.due(START_NS), logger.held) == ([], 4)


@pytest.mark.parametrize("window", [1, 3, 8, 100])
def test_live_records_without_end_do_not_keep_back_what_is_missing(window: int) -> None:
    """Two records a second fill the window while the monitor is away; what it missed comes all the same, by `fill`."""
    logger, monitor = make(window_records=window), Settlement()
    logger.connected(START_NS)
    for second in range(300):
        now_ns = START_NS + second * NS_PER_S
        add(logger, 2)
        for message in logger.due(now_ns):
            if second < 40 or message.retain:
                continue
            for boot, upto in monitor.take(message.payload):
                settle(logger, upto, (upto + 1, upto + 64), boot=boot, at_ns=now_ns)
    assert logger.acknowledged > 100  # slowly, through a single place; at once, through enough of them
    assert logger.held < 10 or window < 8


def test_want_resends_what_is_held_and_not_just_sent() -> None:
    """A range that was sent a moment ago is on its way; ten seconds later it goes again, by the fill topics."""
    logger = make()
    logger.connected(START_NS)
    add(logger, 5)
    logger.due(START_NS)
    settle(logger, 0, (0, 1), at_ns=START_NS + NS_PER_S)
    assert logger.due(START_NS + NS_PER_S) == []
    later_ns = START_NS + 10 * NS_PER_S
    settle(logger, -1, (1, 4), at_ns=later_ns, boot=logger.boot + 1)
    assert logger.due(later_ns) == []
    settle(logger, 0, (0, 1), (3, 3), (7, 2**60), at_ns=later_ns)
    again = logger.due(later_ns)
    assert (seqs(again), paths(again)) == ([1, 3], ["up/fill/env"] * 2)


def test_a_flash_that_shrinks_loses_the_oldest() -> None:
    """They are overwritten records of this boot, and the memory level is told."""
    logger = make()
    logger.connected(START_NS)
    add(logger, 20)
    logger.due(START_NS)
    logger.shrink(START_NS, 1000)
    (status,) = logger.due(START_NS)
    assert logger.overrun == logger.lost == 20 - logger.held
    assert read(status)["held"] == [[logger.boot, logger.lost, 19]]
    assert read(status)["mem_pct"] > 75.0


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Boot and records repeat with the seed, also in a clone, and differ with another seed, name or start."""
    assert add(make(seed=3), 2) == add(make(seed=3), 2)
    again = make(seed=3)
    again.power_up(START_NS)
    later = Logger(again.identity, Oscillator(), START_NS + 1)
    assert make(seed=3, instance=1).boot == make(seed=3).boot
    loggers = [make(seed=3), make(seed=4), make(seed=3, logger="L-2"), again, later]
    boots = {logger.boot for logger in loggers}
    assert len(boots) == len(loggers)
    assert all(0 <= boot < 2**53 for boot in boots)


def test_the_link_is_not_accelerated() -> None:
    """60 virtual seconds, but at 600 times real speed the 2 real seconds that an acknowledgement may take."""
    assert resend_time_s(1) == 60.0
    assert resend_time_s(600) == 1200.0
