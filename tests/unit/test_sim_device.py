"""The logger as a state machine: memory, acknowledgements, live and fill, births."""

from typing import Any

import cbor2
import numpy as np
import pytest

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Ack, Env
from firmware_sim.device import Fate, Identity, Logger, Message, Record, resend_time_s

START_NS = 1_795_413_600 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S


def make(**changes: Any) -> Logger:
    """Return a logger that was just switched on."""
    identity: dict[str, Any] = {
        "container": "C-1",
        "logger": "L-1",
        "serial": "SN-1",
        "model": "TL-3",
        "interval_us": 60_000_000,
    }
    return Logger(Identity(**(identity | changes)), START_NS)


def add(logger: Logger, n: int = 1) -> list[Record]:
    """Make n records of one block each, a minute apart."""
    first = logger.next_seq
    env = Env(("temperature.air",), 60_000_000, np.full((5, 1), 20.5, dtype=np.float32))
    return [logger.add_env(START_NS + (first + i) * MINUTE_NS, env) for i in range(n)]


def seqs(messages: list[Message]) -> list[int]:
    """Return the seq of each message."""
    return [cbor2.loads(message.payload)["seq"] for message in messages]


def ack(logger: Logger, upto: int, *want: tuple[int, int]) -> Ack:
    """Return an acknowledgement for the logger's present boot."""
    return Ack(logger.boot, upto, want, START_NS)


def test_birth_comes_first_and_says_what_is_held() -> None:
    """Nothing is due before a connection; the birth is retained and names the next seq and the unsettled ranges."""
    logger = make()
    add(logger, 3)
    assert logger.due(START_NS) == []
    message = logger.connected(START_NS + MINUTE_NS)
    birth = cbor2.loads(message.payload)
    assert (message.topic, message.retain) == ("tcm/v1/C-1/L-1/up/status", True)
    assert (birth["state"], birth["serial"], birth["next"], birth["mono"]) == ("online", "SN-1", 3, MINUTE_NS)
    assert [list(block) for block in birth["held"]] == [[logger.boot, 0, 2]]


def test_the_will_has_the_time_of_connecting() -> None:
    """A will that the broker publishes later still says which connection it belongs to."""
    will = make().will(START_NS + 5)
    content = cbor2.loads(will.payload)
    assert (content["state"], content["t0"], will.retain) == ("offline", START_NS + 5, True)


def test_first_sendings_are_live_and_what_waited_is_fill() -> None:
    """Records of the time without connection go by the fill topics, after what is live."""
    logger = make()
    add(logger, 2)
    logger.connected(START_NS)
    add(logger, 1)
    messages = logger.due(START_NS)
    assert [message.topic.removeprefix("tcm/v1/C-1/L-1/") for message in messages] == ["up/env"] + ["up/fill/env"] * 2
    assert seqs(messages) == [2, 0, 1]
    assert logger.published == 3


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
    assert (first.topic, again.topic) == ("tcm/v1/C-1/L-1/up/env", "tcm/v1/C-1/L-1/up/fill/env")


def test_a_reconnect_resends_at_once_by_the_fill_topics() -> None:
    """Who knows what the broken connection carried: all that is not settled goes again, and counts once."""
    logger = make()
    logger.connected(START_NS)
    add(logger, 3)
    logger.due(START_NS)
    logger.settle(ack(logger, 0), START_NS)
    logger.disconnected()
    assert logger.due(START_NS + 1) == []
    logger.connected(START_NS + 2)
    messages = logger.due(START_NS + 2)
    assert seqs(messages) == [1, 2]
    assert {message.topic for message in messages} == {"tcm/v1/C-1/L-1/up/fill/env"}
    assert logger.published == 3


