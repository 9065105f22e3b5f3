"""The store of a simulated gateway: InfluxDB's answers and InfluxDB's data, behind the real `InfluxSink`.

Points are keyed by measurement, tags and time; fields merge, the last write wins. Answers are drawn from the seed: a
write may be refused, take effect although it timed out, take effect later than what was sent after it, or be lost
after it was confirmed.
"""

from __future__ import annotations

import functools
import gzip
import random
import re
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import SimpleNamespace
from typing import Any

import numpy as np
from influxdb_client.rest import ApiException
from numpy.typing import NDArray
from urllib3.exceptions import ReadTimeoutError

from monitor.model.batch import Points as Batch
from monitor.model.clock import MINUTE_NS
from monitor.sinks.influx import InfluxSink
from monitor.sinks.sink import Held, Unavailable
from monitor.sinks.stored import TAGS, Column, Columns, Tags
from tests.simulation.clock import S, SimClock

Series = tuple[str, str]  # measurement with tags as they stand in a line, time
Points = dict[Series, dict[str, str]]
REFUSED_FIELD = ("humidity_air_pct", "66.6")  # a line with it is refused
MARK = "=".join(REFUSED_FIELD).encode()
FORGOTTEN = 200  # points that a restart of the server may lose
LATE_S = 4  # within which what is late takes effect; the store waits for longer
_FIELD = re.compile(r'((?:[^,=\\"]|\\.)+)=("(?:[^"\\]|\\.)*"|[^,]*)(?:,|$)')
_TAG_COMMA = re.compile(r"(?<!\\),")
FAULTS = ("401", "413", "429", "503", "before", "after", "late", "partial")


