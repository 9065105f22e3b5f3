"""Silence: for how long nothing was heard of a logger, in time during which it would have been heard."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from monitor.detect.arrivals.steady import MAX_ADVANCE_NS
from monitor.detect.phases import FOREVER_NS, Phases
from monitor.detect.rules import RulesView
from monitor.detect.streams import MAX_SENDERS
from monitor.model.batch import Heard, Tick
from monitor.model.clock import NS_PER_S
from monitor.model.limit import HealthRule
from monitor.model.record import SYNCHRONISED, Status

Owner = tuple[str, str]  # container, logger
Watch = tuple[str, str]  # container, digest of a rule


@dataclass(slots=True)
class _Known:
    """A logger: when it was last heard, where the count stood then, and until when it sleeps, by the steady clock."""

    heard_ns: int
    count_ns: int
    awake_ns: int = 0


class Silent(NamedTuple):
    """A logger's silence under one rule, and since when."""

    owner: Owner
    rule: HealthRule
    digest: str
    silence_ns: int
    since_ns: int


class Silence:
    """Counts time (`count_ns`) while the broker is connected and the ingest queue drained, by the ticks' steady clock.

    What a logger was silent is what the count has grown by since it was heard, or since the rule's phase began. While
    it sleeps, as it announced, it is not. Loggers are known once heard, and those registered beside them.
    """

    def __init__(self, rules: RulesView) -> None:
        self._rules = rules
        self._known: dict[Owner, _Known] = {}
        self._containers: set[str] = set()
        self._watched: dict[Watch, tuple[int, int]] = {}  # count and time at the tick that met the rule's phase
        self.count_ns = 0
        self._mono_ns: int | None = None
        self._was_listening = False

    def hear(self, heard: Heard, steady_ns: int) -> bool:
        """Take a record; False when it is no sign of life: the broker says `offline` in the logger's place."""
        owner = (heard.container, heard.logger)
        known = self._known.get(owner)
        if known is None:
            known = self._meet(owner, heard.received_ns)
        if known is None or (heard.status is not None and heard.status.state == "offline"):
            return False
        known.heard_ns, known.count_ns = heard.received_ns, self.count_ns
        if heard.status is not None:
            known.awake_ns = steady_ns + _sleep_ns(heard.status, heard.received_ns)
        return True

    def advance(self, tick: Tick, steady_ns: int) -> None:
        """Count the time since the last tick, if at both of them everything that came would have been heard."""
        is_listening = tick.is_connected and tick.is_drained
        if is_listening and self._was_listening and self._mono_ns is not None:
            self.count_ns += min(max(tick.mono_ns - self._mono_ns, 0), MAX_ADVANCE_NS)
        self._mono_ns, self._was_listening = tick.mono_ns, is_listening
        for known in self._known.values():
            if steady_ns < known.awake_ns:
                known.count_ns = self.count_ns

    def watch(self, container: str, rule: HealthRule, digest: str, now_ns: int, phases: Phases) -> bool:
        """Whether a rule watches a container now; it counts from the first tick at which it does."""
        if rule.phases is None:
            return True
        if phases.at(container, now_ns) not in rule.phases:
            self._watched.pop((container, digest), None)
            return False
        self._watched.setdefault((container, digest), (self.count_ns, now_ns))
        return True

    def silent(self, rules: dict[str, list[tuple[HealthRule, str]]]) -> Iterator[Silent]:
        """Who has been silent for longer than a rule allows; `rules` are those that watch each container now."""
        for owner, known in self._known.items():
            for rule, digest in rules.get(owner[0], ()):
                heard = known.count_ns, known.heard_ns
                count_ns, since_ns = max(heard, self._watched.get((owner[0], digest), heard))
                silence_ns = self.count_ns - count_ns
                if silence_ns > rule.for_s * NS_PER_S:
                    yield Silent(owner, rule, digest, silence_ns, since_ns)

    def last_count_ns(self, rules: Mapping[str, Sequence[tuple[HealthRule, str]]]) -> int:
        """Up to which count nobody can be silent for longer than a rule allows, whoever is heard meanwhile."""
        least_ns = {of: min((int(each.for_s * NS_PER_S) for each, _ in own), default=0) for of, own in rules.items()}
        watched = [(of, known) for (of, _), known in self._known.items() if rules[of]]
        return min((known.count_ns + least_ns[of] for of, known in watched), default=FOREVER_NS)

    @property
    def owners(self) -> Collection[Owner]:
        """The loggers known."""
        return self._known.keys()

    @property
    def containers(self) -> list[str]:
        """The containers of which a logger is known."""
        return list(self._containers)

    def snapshot(self, container: str | None) -> dict[str, Any]:
        """What is remembered of a container (None: of all), for `adopt`; counts as what they have grown by since."""
        known = [
            [*owner, row.heard_ns, self.count_ns - row.count_ns, row.awake_ns]
            for owner, row in sorted(self._known.items(), key=lambda item: item[0])
            if container in (None, owner[0])
        ]
        watched = [
            [*watch, self.count_ns - count_ns, now_ns]
            for watch, (count_ns, now_ns) in sorted(self._watched.items())
            if container in (None, watch[0])
        ]
        return {"known": known, "watched": watched, "mono": self._mono_ns, "listening": self._was_listening}

    def adopt(self, content: dict[str, Any], is_in_force: Callable[[Watch], bool]) -> None:
        """Go on with what is remembered; the last tick is taken where there was none yet."""
        if self._mono_ns is None:
            self._mono_ns, self._was_listening = content["mono"], content["listening"]
        for container, logger, heard_ns, silence_ns, awake_ns in content["known"]:
            self._meet((container, logger), heard_ns)
            self._known[container, logger] = _Known(heard_ns, self.count_ns - silence_ns, awake_ns)
        for container, digest, ago_ns, now_ns in content["watched"]:
            if is_in_force((container, digest)):
                self._watched[container, digest] = (self.count_ns - ago_ns, now_ns)

    def forget(self, container: str) -> None:
        """Remember nothing more of a container."""
        self._known = {owner: known for owner, known in self._known.items() if owner[0] != container}
        self._watched = {watch: since for watch, since in self._watched.items() if watch[0] != container}
        self._containers.discard(container)

    def _meet(self, owner: Owner, heard_ns: int) -> _Known | None:
        """Know a logger, and with a container's first those registered in it; None where there is no room."""
        container, logger = owner
        names = [logger]
        if container not in self._containers:
            names += [each.id for each in self._rules.container(container).logger]
        for name in names:
            if len(self._known) >= MAX_SENDERS:
                break
            self._containers.add(container)
            self._known.setdefault((container, name), _Known(heard_ns, self.count_ns))
        return self._known.get(owner)


def _sleep_ns(status: Status, received_ns: int) -> int:
    """For how long a logger sleeps from the receipt on, 0 where it does not say; where two clocks differ, the least."""
    if status.state != "sleeping" or status.until_ns is None:
        return 0
    sleep_ns = status.until_ns - status.stamp.t0_ns
    if status.stamp.clk == SYNCHRONISED:
        sleep_ns = min(sleep_ns, status.until_ns - received_ns)
    return max(sleep_ns, 0)
