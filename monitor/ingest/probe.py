"""Whether what a broker granted comes: a message of the session's own, on a topic that its filter covers.

Brokers grant subscriptions whose messages their access rules then let nobody read, without a word.
"""

from __future__ import annotations

from monitor.model.clock import NS_PER_S, Clock

EVERY_NS = 600 * NS_PER_S  # rules may change while the connection stands
ANSWER_S = 10  # a broker gives a message back in milliseconds; a busy one has others to give


class Probe:
    """Says when to send it; whatever comes through the filter meanwhile proves the same.

    `problem` is "" until nothing came in time; it is sent again then, until something comes.
    """

    def __init__(self, topic: str, clock: Clock) -> None:
        self.topic, self._clock = topic, clock
        self._next_ns = 0
        self._end_ns: int | None = None  # when something must have come, None while nothing is asked
        self.problem = ""

    def begin(self) -> None:
        """The subscription stands anew."""
        self._next_ns = self._clock.mono_ns()
        self._end_ns = self._next_ns + ANSWER_S * NS_PER_S

    def heard(self) -> None:
        """Something came."""
        self._end_ns, self.problem = None, ""

    @property
    def is_decided(self) -> bool:
        """Whether it is known that something comes, or that nothing does."""
        return self._end_ns is None or bool(self.problem)

    def is_due(self) -> bool:
        """Whether it is to be sent now, which counts as done."""
        now_ns = self._clock.mono_ns()
        if self._end_ns is not None and now_ns >= self._end_ns:
            self.problem = (
                f"subscription granted, but nothing comes: check the broker's ACL (this user must be allowed to read "
                f"what it subscribes to, and to publish and read {self.topic})"
            )
            self._next_ns = now_ns
        if now_ns < self._next_ns:
            return False
        self._next_ns, self._end_ns = now_ns + EVERY_NS, now_ns + ANSWER_S * NS_PER_S
        return True
