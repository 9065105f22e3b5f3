"""Nothing is lost, doubled or judged otherwise when the daemon is killed in the middle of its work."""

from __future__ import annotations

import itertools
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.daemon import DaemonProcess, read_rows
from tests.fleet import START_NS, Logger
from tests.influx import influx_rows, influx_v1
from tests.processes import wait_until
from tests.servers import Influxd, Mosquitto

LOGGERS, ROWS = 8, 5
S_NS = 1_000_000_000
SNAPSHOT = 0.1  # at this share of the records in the journal it ends in order, so that a snapshot lies in its files
KILLS = (0.3, 0.5, 0.8)  # and at these it is killed
PACE_S = 0.0015  # between two records, so that the kills fall into the traffic: 3 s in all
ABOVE, CLEAR, DWELL_NS, KNOCK_G = 25.0, 24.0, 20 * S_NS, 2.0  # as in the limits of the fleet
Readings = list[tuple[int, float]]  # time ns, degC
Key = tuple[str, str, str, int | None, int | None]  # rule, logger, channel, occurred, cleared


class Journey:
    """What one logger measures: warm spells of every length, a few parted by a gap, and a knock now and then."""

    def __init__(self, logger: Logger, seed: int, records: int) -> None:
        self.logger, self.readings = logger, Readings()
        self.knocks: list[tuple[int, NDArray[Any]]] = []
        random = np.random.default_rng(seed)
        temperatures = self._spells(random)
        time_ns = START_NS
        for seq in range(records):
            if seq % 25 == 20:
                self._knock(time_ns, random)
                continue
            if random.random() < 0.05:
                time_ns += 30 * S_NS  # more than 2.5 intervals
            values = [next(temperatures) for _ in range(ROWS)]
            logger.env(time_ns, [[value, 50.0] for value in values], "temperature.hardware", "humidity.air")
            self.readings += [(time_ns + row * S_NS, float(np.float32(v))) for row, v in enumerate(values)]
            time_ns += ROWS * S_NS

    @staticmethod
    def _spells(random: np.random.Generator) -> Iterator[float]:
        while True:
            level = random.choice([20.0, 24.5, 26.0, 28.0])
            length = random.choice([4, 20, 21, 22, 50])  # 21 readings are just as long as the dwell
            yield from level + random.normal(0, 0.3, length)

    def _knock(self, time_ns: int, random: np.random.Generator) -> None:
        counts = np.zeros((3, 300), dtype=np.int16)
        counts[2] = 100  # 1 g of gravity, which is no knock
        counts[:2, 200:212] += np.round(random.uniform(50, 400) * np.sin(np.linspace(0, np.pi, 12))).astype(np.int16)
        self.logger.shock(time_ns, counts, 180)
        self.knocks.append((time_ns, counts * 0.01))


def expected_alerts(journey: Journey) -> Iterator[Key]:
    """The definitions as a plain loop over what was sent."""
    name, since, firing, last_ns = journey.logger.name, None, False, 0
    for time_ns, value in journey.readings:
        if firing:
            if value <= CLEAR:
                yield "hot", name, "temperature.hardware", since, time_ns
                since, firing = None, False
        elif value <= ABOVE:
            since = None
        else:
            if since is None or time_ns - last_ns > 2.5 * S_NS:
                since = time_ns
            firing = time_ns - since >= DWELL_NS
        last_ns = time_ns
    if firing:
        yield "hot", name, "temperature.hardware", since, None
    for start_ns, accel_g in journey.knocks:
        for i, (x, y, z) in enumerate(accel_g.T):
            if np.float32(np.sqrt(x**2 + y**2 + (z - 1.0) ** 2)) > KNOCK_G:
                yield "knock", name, "shock.a", start_ns + i * 1_000_000, start_ns + 299 * 1_000_000
                break


def is_journalled(state_dir: Path, logger: Logger, upto: int) -> bool:
    """Whether every seq up to `upto`, which down/ack settled, lies in the journal once, as it was sent."""
    statement = "SELECT seq, payload FROM records WHERE logger = ? AND boot = ? AND seq <= ? ORDER BY seq"
    rows = read_rows(state_dir / "journal.db", statement, logger.name, logger.boot, upto)
    return rows == [(seq, logger.records[seq][1]) for seq in range(upto + 1)]


