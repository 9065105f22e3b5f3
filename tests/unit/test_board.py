"""Board: the retained messages after a broker lost it, and a disk that is full."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.consumers import Board, WatchReader
from monitor.consumers.board import MAX_BATCH, MAX_TAKEN_DOWN
from monitor.model.alert import CLEARED, FIRING, Alert, Evidence
from monitor.model.clock import SystemClock
from monitor.model.errors import DiskFull
from tests.chaos.disk import SmallDisk, fill_up, why_no_disk
from tests.messages import T0, S
from tests.stations import Receipt, Station

LIMIT_S = 60.0
HOT = Alert(
    *("", "hot", "threshold", "C", "L", None, None, "temperature.hardware", None, "alarm", FIRING, T0, T0, None),
    *(26.0, 26.0, 25.0, "degC", None, "simple", None, "storage", "0" * 64, Evidence(1, 1, 1), "too hot"),
)


class Broker:
    """The retained messages of a broker that takes everything, after what it was sent so far."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []
        self.is_up = True

    def publish(self, topic: str, payload: bytes) -> Receipt:
        if self.is_up:
            self.sent.append((topic, payload))
        return Receipt(is_good=self.is_up)

    def lose(self) -> None:
        self.sent.clear()

    @property
    def ids(self) -> set[str]:
        """Of the alerts that whoever subscribes now would see."""
        return {json.loads(payload)["id"] for payload in dict(self.sent).values() if payload}


def fire(station: Station, *numbers: int, state: str = FIRING, container: str = "C") -> set[str]:
    """Enter alerts, one a second; their ids."""
    ids = {f"{number:016x}" for number in numbers}
    for number in numbers:
        at_ns = T0 + number * S
        one = HOT._replace(id=f"{number:016x}", state=state, container=container, occurred_ns=at_ns, reported_ns=at_ns)
        station.watch.book.fire(one, at_ns)
    return ids


def open_board(station: Station, broker: Broker) -> Board:
    return Board(station.folder, WatchReader(station.folder), SystemClock(), broker.publish)


def tell_all(board: Board) -> None:
    while board.step():
        pass
    assert board.problem == ""
    assert board.is_caught_up


def test_a_lost_board_has_all_open_alerts_again(tmp_path: Path) -> None:
    """However many there are, and however many were cleared since; cleared ones are taken down, not put up."""
    station, broker = Station(tmp_path), Broker()
    open_ids = fire(station, *range(MAX_BATCH + 50))
    fire(station, *range(1000, 1000 + MAX_TAKEN_DOWN + 50), state=CLEARED)
    board = open_board(station, broker)
    tell_all(board)
    assert broker.ids == open_ids
    broker.lose()
    board.refresh(is_new=True)
    tell_all(board)
    assert broker.ids == open_ids
    assert len(broker.sent) == len(open_ids) + MAX_TAKEN_DOWN
    broker.lose()
    board.refresh(is_new=False)
    tell_all(board)
    assert len(broker.sent) == MAX_TAKEN_DOWN


def test_numbers_that_are_made_anew_are_told(tmp_path: Path) -> None:
    """A watch.db was put back that ends before what was told."""
    station, broker = Station(tmp_path), Broker()
    fire(station, 0)
    board = open_board(station, broker)
    with board.file.writing() as connection:
        connection.execute("INSERT OR REPLACE INTO cursors VALUES('mqtt', 5)")
    board.close()
    board = open_board(station, broker)
    open_ids = fire(station, 1, 2)
    tell_all(board)
    assert open_ids <= broker.ids


@pytest.mark.parametrize("what", ["restart", "break"])
def test_a_board_half_restored_is_restored_to_its_end(tmp_path: Path, what: str) -> None:
    """A restart or a broker that goes amid the pages: the rest follows, though the broker has its session still."""
    station, broker = Station(tmp_path), Broker()
    open_ids = fire(station, *range(MAX_BATCH * 2 + 50))
    board = open_board(station, broker)
    tell_all(board)
    broker.lose()
    board.refresh(is_new=True)
    assert board.step()
    assert len(broker.ids) == MAX_BATCH
    if what == "restart":
        board.close()
        board = open_board(station, broker)
    else:
        broker.is_up = False
        assert not board.step()
        broker.is_up = True
    board.refresh(is_new=False)
    tell_all(board)
    assert broker.ids == open_ids


def test_a_flood_of_one_container_delays_no_other(tmp_path: Path) -> None:
    """What fires behind thousands of another container is told with the next batch; the position waits for them."""
    station, broker = Station(tmp_path), Broker()
    flood = fire(station, *range(1000))
    board = open_board(station, broker)
    assert board.step()
    other = fire(station, 5000, container="D")
    assert board.step()
    assert other <= broker.ids
    assert board.pos < 2 * MAX_BATCH
    tell_all(board)
    assert broker.ids == flood | other
    assert len(broker.sent) == 1001


@pytest.mark.parametrize("what", ["break", "kill"])
def test_what_is_not_confirmed_is_told_again_in_order(tmp_path: Path, what: str) -> None:
    """The broker goes amid a flood of two containers; a restart goes on behind what was confirmed of both."""
    station, broker = Station(tmp_path), Broker()
    ids = [*sorted(fire(station, *range(500))), *sorted(fire(station, *range(500, 1000), container="D"))]
    board = open_board(station, broker)
    assert board.step()
    assert board.step()
    broker.is_up = False
    assert not board.step()
    assert board.problem
    broker.is_up = True
    if what == "kill":
        board = open_board(station, broker)  # the other one was never closed
        assert board.pos == MAX_BATCH  # a half of each batch was of the other container, which stands behind
    tell_all(board)
    told = [json.loads(payload)["id"] for _, payload in broker.sent]
    assert len(told) == len(ids) + (MAX_BATCH if what == "kill" else 0)
    for owned in (ids[:500], ids[500:]):
        assert list(dict.fromkeys(each for each in told if each in owned)) == owned


@pytest.mark.skipif(bool(why_no_disk()), reason=why_no_disk())
def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    """On a real one: DiskFull, and the same again once there is room."""
    with SmallDisk(tmp_path / "disk") as disk:
        program = "import sys, pathlib, tests.unit.test_board as t; t.tell_on_a_full_disk(pathlib.Path(sys.argv[1]))"
        command = [*disk.prefix, sys.executable, "-c", program, str(tmp_path / "disk")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr


def tell_on_a_full_disk(folder: Path) -> None:
    """Body of a process that sees the small disk at `folder`."""
    station, broker = Station(folder), Broker()
    board = open_board(station, broker)
    ids = fire(station, *range(5))
    ballast = folder / "ballast"
    fill_up(ballast)
    for _ in range(2):
        broker.lose()
        with pytest.raises(DiskFull, match=r"tell alerts: .*notify\.db.* \(free some room; it is tried again\)"):
            while board.step():
                pass
        assert (broker.ids, board.pos) == (ids, 0)
    ballast.unlink()
    broker.lose()
    assert board.step()
    assert (broker.ids, board.pos, board.problem) == (ids, 5, "")
    board.close()
