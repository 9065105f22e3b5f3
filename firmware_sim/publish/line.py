"""What a logger's line to the broker is to the runner, and one that needs no broker."""

from collections import deque
from collections.abc import Callable
from typing import Protocol

import cbor2

from firmware_sim.device import Message

Will = Callable[[], Message]  # makes the last will for a connection that is made now


class Line(Protocol):
    """A logger's line to the broker; times are true ns UTC. A message given to `send` while offline goes nowhere."""

    @property
    def is_open(self) -> bool:
        """Return whether a connection is wanted."""
        ...

    @property
    def online(self) -> bool:
        """Return whether there is a connection."""
        ...

    @property
    def generation(self) -> int:
        """Return a number that grows with each connection: whoever sees it changed knows that there was a break."""
        ...

    def open(self, will: Will) -> None:
        """Want a connection from now on; called when it is closed."""
        ...

    def begin(self, birth: Message, at_ns: int) -> None:
        """Begin on a new connection: listen, then publish the birth before anything else."""
        ...

    def send(self, message: Message, at_ns: int) -> None:
        """Publish a message."""
        ...

    def close(self, farewell: Message | None = None) -> None:
        """End in order, after a last message; after what the last will says unless there is one."""
        ...

    def drop(self) -> None:
        """Lose the connection without a word, so that the last will is published."""
        ...

    def arrived(self, at_ns: int) -> list[tuple[str, bytes]]:
        """Return (level, payload) of what has come by down/<level>, once each."""
        ...

    def next_ns(self) -> int | None:
        """Return when something comes that nothing else tells of."""
        ...


class Settlement:
    """What a monitor settles of one logger, from the records and statuses that come."""

    def __init__(self) -> None:
        self._upto: dict[int, int] = {}  # by boot
        self._ahead: dict[int, set[int]] = {}  # what came beyond upto + 1

    def take(self, payload: bytes) -> list[tuple[int, int]]:
        """Return (boot, upto) of the boots that a message says something of; nothing for one that is broken."""
        try:
            content = cbor2.loads(payload)
            boot, seq = int(content["boot"]), content.get("seq")
            if seq is not None:
                return [self._settle(boot, int(content["oldest"]), {int(seq)})]
            ends = [(boot, content["next"]), *content.get("boots", [])] if "next" in content else []
            return [self._declare(int(boot), int(end), content["held"]) for boot, end in ends]
        except (cbor2.CBORDecodeError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return []

    def _declare(self, boot: int, end: int, held: list[tuple[int, int, int]]) -> tuple[int, int]:
        """Settle what is below `end` and not held: it came, or is lost."""
        begin = self._upto.get(boot, -1) + 1
        missing = {seq for of, first, last in held if of == boot for seq in range(max(first, begin), last + 1)}
        return self._settle(boot, 0, set(range(begin, end)) - missing)

    def _settle(self, boot: int, oldest: int, seqs: set[int]) -> tuple[int, int]:
        ahead = self._ahead.get(boot, set()) | seqs
        upto = max(self._upto.get(boot, -1), oldest - 1)  # below oldest nothing comes any more
        while upto + 1 in ahead:
            upto += 1
        self._ahead[boot] = {seq for seq in ahead if seq > upto}
        self._upto[boot] = upto
        return boot, upto


class LocalLine:
    """A line without a broker: connected once it is opened, and acknowledged after delay_ns of true time; None: never.

    listen is called with everything that a broker would get, in order, the last will included.
    """

    def __init__(self, delay_ns: int | None = 0, listen: Callable[[Message], object] = lambda message: None) -> None:
        self.is_open = False
        self.generation = 0
        self._delay_ns = delay_ns
        self._listen = listen
        self._settlement = Settlement()
        self._coming: deque[tuple[int, bytes]] = deque()  # by time, as the delay is always the same
        self._last_will: Message | None = None

    @property
    def online(self) -> bool:
        """Return whether there is a connection: as long as it is open."""
        return self.is_open

    def open(self, will: Will) -> None:
        """Connect."""
        self.is_open = True
        self.generation += 1
        self._last_will = will()

    def begin(self, birth: Message, at_ns: int) -> None:
        """Publish the birth."""
        self.send(birth, at_ns)

    def send(self, message: Message, at_ns: int) -> None:
        """Take a message, and acknowledge it when the time has come."""
        if not self.is_open:
            return
        self._listen(message)
        if self._delay_ns is None:
            return
        come_ns = at_ns + self._delay_ns
        for boot, upto in self._settlement.take(message.payload):
            ack = {"v": 1, "boot": boot, "upto": upto, "want": [], "now": come_ns}
            self._coming.append((come_ns, cbor2.dumps(ack)))

    def close(self, farewell: Message | None = None) -> None:
        """Disconnect; nothing comes any more."""
        last = farewell or self._last_will
        if self.is_open and last is not None:
            self._listen(last)
        self.is_open = False
        self._coming.clear()

    def drop(self) -> None:
        """Lose the connection."""
        self.close()

    def arrived(self, at_ns: int) -> list[tuple[str, bytes]]:
        """Return the acknowledgements that have come by at_ns."""
        acks = []
        while self._coming and self._coming[0][0] <= at_ns:
            acks.append(("ack", self._coming.popleft()[1]))
        return acks

    def next_ns(self) -> int | None:
        """Return when the next acknowledgement comes."""
        return self._coming[0][0] if self._coming else None
