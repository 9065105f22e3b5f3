"""Streams: the readings of one channel of one logger in one lane, numbered, and the rules that judge them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.detect.derive import Derivation, derivations
from monitor.detect.rules import RulesView, rules_of
from monitor.model.batch import Block
from monitor.model.channel import field_name
from monitor.model.limit import Rule

# 100 000 loggers of 8 judged channels, and as many again: at about 250 B of names and 45 B of state for each of 4 rules
# 430 MB at worst, when senders invent names for ever.
MAX_STREAMS = 1 << 20
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
    """A logger's lane: by channels, its layout and the stream of each judged column."""

    profile: tuple[Rule, ...]
    routes: dict[tuple[str, ...], tuple[Layout, NDArray[np.int64]]] = field(default_factory=dict)


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
        self._panels: dict[tuple[int, str], Panel | None] = {}
        self._layouts: dict[tuple[int, tuple[str, ...], bool], Layout] = {}
        self._layout_count = 0

    def route(self, block: Block) -> tuple[Layout, NDArray[np.int64]]:
        """The layout of `block` and the stream of each of its judged columns."""
        key = (block.container, block.logger, block.is_late)
        sender = self._senders.get(key)
        if sender is None:
            if len(self._senders) >= MAX_SENDERS:
                self.refused += 1
                return _UNJUDGED, _NONE
            sender = self._senders[key] = _Sender(rules_of(self._rules, block.container))
        route = sender.routes.get(block.channels)
        if route is None:
            if len(sender.routes) >= MAX_ROUTES_OF_SENDER:
                sender.routes.clear()
            route = sender.routes[block.channels] = self._find_route(block, sender.profile)
        return route

    def find(self, key: StreamKey) -> tuple[int, Panel] | None:
        """A stream's number and panel, new where it must be; None when no rule judges it or there is no room."""
        panel = self._panel(rules_of(self._rules, key.container), key.channel)
        if panel is None:
            return None
        number = self._known.get(key)
        if number is None:
            if len(self.keys) >= self._max_streams:
                self.refused += 1
                return None
            number = self._known[key] = len(self.keys)
            self.keys.append(key)
            self._of_container.setdefault(key.container, []).append(number)
        return number, panel

    def of(self, container: str) -> NDArray[np.int64]:
        """The numbers of a container's streams, int64 [k]."""
        return np.array(self._of_container.get(container, ()), dtype=np.int64)

    def panel_of(self, key: StreamKey) -> Panel | None:
        """The panel of a stream, None when no rule judges it."""
        return self._panel(rules_of(self._rules, key.container), key.channel)

    def _find_route(self, block: Block, profile: tuple[Rule, ...]) -> tuple[Layout, NDArray[np.int64]]:
        layout = self._layout(profile, block.channels, is_computed=block.is_computed)
        judged, numbers = [], []
        for column, panel in layout.judged:
            found = self.find(StreamKey(block.container, block.logger, block.is_late, panel.channel))
            if found is not None:
                judged.append((column, panel))
                numbers.append(found[0])
        if len(judged) < len(layout.judged):  # no room for some of its streams
            layout = Layout(self._next_layout(), layout.derivations, tuple(judged))
        return layout, np.array(numbers, dtype=np.int64)

    def _layout(self, profile: tuple[Rule, ...], channels: tuple[str, ...], *, is_computed: bool) -> Layout:
        """Of what a logger sends only measured channels are judged; derived ones where the detector made them."""
        name = (id(profile), channels, is_computed)  # a sender keeps its profile alive, and with it the id
        layout = self._layouts.get(name)
        if layout is None:
            if len(self._layouts) >= MAX_LAYOUTS:
                self._layouts.clear()
            derived = () if is_computed else derivations(channels, profile)
            measured = (channel if is_computed or field_name(channel) else "" for channel in channels)
            columns = (*measured, *(each.channel for each in derived))
            panels = ((column, self._panel(profile, channel)) for column, channel in enumerate(columns))
            judged = tuple((column, panel) for column, panel in panels if panel is not None)
            layout = self._layouts[name] = Layout(self._next_layout(), derived, judged)
        return layout

    def _next_layout(self) -> int:
        self._layout_count += 1
        return self._layout_count

    def _panel(self, profile: tuple[Rule, ...], channel: str) -> Panel | None:
        """The panel of a channel under a profile, None when no rule covers it."""
        name = (id(profile), channel)
        if name not in self._panels:
            rules = tuple(rule for rule in profile if channel and rule.judges(channel))
            if not rules:
                return None
            self._panels[name] = Panel(len(self._panels), channel, profile, rules)
        return self._panels[name]