def send_and_kill(daemon: DaemonProcess, loggers: list[Logger], copies: Path) -> None:
    """Publish everything, the last logger from memory, while the daemon is killed at KILLS and started again."""

    def publish() -> None:
        for seq, logger in itertools.product(range(len(loggers[0].records)), loggers):
            logger.send(seq, fill=logger is loggers[-1])
            pause.wait(PACE_S)

    pause = threading.Event()
    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        for share in (SNAPSHOT, *KILLS):
            enough = share * sum(len(logger.records) for logger in loggers)
            wait_until(lambda enough=enough: _count(daemon) >= enough, 20, f"{enough} records in the journal")  # type: ignore[misc]  # mypy cannot type a default
            daemon.end(signal.SIGTERM if share == SNAPSHOT else signal.SIGKILL)
            copy = copies / str(share)
            shutil.copytree(daemon.state_dir, copy)  # a reader of the file itself would repair it
            settled = [(logger, logger.upto) for logger in loggers]
            daemon.start("/healthz")
            assert all(is_journalled(copy, logger, upto) for logger, upto in settled)
    finally:
        publisher.join()


def _count(daemon: DaemonProcess) -> int:
    return int(daemon.rows("journal.db", "SELECT count(*) FROM records WHERE seq IS NOT NULL")[0][0])


@pytest.mark.parametrize(("protocol", "records"), [("5", 250), ("3.1.1", 100)])
def test_three_kills_lose_and_double_nothing(
    tmp_path: Path, own_mosquitto_server: Mosquitto, influx_server: Influxd, protocol: str, records: int
) -> None:
    """2 000 (or 800) records, three SIGKILLs: journal, InfluxDB and alerts are as if nothing had happened."""
    database = f"kill-{protocol}"
    store, total = influx_v1(influx_server, database), LOGGERS * records
    each = '[alerts]\nhold_off = "0 s"'  # each exceedance is an alert of its own
    url = own_mosquitto_server.url
    with DaemonProcess(tmp_path, url, store, protocol=protocol, more=each) as daemon, ExitStack() as stack:
        daemon.start()
        names = [f"L-{number:02}" for number in range(1, LOGGERS + 1)]
        loggers = [stack.enter_context(Logger(own_mosquitto_server.port, n, protocol=protocol)) for n in names]
        journeys = [Journey(logger, seed, records) for seed, logger in enumerate(loggers)]
        send_and_kill(daemon, loggers, tmp_path / "copies")
        daemon.wait_settled(total)
        for logger in loggers:  # an acknowledgement may have died with the daemon: a new birth asks for it
            if not logger.is_settled():
                logger.disconnect()
                logger.connect()
                logger.send(*range(logger.upto + 1, records), fill=True)
                logger.wait_acknowledged(records - 1)
        daemon.wait_stored(total)

        assert _count(daemon) == total
        assert all(is_journalled(daemon.state_dir, logger, records - 1) for logger in loggers)
        expected = sorted(itertools.chain.from_iterable(map(expected_alerts, journeys)), key=str)
        assert len(expected) > total / 40
        listed = daemon.get("/api/alerts")[1]
        assert sorted(map(key_of, listed), key=str) == expected
        states = [(key[-1] is None and ["firing"]) or ["cleared", "firing"] for key in expected]
        transitions = daemon.rows("watch.db", "SELECT alert_id, state FROM transitions")
        assert len(transitions) == len(set(transitions)) == sum(map(len, states))
        for journey in journeys:
            check_influx(influx_server, database, journey)


def key_of(alert: dict[str, str]) -> Key:
    occurred, cleared = (None if alert[k] is None else _ns(alert[k]) for k in ("occurred_at", "cleared_at"))
    return alert["rule"], alert["logger"], alert["channel"], occurred, cleared


def _ns(text: str) -> int:
    return int(np.datetime64(text.rstrip("Z"), "ns").astype(np.int64))


def check_influx(server: Influxd, database: str, journey: Journey) -> None:
    """Each reading once, with its value; each sample of each event once."""
    name = journey.logger.name
    rows = influx_rows(server, database, f"SELECT temperature_hardware_c FROM env WHERE logger = '{name}'")
    assert [(t, float(np.float32(v))) for t, v in rows] == journey.readings
    ((_, waves),) = influx_rows(server, database, f"SELECT count(x_g) FROM shock_wave WHERE logger = '{name}'")
    ((_, events),) = influx_rows(server, database, f"SELECT count(peak_g) FROM shock WHERE logger = '{name}'")
    assert (waves, events) == (300 * len(journey.knocks), len(journey.knocks))
