"""Streams: what senders can make the detector remember, and that nobody's names cost another his place."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.detect.engine import Engine
from monitor.detect.streams import MAX_STREAMS_OF_SENDER, Streams
from monitor.model.batch import Batch, Block
from monitor.model.channel import field_name
from monitor.model.errors import WireError
from monitor.wire.topic import parse_topic
from tests.views import View

VIEW = View({"id": "hot", "channel": "temperature.*", "above": "25 degC"})


def block(logger: str, channels: tuple[str, ...], value: float = 20.0, *, is_computed: bool = False) -> Block:
    values = np.full((1, len(channels)), value, dtype=np.float32)
    times_ns = np.zeros(1, dtype=np.int64)
    return Block(1, "c", logger, 7, 1, False, channels, times_ns, values, None, is_computed=is_computed)


def invented(record: int) -> tuple[str, ...]:
    return tuple(f"temperature.n{record}_{number}" for number in range(64))


def test_names_that_one_logger_invents_take_no_more_than_its_places() -> None:
    """Nor do they make panels; the channels it had before, and other loggers, are judged on."""
    engine = Engine(VIEW)
    for record in range(20):
        engine.step(Batch([block("l", invented(record))]))
    streams = engine._streams
    assert len(streams.keys) == len(streams._panels) == MAX_STREAMS_OF_SENDER
    assert engine.refused_streams == 20 * 64 - MAX_STREAMS_OF_SENDER
    found = engine.step(Batch([block(name, invented(0)[:1], 30.0) for name in "lm"])).findings
    assert [finding.logger for finding in found] == ["l", "m"]
    assert engine.step(Batch([block("l", ("temperature.late",), 30.0)])).findings == []


def test_streams_that_are_refused_leave_nothing_behind() -> None:
    streams = Streams(VIEW, max_streams=10)
    for record in range(20):
        streams.route(block(f"l{record}", invented(record)))
    assert len(streams.keys) == len(streams._panels) == 10


def test_blocks_of_a_logger_and_computed_ones_of_the_same_name_go_different_ways() -> None:
    streams = Streams(View({"id": "d", "channel": "differential.*", "above": "5 hPa"}))
    channels = ("differential.computed",)
    assert field_name(channels[0]) is None
    layout, numbers = streams.route(block("l", channels))
    assert (layout.judged, len(numbers)) == ((), 0)
    assert len(streams.route(block("l", channels, is_computed=True))[1]) == 1


def test_no_logger_is_called_as_all_of_them_are() -> None:
    with pytest.raises(WireError, match="not - alone, got '-'"):
        parse_topic("tcm/v1/c/-/up/env")
    assert parse_topic("tcm/v1/c/--/up/env").logger == "--"
