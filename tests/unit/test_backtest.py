"""Back-tests: apart comes to the same as together and as live, two limits beside each other, and what was left."""

from __future__ import annotations

import random
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from monitor.backtest import apart
from monitor.backtest.against import compare
from monitor.backtest.apart import Part, judge_apart, parts_of
from monitor.backtest.judging import Result
from monitor.backtest.margins import margins
from monitor.consumers.beginning import Beginning
from monitor.consumers.settling import NotApart, Share
from monitor.journal import JournalReader, Usable
from monitor.model.clock import rfc3339
from monitor.model.errors import TcmError
from monitor.model.operator import OperatorRecord
from monitor.replaying import JOURNALLED, replay_source
from tests.disorder import VALUES, Gateway, block
from tests.messages import T0, S

OWNERS = (("C", "L"), ("C", "M"), ("D", "N"), ("E", "O"))
LIMITS = """name = "new"
[[rule]]
id = "hot"
kind = "threshold"
channel = "temperature.*"
above = "27 degC"
severity = "alarm"
[[rule]]
id = "wet"
kind = "threshold"
channel = "humidity.*"
above = "50 %"
severity = "info"
"""


class Yard(Gateway):
    """A gateway of several containers, whose ticks may name conditions."""

    named: list[list[str]]

    def conditions(self) -> list[list[str]]:
        return self.named


def owned(item: Usable, container: str) -> Usable:
    return replace(item, container=container, topic=item.topic.replace("/C/", f"/{container}/"))


def fill(yard: Yard, rng: random.Random, late: float) -> None:
    """Records of all loggers by turns, ticks, conditions and what operators enter; `late` is the share of gaps."""
    seqs, waiting = dict.fromkeys(OWNERS, 0), list[Usable]()
    yard.named = []
    for _ in range(rng.randint(5, 60)):
        owner = rng.choice(OWNERS)
        made = block(seqs[owner], *(rng.choice(VALUES) for _ in range(3)), logger=owner[1])
        seqs[owner] += 1
        if rng.random() < late:
            waiting.append(owned(block_again(made), owner[0]))
        else:
            yard.append(owned(made, owner[0]))
        if rng.random() < 0.4:
            yard.named = rng.choice([[], [], [["monitor.disk-low", "-", "-", "full"]]])
            yard.tick()
        if rng.random() < 0.1:
            operate(yard, rng)
        if waiting and rng.random() < 0.3:
            yard.append(waiting.pop())
    yard.append(*waiting)
    for _ in range(3):
        yard.tick()


def block_again(made: Usable) -> Usable:
    """The same, from memory."""
    return replace(made, topic=made.topic.replace("/up/", "/up/fill/"))


def operate(yard: Yard, rng: random.Random) -> None:
    """Somebody sets a phase, or disarms a container until a little later."""
    container = rng.choice("CDE")
    kind = rng.choice(["phase", "disarm", "arm"])
    details = {"phase": rng.choice(["road", "air"])} if kind == "phase" else {}
    if kind == "disarm" and rng.random() < 0.7:
        details = {"until": rfc3339(yard.now_ns + rng.choice([15, 40]) * S)}
    at_ns = rng.choice([T0 - S, yard.now_ns])
    record = OperatorRecord(kind, container, at_ns, yard.now_ns, "somebody", details=details)
    yard.journal.append_own("operator", yard.now_ns, record.to_json(), container)


