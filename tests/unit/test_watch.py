"""Watch on real journals: whatever the cuts and the restarts, the alerts are those of one quiet run."""

from __future__ import annotations

import json
import math
import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config import Rules
from monitor.consumers import Board, Watch, WatchReader
from monitor.consumers.saved import SNAPSHOT_VERSION
from monitor.consumers.watch import MAX_STEP_BYTES, SNAPSHOT_NS, STEP_NS
from monitor.model.clock import SystemClock, rfc3339
from monitor.model.errors import DiskFull, JournalError, TcmError
from monitor.replaying import replay_source
from tests.journals import arrival
from tests.messages import T0, S, env, shock, status
from tests.stations import ALL, DRY, HOT, JOLT, SLOW, Item, Receipt, Station, readings, rules, unset


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """An empty journal under all rules."""
    return Station(tmp_path)


def test_an_alert_says_what_a_person_needs_to_know(station: Station) -> None:
    """All fields of the contract, in its order."""
    station.run(readings(20.0, 25.5, 27.0, 26.0, sync_age_s=5000.0))
    alert = next(alert for alert in station.alerts() if alert["rule"] == "hot")
    digest = Rules.from_json(ALL).profile_digest("C")
    assert list(alert.items()) == [
        ("id", alert["id"]),
        *(("rule", "hot"), ("kind", "threshold"), ("container", "C"), ("logger", "L"), ("serial", "SN-1")),
        *(("place", "base frame"), ("channel", "temperature.air"), ("axis", None), ("severity", "alarm")),
        *(("state", "firing"), ("occurred_at", rfc3339(T0 + 10 * S)), ("reported_at", rfc3339(T0 + 1000 * S))),
        *(
            ("cleared_at", None),
            ("value", 25.5),
            ("peak", 27.0),
            ("limit", 25.0),
            ("unit", "degC"),
            ("uncertainty", 0.3),
        ),
        *(("decision", "exceeded"), ("clock_uncertainty_s", pytest.approx(0.1)), ("phase", "storage")),
        *(("profile_digest", digest), ("evidence", {"pos": 2, "boot": 1, "seq": 0}), ("suspect", False)),
        ("merged_into", None),
        ("message", f"C base frame: temperature.air 25.5 degC, above 25 degC since {rfc3339(T0 + 10 * S)}"),
        *(("quantity", None), ("margin", None), ("custodian", None), ("acknowledged", None), ("reopened", 0)),
        *(("flapping", False), ("escalates", None), ("escalated_to", None)),
    ]
    assert len(alert["id"]) == 16


def test_a_shock_is_an_alert_of_its_accelerometer(station: Station) -> None:
    """Channel shock.<acc>, the axis of the rule, evidence in the journal."""
    station.run(arrival("shock", shock(4)))
    (alert,) = station.alerts()
    assert (alert["channel"], alert["axis"], alert["unit"], alert["limit"]) == ("shock.a", "resultant", "g", 3.0)
    assert (alert["evidence"], alert["decision"]) == ({"pos": 2, "boot": 1, "seq": 4}, "exceeded")
    assert alert["value"] == pytest.approx(7.03, abs=0.01)


def test_an_alarm_does_not_wait_for_many_large_events_of_others(tmp_path: Path) -> None:
    """What a step takes is bounded by its bytes too: an alert is told once its whole batch is judged."""
    station = Station(tmp_path)
    large = np.tile(np.array([[128], [0], [900]], "<i2"), 4096)
    others = [arrival("shock", shock(seq, counts=large), T0, "M") for seq in range(60)]
    station.append(arrival("shock", shock(0)), *others)
    steps = [station.watch.pos for _ in iter(station.watch.step, False)]
    sizes = [after - before for before, after in pairwise([0, *steps])]
    assert station.watch.pos == station.journal.pos
    assert max(sizes) * large.nbytes <= MAX_STEP_BYTES + 2 * large.nbytes
    assert station.alerts()


def test_a_container_that_is_not_armed_alarms_nobody(tmp_path: Path) -> None:
    """The alert is raised as `info`, for bench handling."""
    station = Station(tmp_path, rules(HOT, armed=False))
    station.run(readings(26.0))
    assert [alert["severity"] for alert in station.alerts()] == ["info"]


