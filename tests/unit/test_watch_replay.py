"""A journal judged again: whatever the cuts and the restarts, the alerts are those of one quiet run."""

from __future__ import annotations

import math
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers.saved import SNAPSHOT_VERSION
from monitor.consumers.watch import SNAPSHOT_NS
from monitor.model.errors import TcmError
from monitor.replaying import replay_source
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status
from tests.stations import ALL, DRY, HOT, JOLT, SLOW, Item, Station, readings, rules


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """An empty journal under all rules."""
    return Station(tmp_path)


LIMITS = [ALL, rules(HOT, JOLT), rules(HOT | {"above": "24 degC"}, SLOW), rules(DRY, SLOW, armed=False)]


def scene(seed: int) -> list[Item]:
    """Two loggers, live and filled, two boots, with and without a clock, events, births, ticks, new limits."""
    rng = random.Random(seed)
    times_ns: Counter[str] = Counter()
    seqs: Counter[tuple[str, int]] = Counter()
    items: list[Item] = []
    for number in range(rng.randint(3, 25)):
        logger, boot = rng.choice("LM"), rng.choice([1, 1, 2])
        received_ns = T0 + 600 * S + number * S
        what = rng.choice(["env"] * 6 + ["shock", "status", "config", "tick"])
        if what == "tick":
            items.append(received_ns + rng.choice([0, 0, 600]) * S)
            continue
        if what == "config":
            items.append(rng.choice(LIMITS))
            continue
        if what == "status":
            content = status(boot, interval_us=rng.choice([10_000_000, 60_000_000]), mono=number * S)
            items.append(arrival("status", content, received_ns, logger, is_prompt=rng.random() < 0.5))
            continue
        seq = seqs[logger, boot]
        seqs[logger, boot] += 1
        rows = rng.randint(1, 5)
        at_ns = times_ns[logger] + rng.choice([10, 10, 10, 20, 60, -30]) * S
        common = {"t0": T0 + at_ns, "mono": 1000 * S + at_ns, "clk": rng.choice([2, 2, 0])}
        if what == "shock":
            content = shock(seq, boot, counts=[[0, rng.randint(-900, 900), 1], [0, 1, 0], [128] * 3], **common)
        else:
            times_ns[logger] = at_ns + (rows - 1) * 10 * S
            pick = [20.0, 22.5, 23.5, 24.5, 24.5, 25.5, 26.5, 28.0, math.nan, math.inf]
            values = [[rng.choice(pick), rng.choice([20.0, 35.0])] for _ in range(rows)]
            content = env(seq, boot, values=values, sync_age_s=float(number), **common)
        how = {"is_fill": rng.random() < 0.3, "is_prompt": rng.random() < 0.2}
        items.append(arrival(what, content, received_ns, logger, **how))
    return items


def earlier_version(state: bytes) -> bytes:
    """What a program of an earlier version left behind."""
    return cbor2.dumps(cbor2.loads(state) | {"version": SNAPSHOT_VERSION - 1, "engine": b"", "order": None})