def judged_apart(folder: Path) -> Result:
    """What the parts of a journal come to, judged one after the other here; NotApart when they cannot be."""
    with closing(JournalReader(folder)) as reader:
        beginning = Beginning(folder, reader, None, is_ordered=False)
        parts = parts_of(folder, reader, beginning, None, reader.head()[0])
    return apart._together([apart._judge(part, lambda _pos: None) for part in parts])


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.0, 0.15]))
def test_apart_comes_to_the_same_as_together_and_as_live(seed: int, late: float) -> None:
    """Alerts in all fields and in order, counts, totals and margins; live each tick is judged by itself."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        yard = Yard(folder)
        fill(yard, rng, late)
        patch.setattr(apart, "MIN_RECORDS", 1 << 60)
        whole = replay_source(folder, None, lambda *_: None)
        yard.start(page_records=1)
        yard.judge()
        assert whole["alerts"] == yard.alerts()
        patch.setattr(apart, "MIN_RECORDS", 1)
        patch.setattr("os.cpu_count", lambda: 2)
        try:
            parts = judged_apart(folder)
        except NotApart:
            event("not apart")
            return
        assert parts.alerts == whole["alerts"]
        assert (parts.sums.readings, parts.sums.events) == (whole["readings"], whole["events"])
        assert sorted(parts.sums.exposure.values(), key=str) == sorted(whole["exposure"], key=str)
        assert margins(parts.nearest) == whole["margins"]


def test_two_processes_judge_a_long_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each its containers; progress tells how far the slower one is, and ends at the head."""
    yard = Yard(tmp_path)
    fill(yard, random.Random(3), late=0.0)
    whole = replay_source(tmp_path, None, lambda *_: None)
    monkeypatch.setattr(apart, "MIN_RECORDS", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    told: list[tuple[int, int]] = []
    halved = replay_source(tmp_path, None, lambda done, total: told.append((done, total)))
    assert told[-1] == (yard.journal.pos, yard.journal.pos)
    assert whole["alerts"] != []
    assert {**halved, "seconds": 0} == {**whole, "seconds": 0}


def test_what_cannot_be_judged_apart_is_judged_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where containers would have to share what is judged again at a tick."""
    yard = Yard(tmp_path, "2 min")
    yard.named = []
    yard.append(*(owned(block(1, 26, 26, 26, logger=logger), container) for container, logger in OWNERS))
    yard.append(*(owned(block_again(block(0, 20, 26, 26, logger=logger)), container) for container, logger in OWNERS))
    for _ in range(3):
        yard.tick()
    whole = replay_source(tmp_path, None, lambda *_: None)
    monkeypatch.setattr(apart, "MIN_RECORDS", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(Share, "of", lambda *_: Share(records=1, forks=10, bytes=1 << 20))
    with pytest.raises(NotApart):
        judged_apart(tmp_path)
    assert replay_source(tmp_path, None, lambda *_: None)["alerts"] == whole["alerts"] != []


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    """The error is that of the part; nobody waits for the other."""
    Yard(tmp_path).journal.append_own("config", 9, b"no rules")
    share = Share.of(2, 2)
    parts = [Part(tmp_path, None, frozenset(name), share, 99, with_gateway=name == "C") for name in "CD"]
    with pytest.raises(TcmError, match="read rules: configuration record: no JSON"):
        judge_apart(parts, lambda *_: None)


def alert(start: int, end: int | None, **changes: Any) -> dict[str, Any]:
    stream = {"rule": "hot", "container": "C", "logger": "L", "channel": "temperature.air", "axis": None}
    cleared_at = None if end is None else f"2026-11-23T06:00:{end:02}Z"
    times = {"occurred_at": f"2026-11-23T06:00:{start:02}Z", "cleared_at": cleared_at}
    return stream | times | {"id": f"{start}-{end}-{changes}", "merged_into": None} | changes


def test_one_long_alert_may_be_several_under_other_limits() -> None:
    """Those that overlap are the same; of the others each stands on its side."""
    new, old = [alert(1, 2), alert(4, 5), alert(8, None)], [alert(2, 4), alert(6, 7)]
    found = compare(new, old)
    assert [(pair["new"]["id"], pair["old"]["id"]) for pair in found["both"]] == [
        (new[0]["id"], old[0]["id"]),
        (new[1]["id"], old[0]["id"]),
    ]
    assert found["only_new"] == [new[2]]
    assert found["only_old"] == [old[1]]


def test_times_are_compared_to_the_nanosecond() -> None:
    """Whose digits are written as far as they are needed."""
    new = [alert(1, 2) | {"cleared_at": "2026-11-23T06:00:02.000000001Z"}]
    assert compare(new, [alert(2, 3) | {"occurred_at": "2026-11-23T06:00:02.000000002Z"}])["both"] == []
    assert len(compare(new, [alert(2, 3) | {"occurred_at": "2026-11-23T06:00:02.000Z"}])["both"]) == 1


@given(st.data())
def test_to_compare_is_fair(data: st.DataObject) -> None:
    """The other way round it says the same; against itself nothing is new; of merged alerts it does not speak."""
    spans = st.tuples(st.integers(0, 20), st.none() | st.integers(0, 20))
    drawn = st.builds(
        lambda span, rule, merged: alert(
            span[0], None if span[1] is None else span[0] + span[1], rule=rule, merged_into=merged
        ),
        spans, st.sampled_from(["hot", "cold"]), st.sampled_from([None, None, "x"]),
    )  # fmt: skip
    new, old = data.draw(st.lists(drawn, max_size=6)), data.draw(st.lists(drawn, max_size=6))
    there, back = compare(new, old), compare(old, new)
    assert (there["only_new"], there["only_old"]) == (back["only_old"], back["only_new"])
    assert sorted(str((pair["new"], pair["old"])) for pair in there["both"]) == sorted(
        str((pair["old"], pair["new"])) for pair in back["both"]
    )
    own = compare(new, new)
    assert own["only_new"] == own["only_old"] == []
    named = {each["id"] for each in (*there["only_new"], *(pair["new"] for pair in there["both"]))}
    assert named == {each["id"] for each in new if each["merged_into"] is None}


def test_other_limits_against_those_of_the_time(tmp_path: Path) -> None:
    """What is raised anew, what no longer, what was left of each limit, and which met nothing."""
    limits = tmp_path / "new.toml"
    limits.write_text(LIMITS)
    yard = Yard(tmp_path)
    yard.named = []
    yard.append(block(0, 20, 26, 20), block(1, 28, 20, 20))
    source = tmp_path / "journal.db"
    found = replay_source(source, limits, lambda *_: None, against=JOURNALLED)
    assert found["source"] == str(source)
    assert [(each["rule"], each["value"]) for each in found["alerts"]] == [("hot", 28.0)]
    against = found["against"]
    assert [(each["rule"], each["value"]) for each in against["only_old"]] == [
        ("hot", 26.0),
        *((each["rule"], each["value"]) for each in against["only_old"][1:]),
    ]
    assert "hot" not in [each["rule"] for each in against["only_new"]]
    assert [(pair["new"]["value"], pair["old"]["value"]) for pair in against["both"]] == [(28.0, 28.0)]
    assert found["margins"] == [
        {
            "rule": "hot", "kind": "threshold", "severity": "alarm", "container": "C", "logger": "L",
            "channel": "temperature.air", "axis": None, "value": 28.0, "limit": 27.0, "unit": "degC", "margin": -1.0,
            "ratio": -1 / 27, "at": "2026-11-23T06:00:30Z", "pos": 3,
        }
    ]  # fmt: skip
    assert found["unjudged"] == ["wet"]
    assert replay_source(tmp_path, limits, lambda *_: None)["against"] is None


def test_all_that_is_compared_is_read_before_anything_is_judged(tmp_path: Path) -> None:
    """A mistake in the other limits costs no minute."""
    limits = tmp_path / "new.toml"
    limits.write_text(LIMITS)
    with pytest.raises(TcmError, match=r"absent\.toml"):
        replay_source(tmp_path, limits, lambda *_: None, against=str(tmp_path / "absent.toml"))
