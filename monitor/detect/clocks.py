"""Health of clocks: one alert on `clock` for each logger and rule while something is wrong with its times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from monitor.detect.gather import offsets
from monitor.detect.kernels.clock import ClockMemory, Faults, Stamps, clock
from monitor.detect.kernels.readings import Index
from monitor.detect.lane import LIMITS_CHANGED, LaneKey, read_columns, read_keys, written
from monitor.detect.machine import Placed
from monitor.detect.phases import Phases
from monitor.detect.rules import RulesView, rule_digest, rules_of
from monitor.detect.slots import FIRST_SLOTS
from monitor.detect.streams import MAX_SENDERS
from monitor.model.batch import Block, Finding
from monitor.model.limit import HealthRule, Rule
from monitor.model.record import SYNCHRONISED

CHANNEL = "clock"


class _Fault(NamedTuple):
    """What is wrong with a block's times under a rule, and since when."""

    note: str
    since_ns: int


class _Sender(NamedTuple):
    """A logger, live or late, the row of its memory, and the rules for its clock."""

    container: str
    logger: str
    is_late: bool
    row: int
    rules: list[tuple[HealthRule, str]]


@dataclass(slots=True)
class _Firing:
    """The exceedance of a lane, and its last faulty block."""

    start_ns: int
    last_ns: int
    pos: int
    boot: int
    seq: int


class Clocks:
    """Judges the times of blocks: stepped by more than `step`, not rising, or not synchronised for `for`.

    A step is told at the block that shows it, and ends with the next that shows none.
    """

    def __init__(self, rules: RulesView) -> None:
        self._rules = rules
        self._senders: dict[tuple[str, str, bool], _Sender] = {}
        self._order: list[_Sender] = []
        self._of_profile: dict[int, tuple[tuple[Rule, ...], list[tuple[HealthRule, str]]]] = {}
        self._memory = ClockMemory.empty(FIRST_SLOTS)
        self._firing: dict[LaneKey, _Firing] = {}
        self._is_firing = np.zeros(FIRST_SLOTS, dtype=np.bool_)  # by sender, under any of its rules

    def step(self, blocks: list[Block], phases: Phases) -> list[Placed]:
        """Judge the clocks of a batch; blocks without readings say nothing."""
        judged = [
            (each, self._find(each.container, each.logger, each.is_late)) for each in blocks if each.times_ns.size
        ]
        known = [(block, sender) for block, sender in judged if sender is not None and sender.rules]
        if not known:
            return []
        row = np.array([sender.row for _, sender in known])
        order = np.argsort(row, kind="stable")
        stamps, rows = _stamps([known[i][0] for i in order.tolist()], row[order])
        faults, after = clock(stamps, self._memory.take(rows))
        self._memory.put(rows, after)
        found: list[Placed] = []
        touched = np.isin(row[order], rows[self._is_firing[rows]]) | np.isin(row[order], row[order][faults.is_any])
        for place in np.flatnonzero(touched).tolist():
            block, sender = known[order[place]]
            for rule, digest in sender.rules:
                fault = _fault(rule, faults, place, block, phases)
                found += [(0, finding) for finding in self._change(sender, rule, digest, block, fault)]
        return found

    def snapshot(self, container: str | None) -> dict[str, Any]:
        """The clocks of a container (None: of all), for `adopt`."""
        senders = sorted(sender for sender in self._order if container in (None, sender.container))
        used = [sender for sender in senders if self._memory.begun[sender.row]]
        keys = [LaneKey(sender.container, sender.logger, sender.is_late, CHANNEL, "") for sender in used]
        rows = self._memory.take(np.array([sender.row for sender in used], dtype=np.int64))
        firing = [
            [list(key), [getattr(state, name) for name in _Firing.__slots__]]
            for key, state in sorted(self._firing.items())
            if container in (None, key.container)
        ]
        return {"clocks": written(keys, rows=rows), "firing": firing}

    def adopt(self, content: dict[str, Any]) -> list[Finding]:
        """Go on with what is remembered; what fired under a rule that is not in force is `cleared`."""
        keys, rows = read_keys(content["clocks"]), read_columns(content["clocks"], "rows", ClockMemory)
        for place, key in enumerate(keys):
            sender = self._find(key.container, key.logger, key.is_late)
            if sender is not None:
                self._memory.put(np.array([sender.row]), rows.take(np.array([place])))
        found = []
        for fields, values in content["firing"]:
            key, state = LaneKey(*fields), _Firing(*values)
            sender = self._find(key.container, key.logger, key.is_late)
            if sender is not None and key.digest in [digest for _, digest in sender.rules]:
                self._firing[key] = state
                self._is_firing[sender.row] = True
            else:
                ended = _cleared(key, state, max(state.start_ns, state.last_ns), state.pos, state.boot, state.seq)
                found.append(ended._replace(note=LIMITS_CHANGED))
        return found

    def forget(self, container: str) -> None:
        """Remember nothing more of a container's clocks."""
        rows = np.array([sender.row for sender in self._order if sender.container == container], dtype=np.int64)
        self._memory.put(rows, ClockMemory.empty(len(rows)))
        self._is_firing[rows] = False
        self._firing = {key: state for key, state in self._firing.items() if key.container != container}

    def _change(
        self, sender: _Sender, rule: HealthRule, digest: str, block: Block, fault: _Fault | None
    ) -> list[Finding]:
        """What a block changes for one rule under which it has a fault, or none."""
        key = LaneKey(sender.container, sender.logger, sender.is_late, CHANNEL, digest, rule.id)
        state, time_ns = self._firing.get(key), int(block.times_ns[0])
        place = block.pos, block.boot, block.seq
        if state is None:
            if fault is None:
                return []
            self._firing[key] = _Firing(fault.since_ns, time_ns, *place)
            self._is_firing[sender.row] = True
            return [
                Finding(
                    "fired", rule.id, sender.container, sender.logger, CHANNEL, None, fault.since_ns, time_ns, 1.0, 1.0,
                    *place, note=fault.note,
                )
            ]  # fmt: skip
        if fault is not None:
            state.last_ns, state.pos, state.boot, state.seq = time_ns, *place
            return []
        del self._firing[key]
        others = (LaneKey(*key[:4], other, of.id) for of, other in sender.rules)
        self._is_firing[sender.row] = any(other in self._firing for other in others)
        return [_cleared(key, state, time_ns, *place)]

    def _find(self, container: str, logger: str, is_late: bool) -> _Sender | None:
        """The sender, new where it must be; None when there is no room."""
        key = (container, logger, is_late)
        if key not in self._senders:
            if len(self._order) >= MAX_SENDERS:
                return None
            if len(self._order) >= len(self._is_firing):
                self._memory = self._memory.grown(2 * len(self._is_firing))
                self._is_firing = np.pad(self._is_firing, (0, len(self._is_firing)))
            self._senders[key] = _Sender(*key, len(self._order), self._rules_for(container))
            self._order.append(self._senders[key])
        return self._senders[key]

    def _rules_for(self, container: str) -> list[tuple[HealthRule, str]]:
        profile = rules_of(self._rules, container)
        if id(profile) not in self._of_profile:  # which keeps the profile alive, and with it the id
            rules = [rule for rule in profile if isinstance(rule, HealthRule) and rule.check == "clock"]
            self._of_profile[id(profile)] = (profile, [(rule, rule_digest(rule)) for rule in rules])
        return self._of_profile[id(profile)][1]


