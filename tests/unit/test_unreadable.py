"""A journal with records that an earlier program took and this one refuses: everything behind them goes on."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitor.consumers import Watch
from monitor.journal import Journal, Usable
from monitor.journal.schema import IDENTITY_CONFLICT
from monitor.model.errors import WireError
from monitor.replaying import replay_source
from monitor.telemetry import StateReader, metrics
from monitor.wire import decode
from tests.journals import arrival
from tests.messages import T0, S, env, pack, shock, status
from tests.stores import RULES, Bench, Ledger, of, run

OLD: dict[str, Any] = {
    "env": env(1, note="x" * 70_000),
    "shock": shock(2, acc="a" * 200),
    "status": status(boots=3),
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty journal under RULES."""
    return Bench(tmp_path)


def taken_once(kind: str) -> Usable:
    """A message that today's door refuses, as a program without that check handed it to the journal."""
    payload = pack(OLD[kind])
    with pytest.raises(WireError):
        decode(kind, payload)
    plain = {"env": env(1), "shock": shock(2), "status": status()}[kind]
    return Usable(1000, f"tcm/v1/C/L/up/{kind}", payload, False, False, "C", "L", kind, arrival(kind, plain).message)


def hot(seq: int) -> Usable:
    """Readings above the limit of RULES."""
    return arrival("env", env(seq, values=[[26.0]]), T0)


def test_what_cannot_be_read_stops_nobody(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Neighbours before and behind are judged and stored; the log has position and reason, the state the number."""
    bench.append(arrival("status", status(), S), hot(0), *map(taken_once, OLD), hot(3), arrival("shock", shock(4)))
    sink = Ledger()
    store = bench.store(sink)
    run(store)
    assert (store.is_caught_up, bench.watch.pos) == (True, bench.journal.pos)
    assert len(of("env", sink.kept)) == len(of("shock_wave", sink.kept)) - 1 == 2
    assert len(of("logger", sink.kept)) == 1
    assert [(alert["rule"], alert["evidence"]["pos"]) for alert in bench.results.book.alerts()] == [
        ("hot", 3), ("jolt", 8),
    ]  # fmt: skip
    assert bench.watch.judge.unreadable == 3
    assert "record 5 (shock) cannot be read and is passed over; its bytes stay in the journal: acc: " in caplog.text
    replayed = replay_source(bench.folder, None, lambda _done, _all: None)
    assert replayed["alerts"] == bench.results.book.alerts()


def test_a_restart_goes_on_counting(bench: Bench) -> None:
    """The number is one of the journal, not of the process."""
    bench.append(taken_once("env"))
    bench.watch.close()
    bench.watch = Watch(bench.folder, bench.reader, bench.clock)
    bench.append(taken_once("shock"))
    assert bench.watch.judge.unreadable == 2


def test_the_status_shows_the_last_state_that_can_be_read(bench: Bench) -> None:
    """Of a logger that said nothing else it shows none."""
    bench.append(arrival("status", status(bat_pct=80), logger="M"), taken_once("status"))
    bench.append(arrival("status", status(state="sleeping"), logger="M"))
    bench.append(replace(taken_once("status"), logger="M"))
    reader = StateReader(bench.folder)
    rows = {row["logger"]: row["state"] for row in reader.document(RULES, T0)["loggers"]}
    reader.close()
    assert rows == {"L": None, "M": "sleeping"}


def test_metrics_tell_the_number() -> None:
    """As `tcm_unreadable_records`, of the status document."""
    consumers = {"watch": {"backlog": 0, "lag_s": 0.0, "unreadable": 3}}
    ingest = dict.fromkeys(("connected", "records", "duplicates", "dropped", "queue"), 0)
    journal = {"pos": 1, "bytes": 2, "used_bytes": 2}
    document = {"ingest": ingest, "journal": journal, "problems": {}, "quarantined": 0, "gaps": {}, "budget_bytes": 9}
    lists: dict[str, Any] = {"loggers": [], "alerts": {}, "conditions": [], "stalled": {}, "notifiers": []}
    text = metrics(document | lists | {"consumers": consumers, "kernel": "numpy"})
    assert b"\ntcm_unreadable_records 3.0\n" in text


def test_a_conflict_that_cannot_be_read_hides_no_other(bench: Bench) -> None:
    """The one behind it is an alarm."""
    bench.append(hot(0))
    topic = "tcm/v1/C/L/up/env"
    with closing(sqlite3.connect(bench.folder / "journal.db")) as connection, connection:
        for pos, content in enumerate((OLD["env"], env(0, values=[[1.0]])), 1):
            row = (pos, 7, topic, pack(content), IDENTITY_CONFLICT, b"", b"")
            connection.execute("INSERT INTO quarantine VALUES(?, ?, ?, ?, ?, ?, ?)", row)
    journal = Journal(bench.folder)
    journal.append_own("tick", T0, json.dumps({"quarantined": journal.quarantine_pos}).encode())
    bench.append()
    (alert,) = [a for a in bench.results.book.alerts() if a["rule"] == "monitor.identity-conflict"]
    assert alert["evidence"] == {"pos": 2, "boot": 1, "seq": 0}
