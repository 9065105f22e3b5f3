"""From records to blocks and events at their places in time, each told as late or as going on with its logger's."""

from __future__ import annotations

from monitor.alerts import Origin
from monitor.consumers.judged import Judged
from monitor.consumers.order import Order
from monitor.consumers.points import Anchors, anchor_of, placed_ns
from monitor.consumers.reading import read
from monitor.journal.succession import Owner
from monitor.model.batch import Batch, Block, Event, Heard
from monitor.model.channel import field_name
from monitor.model.record import Env, Record, Status
from monitor.wire import decode, decode_once

MAX_UNKNOWN_CHANNELS = 1_000
MAX_CHANNEL_SETS = 1_000  # of loggers that name what they measure in other ways; emptied when full


class Placing:
    """Decodes records; one that cannot be read is counted and passed over."""

    def __init__(self, anchors: Anchors, *, is_in_order: bool, is_alone: bool = False) -> None:
        """Of records that are given in official order none is late; one who `is_alone` reads each for nobody else."""
        self._anchors, self._is_in_order = anchors, is_in_order
        self._decode = decode_once if is_alone else decode
        self.order = Order()
        self.unreadable = 0
        self.unknown_channels: set[str] = set()
        self._looked_at: set[tuple[str, ...]] = set()

    def take(self, record: Record, owner: Owner, batch: Batch, judged: Judged) -> bool:
        """Put a record into `batch`, and what it leads to by itself into `judged`; whether it is late."""
        container, logger = owner
        message = read(record, self._decode)
        if message is None:
            self.unreadable += 1
            return False
        status = message if isinstance(message, Status) else None
        batch.heard.append(Heard(record.pos, container, logger, record.received_ns, status))
        anchor = anchor_of(record, message.stamp, self._anchors)
        if isinstance(message, Status):
            self.order.take_status(owner, message)
            judged.origins[record.pos] = Origin(record.received_ns, None, is_latest=False)
            return False
        start_ns = placed_ns(message, anchor)
        judged.origins[record.pos] = Origin(
            received_ns=record.received_ns,
            clock_uncertainty_s=message.stamp.clock_uncertainty_s(anchor),
            is_latest=anchor is not None and anchor.mono_ns is None,
        )
        is_late = self._is_late(record, owner, message.stamp.boot, message.seq)
        if isinstance(message, Env):
            batch.blocks.append(self._block(record, owner, message, start_ns, is_late))
        else:
            event = Event(record.pos, container, logger, message.stamp.boot, message.seq, start_ns, message, is_late)
            batch.events.append(event)
        return is_late

    def _is_late(self, record: Record, owner: Owner, boot: int, seq: int) -> bool:
        if record.is_derived:
            return not self._is_in_order and self.order.is_late_derived(owner, boot, seq)
        if not self._is_in_order:
            return self.order.is_late(owner, boot, seq)
        self.order.follow(owner, boot, seq)
        return False

    def _look_at(self, channels: tuple[str, ...]) -> None:
        """Note those of a record's channels that are not known."""
        if len(self._looked_at) >= MAX_CHANNEL_SETS:
            self._looked_at.clear()
        self._looked_at.add(channels)
        if len(self.unknown_channels) < MAX_UNKNOWN_CHANNELS:
            self.unknown_channels.update(channel for channel in channels if field_name(channel) is None)

    def _block(self, record: Record, owner: Owner, env: Env, start_ns: int, is_late: bool) -> Block:
        if env.channels not in self._looked_at:
            self._look_at(env.channels)
        return Block(
            pos=record.pos,
            container=owner[0],
            logger=owner[1],
            boot=env.stamp.boot,
            seq=env.seq,
            is_late=is_late,
            channels=env.channels,
            times_ns=env.offsets_ns + start_ns,
            values=env.values,
            interval_ns=self.order.interval_ns(owner) or env.interval_ns or None,
            clk=env.stamp.clk,
            mono_ns=env.stamp.mono_ns,
            received_ns=record.received_ns,
        )
