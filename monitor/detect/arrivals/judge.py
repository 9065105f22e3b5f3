"""Health by arrival: what the coming and staying away of records, and the statuses among them, say of a logger.

Alerts stand on these channels: `link` (silent), `battery`, `memory`, `shock.<accelerometer>` (a trigger level, range
or sampling rate that does not fit the limits) and the calibrated channel whose calibration is out of date. Nothing here
looks at readings; time is that of the gateway: alerts bear its calendar, durations are counted by its steady clock.
"""

from __future__ import annotations

import datetime as dt
from math import inf, isnan
from typing import Any, NamedTuple

from monitor.detect.arrivals.exceedance import Exceedances, Seen
from monitor.detect.arrivals.silence import Owner, Silence
from monitor.detect.arrivals.steady import Steady
from monitor.detect.lane import LaneKey
from monitor.detect.phases import FOREVER_NS, Phases
from monitor.detect.rules import RulesView, rule_digest, rules_of
from monitor.model.batch import Finding, Heard, Tick
from monitor.model.clock import NS_PER_S, datetime_ns
from monitor.model.limit import HealthRule, Rule, ShockRule
from monitor.model.record import Status

LINK, BATTERY, MEMORY = "link", "battery", "memory"
ARRIVAL_CHECKS = frozenset({"silent", BATTERY, MEMORY, "trigger", "calibration"})  # all others judge readings
TRIGGER_SHARE = 0.7  # of the lowest shock limit: above, a shock at the limit may not trigger (definitions: shock)
RANGE_FACTOR = 1.5  # of the highest shock limit: below, a shock beyond it would clip
RATE_FACTOR = 2.0  # of the last frequency of limits on spectra: below, samples do not show what is there (Nyquist)

Checks = dict[str, list[tuple[HealthRule, str]]]  # by check, with the rules' digests


class _Reach(NamedTuple):
    """The lowest and the highest limit of a peak, and the last frequency of limits on spectra: infinite where none."""

    lowest_g: float
    highest_g: float
    last_hz: float


class _Profile(NamedTuple):
    """The health rules of a profile, and its shock rules."""

    rules: tuple[Rule, ...]
    checks: Checks
    shocks: tuple[ShockRule, ...]

    def reach(self, place: str | None) -> _Reach:
        """What the rules ask of the accelerometers of a logger at `place`."""
        rules = [rule for rule in self.shocks if rule.applies_to(place)]
        levels_g = [_level_g(rule) for rule in rules if _has_level_g(rule)]
        last_hz = [rule.srs[-1][0] for rule in rules if rule.srs is not None]
        return _Reach(min(levels_g, default=inf), max(levels_g, default=-inf), max(last_hz, default=-inf))


class _Rest(NamedTuple):
    """Nothing comes due of so many loggers, up to a count of silence and between two times (ns UTC)."""

    loggers: int
    last_count_ns: int
    from_ns: int
    until_ns: int