@pytest.mark.parametrize("spoil", [earlier_version, lambda state: state[:-1], lambda _: cbor2.dumps(7), lambda _: b""])
def test_a_snapshot_that_cannot_be_taken_up_is_judged_again(
    station: Station, spoil: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """From the journal's beginning, to the same alerts, numbers and results, and then it is saved anew."""
    station.run(*scene(4))
    before = station.outcome()
    station.watch.close()
    with sqlite3.connect(station.folder / "watch.db") as connection:
        (state,) = connection.execute("SELECT state FROM snapshot").fetchone()
        connection.execute("UPDATE snapshot SET state = ?", (spoil(state),))
    station.start()
    assert station.watch.pos == 0
    assert "the journal is judged again from its beginning" in caplog.text
    station.run()
    assert station.outcome() == before
    assert all(before)
    station.watch.close()
    station.start()
    assert station.watch.pos == station.journal.pos


def test_deleting_the_file_builds_the_same_again(station: Station) -> None:
    """Alerts, numbers and results come from the journal alone."""
    station.run(*scene(4))
    before = station.outcome()
    station.watch.close()
    for path in station.folder.glob("watch.db*"):
        path.unlink()
    station.start()
    station.run()
    assert station.outcome() == before
    assert all(before)


@settings(max_examples=20)
@given(
    st.integers(0, 2**32), st.lists(st.sampled_from(["cut", "cut", "save", "crash", "stop"]), max_size=10), st.randoms()
)
def test_replay_equals_live(
    tmp_path_factory: pytest.TempPathFactory, seed: int, events: list[str], rng: random.Random
) -> None:
    """Commits, snapshots, crashes and restarts anywhere: alerts, transitions and results are those of one piece."""
    items = scene(seed)
    whole = Station(tmp_path_factory.mktemp("whole"))
    whole.run(*items)
    live = Station(tmp_path_factory.mktemp("live"))
    cuts = sorted(rng.randint(0, len(items)) for _ in events)
    for event, first, last in zip(events, [0, *cuts], cuts, strict=False):
        live.run(*items[first:last])
        if event == "save":
            live.clock.mono += SNAPSHOT_NS
        if event == "stop":
            live.watch.close()
        if event in ("crash", "stop"):
            live.start(page_records=rng.randint(1, 5))
    live.run(*items[cuts[-1] if cuts else 0 :])
    assert live.outcome() == whole.outcome()
    answer = replay_source(live.folder, None, lambda _done, _all: None)
    assert answer["alerts"] == whole.alerts()
    assert sum(answer["totals"].values()) == len(whole.alerts())
    for each in (whole, live):
        each.watch.close()
        each.journal.close()


def test_the_scenes_are_not_empty_ones(tmp_path: Path) -> None:
    """They raise and clear alerts of every rule, in a phase that matters, with results."""
    rules_seen: Counter[tuple[str, str]] = Counter()
    phases, results = set(), 0
    for seed in range(12):
        station = Station(tmp_path / str(seed))
        station.run(*scene(seed))
        alerts, _, rows = station.outcome()
        rules_seen.update((alert["rule"], alert["state"]) for alert in alerts)
        phases |= {alert["phase"] for alert in alerts}
        results += len(rows)
    assert {rule for rule, _ in rules_seen} == {"hot", "slow", "dry", "jolt"}
    assert {state for _, state in rules_seen} == {"firing", "cleared"}
    assert phases == {"road", "storage"}
    assert results > 10


def test_a_replay_counts_and_shows_its_way(station: Station) -> None:
    """Readings, events, progress to the head; other limits than the journal's when a file says so."""
    station.run(readings(20.0, 26.0), arrival("shock", shock(1)), readings(20.0, seq=2))
    progress: list[tuple[int, int]] = []
    answer = replay_source(station.folder, None, lambda done, total: progress.append((done, total)))
    assert (answer["readings"], answer["events"], answer["totals"]) == (3, 1, {"hot": 1, "jolt": 1})
    assert progress == [(4, 4)]
    file = station.folder / "strict.toml"
    file.write_text(
        'name = "strict"\n[[rule]]\nid = "any"\nkind = "threshold"\nchannel = "temperature.*"\n'
        'above = "19 degC"\nseverity = "info"\n',
        encoding="utf-8",
    )
    answer = replay_source(station.folder, file, lambda _done, _all: None)
    assert (answer["totals"], answer["limits"]) == ({"any": 1}, str(file))


@pytest.mark.parametrize("make", [lambda folder: folder, lambda folder: folder / "nothing"])
def test_a_source_that_is_none_is_refused(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    """A folder without a journal needs limits, and has to be there."""
    with pytest.raises(TcmError, match=r"expected a state directory with journal\.db, or a recording"):
        replay_source(make(tmp_path), None, lambda _done, _all: None)
