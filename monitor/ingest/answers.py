"""Answers: what each logger is told of its boots, when, and what it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from monitor.ingest.requests import MAX_TICK_LOGGERS, Requests
from monitor.journal import Asked, Commit, Journal, Owner
from monitor.model.clock import NS_PER_S, Clock
from monitor.wire import ack_topic, encode_ack

MAX_DUE_BOOTS = 16  # of a logger; at one a second, one that keeps restarting would else wait long for its last boot
MAX_REMEMBERED = 500  # loggers that were told something within the last second, before those told earlier are forgotten
SPACING_NS = 1 * NS_PER_S  # an acknowledgement costs as much as a message; a lost one only means a resend


class Answers:
    """Sends acknowledgements: births' at once, others at most once a second for each logger, then the latest state.

    `generation` below is that of all our connections together, None while one of them is broken: then nobody is asked
    for anything.
    """

    def __init__(self, journal: Journal, clock: Clock, publish: Callable[[str, bytes], None]) -> None:
        self._journal, self._clock, self._publish = journal, clock, publish
        self._requests = Requests()
        self._due: dict[Owner, dict[int, None]] = {}  # boots in the order in which they are told
        self._told_ns: dict[Owner, int] = {}

    @property
    def is_due(self) -> bool:
        """Whether somebody is still to be told of a commit."""
        return bool(self._due)

    def note(self, commit: Commit, generation: int | None) -> None:
        """A commit is durable: answer its births, and have the rest answered in time."""
        self._requests.hear(commit)
        for container, logger, boot in commit.upto:
            owner = (container, logger)
            if (container, logger, boot) not in commit.births:
                self._note_due(owner, boot)
                continue
            self._due.get(owner, {}).pop(boot, None)  # it would be told twice
            self._tell(owner, boot, generation, is_birth=True)

    def send(self, generation: int | None) -> None:
        """Send what has fallen due."""
        now_ns = self._clock.mono_ns()
        for owner, boot in self._requests.again(now_ns):
            self._note_due(owner, boot)
        for owner in [owner for owner in self._due if self._told_ns.get(owner, -SPACING_NS) <= now_ns - SPACING_NS]:
            boots = self._due[owner]
            if boots:
                boot = next(iter(boots))
                del boots[boot]
                self._tell(owner, boot, generation)
                self._told_ns[owner] = now_ns
            if not boots:
                del self._due[owner]
        if len(self._told_ns) > len(self._due) + MAX_REMEMBERED:
            self._told_ns = {owner: told for owner, told in self._told_ns.items() if told > now_ns - SPACING_NS}

    def quiet(self) -> None:
        """Nothing from any logger's memory is on its way, as far as one can tell."""
        self._requests.quiet_ns = self._clock.mono_ns()

    def report(self, generation: int | None) -> Asked:
        """What the next tick has to say of requests."""
        return self._requests.report(self._clock.mono_ns(), generation)

    def reported(self, asked: Asked) -> None:
        """The tick is in the journal: tell whose records are lost, and ask who was heard for what else is missing."""
        self._requests.reported(asked)
        for logger, boot in asked.in_vain:
            owner = self._requests.owner(logger)
            if owner is not None:
                self._note_due(owner, boot)
        for owner, boot in self._requests.due(self._journal.next_open(MAX_TICK_LOGGERS), self._clock.mono_ns()):
            self._note_due(owner, boot)

    def _note_due(self, owner: Owner, boot: int) -> None:
        due = self._due.setdefault(owner, {})
        due[boot] = None
        if len(due) > MAX_DUE_BOOTS:
            del due[next(iter(due))]  # a lost acknowledgement only means a resend

    def _tell(self, owner: Owner, boot: int, generation: int | None, *, is_birth: bool = False) -> None:
        upto, awaited = self._journal.awaited(owner[1], boot)
        now_ns = self._clock.mono_ns()
        want = self._requests.ask((owner[1], boot), awaited, now_ns, generation, is_birth=is_birth)
        self._publish(ack_topic(*owner), encode_ack(boot, upto, self._clock.now_ns(), want))