class Arrivals:
    """Judges who is silent and what statuses say, for all containers."""

    def __init__(self, rules: RulesView) -> None:
        self._rules = rules
        self._steady = Steady()
        self._silence = Silence(rules)
        self._exceedances = Exceedances()
        self._profiles: dict[int, _Profile] = {}
        self._silent: set[Owner] = set()  # loggers that may be silent under a rule: a look-up for each record
        self._due: dict[Owner, list[tuple[int, str]]] = {}  # when each calibration ends, of loggers looked at so far
        self._rest: _Rest | None = None  # while nothing is open

    def step(self, heard: list[Heard], phases: Phases) -> list[Finding]:
        """Take who was heard: silence ends, statuses are judged."""
        found = []
        for each in heard:
            is_alive = self._silence.hear(each, self._steady.at(each.received_ns))
            if is_alive and (each.container, each.logger) in self._silent:
                found += self._end_silence(each)
            if each.status is not None:
                found += self._status(each, each.status, phases)
        return found

    def tick(self, tick: Tick, phases: Phases) -> list[Finding]:
        """Time has passed: judge silence, what has been pending, and calibrations."""
        self._steady.tick(tick.mono_ns, tick.now_ns)
        self._silence.advance(tick, self._steady.ns)
        if self._is_at_rest(tick):
            return []
        found = [
            *self._judge_silence(tick, phases),
            *self._exceedances.ripen(tick.now_ns, tick.pos, self._steady.ns),
            *self._judge_calibrations(tick, phases),
        ]
        self._rest = None if len(self._exceedances) else self._look_ahead(tick, phases)
        return found

    def snapshot(self, container: str | None) -> dict[str, Any]:
        """What is remembered of a container (None: of all), for `adopt`."""
        return {
            "steady": self._steady.snapshot(),
            "silence": self._silence.snapshot(container),
            "open": self._exceedances.snapshot(container),
        }

    def adopt(self, content: dict[str, Any]) -> list[Finding]:
        """Go on with what is remembered; what fired under a rule that is not in force is `cleared`."""
        self._steady, self._rest = Steady(*content["steady"]), None
        self._silence.adopt(content["silence"], lambda watch: self._is_in_force(*watch))
        found = self._exceedances.adopt(content["open"], lambda key: self._is_in_force(key.container, key.digest))
        self._silent |= {(key.container, key.logger) for key in self._exceedances.lanes() if key.channel == LINK}
        return found

    def forget(self, container: str) -> None:
        """Remember nothing more of a container."""
        self._rest = None
        self._silence.forget(container)
        self._exceedances.forget(container)

    def _is_at_rest(self, tick: Tick) -> bool:
        """Whether a tick tells nothing, as nothing is open and nothing has come due since one at which that was so."""
        rest = self._rest
        return (
            rest is not None
            and not len(self._exceedances)
            and self._silence.count_ns <= rest.last_count_ns
            and rest.from_ns <= tick.now_ns < rest.until_ns
            and rest.loggers == len(self._silence.owners)
        )

    def _look_ahead(self, tick: Tick, phases: Phases) -> _Rest:
        """Until when nothing comes due: neither a silence, nor another phase, nor the end of a calibration."""
        rules = {of: self._profile(of).checks.get("silent", ()) for of in self._silence.containers}
        ends_ns = [due_ns for owner in self._silence.owners for due_ns, _ in self._ends_of(owner)]
        changes_ns = [phases.end_ns(of, tick.now_ns) for of in self._silence.containers]
        until_ns = min((end_ns for end_ns in (*ends_ns, *changes_ns) if end_ns > tick.now_ns), default=FOREVER_NS)
        loggers = len(self._silence.owners)
        return _Rest(loggers, self._silence.last_count_ns(rules), tick.now_ns, until_ns)

    def _end_silence(self, heard: Heard) -> list[Finding]:
        owner, boot = (heard.container, heard.logger), 0 if heard.status is None else heard.status.stamp.boot
        self._silent.discard(owner)
        seen, found = Seen(0.0, heard.received_ns, heard.pos, boot), []
        for rule, digest in self._profile(heard.container).checks.get("silent", ()):
            found += self._exceedances.end(_key(owner, LINK, rule, digest), seen)
        return found

    def _judge_silence(self, tick: Tick, phases: Phases) -> list[Finding]:
        found: list[Finding] = []
        watching: dict[str, list[tuple[HealthRule, str]]] = {}
        for container in self._silence.containers:
            watching[container] = []
            for rule, digest in self._profile(container).checks.get("silent", ()):
                if self._silence.watch(container, rule, digest, tick.now_ns, phases):
                    watching[container].append((rule, digest))
                else:
                    found += self._end_all(container, digest, tick)
        for owner, rule, digest, silence_ns, since_ns in self._silence.silent(watching):
            seen = Seen(silence_ns / NS_PER_S, tick.now_ns, tick.pos, since_ns=since_ns)
            found += self._exceedances.judge(_key(owner, LINK, rule, digest), rule, seen)
            self._silent.add(owner)
        return found

    def _end_all(self, container: str, digest: str, tick: Tick) -> list[Finding]:
        """End what is open under a rule that does not watch any more."""
        keys = [key for key in self._exceedances.lanes(container) if key.digest == digest]
        return [each for key in keys for each in self._exceedances.end(key, Seen(0.0, tick.now_ns, tick.pos))]

    def _status(self, heard: Heard, status: Status, phases: Phases) -> list[Finding]:
        """Judge a status as of its receipt; what it does not speak of stays as it is."""
        owner, profile = (heard.container, heard.logger), self._profile(heard.container)
        found = []
        for channel, share in ((BATTERY, status.battery_pct), (MEMORY, status.memory_pct)):
            if share is None or isnan(share):
                continue
            for rule, digest in profile.checks.get(channel, ()):
                at_ns = self._steady.at(heard.received_ns)
                seen = Seen(share, heard.received_ns, heard.pos, status.stamp.boot, steady_ns=at_ns)
                found += self._judge(_key(owner, channel, rule, digest), rule, seen, phases, has_dwell=True)
        return found + self._settings(heard, status, phases)

    def _settings(self, heard: Heard, status: Status, phases: Phases) -> list[Finding]:
        """Judge whether accelerometers are set for the limits that apply to their logger."""
        owner, profile, found = (heard.container, heard.logger), self._profile(heard.container), list[Finding]()
        reach = profile.reach(self._rules.logger(*owner).place)
        for name, settings in status.accelerometers.items():
            note = _misfit(settings, reach)
            seen = Seen(float(bool(note)), heard.received_ns, heard.pos, status.stamp.boot, note)
            for rule, digest in profile.checks.get("trigger", ()):
                found += self._judge(_key(owner, f"shock.{name}", rule, digest), rule, seen, phases)
        return found

    def _judge_calibrations(self, tick: Tick, phases: Phases) -> list[Finding]:
        rules = {
            container: self._profile(container).checks.get("calibration") for container in self._silence.containers
        }
        found = []
        for owner in self._silence.owners:
            for rule, digest in rules[owner[0]] or ():
                for due_ns, channel in self._ends_of(owner):
                    key, is_over = _key(owner, channel, rule, digest), tick.now_ns >= due_ns
                    if is_over or key in self._exceedances:
                        seen = Seen(float(is_over), tick.now_ns, tick.pos, since_ns=due_ns)
                        found += self._judge(key, rule, seen, phases)
        return found

    def _judge(
        self, key: LaneKey, rule: HealthRule, seen: Seen, phases: Phases, *, has_dwell: bool = False
    ) -> list[Finding]:
        """Judge a value in the rule's phases; elsewhere what is open ends."""
        if rule.phases is not None and phases.at(key.container, seen.time_ns) not in rule.phases:
            return self._exceedances.end(key, seen)
        return self._exceedances.judge(key, rule, seen, round(rule.for_s * NS_PER_S) if has_dwell else 0)

    def _ends_of(self, owner: Owner) -> list[tuple[int, str]]:
        """The midnight UTC after which each of a logger's calibrations is out of date, and its channel."""
        if owner not in self._due:
            ends = {channel: record.due for channel, record in self._rules.logger(*owner).calibration.items()}
            self._due[owner] = [(_day_after_ns(due), channel) for channel, due in ends.items() if due is not None]
        return self._due[owner]

    def _is_in_force(self, container: str, digest: str) -> bool:
        checks = self._profile(container).checks.values()
        return any(digest == of for rules in checks for _, of in rules)

    def _profile(self, container: str) -> _Profile:
        rules = rules_of(self._rules, container)
        if id(rules) not in self._profiles:  # a profile that is kept keeps its id
            checks: Checks = {}
            for rule in rules:
                if isinstance(rule, HealthRule):
                    checks.setdefault(rule.check, []).append((rule, rule_digest(rule)))
            shocks = tuple(rule for rule in rules if isinstance(rule, ShockRule))
            self._profiles[id(rules)] = _Profile(rules, checks, shocks)
        return self._profiles[id(rules)]


