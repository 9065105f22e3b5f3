"""The logger as a state machine: memory, acknowledgements, live and fill, births, clock, power."""

from typing import Any

import cbor2
import numpy as np
import pytest

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import AckError, Env, Shock
from firmware_sim.device import Fate, Identity, Logger, Message, Oscillator, Record, resend_time_s

START_NS = 1_795_413_600 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S
DAY_NS = 1440 * MINUTE_NS


def make(oscillator: Oscillator | None = None, **changes: Any) -> Logger:
    """Return a logger that was just switched on."""
    identity: dict[str, Any] = {
        "container": "C-1",
        "logger": "L-1",
        "serial": "SN-1",
        "model": "TL-3",
        "interval_us": 60_000_000,
    }
    return Logger(Identity(**(identity | changes)), oscillator or Oscillator(), START_NS)


def add(logger: Logger, n: int = 1, from_ns: int = START_NS) -> list[Record]:
    """Make n records of one block each, a minute apart from its next seq on."""
    first = logger.next_seq
    env = Env(("temperature.air",), 60_000_000, np.full((5, 1), 20.5, dtype=np.float32))
    return [logger.add_env(from_ns + (first + i) * MINUTE_NS, env) for i in range(n)]


def settle(logger: Logger, upto: int, *want: tuple[int, int], at_ns: int = START_NS, boot: int | None = None) -> None:
    """Let the logger receive an acknowledgement, for its present boot if no other is named."""
    content = {"v": 1, "boot": logger.boot if boot is None else boot, "upto": upto, "want": want, "now": at_ns}
    logger.receive(at_ns, cbor2.dumps(content))


def read(message: Message) -> dict[str, Any]:
    """Return the content of a message, its ranges and pairs as lists."""
    content: dict[str, Any] = cbor2.loads(message.payload)
    return content | {key: [list(entry) for entry in content[key]] for key in ("held", "boots") if key in content}


def seqs(messages: list[Message]) -> list[int]:
    """Return the seq of each message."""
    return [read(message)["seq"] for message in messages]


def paths(messages: list[Message]) -> list[str]:
    """Return the end of each message's topic."""
    return [message.topic.removeprefix("tcm/v1/C-1/L-1/") for message in messages]


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
    assert "boots" not in birth


def test_the_will_has_the_time_of_connecting() -> None:
    """A will that the broker publishes later still says which connection it belongs to."""
    will = make().will(START_NS + 5)
    content = read(will)
    assert (content["state"], content["t0"], will.retain) == ("offline", START_NS + 5, True)


def test_sleep_tells_the_end_by_the_loggers_own_clock() -> None:
    """The logger does not know true time: it says what its clock is going to show."""
    clock = Oscillator()
    logger = make(clock)
    clock.step(START_NS, 100.0)
    content = read(logger.sleep(START_NS, START_NS + MINUTE_NS))
    assert (content["state"], content["until"]) == ("sleeping", START_NS + MINUTE_NS + 100 * NS_PER_S)


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


def test_want_resends_what_is_held_and_not_just_sent() -> None:
    """A range that was sent a moment ago is on its way; ten seconds later it goes again, by the fill topics."""
    logger = make()
    logger.connected(START_NS)
    add(logger, 3)
    logger.due(START_NS)
    settle(logger, 0, (0, 1), at_ns=START_NS + NS_PER_S)
    assert logger.due(START_NS + NS_PER_S) == []
    settle(logger, 0, (0, 1), (7, 2**60), at_ns=START_NS + 10 * NS_PER_S)
    again = logger.due(START_NS + 10 * NS_PER_S)
    assert (seqs(again), paths(again)) == ([1], ["up/fill/env"])


def test_a_power_cut_gives_a_new_boot_and_keeps_the_memory() -> None:
    """seq begins at 0 again; what the earlier boot left is held, how far it came is told until it is settled."""
    logger = make()
    add(logger, 2)
    before = logger.boot
    logger.power_off(START_NS + 2 * MINUTE_NS)
    logger.power_up(START_NS + 3 * MINUTE_NS)
    (record,) = add(logger, 1, START_NS + 4 * MINUTE_NS)
    content = cbor2.loads(record.payload)
    assert logger.boot != before
    assert (record.seq, content["oldest"], content["mono"]) == (0, 0, MINUTE_NS)
    birth = read(logger.connected(START_NS + 5 * MINUTE_NS))
    assert (birth["held"], birth["boots"]) == ([[before, 0, 1], [logger.boot, 0, 0]], [[before, 2]])
    settle(logger, 1, boot=before)
    assert "boots" not in read(logger.connected(START_NS + 6 * MINUTE_NS))


