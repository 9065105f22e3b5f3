"""Silences: which alerts are silenced when, as the journal's records say."""

from __future__ import annotations

import itertools
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers.silences import Silences
from monitor.journal import Journal, JournalReader
from monitor.model.clock import rfc3339
from monitor.model.operator import OperatorRecord
from tests.messages import T0, S

SECONDS = st.integers(0, 6)
CONTAINERS = st.sampled_from(["C", "C", "-"])


def globs(*fitting: str) -> st.SearchStrategy[str | None]:
    """Mostly none, or one that fits some."""
    return st.one_of(st.none(), st.none(), st.sampled_from(["*", *fitting]))


def silence(begin_s: int, length_s: int, container: str = "C", **globs: str | None) -> OperatorRecord:
    """A silence so many seconds from T0, for so long."""
    details = {key: glob for key, glob in globs.items() if glob is not None}
    details["until"] = rfc3339(T0 + (begin_s + length_s) * S)
    return OperatorRecord("silence", container, T0 + begin_s * S, T0, "Rossi", details=details)


def ended(pos: int, at_s: int, container: str = "C") -> OperatorRecord:
    """The end of the silence at a position."""
    return OperatorRecord("silence-end", container, T0 + at_s * S, T0, "Rossi", details={"silence": pos})


def alert(container: str = "C", rule: str = "hot", logger: str = "L-1", channel: str = "temperature.air") -> Any:
    return {"container": container, "rule": rule, "logger": logger, "channel": channel}


SILENCES = st.builds(
    silence,
    *(SECONDS, SECONDS.map(lambda n: n + 1), CONTAINERS),
    rule=globs("h*", "c?ld"),
    logger=globs("L-[12]"),
    channel=globs("temperature.*"),
)
ENDS = st.builds(ended, st.integers(1, 4), SECONDS, CONTAINERS)


def plainly_silenced(entered: list[OperatorRecord], about: dict[str, Any], now_s: int) -> int | None:
    """When the silences end in which an alert is, by walking through all of them for each (the last of them)."""
    ends_ns = []
    for pos, one in enumerate(entered, 1):
        if one.type != "silence" or one.container != about["container"]:
            continue
        if not all(fnmatchcase(about[key], one.details.get(key, "*")) for key in ("rule", "logger", "channel")):
            continue
        end_ns = one.until_ns or 0
        for later in entered[pos:]:
            if later.type == "silence-end" and later.details["silence"] == pos and later.container == one.container:
                end_ns = min(end_ns, later.effective_ns)
        if one.effective_ns <= T0 + now_s * S < end_ns:
            ends_ns.append(end_ns)
    return max(ends_ns, default=None)


ALERTS = [
    alert("C", rule, logger, channel)
    for rule in ("hot", "cold")
    for logger in ("L-1", "L-3")
    for channel in ("", "temperature.air")
] + [alert("-")]


@settings(max_examples=60)
@given(st.lists(st.one_of(SILENCES, SILENCES, ENDS), max_size=6), st.integers(0, 6))
def test_an_alert_is_silenced_as_a_plain_loop_says(
    tmp_path_factory: pytest.TempPathFactory, entered: list[OperatorRecord], cut: int
) -> None:
    """However the reading of the journal is cut; of several silences the one that lasts longest is named."""
    folder = tmp_path_factory.mktemp("silences")
    with closing(Journal(folder)) as journal, closing(JournalReader(folder)) as reader:
        silences = Silences(reader)
        for part in (entered[:cut], entered[cut:]):
            for record in part:
                journal.append_own("operator", T0, record.to_json(), record.container)
            silences.refresh()
        ends_ns = {id(one.record): one.end_ns for one in silences.all()}
        for about, now_s in itertools.product(ALERTS, range(14)):
            by = silences.silenced_by(about, T0 + now_s * S)
            assert (None if by is None else ends_ns[id(by)]) == plainly_silenced(entered, about, now_s)


def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    """Records of other types are not even looked at."""
    journal = Journal(tmp_path)
    for payload in (b'{"type":"silence"}', b'{"type":"seal","number":"1"}', b"\xff"):
        journal.append_own("operator", T0, payload, "C")
    journal.append_own("operator", T0, silence(5, 10).to_json(), "C")
    silences = Silences(JournalReader(tmp_path))
    silences.refresh()
    assert [one.pos for one in silences.all()] == [4]


def test_a_silence_is_planned_then_active_then_over(tmp_path: Path) -> None:
    """As its document says; only those that are or will be are coming."""
    journal = Journal(tmp_path)
    journal.append_own("operator", T0, silence(5, 10, rule="hot*").to_json(), "C")
    silences = Silences(JournalReader(tmp_path))
    silences.refresh()
    (one,) = silences.all("C")
    states = [one.document(T0 + at_s * S)["state"] for at_s in (0, 5, 14, 15)]
    assert states == ["planned", "active", "active", "over"]
    assert one.document(T0)["pos"] == 1
    assert [len(silences.coming(T0 + at_s * S, "C")) for at_s in (0, 14, 15)] == [1, 1, 0]
    assert silences.all("D") == []
    journal.append_own("operator", T0, ended(1, 2).to_json(), "C")
    silences.refresh()
    (one,) = silences.all("C")
    assert (one.document(T0)["state"], one.document(T0)["ends_at"]) == ("over", rfc3339(T0 + 2 * S))
    assert silences.silenced_by(alert(), T0 + 6 * S) is None
