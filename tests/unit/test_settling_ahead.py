"""Records that are judged again ahead of the next tick: whoever looks at alerts cannot tell when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.consumers import settling, watch
from monitor.consumers.results import ResultBook
from monitor.replaying import replay_source
from tests.disorder import HOLD_OFFS, SEEDS, Gateway, block, hot, known, ordered, play

TICKS = 200  # each judges at least one record again


def points(gateway: Gateway) -> dict[tuple[object, ...], str]:
    """What a store has in the end, by series and time."""
    found: dict[tuple[object, ...], str] = {}
    book, number = ResultBook(gateway.watch.book._connection), 0
    while rows := book.after(number, 1 << 30):
        number = rows[-1].number
        for each in (points for row in rows for table in row.tables for points in table.split()):
            for i, time_ns in enumerate(each.times_ns.tolist()):
                fields = {name: column[i] for name, column in each.fields.items()}
                found[each.key, each.measurement, each.tags, time_ns] = repr(fields)
    return found


class Slow(Gateway):
    """A gateway that judges few records again at once, and plans few at a tick."""

    def settle(self) -> None:
        """Ticks until everything is settled."""
        for _ in range(TICKS):
            self.tick()
            self.judge()
            if not list(self.watch.judge.forks):
                return


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[pytest.MonkeyPatch]:
    """The least of everything, so that a few records take many ticks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settling, "AT_ONCE_RECORDS", 0)
        patch.setattr(settling, "LEAST_AT_ONCE", 1)
        patch.setattr(settling, "PIECE_RECORDS", 3)
        patch.setattr(settling, "MIN_PIECE_RECORDS", 2)
        patch.setattr(settling, "MAX_CAUGHT_RECORDS", 1)
        patch.setattr(settling, "MAX_RUNS", 1)
        yield patch


@settings(max_examples=10)
@given(SEEDS, HOLD_OFFS, st.integers(1, 3), st.integers(0, 2))
def test_alerts_are_those_in_official_order_however_far_ahead_they_are_judged(
    small: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    hold_off: str,
    ahead: int,
    at_once: int,
) -> None:
    """With crashes and restarts amid it; a file that is made again at once, with nothing ahead, has the same."""
    small.setattr(watch, "AHEAD_RECORDS", ahead)
    small.setattr(settling, "AT_ONCE_RECORDS", at_once)
    gateway = Slow(tmp_path_factory.mktemp("live"), hold_off)
    play(gateway, seed)
    assert list(gateway.watch.judge.forks) == []
    assert gateway.known() == known(ordered(gateway.folder)["alerts"])
    replayed = replay_source(gateway.folder, None, lambda _done, _all: None)
    assert json.loads(json.dumps(replayed["alerts"])) == gateway.alerts()
    before, stored = gateway.outcome(), points(gateway)
    gateway.watch.close()
    for path in gateway.folder.glob("watch.db*"):
        path.unlink()
    gateway.start()
    small.setattr(watch, "AHEAD_RECORDS", 0)
    gateway.judge()
    assert gateway.outcome() == before
    assert points(gateway) == stored
    gateway.watch.close()
    gateway.journal.close()


def test_what_is_judged_ahead_counts_from_the_next_tick_on(tmp_path: Path) -> None:
    """Nothing is told in between, and a restart in between changes nothing."""
    gateway = Slow(tmp_path)
    gateway.run(block(0, 26, 26, 26), *(block(seq, 20, 20, 20) for seq in range(2, 6)))
    gateway.append(block(1, 26, 20, 26, is_fill=True))
    gateway.tick()
    gateway.judge()
    before = hot(gateway)
    assert before[0][:2] == (0, 60)
    gateway.judge()
    assert hot(gateway) == before
    gateway.start()
    gateway.settle()
    assert hot(gateway)[0][:2] == (0, 40)
    assert gateway.known() == known(ordered(gateway.folder)["alerts"])
