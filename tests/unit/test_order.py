"""Which records continue a logger's stream, and which come late."""

from __future__ import annotations

import cbor2

from monitor.consumers.order import MAX_DERIVED, Order
from monitor.model.record import Stamp, Status


def birth(boot: int, interval_us: int = 60_000_000) -> Status:
    return Status(Stamp(boot, 0, 0, 2), "online", serial="SN-1", interval_us=interval_us)


def test_records_in_order_are_not_late_by_whatever_topic_they_come() -> None:
    """After an outage a logger may send from memory first: that is the stream going on, gaps included."""
    order = Order()
    topics = [False, True, True, False, True]
    assert [
        order.is_late(("C", "L"), 1, seq, is_fill=topic) for seq, topic in zip((0, 1, 2, 7, 9), topics, strict=True)
    ] == [False] * 5


def test_a_lower_seq_is_late() -> None:
    """What fills a gap behind the present comes late, and does not move the present back."""
    order = Order()
    assert not order.is_late(("C", "L"), 1, 9, is_fill=False)
    assert [order.is_late(("C", "L"), 1, seq, is_fill=True) for seq in (5, 6, 7)] == [True] * 3
    assert order.is_late(("C", "L"), 1, 8, is_fill=False)
    assert not order.is_late(("C", "L"), 1, 10, is_fill=True)


def test_memory_of_an_older_boot_is_late() -> None:
    """A birth begins a boot: what then comes from memory of another one is older."""
    order = Order()
    assert not order.is_late(("C", "L"), 1, 4, is_fill=False)
    order.take_status(("C", "L"), birth(2))
    assert order.is_late(("C", "L"), 1, 5, is_fill=True)
    assert not order.is_late(("C", "L"), 2, 0, is_fill=True)
    assert not order.is_late(("C", "M"), 1, 0, is_fill=True)


def test_derived_boots_take_no_loggers_place() -> None:
    """However many sets of channels a sender makes up, the loggers' own order stays; each set has an order too."""
    order = Order()
    for boot in range(MAX_DERIVED):
        assert not order.is_late_derived(("C", "X"), boot, 5)
    order.take_status(("C", "L"), birth(5))
    arrivals = ((10, False), (3, True), (4, True), (11, False))
    assert [order.is_late(("C", "L"), 5, seq, is_fill=is_fill) for seq, is_fill in arrivals] == [
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
    """Intervals and heads, so a restart tells late from present as before."""
    order, again = Order(), Order()
    order.take_status(("C", "L"), birth(3, interval_us=5))
    order.is_late(("C", "L"), 3, 8, is_fill=False)
    again.restore(cbor2.loads(cbor2.dumps(order.snapshot())))
    assert again.interval_ns(("C", "L")) == 5000
    assert again.is_late(("C", "L"), 3, 7, is_fill=False)
    assert not again.is_late(("C", "L"), 3, 9, is_fill=False)