def test_a_torn_tail_and_a_lost_boot_stand_in_the_ledger() -> None:
    """What a brown-out destroyed is below `next` and outside `held`, even of a boot that never connected."""
    logger = make()
    add(logger, 5)
    first = logger.boot
    logger.power_off(START_NS + 10 * MINUTE_NS, torn=2)
    logger.power_up(START_NS + 11 * MINUTE_NS)
    second = logger.boot
    add(logger, 1, START_NS + 12 * MINUTE_NS)
    logger.power_off(START_NS + 13 * MINUTE_NS, torn=1)
    logger.power_up(START_NS + 14 * MINUTE_NS)
    logger.power_up(START_NS + 15 * MINUTE_NS)  # one that recorded nothing has nothing to tell
    birth = read(logger.connected(START_NS + 16 * MINUTE_NS))
    assert (birth["held"], birth["boots"]) == ([[first, 0, 2]], [[first, 5], [second, 1]])
    assert (logger.created, logger.lost, logger.held) == (6, 3, 3)


def test_a_boot_that_is_settled_at_its_end_is_not_in_the_ledger() -> None:
    """There is nothing left to tell of it."""
    logger = make()
    add(logger, 3)
    settle(logger, 2)
    logger.power_off(START_NS + 3 * MINUTE_NS)
    logger.power_up(START_NS + 4 * MINUTE_NS)
    assert "boots" not in read(logger.connected(START_NS + 5 * MINUTE_NS))


def test_overrun_counts_the_present_boot_only() -> None:
    """Overwritten records of an earlier boot are lost, but `overrun` and `oldest` speak of this boot."""
    logger = make(capacity_bytes=1000)
    add(logger, 20)
    earlier = logger.overrun
    later_ns = START_NS + 30 * MINUTE_NS
    logger.power_up(later_ns)
    contents = [cbor2.loads(record.payload) for record in add(logger, 10, later_ns)]
    assert 0 < contents[-1]["overrun"] == contents[-1]["oldest"] < 10
    assert (contents[0]["overrun"], contents[0]["oldest"]) == (0, 0)
    assert logger.lost == 20 + logger.overrun > earlier


def test_nothing_works_while_it_is_off() -> None:
    """It neither sends nor hears; to record or connect then is a mistake of whoever runs it."""
    logger = make()
    logger.connected(START_NS)
    add(logger, 2)
    logger.power_off(START_NS + MINUTE_NS)
    assert (logger.is_on, logger.online, logger.due(START_NS + MINUTE_NS), logger.next_due_ns()) == (
        False,
        False,
        [],
        None,
    )
    settle(logger, 1)
    assert logger.held == 2
    with pytest.raises(RuntimeError, match="L-1: cannot record env while switched off"):
        add(logger)
    with pytest.raises(RuntimeError, match="cannot connect"):
        logger.connected(START_NS + MINUTE_NS)


def test_arming_is_announced_before_the_records() -> None:
    """A retained status with a birth's content, once, and only when something changed."""
    logger = make()
    logger.connected(START_NS)
    add(logger)
    logger.arm(START_NS + 1, False)
    status, record = logger.due(START_NS + 1)
    assert (status.retain, read(status)["state"], read(status)["armed"]) == (True, "online", False)
    assert (read(status)["held"], paths([record])) == ([[logger.boot, 0, 0]], ["up/env"])
    assert not logger.armed
    logger.arm(START_NS + 2, False)
    assert logger.due(START_NS + 2) == []


def test_a_synchronisation_and_its_ageing_are_announced() -> None:
    """clk 1 becomes 2, and a day later 1 again; next_due_ns knows when."""
    logger = make()
    assert read(logger.connected(START_NS))["clk"] == 1
    logger.synchronise(START_NS + 1, START_NS + 2)
    (status,) = logger.due(START_NS + 1)
    assert (read(status)["clk"], read(status)["sync_age_s"], read(status)["t0"]) == (2, 0.0, START_NS + 2)
    assert logger.next_due_ns() == START_NS + 1 + DAY_NS
    assert logger.due(START_NS + DAY_NS) == []
    (status,) = logger.due(START_NS + 1 + DAY_NS)
    assert (read(status)["clk"], read(status)["sync_age_s"]) == (1, 86400.0)