def test_only_an_acknowledgement_of_this_boot_frees() -> None:
    """upto settles everything up to it; one of another boot, or -1, settles nothing; `oldest` follows."""
    logger = make()
    logger.connected(START_NS)
    add(logger, 4)
    logger.settle(Ack(logger.boot + 1, 3, (), START_NS), START_NS)
    logger.settle(ack(logger, -1), START_NS)
    assert logger.held == 4
    logger.settle(ack(logger, 2), START_NS)
    assert (logger.held, logger.acknowledged) == (1, 3)
    (record,) = add(logger)
    assert cbor2.loads(record.payload)["oldest"] == 3


def test_a_full_memory_overwrites_the_oldest_and_says_so() -> None:
    """The record that overwrites already carries the new `oldest` and `overrun`; the fate of the old one is told."""
    size = len(add(make())[0].payload)
    fates: list[tuple[int, Fate]] = []
    identity = Identity("C-1", "L-1", "SN-1", "TL-3", 60_000_000, memory_bytes=4 * size)
    logger = Logger(identity, START_NS, lambda record, fate: fates.append((record.seq, fate)))
    records = add(logger, 6)
    last = cbor2.loads(records[-1].payload)
    assert logger.held + logger.lost == 6
    assert (last["oldest"], last["overrun"], logger.lost) == (logger.lost, logger.lost, len(fates))
    assert fates[0] == (0, Fate.LOST)
    assert sum(len(record.payload) for record in logger.still_held()) <= 4 * size


def test_a_record_larger_than_the_memory_is_an_error() -> None:
    """It would overwrite everything and still not fit."""
    with pytest.raises(ValueError, match="does not fit"):
        add(make(memory_bytes=50))


def test_the_window_bounds_what_is_in_flight() -> None:
    """Settling makes room for more."""
    logger = make(window_records=2)
    logger.connected(START_NS)
    add(logger, 5)
    assert seqs(logger.due(START_NS)) == [0, 1]
    assert logger.due(START_NS) == []
    logger.settle(ack(logger, 0), START_NS)
    assert seqs(logger.due(START_NS)) == [2]


def test_want_resends_what_is_held_and_not_just_sent() -> None:
    """A range that was sent a moment ago is on its way; ten seconds later it goes again, by the fill topics."""
    logger = make()
    logger.connected(START_NS)
    add(logger, 3)
    logger.due(START_NS)
    logger.settle(ack(logger, 0, (0, 1)), START_NS + NS_PER_S)
    assert logger.due(START_NS + NS_PER_S) == []
    logger.settle(ack(logger, 0, (0, 1), (7, 2**60)), START_NS + 10 * NS_PER_S)
    (again,) = logger.due(START_NS + 10 * NS_PER_S)
    assert (seqs([again]), again.topic) == ([1], "tcm/v1/C-1/L-1/up/fill/env")


def test_a_start_gives_a_new_boot_and_keeps_the_memory() -> None:
    """seq begins at 0 again; what the earlier boot left is held, and `oldest` speaks of the new boot only."""
    logger = make()
    add(logger, 2)
    before = logger.boot
    logger.start(START_NS + MINUTE_NS)
    (record,) = add(logger)
    assert logger.boot != before
    assert (record.seq, cbor2.loads(record.payload)["oldest"]) == (0, 0)
    held = cbor2.loads(logger.connected(START_NS).payload)["held"]
    assert [list(block) for block in held] == [[before, 0, 1], [logger.boot, 0, 0]]


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Boot and records repeat with the seed, and differ with another seed or another start."""
    assert add(make(seed=3), 2) == add(make(seed=3), 2)
    boots = {make(seed=3).boot, make(seed=4).boot, make(seed=3, logger="L-2").boot}
    assert len(boots) == 3
    assert all(0 <= boot < 2**53 for boot in boots)


def test_the_link_is_not_accelerated() -> None:
    """60 virtual seconds, but at 600 times real speed the 2 real seconds that an acknowledgement may take."""
    assert resend_time_s(1) == 60.0
    assert resend_time_s(600) == 1200.0