def _stamps(blocks: list[Block], row: Index) -> tuple[Stamps, Index]:
    """Blocks ordered by sender as lanes, and the row of each lane."""
    times_ns = np.concatenate([block.times_ns for block in blocks])
    sizes = np.array([len(block.times_ns) for block in blocks])
    first = offsets(sizes)
    is_unordered = np.zeros(len(times_ns), dtype=np.bool_)
    np.less_equal(times_ns[1:], times_ns[:-1], out=is_unordered[1:])
    is_unordered[first] = False
    mono_ns, boot, clk = np.array([(block.mono_ns, block.boot, block.clk) for block in blocks], dtype=np.int64).T
    starts = np.flatnonzero(np.diff(row, prepend=-1))
    stamps = Stamps(
        times_ns[first],
        times_ns[first + sizes - 1],
        mono_ns,
        boot,
        np.add.reduceat(is_unordered, first, dtype=np.int64),
        clk == SYNCHRONISED,
        starts,
        np.diff(starts, append=len(row)),
    )
    return stamps, row[starts]


def _fault(rule: HealthRule, faults: Faults, place: int, block: Block, phases: Phases) -> _Fault | None:
    """What is wrong with a block's times under a rule; None for nothing, as where the rule does not watch."""
    since_ns = int(block.times_ns[0])
    if rule.phases is not None and phases.at(block.container, since_ns) not in rule.phases:
        return None
    step_s, unordered, unset_s = faults.step_s[place], int(faults.unordered[place]), faults.unset_s[place]
    parts = []
    if step_s > rule.step_s:
        parts.append(f"stepped by {step_s:.3g} s")
    if unordered:
        parts.append(f"{unordered} {'reading' if unordered == 1 else 'readings'} not later than the one before")
    if unset_s >= rule.for_s:  # -1 of one that is
        parts.append(f"not synchronised for {unset_s:.0f} s")
        since_ns = min(since_ns, int(faults.unset_ns[place]))  # later where time has jumped back
    return _Fault(", ".join(parts), since_ns) if parts else None


def _cleared(key: LaneKey, state: _Firing, time_ns: int, pos: int, boot: int, seq: int) -> Finding:
    return Finding(
        "cleared", key.rule, key.container, key.logger, CHANNEL, None, state.start_ns, time_ns, 0.0, 1.0,
        pos, boot, seq,
    )  # fmt: skip