def _has_level_g(rule: ShockRule) -> bool:
    """Whether the rule says a peak that must be recorded; a dose adds up whatever is."""
    return rule.dose is None and rule.quantity in ("peak", "damage_boundary")


def _level_g(rule: ShockRule) -> float:
    return rule.level if rule.damage_boundary is None else rule.damage_boundary.acceleration_g


def _key(owner: Owner, channel: str, rule: HealthRule, digest: str) -> LaneKey:
    return LaneKey(*owner, False, channel, digest, rule.id, rule.sign)


def _day_after_ns(day: dt.date) -> int:
    return datetime_ns(dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC))


def _misfit(settings: dict[str, float], reach: _Reach) -> str:
    """What of an accelerometer's settings does not fit the limits, "" for nothing."""
    parts, (lowest_g, highest_g, last_hz) = list[str](), reach
    level_g, range_g, fs_hz = (settings.get(name) for name in ("level_g", "range_g", "fs"))
    if level_g is not None and level_g > TRIGGER_SHARE * lowest_g:
        parts.append(f"triggers at {level_g:g} g, above {TRIGGER_SHARE:g} of the lowest limit of {lowest_g:g} g")
    if range_g is not None and range_g < RANGE_FACTOR * highest_g:
        parts.append(f"ranges to {range_g:g} g, below {RANGE_FACTOR:g} times the highest limit of {highest_g:g} g")
    if fs_hz is not None and fs_hz < RATE_FACTOR * last_hz:
        parts.append(f"samples at {fs_hz:g} Hz, below {RATE_FACTOR:g} times the last frequency limited, {last_hz:g} Hz")
    return ", ".join(parts)
