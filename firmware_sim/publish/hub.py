"""The loggers' lines over MQTT: a connection of its own for each logger, or one for several.

A connection has one last will. With several loggers on it there is none: the session publishes what each one's will
would say itself when it leaves or is cut off; only if the whole program is killed does nobody say it.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from firmware_sim.device import Identity, Message
from firmware_sim.publish.broker import MAX_CONNECTIONS, Broker, BrokerError
from firmware_sim.publish.line import Will
from firmware_sim.publish.session import MAX_BACKOFF_S, Session, Watcher
from firmware_sim.publish.tls import Tls, tls_of

MAX_ARRIVED = 100  # for one logger before its next step; what is beyond is dropped, and only means a resend
CONTESTED_BACKOFF_S = 4.0  # both of one name get a few acknowledgements, one a second, before they are thrown out
CLOSE_S = 0.5  # for all connections together to end in order
POLL_S = 0.005


class Doorbell:
    """Which loggers something has happened to: left by the sessions' threads for the one loop."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._numbers: set[int] = set()

    def ring(self, numbers: Iterable[int]) -> None:
        """Leave word for the loggers of these numbers."""
        with self._condition:
            self._numbers.update(numbers)
            self._condition.notify()

    def wait(self, limit_s: float) -> set[int]:
        """Return the numbers left since the last call, at once if there are any, else after limit_s at most."""
        with self._condition:
            if not self._numbers:
                self._condition.wait(limit_s)
            numbers, self._numbers = self._numbers, set()
        return numbers


class SessionLine:
    """One logger's part in a connection; see `line.Line` for what the runner does with it."""

    def __init__(self, hub: "Hub", topic: str) -> None:
        self.is_open = False
        self._hub = hub
        self._topic = topic
        self._opened = 0
        self._will: Will | None = None
        self._last_will: Message | None = None
        self._arrived: deque[tuple[str, bytes]] = deque(maxlen=MAX_ARRIVED)

    @property
    def online(self) -> bool:
        """Return whether there is a connection."""
        return self.is_open and self._hub.session.online

    @property
    def generation(self) -> int:
        """Return a number that grows with each connection, and with each opening on one that several share."""
        return self._opened + self._hub.session.generation

    def open(self, will: Will) -> None:
        """Want a connection from now on."""
        self._will = will
        self._opened += 1
        self._arrived.clear()
        self.is_open = True
        self._hub.session.want()

    def begin(self, birth: Message, at_ns: int) -> None:
        """Begin on a new connection: subscribe, then publish the birth before anything else."""
        if self._hub.is_shared:
            self.make_will()
        self._hub.session.subscribe([f"{self._topic}/down/ack", f"{self._topic}/down/cmd"])
        self.send(birth, at_ns)

    def send(self, message: Message, at_ns: int) -> None:
        """Hand a message to the connection."""
        if self.is_open:
            self._hub.session.publish(message)

    def close(self, farewell: Message | None = None) -> None:
        """End in order, after a last message; what the last will would say unless there is one."""
        self._leave(farewell or self._last_will, orderly=True)

    def drop(self) -> None:
        """Lose the connection without a word, so that the last will is published."""
        self._leave(self._last_will if self._hub.is_shared else None, orderly=False)

    def arrived(self, at_ns: int) -> list[tuple[str, bytes]]:
        """Return what came by down/ack and down/cmd."""
        came = []
        while self._arrived:
            came.append(self._arrived.popleft())
        return came

    def next_ns(self) -> int | None:
        """Return None: what comes rings the doorbell."""
        return None

    def make_will(self) -> Message:
        """Return the last will for a connection that is made now, and keep it."""
        assert self._will is not None  # a connection is made only for a line that was opened
        self._last_will = self._will()
        return self._last_will

    def deliver(self, level: str, payload: bytes) -> None:
        """Keep what came by down/<level> until the logger's next step."""
        if self.is_open:
            self._arrived.append((level, payload))

    def _leave(self, last: Message | None, *, orderly: bool) -> None:
        if self._hub.is_shared:
            if last is not None and self.online:
                self._hub.session.publish(last)
        elif self.is_open:
            self._hub.session.end(last, orderly=orderly)
        self.is_open = False


class Hub:
    """One connection and the lines over it."""

    def __init__(
        self,
        broker: Broker,
        tls: Tls | None,
        members: Sequence[tuple[int, Identity]],
        doorbell: Doorbell,
        *,
        is_contested: bool,
    ) -> None:
        """Members: number, by which the doorbell rings, and identity. is_contested: another one has the same names."""
        self.is_shared = len(members) > 1
        self.is_contested = is_contested
        self.lines = {number: SessionLine(self, identity.topic) for number, identity in members}
        self._by_topic = {
            f"{identity.topic}/down/{level}": (number, level)
            for number, identity in members
            for level in ("ack", "cmd")
        }
        self._doorbell = doorbell
        first, kind = members[0][1], "fleet" if self.is_shared else "logger"
        will = None if self.is_shared else self.lines[members[0][0]].make_will
        watcher = Watcher(will, lambda: doorbell.ring(self.lines), self._deliver)
        max_backoff_s = CONTESTED_BACKOFF_S if is_contested else MAX_BACKOFF_S
        self.session = Session(broker, f"{kind}-{first.container}-{first.logger}", watcher, tls, max_backoff_s)

    def _deliver(self, topic: str, payload: bytes) -> None:
        if topic in self._by_topic:  # amqtt sends retained messages of other topics as well
            number, level = self._by_topic[topic]
            self.lines[number].deliver(level, payload)
            self._doorbell.ring((number,))


def make_hubs(broker: Broker, identities: Sequence[Identity], connections: int, doorbell: Doorbell) -> list[Hub]:
    """Return the connections of all loggers, whose numbers are their places in `identities`.

    Loggers of the same names have a connection each, under the same client id: the broker lets the last one in and
    throws the other one out, as it does with real ones. All others are dealt out to at most `connections`. Raise
    BrokerError for certificates that cannot be used, or that loggers would have to share.
    """
    names = Counter(identity.topic for identity in identities)
    members = list(enumerate(identities))
    contested = [[member] for member in members if names[member[1].topic] > 1]
    others = [member for member in members if names[member[1].topic] == 1]
    if broker.certificates is not None and len(others) > connections:
        needed = f"with --certificates {len(others)} loggers need a connection each"
        raise BrokerError(
            f"--connections {connections}: {needed}; raise it (to {MAX_CONNECTIONS} at most) or lower --loggers"
        )
    dealt = [others[place::connections] for place in range(min(connections, len(others)))]
    tls = tls_of(broker, [identity.logger for identity in identities])
    return [
        Hub(broker, tls[group[0][1].logger], group, doorbell, is_contested=is_contested)
        for groups, is_contested in ((contested, True), (dealt, False))
        for group in groups
    ]


def close_hubs(hubs: Sequence[Hub]) -> None:
    """Say farewell for every line and end all connections, within 2 x CLOSE_S altogether, whatever the broker does."""
    for hub in hubs:
        for line in hub.lines.values():
            line.close()
    deadline_s = time.monotonic() + CLOSE_S
    while time.monotonic() < deadline_s and not all(hub.session.is_confirmed() for hub in hubs):
        time.sleep(POLL_S)
    for hub in hubs:
        hub.session.close()
    deadline_s = time.monotonic() + CLOSE_S / 2
    for hub in hubs:
        hub.session.join(deadline_s - time.monotonic())