def test_an_alert_clears_and_both_changes_are_told(station: Station) -> None:
    """The peak that grew in later batches stands in the alert and in the transition `cleared`."""
    station.run(readings(26.0))
    station.run(readings(28.0, 27.0, seq=1, t0=T0 + 10 * S))
    station.run(readings(25.0, seq=2, t0=T0 + 30 * S))
    hot = [body for _, _, body in station.watch.book.transitions(0, 99) if body["rule"] == "hot"]
    assert [(body["state"], body["value"], body["peak"]) for body in hot] == [
        ("firing", 26.0, 26.0),
        ("cleared", 26.0, 28.0),
    ]
    alert = next(alert for alert in station.alerts() if alert["rule"] == "hot")
    assert alert == hot[1]
    assert alert["cleared_at"] == rfc3339(T0 + 30 * S)


def test_an_alert_is_json_whatever_the_reading(station: Station) -> None:
    """Infinity is no JSON: the largest float32 stands for it."""
    station.run(
        readings(26.0, math.inf), readings(math.inf, seq=3, t0=T0, boot=2), arrival("env", env(9, values=[[20.0]]))
    )

    def refuse(text: str) -> float:
        raise AssertionError(f"{text} is no JSON")

    bodies = [body for (body,) in station.rows("SELECT body FROM alerts UNION ALL SELECT body FROM transitions")]
    assert max(json.loads(body, parse_constant=refuse)["peak"] for body in bodies) == pytest.approx(3.4028235e38)


def test_the_declared_interval_makes_the_gap(station: Station) -> None:
    """A status before the readings says what a gap is; the dwell starts anew after it, also behind a restart."""
    station.run(arrival("status", status(interval_us=1_000_000)), readings(24.5, 24.5, 24.5, 24.5))
    assert station.alerts() == []
    station.watch.close()
    station.start()
    station.run(readings(24.5, 24.5, 24.5, seq=1, t0=T0 + 40 * S))
    assert station.alerts() == []
    station.run(arrival("status", status(interval_us=10_000_000)), readings(24.5, 24.5, 24.5, seq=2, t0=T0 + 70 * S))
    assert [alert["rule"] for alert in station.alerts()] == ["slow"]


def test_a_back_filled_record_is_placed_by_the_anchor(station: Station) -> None:
    """Without a clock a reading's time is mono plus the boot's anchor, not its arrival."""
    prompt = arrival("status", status(clk=0, mono=1000 * S), T0 + 1000 * S, is_prompt=True)
    station.run(prompt, arrival("env", env(0, clk=0, t0=0, mono=50 * S, values=[[26.0]]), T0 + 9000 * S, is_fill=True))
    (alert,) = station.alerts()
    assert alert["occurred_at"].startswith(rfc3339(T0 + 50 * S)[:-1])


def test_what_waits_is_judged_when_its_place_is_known(station: Station) -> None:
    """Not before, and at its own time: the live message says when its boot began."""
    station.run(unset(0, 5, 26.0), T0 + 10 * S)
    assert station.alerts() == []
    station.run(unset(1, 60, 20.0, after_s=300, is_prompt=True))
    (alert,) = [alert for alert in station.alerts() if alert["rule"] == "hot"]
    assert alert["occurred_at"].startswith(rfc3339(T0 + 245 * S)[:-1])
    assert alert["clock_uncertainty_s"] == pytest.approx(1 + 55 * 20e-6)
    assert alert["state"] == "cleared"
    assert "latest" not in alert["message"]


def test_an_alert_of_a_boot_that_never_was_live_says_so(station: Station) -> None:
    """Nobody can tell how long its records lay in memory: the time is the latest possible, its error unknown."""
    station.run(T0, unset(0, 5, 26.0, is_fill=True), unset(1, 65, 26.0, is_fill=True), T0 + 600 * S)
    (alert,) = [alert for alert in station.alerts() if alert["rule"] == "hot"]
    assert alert["occurred_at"].startswith(rfc3339(T0 - 60 * S)[:-1])
    assert alert["clock_uncertainty_s"] is None
    assert alert["message"].endswith("Z at the latest (clock not set, sent from memory)")


def test_an_older_boot_that_waited_does_not_pass_for_the_present(station: Station) -> None:
    """It came live, but the logger has begun anew meanwhile: the newer boot's readings are the present ones."""
    station.run(unset(0, 5, 10.0), unset(0, 5, 20.0, boot=2, is_prompt=True), T0 + 600 * S)
    assert station.watch.judge.latest == {("C", "L"): {"temperature.air": 20.0}}
    station.run(unset(1, 6, 21.0, boot=2))
    assert station.watch.judge.latest == {("C", "L"): {"temperature.air": 21.0}}


