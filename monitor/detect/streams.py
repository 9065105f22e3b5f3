"""Streams: the readings of one channel of one logger in one lane, numbered, and the rules that judge them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.derive import Derivation, derivations
from monitor.detect.rules import RulesView, rules_of
from monitor.model.batch import Block
from monitor.model.channel import ALL_LOGGERS, field_name
from monitor.model.limit import Rule

# 100 000 loggers of 7 judged channels, and some. A stream costs what its rules remember, too: one of an invented name
# under the rules for flight hardware 4.3 kB, so that senders who invent names for ever could take 3.4 GB.
MAX_STREAMS = 800_000
MAX_STREAMS_OF_SENDER = 128  # a record's 64 channels and what is derived of them: 550 kB for the names that one invents
MAX_SENDERS = 1 << 18  # 100 000 loggers, their late lanes, and some; about 400 B each
MAX_LAYOUTS = 1 << 12  # of a cache, emptied when full, as a sender may vary its channels for ever
MAX_ROUTES_OF_SENDER = 8


class StreamKey(NamedTuple):
    """Who a stream is. Late records have a lane of their own, so that they never disturb the present state."""

    container: str
    logger: str
    is_late: bool
    channel: str


class Panel(NamedTuple):
    """One channel under one profile: the streams in it are judged by the same rules, those that cover the channel."""

    number: int
    channel: str
    profile: tuple[Rule, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """What becomes of blocks with the same channels under the same profile.

    `derivations` make the columns behind those of the block; `judged` are (column, panel).
    """

    number: int
    derivations: tuple[Derivation, ...]
    judged: tuple[tuple[int, Panel], ...]


@dataclass(slots=True)
class _Sender:
    """A logger's lane: by channels and whether they are computed, its layout and the stream of each judged column."""

    profile: tuple[Rule, ...]
    streams: int = 0
    routes: dict[tuple[tuple[str, ...], bool], tuple[Layout, NDArray[np.int64]]] = field(default_factory=dict)


class _Plan(NamedTuple):
    """Blocks with the same channels under the same profile: derivations, (column, channel) of all that rules judge."""

    derivations: tuple[Derivation, ...]
    judged: tuple[tuple[int, str], ...]


_UNJUDGED = Layout(-1, (), ())
_NONE = np.empty(0, dtype=np.int64)


