"""Whatever arrives, the daemon goes on: what cannot be used is kept, counted and no harm to its neighbours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest

from tests.daemon import DaemonProcess, running_daemon
from tests.fleet import START_NS, Logger
from tests.influx import influx_rows, influx_v1
from tests.processes import wait_until
from tests.servers import Influxd, Mosquitto

NAN = float("nan")


@pytest.fixture
def daemon(tmp_path: Path, own_mosquitto_server: Mosquitto, influx_server: Influxd) -> Iterator[DaemonProcess]:
    with running_daemon(tmp_path, own_mosquitto_server.url, influx_v1(influx_server, tmp_path.name)) as one:
        yield one


@pytest.fixture
def logger(daemon: DaemonProcess, own_mosquitto_server: Mosquitto) -> Iterator[Logger]:
    with Logger(own_mosquitto_server.port, "L-01") as one:
        yield one


def changed(**keys: Any) -> Callable[[bytes], bytes]:
    """A payload with some keys replaced, or left out where they are None."""
    return lambda payload: cbor2.dumps({k: v for k, v in (cbor2.loads(payload) | keys).items() if v is not None})


BAD: dict[str, tuple[str, Callable[[bytes], bytes], str, bool]] = {
    # what: (topic, payload of a good record to a bad one, how the reason begins, whether it settles its seq)
    "undecodable": ("tcm/v1/C-1/L-01/up/env", lambda _: b"\xff\x00 no CBOR", "CBOR: ", False),
    "empty": ("tcm/v1/C-1/L-01/up/env", lambda _: b"", "CBOR: ", False),
    "cut": ("tcm/v1/C-1/L-01/up/env", lambda payload: payload[:-3], "CBOR: ", False),
    "oversize": ("tcm/v1/C-1/L-01/up/env", lambda _: bytes(3 << 19), "size: expected at most 1048576 bytes", False),
    "version": ("tcm/v1/C-1/L-01/up/env", changed(v=2), "v: expected 1, got 2", True),
    "missing key": ("tcm/v1/C-1/L-01/up/env", changed(x=None), "x: missing", True),
    "shape": ("tcm/v1/C-1/L-01/up/env", changed(ch=["temperature.air", "humidity.air"]), "x: expected [", True),
    "array": ("tcm/v1/C-1/L-01/up/env", changed(x=[[20.0]]), "x: expected tag 40", True),
    "identity": ("tcm/v1/C-1/L-01/up/env", changed(seq=-1), "seq: expected an integer", False),
    "identifier": ("tcm/v1/C 1/L-01/up/env", lambda payload: payload, "topic: expected an identifier", False),
    "kind": ("tcm/v1/C-1/L-01/up/sound", lambda payload: payload, "topic: expected a kind", False),
    "fill of a status": ("tcm/v1/C-1/L-01/up/fill/status", lambda payload: payload, "topic: expected a kind", False),
    "status": ("tcm/v1/C-1/L-01/up/status", changed(state="asleep"), "state: expected one of", False),
}


def test_bad_messages_are_kept_and_counted_and_good_ones_pass(
    daemon: DaemonProcess, logger: Logger, influx_server: Influxd, tmp_path: Path
) -> None:
    """One of each kind between good records: quarantine has the bytes and the reason, status and metrics the count."""
    expected = []
    for number, (topic, spoil, reason, settles) in enumerate(BAD.values()):
        good = logger.env(START_NS + number * 10**9, [[20.0 + number]])
        logger.send(good)
        logger.env(START_NS + 10**12 + number * 10**9, [[-1.0]])
        kind, payload = logger.records.pop()
        spoiled = spoil(payload)
        logger.publish(topic, spoiled)
        expected.append((topic, spoiled, reason))
        if settles:
            logger.records.append((kind, spoiled))  # its seq is used
    wait_until(lambda: daemon.status()["quarantined"] == len(BAD), 10, "everything bad in quarantine")
    logger.wait_acknowledged(len(logger.records) - 1)
    daemon.wait_settled(len(BAD))

    rows = daemon.rows("journal.db", "SELECT topic, payload, reason FROM quarantine")
    for row, (topic, payload, beginning) in zip(sorted(rows), sorted(expected), strict=True):
        assert row[:2] == (topic, payload)
        assert row[2].startswith(beginning)
    told = json.loads(daemon.tcm("status", "--json").stdout)
    assert told["quarantined"] == daemon.metric("tcm_quarantined") == len(BAD)
    assert told["ingest"]["records"] == len(BAD)
    stored = influx_rows(influx_server, tmp_path.name, "SELECT temperature_hardware_c FROM env")
    assert stored == [[START_NS + n * 10**9, 20.0 + n] for n in range(len(BAD))]
    assert daemon.answers("/readyz")


def test_readings_without_a_value_and_unknown_channels_are_no_fault(
    daemon: DaemonProcess, logger: Logger, influx_server: Influxd, tmp_path: Path
) -> None:
    """A block of NaN alone is a record without points; a channel that nobody knows leaves its neighbours alone."""
    logger.env(START_NS, [[NAN, NAN]], "temperature.hardware", "humidity.air")
    logger.env(START_NS + 10**9, [[21.0, 7.0], [NAN, 8.0]], "temperature.hardware", "colour.sky")
    logger.env(START_NS + 5 * 10**9, [[1.0]], "Temperature AIR \n")
    logger.send()
    logger.wait_acknowledged(2)
    daemon.wait_settled(3)
    assert daemon.status()["quarantined"] == 0
    assert influx_rows(influx_server, tmp_path.name, "SELECT * FROM env") == [
        [START_NS + 10**9, "C-1", "L-01", 21.0],
    ]


def test_no_name_of_an_accelerometer_stops_the_store(
    daemon: DaemonProcess, logger: Logger, influx_server: Influxd, tmp_path: Path
) -> None:
    """It becomes a tag, where InfluxDB does not take everything; what comes after it is stored all the same."""
    for name in ("a\\b", "line\nbreak", "\N{SNOWMAN}", "a,b= c%d"):
        seq = logger.shock(START_NS, np.zeros((3, 50), dtype=np.int16), 20)
        logger.records[seq] = ("shock", changed(acc=name)(logger.records[seq][1]))
    logger.env(START_NS, [[22.0]])
    logger.send()
    logger.wait_acknowledged(4)
    statement, expected = "SELECT temperature_hardware_c FROM env", [[START_NS, 22.0]]
    wait_until(
        lambda: influx_rows(influx_server, tmp_path.name, statement) == expected, 10, "the reading behind the events"
    )
    assert daemon.answers("/readyz")
