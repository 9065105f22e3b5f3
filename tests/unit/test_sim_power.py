"""What power cuts, clocks, batteries and full memories do to a logger, and what it says of them."""

import cbor2
import pytest

from firmware_sim.clock import NS_PER_S
from firmware_sim.device import Oscillator
from tests.loggers import DAY_NS, MINUTE_NS, START_NS, add, make, paths, read, settle


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
    assert read(logger.connected(START_NS + 6 * MINUTE_NS))["boots"] == []


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
    assert read(logger.connected(START_NS + 5 * MINUTE_NS))["boots"] == []


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
    """A full one lasts battery_s; time off costs nothing; 20 %, 10 % and 0 % are told when they are reached."""
    logger = make(battery_s=100 * 86_400.0)
    logger.power_off(START_NS + 20 * DAY_NS)
    logger.power_up(START_NS + 25 * DAY_NS)
    logger.power_off(START_NS + 55 * DAY_NS)
    logger.power_up(START_NS + 60 * DAY_NS)
    assert read(logger.connected(START_NS + 60 * DAY_NS))["bat_pct"] == 50.0
    assert logger.next_due_ns() == START_NS + 90 * DAY_NS
    assert logger.due(START_NS + 90 * DAY_NS - 1) == []
    (status,) = logger.due(START_NS + 90 * DAY_NS)
    assert (read(status)["bat_pct"], logger.next_due_ns()) == (20.0, START_NS + 100 * DAY_NS)
    (status,) = logger.due(START_NS + 101 * DAY_NS)
    assert (read(status)["bat_pct"], logger.next_due_ns()) == (9.0, START_NS + 110 * DAY_NS)
    assert logger.empty_ns == START_NS + 110 * DAY_NS
    (status,) = logger.due(START_NS + 110 * DAY_NS)
    assert (read(status)["bat_pct"], logger.next_due_ns()) == (0.0, None)


def test_power_that_returns_after_an_empty_battery_is_a_new_battery() -> None:
    """A full one, whatever the first one was; one that is not empty stays in."""
    logger = make(battery_s=10 * 86_400.0, battery_pct=50.0)
    logger.power_off(START_NS + 4 * DAY_NS)
    logger.power_up(START_NS + 5 * DAY_NS)
    assert read(logger.connected(START_NS + 5 * DAY_NS))["bat_pct"] == 10.0
    logger.power_off(START_NS + 6 * DAY_NS)
    assert logger.empty_ns is None
    logger.power_up(START_NS + 9 * DAY_NS)
    assert read(logger.connected(START_NS + 9 * DAY_NS))["bat_pct"] == 100.0
    assert logger.empty_ns == START_NS + 19 * DAY_NS


def test_a_logger_takes_the_time_of_an_acknowledgement_with_its_error_only() -> None:
    """Whichever clock `now` was read from, the logger's is set to true time and what `now` was wrong by."""
    logger = make(sync="ack")
    ack = cbor2.dumps({"v": 1, "boot": 1, "upto": -1, "want": [], "now": 7 * NS_PER_S})
    logger.receive(START_NS, ack, lambda told_ns: told_ns - 9 * NS_PER_S)
    assert logger.oscillator.wall_ns(START_NS) == START_NS - 2 * NS_PER_S


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


def test_commands_are_counted() -> None:
    """None of them is known to change anything; whatever its bytes are, it does no harm."""
    logger = make()
    logger.command(START_NS, cbor2.dumps({"v": 1, "cmd": "identify"}))
    logger.command(START_NS, b"\xff")
    assert logger.commands == 2