@pytest.mark.parametrize(("sync", "clk"), [("ack", 2), ("network", 0), ("never", 0)])
def test_an_acknowledgement_sets_the_clock_of_a_logger_that_takes_it(sync: str, clk: int) -> None:
    """The others stay in the year 2000. Once set, an acknowledgement that took 0.4 s changes nothing, 0.6 s does."""
    logger = make(Oscillator(has_rtc=False), sync=sync)
    logger.connected(START_NS)
    settle(logger, -1, at_ns=START_NS)
    assert logger.oscillator.clk(START_NS) == clk
    if sync != "ack":
        return
    for late_ms, shown_ms in ((400, 0), (600, -600)):
        logger.receive(
            START_NS, cbor2.dumps({"v": 1, "boot": 1, "upto": -1, "want": [], "now": START_NS - late_ms * 10**6})
        )
        assert logger.oscillator.wall_ns(START_NS) == START_NS + shown_ms * 10**6


def test_a_record_has_the_time_of_its_own_clock() -> None:
    """t0 by the wall clock, mono by the crystal at the same instant, clk and the age of the synchronisation."""
    clock = Oscillator(100.0)
    logger = make(clock)
    logger.synchronise(START_NS, START_NS + 7)
    clock.step(START_NS, -3600.0)
    (record,) = add(logger)
    assert record.t0_ns == START_NS + 7 - 3600 * NS_PER_S
    (record,) = add(logger, 1, START_NS + 9_940 * NS_PER_S)
    content = cbor2.loads(record.payload)
    assert (content["mono"], content["clk"], content["sync_age_s"]) == (10_001 * NS_PER_S, 2, 10_001.0)
    assert content["t0"] == record.t0_ns == START_NS + 7 + 6_401 * NS_PER_S


def test_the_battery_falls_with_time_on_and_announces_its_levels() -> None:
    """A full one lasts battery_s; time off costs nothing; 20 % and 10 % are told when they are reached."""
    logger = make(battery_s=100 * 86_400.0)
    logger.power_off(START_NS + 50 * DAY_NS)
    logger.power_up(START_NS + 60 * DAY_NS)
    assert read(logger.connected(START_NS + 60 * DAY_NS))["bat_pct"] == 50.0
    assert logger.next_due_ns() == START_NS + 90 * DAY_NS
    assert logger.due(START_NS + 90 * DAY_NS - 1) == []
    (status,) = logger.due(START_NS + 90 * DAY_NS)
    assert (read(status)["bat_pct"], logger.next_due_ns()) == (20.0, START_NS + 100 * DAY_NS)
    (status,) = logger.due(START_NS + 101 * DAY_NS)
    assert (read(status)["bat_pct"], logger.next_due_ns()) == (9.0, None)
    assert read(logger.connected(START_NS + 200 * DAY_NS))["bat_pct"] == 0.0


def test_a_memory_that_fills_and_empties_is_announced() -> None:
    """75 % and 90 % up, and once down again when the monitor has settled it; settled records do not count."""
    logger = make(capacity_bytes=20_000, window_records=1)
    logger.connected(START_NS)
    told = []
    while logger.lost == 0:
        (record,) = add(logger)
        told += [read(m)["mem_pct"] for m in logger.due(START_NS) if m.retain]
    assert [pct // 5 * 5 for pct in told] == [75.0, 90.0]
    settle(logger, record.seq)
    (status,) = logger.due(START_NS)
    assert (read(status)["mem_pct"], read(status)["held"]) == (0.0, [])


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


def test_commands_are_counted() -> None:
    """None of them is known to change anything; whatever its bytes are, it does no harm."""
    logger = make()
    logger.command(START_NS, cbor2.dumps({"v": 1, "cmd": "identify"}))
    logger.command(START_NS, b"\xff")
    assert logger.commands == 2


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Boot and records repeat with the seed, and differ with another seed, name or start, and in a clone."""
    assert add(make(seed=3), 2) == add(make(seed=3), 2)
    later = make(seed=3)
    later.power_up(START_NS + 1)
    loggers = [make(seed=3), make(seed=4), make(seed=3, logger="L-2"), make(seed=3, instance=1), later]
    boots = {logger.boot for logger in loggers}
    assert len(boots) == len(loggers)
    assert all(0 <= boot < 2**53 for boot in boots)


def test_the_link_is_not_accelerated() -> None:
    """60 virtual seconds, but at 600 times real speed the 2 real seconds that an acknowledgement may take."""
    assert resend_time_s(1) == 60.0
    assert resend_time_s(600) == 1200.0
