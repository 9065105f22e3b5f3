"""Which records continue a logger's stream, and which come late."""

from __future__ import annotations

from monitor.consumers.order import Order
from monitor.model.record import Stamp, Status


def birth(boot: int, interval_us: int = 60_000_000) -> Status:
    return Status(Stamp(boot, 0, 0, 2), "online", serial="SN-1", interval_us=interval_us)


def test_records_in_order_are_not_late_by_whatever_topic_they_come() -> None:
    """After an outage a logger may send from memory first: that is the stream going on, gaps included."""
    order = Order()
    topics = [False, True, True, False, True]
    assert [order.is_late("L", 1, seq, is_fill=topic) for seq, topic in zip((0, 1, 2, 7, 9), topics, strict=True)] == [
        False
    ] * 5


def test_a_lower_seq_is_late() -> None:
    """What fills a gap behind the present comes late, and does not move the present back."""
    order = Order()
    assert not order.is_late("L", 1, 9, is_fill=False)
    assert [order.is_late("L", 1, seq, is_fill=True) for seq in (5, 6, 7)] == [True] * 3
    assert order.is_late("L", 1, 8, is_fill=False)
    assert not order.is_late("L", 1, 10, is_fill=True)


def test_memory_of_an_older_boot_is_late() -> None:
    """A birth begins a boot: what then comes from memory of another one is older."""
    order = Order()
    assert not order.is_late("L", 1, 4, is_fill=False)
    order.take_status("L", birth(2))
    assert order.is_late("L", 1, 5, is_fill=True)
    assert not order.is_late("L", 2, 0, is_fill=True)
    assert not order.is_late("M", 1, 0, is_fill=True)


def test_a_snapshot_brings_everything_back() -> None:
    """Intervals and heads, so a restart tells late from present as before."""
    order, again = Order(), Order()
    order.take_status("L", birth(3, interval_us=5))
    order.is_late("L", 3, 8, is_fill=False)
    again.restore(order.snapshot())
    assert again.interval_ns("L") == 5000
    assert again.is_late("L", 3, 7, is_fill=False)
    assert not again.is_late("L", 3, 9, is_fill=False)