class Streams:
    """Numbers streams as they are met, from 0, up to `max_streams`; channels that no rule judges get none."""

    def __init__(self, rules: RulesView, max_streams: int = MAX_STREAMS) -> None:
        self.keys: list[StreamKey] = []
        self.refused = 0
        self._rules = rules
        self._max_streams = max_streams
        self._senders: dict[tuple[str, str, bool], _Sender] = {}
        self._known: dict[StreamKey, int] = {}
        self._of_container: dict[str, list[int]] = {}
        self._panels: dict[tuple[int, str], Panel] = {}
        self._plans: dict[tuple[int, tuple[str, ...], bool], _Plan] = {}
        self._layouts: dict[tuple[int, tuple[str, ...], bool, tuple[int, ...]], Layout] = {}
        self._layout_count = 0

    def route(self, block: Block) -> tuple[Layout, NDArray[np.int64]]:
        """The layout of `block` and the stream of each of its judged columns."""
        sender = self._sender(block.container, block.logger, is_late=block.is_late)
        if sender is None:
            self.refused += 1
            return _UNJUDGED, _NONE
        name = block.channels, block.is_computed
        route = sender.routes.get(name)
        if route is None:
            if len(sender.routes) >= MAX_ROUTES_OF_SENDER:
                sender.routes.clear()
            route = sender.routes[name] = self._find_route(block, sender.profile)
        return route

    def find(self, key: StreamKey) -> tuple[int, Panel] | None:
        """A stream's number and panel, new where it must be; None when no rule judges it or there is no room."""
        profile = rules_of(self._rules, key.container)
        number = self._known.get(key)
        if number is None:
            if not any(rule.judges(key.channel) for rule in profile):
                return None
            sender = self._sender(key.container, key.logger, is_late=key.is_late)
            if sender is None or not self._has_room(key, sender):
                self.refused += 1
                return None
            sender.streams += 1
            number = self._known[key] = len(self.keys)
            self.keys.append(key)
            self._of_container.setdefault(key.container, []).append(number)
        panel = self._panel(profile, key.channel)
        assert panel is not None  # a rule judges it, or it had no number
        return number, panel

    def of(self, container: str) -> NDArray[np.int64]:
        """The numbers of a container's streams, int64 [k]."""
        return np.array(self._of_container.get(container, ()), dtype=np.int64)

    def panel_of(self, key: StreamKey) -> Panel | None:
        """The panel of a stream, None when no rule judges it."""
        return self._panel(rules_of(self._rules, key.container), key.channel)

    def _sender(self, container: str, logger: str, *, is_late: bool) -> _Sender | None:
        """A logger's lane, new where it must be; None when there is no room."""
        key = container, logger, is_late
        sender = self._senders.get(key)
        if sender is None and len(self._senders) < MAX_SENDERS:
            sender = self._senders[key] = _Sender(rules_of(self._rules, container))
        return sender

    def _has_room(self, key: StreamKey, sender: _Sender) -> bool:
        """Whether one stream more is judged; what all loggers together tell is named by nobody alone."""
        is_own = sender.streams < MAX_STREAMS_OF_SENDER or key.logger == ALL_LOGGERS
        return is_own and len(self.keys) < self._max_streams

    def _find_route(self, block: Block, profile: tuple[Rule, ...]) -> tuple[Layout, NDArray[np.int64]]:
        plan = self._plan(profile, block.channels, is_computed=block.is_computed)
        found = [
            (column, self.find(StreamKey(block.container, block.logger, block.is_late, channel)))
            for column, channel in plan.judged
        ]
        taken = [(column, stream) for column, stream in found if stream is not None]
        judged = tuple((column, panel) for column, (_, panel) in taken)
        numbers = np.array([number for _, (number, _) in taken], dtype=np.int64)
        return self._layout(profile, block, plan, judged), numbers

    def _plan(self, profile: tuple[Rule, ...], channels: tuple[str, ...], *, is_computed: bool) -> _Plan:
        """Of what a logger sends only measured channels are judged; derived ones where the detector made them."""
        name = (id(profile), channels, is_computed)  # a sender keeps its profile alive, and with it the id
        plan = self._plans.get(name)
        if plan is None:
            if len(self._plans) >= MAX_LAYOUTS:
                self._plans.clear()
            derived = () if is_computed else derivations(channels, profile)
            measured = (channel if is_computed or field_name(channel) else "" for channel in channels)
            columns = enumerate((*measured, *(each.channel for each in derived)))
            judged = tuple((at, each) for at, each in columns if each and any(rule.judges(each) for rule in profile))
            plan = self._plans[name] = _Plan(derived, judged)
        return plan

    def _layout(
        self, profile: tuple[Rule, ...], block: Block, plan: _Plan, judged: tuple[tuple[int, Panel], ...]
    ) -> Layout:
        """The layout of senders with the same plan and room for the same of its streams."""
        name = (id(profile), block.channels, block.is_computed, tuple(column for column, _ in judged))
        layout = self._layouts.get(name)
        if layout is None:
            if len(self._layouts) >= MAX_LAYOUTS:
                self._layouts.clear()
            self._layout_count += 1
            layout = self._layouts[name] = Layout(self._layout_count, plan.derivations, judged)
        return layout

    def _panel(self, profile: tuple[Rule, ...], channel: str) -> Panel | None:
        """The panel of a channel under a profile, None when no rule covers it."""
        name = (id(profile), channel)
        if name not in self._panels:
            rules = tuple(rule for rule in profile if channel and rule.judges(channel))
            if not rules:
                return None
            self._panels[name] = Panel(len(self._panels), channel, profile, rules)
        return self._panels[name]
