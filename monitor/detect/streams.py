"""Streams: the readings of one channel of one logger in one lane, numbered, and the rules that judge them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from monitor.detect.rules import RulesView, rules_of
from monitor.model.batch import Block
from monitor.model.channel import field_name
from monitor.model.limit import Rule, ThresholdRule

# 1 000 loggers x 64 channels x 2 lanes are 128 000; twice that at about 250 B of names and 45 B of state for each of
# 4 rules is some 110 MB: what a sender who invents names can cost at most.
MAX_STREAMS = 1 << 18
# A cache over (logger, lane, layout), emptied when full, as a sender may vary its layout for ever: 1 000 loggers x 2
# lanes x 8 layouts; with 64 channels of 70 B each it takes 74 MB at worst.
MAX_ROUTES = 1 << 14


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
class Route:
    """Where a column of a block belongs."""

    column: int
    stream: int
    panel: Panel


class Streams:
    """Numbers streams as they are met, from 0, up to `MAX_STREAMS`; columns that no rule judges get none."""

    def __init__(self, rules: RulesView, max_streams: int = MAX_STREAMS) -> None:
        self.keys: list[StreamKey] = []
        self.refused = 0
        self._rules = rules
        self._max_streams = max_streams
        self._known: dict[StreamKey, tuple[int, Panel]] = {}
        self._panels: dict[tuple[int, str], Panel] = {}
        self._routes: dict[tuple[str, str, bool, tuple[str, ...]], tuple[Route, ...]] = {}

    def route(self, block: Block) -> tuple[Route, ...]:
        """The columns of `block` that are judged; unknown channels are passed over."""
        layout = (block.container, block.logger, block.is_late, block.channels)
        routes = self._routes.get(layout)
        if routes is None:
            if len(self._routes) >= MAX_ROUTES:
                self._routes.clear()
            routes = self._routes[layout] = tuple(self._find_routes(block))
        return routes

    def find(self, key: StreamKey) -> tuple[int, Panel] | None:
        """A stream's number and panel, new where it must be; None when no rule judges it or there is no room."""
        known = self._known.get(key)
        if known is not None or field_name(key.channel) is None:
            return known
        panel = self._panel(rules_of(self._rules, key.container), key.channel)
        if panel is None:
            return None
        if len(self.keys) >= self._max_streams:
            self.refused += 1
            return None
        self._known[key] = (len(self.keys), panel)
        self.keys.append(key)
        return self._known[key]

    def _panel(self, profile: tuple[Rule, ...], channel: str) -> Panel | None:
        """The panel of a channel under a profile, None when no rule covers it."""
        name = (id(profile), channel)  # a panel keeps its profile alive, and with it the id
        if name not in self._panels:
            rules = tuple(rule for rule in profile if isinstance(rule, ThresholdRule) and rule.judges(channel))
            if not rules:
                return None
            self._panels[name] = Panel(len(self._panels), channel, profile, rules)
        return self._panels[name]

    def _find_routes(self, block: Block) -> list[Route]:
        routes = []
        for column, channel in enumerate(block.channels):
            found = self.find(StreamKey(block.container, block.logger, block.is_late, channel))
            if found is not None:
                routes.append(Route(column, *found))
        return routes