def test_no_state_is_saved_amid_records_that_waited(station: Station) -> None:
    """The cursor cannot stand there: a restart judges all of them again, or none, to the same alerts."""
    station.append(T0, *(unset(seq, 10 * seq, 26.0 - seq) for seq in range(7)), T0 + 600 * S)
    station.start(page_records=2)
    saved = []
    station.clock.mono += SNAPSHOT_NS
    while station.watch.step():
        saved += station.rows("SELECT pos, state FROM snapshot")
        station.clock.mono += SNAPSHOT_NS
    # Passed over, given out by two, the tick behind them.
    assert [pos for pos, _ in saved] == [2, 4, 6, 8, 8, 8, 8, 10]
    assert len(set(saved)) == 5
    expected = station.outcome()
    for steps in range(1, 8):
        other = Station(station.folder.parent / f"{station.folder.name}-{steps}")
        other.append(T0, *(unset(seq, 10 * seq, 26.0 - seq) for seq in range(7)), T0 + 600 * S)
        other.start(page_records=2)
        for _ in range(steps):
            other.watch.step()
        other.watch.close()
        other.start(page_records=3)
        other.run()
        assert other.outcome() == expected


def test_a_configuration_in_the_journal_changes_the_rules_from_there_on(station: Station) -> None:
    """What fires under a rule that is gone ends; the new limit judges what follows, also behind a restart."""
    station.run(readings(26.0))
    station.run(rules(HOT | {"above": "30 degC"}), readings(29.0, 31.0, seq=1, t0=T0 + 10 * S))
    bodies = [body for _, _, body in station.watch.book.transitions(0, 99)]
    told = [(body["state"], body["limit"], body["value"]) for body in bodies]
    assert told == [("firing", 25.0, 26.0), ("cleared", 25.0, 26.0), ("firing", 30.0, 31.0)]
    assert bodies[1]["message"].endswith("Z, peak 26 degC, ended because the limits were changed")
    station.start()
    station.run(readings(20.0, seq=2, t0=T0 + 30 * S))
    assert Counter(alert["state"] for alert in station.alerts()) == {"cleared": 2}


def test_a_restart_judges_again_under_the_rules_of_the_snapshot(station: Station) -> None:
    """A configuration that came after it applies from its own place on, not to what was judged before."""
    station.run(readings(20.0))
    station.watch.close()
    station.append(readings(26.0, seq=1), rules(HOT | {"above": "30 degC"}), readings(29.0, seq=2))
    station.start()
    station.run()
    told = [(body["rule"], body["state"], body["limit"]) for _, _, body in station.watch.book.transitions(0, 99)]
    assert told == [("hot", "firing", 25.0), ("hot", "cleared", 25.0)]


def test_without_a_configuration_nothing_can_be_judged(tmp_path: Path) -> None:
    """A journal that begins otherwise is none of ours."""
    station = Station(tmp_path, readings(20.0))
    with pytest.raises(TcmError, match="there is no configuration"):
        station.watch.step()


def test_the_state_is_saved_every_ten_seconds_and_at_the_end(station: Station) -> None:
    """Not at each batch; a clean start has nothing to judge again."""
    station.run(readings(20.0))
    assert station.snapshot_pos() == 0
    station.clock.mono += SNAPSHOT_NS
    station.run(readings(20.0, seq=1))
    assert station.snapshot_pos() == 3
    station.clock.mono += SNAPSHOT_NS - 1
    station.run(readings(20.0, seq=2))
    assert station.snapshot_pos() == 3
    station.watch.close()
    station.start()
    assert (station.snapshot_pos(), station.watch.pos, station.watch.step()) == (4, 4, False)


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


def test_a_snapshot_of_a_later_version_is_refused(station: Station) -> None:
    """Who starts an earlier program on it has to say so; what lies there is left as it is."""
    station.run(readings(26.0))
    station.watch.close()
    with sqlite3.connect(station.folder / "watch.db") as connection:
        (state,) = connection.execute("SELECT state FROM snapshot").fetchone()
        later = cbor2.dumps(cbor2.loads(state) | {"version": SNAPSHOT_VERSION + 1})
        connection.execute("UPDATE snapshot SET state = ?", (later,))
    with pytest.raises(TcmError, match=rf"version {SNAPSHOT_VERSION + 1}, expected {SNAPSHOT_VERSION} \(a later"):
        station.start()
    assert station.rows("SELECT state FROM snapshot") == [(later,)]


