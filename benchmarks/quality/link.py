"""The loggers' lines without a broker: what they publish is collected, what the monitor answers comes back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from firmware_sim.device import Message
from firmware_sim.publish.line import Will


class Published(NamedTuple):
    """A message as it reached the gateway at true time at_ns."""

    at_ns: int
    message: Message


@dataclass
class Exchange:
    """Stands for the broker: all messages since `take`, and which lines listen to a logger's topics."""

    now_ns: int
    lines: dict[str, list[ExchangeLine]] = field(default_factory=lambda: defaultdict(list))
    _published: list[Published] = field(default_factory=list)

    def publish(self, at_ns: int, message: Message) -> None:
        """Take a message."""
        self._published.append(Published(at_ns, message))

    def take(self) -> list[Published]:
        """All messages since the last call, in order of time."""
        taken, self._published = self._published, []
        return sorted(taken, key=lambda published: published.at_ns)

    def answer(self, topic: str, payload: bytes) -> list[int]:
        """Hand a message on `<logger's topics>/down/<level>` to all who listen; their numbers."""
        owner, _, level = topic.partition("/down/")
        listening = [line for line in self.lines[owner] if line.is_open]
        for line in listening:
            line.coming.append((level, payload))
        return [line.number for line in listening]


class ExchangeLine:
    """One logger's line (`firmware_sim.publish.line.Line`): connected as soon as it is opened.

    Loggers of one name (a clone) are connected side by side, which a broker would not let them.
    """

    def __init__(self, exchange: Exchange, topic: str, number: int) -> None:
        self.is_open = False
        self.generation = 0
        self.number = number
        self.coming: list[tuple[str, bytes]] = []
        self._exchange = exchange
        self._last_will: Message | None = None
        exchange.lines[topic].append(self)

    @property
    def online(self) -> bool:
        """Whether there is a connection: as long as it is open."""
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
        """Publish a message."""
        if self.is_open:
            self._exchange.publish(at_ns, message)

    def close(self, farewell: Message | None = None) -> None:
        """Disconnect after a last message, or what the last will says."""
        last = farewell or self._last_will
        if self.is_open and last is not None:
            self._exchange.publish(self._exchange.now_ns, last)
        self.is_open = False
        self.coming.clear()

    def drop(self) -> None:
        """Lose the connection: the last will is published."""
        self.close()

    def arrived(self, at_ns: int) -> list[tuple[str, bytes]]:
        """What has come since the last call."""
        came, self.coming = self.coming, []
        return came

    def next_ns(self) -> int | None:
        """None: whoever answers steps the logger."""
        return None
