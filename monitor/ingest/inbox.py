"""The bounded queue between paho's callbacks and the intake: live before fill, and loggers by turns."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

from monitor.model.record import NATIVE_TOPICS

MAX_INBOX_BYTES = 32 << 20  # of a lane, topics and payloads: 32 of the largest size; a full lane takes nothing
MAX_INBOX_MESSAGES = 8_192  # of a lane: two windows, so only QoS 0 can fill it
_WAIT_S = 0.5  # how often who waits for room looks whether the daemon ends; as long as a network thread waits


class Delivery(NamedTuple):
    """A message as paho handed it over; `acknowledge` frees its place in the broker's window."""

    received_ns: int
    topic: str
    payload: bytes
    is_retained: bool
    is_prompt: bool
    acknowledge: Callable[[], None]


class Lane:
    """A queue with its own bounds: a full lane never stops the other, whose session may have to go on first.

    Each sender has a turn after the others, whatever it has waiting; what one sent stays in its order. One that rests
    has none.
    """

    def __init__(self) -> None:
        self._senders: OrderedDict[str, deque[Delivery]] = OrderedDict()  # the first has its turn next; none is empty
        self._resting: dict[str, deque[Delivery]] = {}
        self._messages = self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be put."""
        return self._messages >= MAX_INBOX_MESSAGES or self._bytes >= MAX_INBOX_BYTES

    @property
    def has_room(self) -> bool:
        """Whether it is half empty."""
        return self._messages <= MAX_INBOX_MESSAGES // 2 and self._bytes <= MAX_INBOX_BYTES // 2

    def put(self, delivery: Delivery) -> None:
        """Add behind what its sender has waiting."""
        sender = _sender(delivery.topic)
        waiting = self._resting.get(sender)
        if waiting is None:
            waiting = self._senders.setdefault(sender, deque())
        waiting.append(delivery)
        self._messages += 1
        self._bytes += _size(delivery)

    @property
    def is_ready(self) -> bool:
        """Whether anybody has a turn."""
        return bool(self._senders)

    def rest(self, topic: str) -> None:
        """Whoever sent this rests until `wake`."""
        sender = _sender(topic)
        self._resting[sender] = self._senders.pop(sender, deque())

    def wake(self, topic: str) -> None:
        """Whoever sent this has turns again."""
        sender = _sender(topic)
        waiting = self._resting.pop(sender)
        if waiting:
            self._senders[sender] = waiting

    def take(self) -> Delivery:
        """Take what has its turn; `is_ready` says that there is something."""
        sender, waiting = next(iter(self._senders.items()))
        delivery = waiting.popleft()
        if waiting:
            self._senders.move_to_end(sender)
        else:
            del self._senders[sender]
        self._messages -= 1
        self._bytes -= _size(delivery)
        return delivery

    def __len__(self) -> int:
        return self._messages


def _size(delivery: Delivery) -> int:
    """Bytes that count against a lane's bound."""
    return len(delivery.topic) + len(delivery.payload)


def _sender(topic: str) -> str:
    """Container and logger of a native topic; of others the whole topic."""
    return "/".join(topic.split("/", 4)[:4]) if topic.startswith(NATIVE_TOPICS) else topic


class Inbox:
    """Filled by network threads, emptied by the one intake; its lock is held for microseconds.

    While `is_held` nothing is given out; while `is_fill_held` says so, nothing from memory.
    """

    def __init__(self) -> None:
        self._live, self._fill = Lane(), Lane()
        self._room = threading.Condition()
        self.on_arrival: Callable[[], None] = lambda: None
        self.is_fill_held: Callable[[], bool] = lambda: False
        self.is_held = False
        self.taken = 0  # deliveries since the start
        self._closed = False

    def put(self, delivery: Delivery, *, is_fill: bool) -> bool:
        """Enqueue; waits while the lane is full. False once the inbox is closed."""
        with self._room:
            lane = self._lane(is_fill=is_fill)
            while not self._closed and lane.is_full:
                self._room.wait(_WAIT_S)
            return self._put(lane, delivery)

    def offer(self, delivery: Delivery, *, is_fill: bool) -> bool:
        """Enqueue; False when the lane stays full for a moment, at once while nothing is given out, or when closed."""
        with self._room:
            lane = self._lane(is_fill=is_fill)
            if lane.is_full and not self._closed and not self.is_held:
                self._room.wait(_WAIT_S)  # it moves: so the broker waits and nothing has to come again
            return not lane.is_full and self._put(lane, delivery)

    def has_room(self, *, is_fill: bool) -> bool:
        """Whether a lane is half empty: worth what comes again for it."""
        return self._lane(is_fill=is_fill).has_room

    def _lane(self, *, is_fill: bool) -> Lane:
        return self._fill if is_fill else self._live

    def _put(self, lane: Lane, delivery: Delivery) -> bool:
        if self._closed:
            return False
        was_empty = not len(self)
        lane.put(delivery)
        if was_empty:  # else the intake is awake or has been told
            self.on_arrival()
        return True

    def take(self, *, only_live: bool = False) -> Delivery | None:
        """The next delivery: a live one, and one from memory only when no live one has its turn; None without any.

        While `is_fill_held` says so, live ones may be waiting at the broker, and filled ones stay.
        """
        with self._room:
            if self.is_held or not (self.is_live_ready or (not only_live and self._is_fill_ready)):
                return None
            lane = self._live if self.is_live_ready else self._fill
            was_full = lane.is_full
            delivery = lane.take()
            self.taken += 1
            if was_full:
                self._room.notify_all()
        return delivery

    def rest(self, delivery: Delivery) -> None:
        """Nothing more of the sender of a live delivery is given out until `wake`."""
        with self._room:
            self._live.rest(delivery.topic)

    def wake(self, delivery: Delivery) -> None:
        """What this sender has sent since `rest` is given out again."""
        with self._room:
            self._live.wake(delivery.topic)

    @property
    def waiting(self) -> int:
        """Deliveries that `take` would give out, now or once their senders have rested."""
        if self.is_held:
            return 0
        return len(self._live) or (0 if self.is_fill_held() else len(self._fill))

    @property
    def is_live_ready(self) -> bool:
        """Whether a live message can be taken."""
        return self._live.is_ready

    @property
    def _is_fill_ready(self) -> bool:
        return self._fill.is_ready and not self.is_fill_held()

    @property
    def is_drained(self) -> bool:
        """Whether no live message waits."""
        return not len(self._live)

    @property
    def is_fill_drained(self) -> bool:
        """Whether no message from memory waits."""
        return not len(self._fill)

    def __len__(self) -> int:
        return len(self._live) + len(self._fill)

    def close(self) -> None:
        """Let waiting callbacks go; what is queued stays unacknowledged and comes again."""
        with self._room:
            self._closed = True
            self._room.notify_all()