class Server:
    """`fault` is how the next writes fare, "" for well."""

    def __init__(self, rng: random.Random, clock: SimClock) -> None:
        self._rng, self._clock = rng, clock
        self.points: Points = {}
        self.fault = ""
        self._undo: deque[tuple[Series, dict[str, str] | None]] = deque(maxlen=FORGOTTEN)  # points as they were
        self.has_forgotten = False
        self._late: list[tuple[int, bytes]] = []  # true ns from which it has taken effect, body

    def sink(self) -> SimSink:
        """A sink as the daemon's, whose requests come here."""
        sink = SimSink(self.points)
        sink.client._client = SimpleNamespace(api_client=SimpleNamespace(call_api=self._call), close=lambda: None)
        return sink

    def forget(self) -> None:
        """Lose what was confirmed last, as a server does whose log was cut off at its restart."""
        self.has_forgotten |= bool(self._undo)
        for _ in range(self._rng.randrange(len(self._undo) + 1)):
            series, before = self._undo.pop()
            if before is None:
                del self.points[series]
            else:
                self.points[series] = before

    def step(self) -> None:
        """What is late takes effect when its time has come."""
        due = [body for at_ns, body in self._late if at_ns <= self._clock.true_ns]
        self._late = [each for each in self._late if each[0] > self._clock.true_ns]
        for body in due:
            self._commit(body)

    def _call(self, path: str, method: str, *, body: bytes | None = None, **_rest: Any) -> tuple[Any, int, Any]:
        """influxdb-client's `call_api`."""
        if path != "/api/v2/write":
            if self.fault in ("503", "before"):
                raise _refused(503, "not now")
            return None, 204, {}
        assert body is not None
        data = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        self._fail(data)
        if MARK in data:
            good = b"".join(line for line in data.splitlines(keepends=True) if MARK not in line)
            if self._rng.random() < 0.5:
                self._commit(good)
            raise _refused(self._rng.choice((400, 422)), "partial write: a line is wrong")
        self._commit(data)
        return None, 204, {}

    def _fail(self, data: bytes) -> None:
        fault = self.fault
        if fault in ("429", "503") and self._rng.random() < 0.3:
            self._commit(data[: data.find(b"\n", len(data) // 2) + 1])  # some of it, and nobody says so
        if fault in ("401", "429", "503"):
            raise _refused(int(fault), "no", {"Retry-After": str(self._rng.randrange(3))} if fault == "429" else {})
        if fault == "413" and data.count(b"\n") > 3:
            raise _refused(413, "too large")
        if fault == "before":
            raise ReadTimeoutError(None, None, "timed out")  # type: ignore[arg-type]  # nobody looks at the pool
        if fault in ("after", "late"):
            delay_ns = 0 if fault == "after" else self._rng.randrange(LATE_S * S)
            self._late.append((self._clock.true_ns + delay_ns, data))
            self.step()
            raise ReadTimeoutError(None, None, "timed out")  # type: ignore[arg-type]  # as above

    def _commit(self, data: bytes) -> None:
        for line in data.decode().splitlines():
            head, _, rest = _split(line)
            fields, _, time_ns = rest.rpartition(" ")
            name, *tags = _TAG_COMMA.split(head)
            series = ",".join([name, *sorted(tags)]), time_ns
            before = self.points.get(series)
            self._undo.append((series, before))
            self.points[series] = (before or {}) | dict(_FIELD.findall(fields))


class SimSink(InfluxSink):
    """The real one but for its queries, which look into the data at once."""

    def __init__(self, points: Points) -> None:
        super().__init__("http://127.0.0.1:8086", "v2", "tcm", org="tcm", token="t")
        self._points = points

    def columns(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> tuple[Columns, int]:
        """All in one page."""
        found: dict[tuple[Tags, str], list[tuple[int, Any]]] = {}
        for (series, time_ns), fields in self._points.items():
            tags = _tags(series)
            is_asked = tags["measurement"] == measurement and from_ns <= int(time_ns) < to_ns
            if is_asked and (tags["container"], tags.get("logger", "")) == (container, logger):
                named = tuple((name, tags[name]) for name in TAGS[measurement])
                for name, value in fields.items():
                    found.setdefault((named, name), []).append((int(time_ns), _value(value)))
        columns: Columns = {}
        for key, rows in found.items():
            times_ns, values = zip(*sorted(rows, key=lambda row: row[0]), strict=True)
            kind = float if isinstance(values[0], float) else object
            columns[key] = Column(np.array(times_ns, dtype=np.int64), np.array(values, dtype=kind))
        return columns, to_ns

    def minutes(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> Batch | None:
        """One minute after the other."""
        found, _ = self.columns(measurement, container, logger, from_ns, to_ns)
        if not found:
            return None
        times_ns = np.unique(np.concatenate([_minutes(column) for column in found.values()]))
        fields: dict[str, Any] = {
            f"{name}_{kind}": np.array([work(column, at_ns) for at_ns in times_ns.tolist()])
            for (_, name), column in found.items()
            for kind, work in KINDS.items()
        }
        return Batch(0, measurement, (("container", container), ("logger", logger)), times_ns, fields)

    def next_ns(self, measurement: str, container: str, logger: str, from_ns: int, to_ns: int) -> int | None:
        """The first of all."""
        found, _ = self.columns(measurement, container, logger, from_ns, to_ns)
        return min((int(column.times_ns[0]) for column in found.values()), default=None)

    def owners(self, measurement: str) -> set[tuple[str, str]]:
        """Of everything there is."""
        every = [_tags(series) for series, _ in self._points]
        return {(tags["container"], tags.get("logger", "")) for tags in every if tags["measurement"] == measurement}

    def retention_ns(self) -> int | None:
        """For ever."""
        return 0


class Jobs(Executor):
    """An executor whose jobs run when the scheduler says; those that wait when the process dies may or may not."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.failures = 0  # on end, that only waiting mends

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Put a job behind the others."""
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: fn(*args, **kwargs)))
        return future

    def run_one(self, rng: random.Random) -> bool:
        """Run any of the jobs that wait; whether there was one."""
        if not self._waiting:
            return False
        future, job = self._waiting.pop(rng.randrange(len(self._waiting)))
        try:
            future.set_result(job())
            self.failures = 0
        except Exception as error:  # noqa: BLE001  # whatever it is belongs to whoever asked
            self.failures = self.failures + 1 if isinstance(error, Held | Unavailable) else 0
            future.set_exception(error)
        return True


def body_points(body: bytes) -> Points:
    """The points that a body of line protocol leads to in an empty store."""
    server = Server(random.Random(0), SimClock())
    server._commit(body)
    return server.points


def is_refused(fields: dict[str, str]) -> bool:
    """Whether the store takes no point with these fields."""
    name, value = REFUSED_FIELD
    return fields.get(name) == value


def _minutes(column: Column) -> NDArray[np.int64]:
    """The beginning of the minute of each value."""
    return column.times_ns // MINUTE_NS * MINUTE_NS


def _of_minute(work: Callable[[NDArray[Any]], Any]) -> Callable[[Column, int], float]:
    """What the values of one minute come to, NaN without any."""

    def made(column: Column, at_ns: int) -> float:
        values = column.values[_minutes(column) == at_ns]
        return float(work(values)) if values.size else np.nan

    return made


KINDS = {"min": _of_minute(np.min), "mean": _of_minute(np.mean), "max": _of_minute(np.max)}


@functools.lru_cache(maxsize=10_000)
def _tags(series: str) -> dict[str, str]:
    """The tags of a series, and its measurement."""
    measurement, *tags = _TAG_COMMA.split(series)
    return {"measurement": measurement} | dict(tag.split("=", 1) for tag in tags)


def _value(text: str) -> Any:
    """A field's value as line protocol has it: text, flag or number."""
    if text.startswith('"'):
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return text == "true" if text in ("true", "false") else float(text)


def _split(line: str) -> tuple[str, str, str]:
    """Measurement with tags, and the rest, of a line whose names have no blanks but escaped ones."""
    at = 0
    while True:
        at = line.index(" ", at)
        if line[at - 1] != "\\":
            return line[:at], " ", line[at + 1 :]
        at += 1


def _refused(status: int, cause: str, headers: dict[str, str] | None = None) -> Any:
    error: Any = ApiException(status=status, reason=cause)  # type: ignore[no-untyped-call]  # the client leaves it untyped
    error.headers, error.body = headers or {}, cause
    return error