def test_two_payloads_under_one_identity_raise_an_alarm(station: Station) -> None:
    """One for the boot it happened to, at the next tick, so that it has its place in the journal's order."""
    station.append(*(arrival("env", env(0, values=[[value]])) for value in (20.0, 21.0, 22.0)))
    tick = {"quarantined": station.journal.quarantine_pos}
    station.journal.append_own("tick", T0, json.dumps(tick).encode())
    station.run()
    (alert,) = [alert for alert in station.alerts() if alert["rule"] == "monitor.identity-conflict"]
    assert (alert["severity"], alert["state"], alert["logger"], alert["evidence"]) == (
        "alarm", "firing", "L", {"pos": 1, "boot": 1, "seq": 0},
    )  # fmt: skip
    assert (
        json.loads(json.dumps(replay_source(station.folder, None, lambda _done, _all: None)["alerts"]))
        == station.alerts()
    )
    station.start()
    station.run()
    assert [each["id"] for each in station.alerts()] == [alert["id"]]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_full_disk_loses_no_alert(tmp_path: Path, *, is_restarted: bool) -> None:
    """What could not be written is written first of all once there is room; a restart judges it again."""
    items = [readings(26.0, 27.0, 28.0, 10.0, seq=seq) for seq in range(200)]
    expected = Station(tmp_path / "roomy")
    expected.run(*items)
    station = Station(tmp_path / "full")
    station.run(readings(20.0, seq=500))
    before = station.outcome()
    book = station.watch.book._connection
    book.execute("PRAGMA max_page_count=25")
    station.append(*items)
    for _ in range(3):
        with pytest.raises(DiskFull, match=r"keep alerts and results: .*watch\.db: database or disk is full"):
            station.watch.step()
        assert station.outcome() == before
    if is_restarted:
        station.watch.close()
        station.start()
    else:
        book.execute("PRAGMA max_page_count=1000000")
    station.run()
    assert len(station.alerts()) >= 200
    keys = ("rule", "occurred_at", "cleared_at", "value", "message")
    told = [[{key: alert[key] for key in keys} for alert in each.alerts()] for each in (station, expected)]
    assert told[0] == told[1]


def test_a_disk_that_fails_ends_the_process(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what it holds: that is not tried again."""
    station.append(readings(26.0))
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC

    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(station.watch._results, "finish", fail)
    with pytest.raises(JournalError, match=r"watch\.db: disk I/O error \(the disk fails"):
        station.watch.step()


def test_a_file_of_another_version_is_refused(station: Station) -> None:
    """Tables whose columns may mean something else are left alone."""
    station.watch.close()
    with sqlite3.connect(station.folder / "watch.db") as connection:
        connection.execute("PRAGMA user_version = 9")
    with pytest.raises(JournalError, match="schema version 9, expected 4"):
        station.start()


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


def test_alerts_are_published_retained_in_order_and_taken_down_at_the_end(station: Station) -> None:
    """Each change as JSON; after `cleared` an empty message; a broker that does not confirm gets all of it again."""
    sent: list[tuple[str, bytes]] = []
    is_up = [False]

    def publish(topic: str, payload: bytes) -> Receipt:
        sent.append((topic, payload))
        return Receipt(is_good=is_up[0])

    station.run(readings(26.0), readings(20.0, seq=1))
    notify = Board(station.folder, WatchReader(station.folder), SystemClock(), publish)
    assert not notify.step()
    assert "not confirmed" in notify.problem
    first = list(sent)
    sent.clear()
    is_up[0] = True
    assert notify.step()
    assert (sent, notify.problem, notify.step()) == (first, "", False)
    firing, cleared = (body for _, _, body in station.watch.book.transitions(0, 9))
    topic = f"tcm/v1/C/alerts/{firing['id']}"
    assert [sent_topic for sent_topic, _ in sent] == [topic] * 3
    assert [payload and json.loads(payload) for _, payload in sent] == [firing, cleared, b""]
    notify.close()
    again = Board(station.folder, WatchReader(station.folder), SystemClock(), publish)
    assert not again.step()


def test_a_slow_step_has_the_next_take_fewer_records(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down to a least number; it doubles again while steps are quick."""
    station.append(*(readings(20.0, seq=seq) for seq in range(2_000)))
    taken: list[int] = []
    write = Watch._write

    def slow(watch: Watch, step: Any) -> None:
        station.clock.mono += 4 * STEP_NS if len(taken) < 4 else 0
        taken.append(step.records)
        write(watch, step)

    monkeypatch.setattr(Watch, "_write", slow)
    while station.watch.step():
        pass
    assert taken[:8] == [500, 125, 40, 40, 40, 80, 160, 320]
    assert sum(taken) == 2_001
