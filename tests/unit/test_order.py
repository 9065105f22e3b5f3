"""Which records continue a logger's stream, and which come late."""

from __future__ import annotations

import cbor2

from monitor.consumers.order import MAX_DERIVED, Order
from monitor.model.record import Record, Stamp, Status

L = ("C", "L")


def record(boot: int, seq: int, *, is_fill: bool = False) -> Record:
    topic = f"tcm/v1/C/L/up/{'fill/' if is_fill else ''}env"
    return Record(1, 0, "C", "L", boot, seq, "env", topic, b"")


def take(order: Order, boot: int, seq: int, *, is_fill: bool = False) -> bool:
    """Whether a record is late."""
    order.hear(L, record(boot, seq, is_fill=is_fill))
    return order.is_late(L, boot, seq)


def test_records_in_order_are_not_late_by_whatever_topic_they_come() -> None:
    """After an outage a logger may send from memory first: that is the stream going on, gaps included."""
    order, topics = Order(), [False, True, True, False, True]
    assert [take(order, 1, seq, is_fill=topic) for seq, topic in zip((0, 1, 2, 7, 9), topics, strict=True)] == [
        False
    ] * 5


def test_a_lower_seq_is_late() -> None:
    """What fills a gap behind the present comes late, and does not move the present back."""
    order = Order()
    assert not take(order, 1, 9)
    assert [take(order, 1, seq, is_fill=True) for seq in (5, 6, 7)] == [True] * 3
    assert take(order, 1, 8)
    assert not take(order, 1, 10, is_fill=True)


def test_memory_of_an_older_boot_is_late() -> None:
    """As soon as anything of a newer one was judged, by whatever topic it comes; until then the older one goes on."""
    order = Order()
    assert not take(order, 1, 4)
    assert order.continues(L, record(1, 5, is_fill=True))
    assert not take(order, 1, 5, is_fill=True)
    assert not order.continues(L, record(2, 0))
    assert not take(order, 2, 0)
    assert [take(order, 1, seq, is_fill=seq == 6) for seq in (6, 7)] == [True, True]
    assert take(order, 9, 3, is_fill=True)  # nobody knows it: memory is of earlier boots
    assert order.continues(L, record(2, 1))


def test_what_was_judged_of_boots_that_turn_round_is_judged_again() -> None:
    """The second boot came from memory first, before its own word; its place is known when that comes."""
    order = Order()
    take(order, 1, 4)
    assert take(order, 2, 0, is_fill=True)
    assert not order.hear(L, record(1, 5))
    assert order.hear(L, record(2, 1))
    assert not order.is_late(L, 2, 1)
    assert order.is_late(L, 1, 5)


def test_a_container_goes_on_as_it_was_left_in_official_order() -> None:
    """Its streams have come as far as that; others' stay."""
    order, official = Order(), Order()
    take(order, 1, 4)
    take(order, 2, 0)
    order.follow(("D", "L"), 7, 7)
    official.follow(L, 1, 6)
    order.take_over("C", official)
    assert order.continues(L, record(1, 7))
    assert order.continues(("D", "L"), record(7, 8))


def test_derived_boots_take_no_loggers_place() -> None:
    """However many sets of channels a sender makes up, the loggers' own order stays; each set has an order too."""
    order = Order()
    for boot in range(MAX_DERIVED):
        assert not order.is_late_derived(("C", "X"), boot, 5)
    arrivals = ((10, False), (3, True), (4, True), (11, False))
    assert [take(order, 5, seq, is_fill=is_fill) for seq, is_fill in arrivals] == [
        False,
        True,
        True,
        False,
    ]
    assert [order.is_late_derived(("C", "X"), 7, seq) for seq in (6, 5, 6, 7)] == [False, True, False, False]


def test_of_too_many_derived_boots_the_one_unheard_of_for_longest_is_forgotten() -> None:
    """The table stays bounded, and who goes on sending stays in it, also behind a restart."""
    order, again = Order(), Order()
    for boot in range(MAX_DERIVED):
        order.is_late_derived(("C", "X"), boot, 5)
    assert order.is_late_derived(("C", "X"), 0, 4)  # heard again, though late
    again.restore(cbor2.loads(cbor2.dumps(order.snapshot())))
    for each in (order, again):
        assert not each.is_late_derived(("C", "Y"), 0, 5)
        assert len(each.snapshot()["derived"]) == MAX_DERIVED
        assert each.is_late_derived(("C", "X"), 0, 4)
        assert each.is_late_derived(("C", "X"), 2, 4)
        assert not each.is_late_derived(("C", "X"), 1, 4)


def test_a_snapshot_brings_everything_back() -> None:
    """Intervals, boots and heads, so a restart tells late from present as before."""
    order, again = Order(), Order()
    order.take_status(L, Status(Stamp(3, 0, 0, 2), "online", serial="SN-1", interval_us=5))
    take(order, 2, 1)
    take(order, 3, 8)
    again.restore(cbor2.loads(cbor2.dumps(order.snapshot())))
    assert again.interval_ns(L) == 5000
    assert take(again, 3, 7)
    assert take(again, 2, 9)
    assert not take(again, 3, 9)
