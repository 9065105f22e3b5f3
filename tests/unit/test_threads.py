"""Loops, their pace, and the group that ends as a whole: with real threads, and a look at them whenever one likes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model.clock import NS_PER_S
from monitor.model.errors import DiskFull, TcmError
from monitor.model.progress import Lag, Progress
from monitor.supervise import CALM_S, END_S, ServiceManager, Supervisor
from monitor.telemetry import Rate
from monitor.threads import STALL_S, Loop, Pace, Pool, Threads, Turn
from tests.processes import wait_until

LIMIT_S = 10.0
IDLE = Progress(0, 0)


def supervisor(*loops: Loop) -> Supervisor:
    return Supervisor(loops, lambda: True, dict, ServiceManager({}))


def run(loop: Loop, condition: Callable[[], bool]) -> None:
    """Run a loop until a condition holds."""
    stopping = threading.Event()
    thread = threading.Thread(target=loop.run, args=(stopping,))
    thread.start()
    try:
        wait_until(condition, LIMIT_S, "the loop")
    finally:
        stopping.set()
        thread.join(LIMIT_S)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0.1, 5)), min_size=1))
def test_only_waiting_work_that_nobody_moves_counts(looks: list[tuple[int, int, float]]) -> None:
    """The law: the time since the last look at which the part had moved or had nothing to do."""
    now = [Progress(0, 0)]
    pace = Pace(lambda: now[0])
    position, still_s = 0, 0.0
    for step, waiting, elapsed_s in looks:
        now[0] = Progress(position + step, position + step + waiting)
        pace.look(elapsed_s)
        still_s = still_s + elapsed_s if waiting and not step else 0.0
        position += step
        assert pace.still_s == still_s


def test_turns_go_by_the_order_of_asking() -> None:
    """Also for who has just had one, and for who passes it on; never two at once."""
    turn, order, inside = Turn(), list[str](), list[str]()

    def take(name: str) -> None:
        with turn:
            inside.append(name)
            assert inside == [name]
            order.append(name)
            inside.clear()

    threads = [threading.Thread(target=take, args=(name,)) for name in "abc"]
    with turn:
        for number, thread in enumerate(threads, 1):
            thread.start()
            wait_until(lambda number=number: turn.waiting == number, LIMIT_S, "it to ask")  # type: ignore[misc]  # bound
        turn.pass_on()
        order.append("first again")
    for thread in threads:
        thread.join(LIMIT_S)
    assert order == ["a", "b", "c", "first again"]


def test_who_is_woken_lets_others_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Woken at once, it steps after its time only; what comes meanwhile is done by the same step."""
    monkeypatch.setattr("monitor.threads.IDLE_S", LIMIT_S)  # else it may look at time by itself before it is woken
    steps = list[float]()

    def step() -> bool:
        steps.append(time.monotonic())
        return False

    loop = Loop("late", step, lambda: IDLE, after_s=0.05)
    woken_s = list[float]()

    def is_done() -> bool:
        if len(steps) == 1 and not woken_s:
            woken_s.append(time.monotonic())
            loop.wake.set()
        return len(steps) > 1

    run(loop, is_done)
    assert steps[1] - woken_s[0] >= 0.05


def test_a_full_disk_is_a_problem_and_the_step_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends; the problem goes with the first step that finds room."""
    monkeypatch.setattr("monitor.threads.FULL_S", 0.01)
    is_full, seen = [True], list[str]()

    def step() -> bool:
        if is_full[0]:
            raise DiskFull("append", "journal.db", "database or disk is full", "free some room")
        return False

    loop = Loop("journal", step, lambda: IDLE, is_local=True)
    wait: Callable[[], bool] = lambda: bool(loop.problem) and loop.steps > 3  # noqa: E731 - short

    def see() -> bool:
        if wait():
            seen.append(loop.problem)
            is_full[0] = False
        return bool(seen) and not loop.problem

    run(loop, see)
    assert seen[0] == "append: journal.db: database or disk is full (free some room)"


def test_a_full_disk_for_long_does_not_end_the_process() -> None:
    """Work waits and does not move, but that is the disk's doing: the next start would find the same."""
    full = DiskFull("append", "journal.db", "database or disk is full")

    def step() -> bool:
        raise full

    loop = Loop("watch", step, lambda: Progress(0, 1), is_local=True)
    run(loop, lambda: bool(loop.problem))
    for _ in range(3):
        loop.steps += 1
        supervisor(loop).look(END_S)
    assert loop.problem == str(full)


@pytest.mark.parametrize("what", ["step", "work"])
def test_a_part_that_does_not_move_is_named_and_then_ends_the_process(what: str) -> None:
    """A step that does not come back, or steps that leave the work where it is."""
    release = threading.Event()
    step = (lambda: release.wait(LIMIT_S)) if what == "step" else (lambda: False)
    loop = Loop("watch", step, lambda: Progress(5, 6) if what == "work" else IDLE, is_local=True)
    looks = supervisor(loop)

    def see() -> bool:
        if not loop.steps:
            return False
        looks.look(0.0)  # only now the step is known to have begun
        looks.look(STALL_S - 1)
        assert loop.problem == ""
        looks.look(1)
        assert loop.problem == f"no progress for {STALL_S:.0f} s"
        with pytest.raises(TcmError, match="supervise: watch: no progress for 120 s: the daemon ends"):
            looks.look(END_S - STALL_S)
        release.set()
        return True

    run(loop, see)


def test_the_rate_is_known_at_a_single_look() -> None:
    """The supervisor looks at the number once a second; who asks in between changes nothing."""
    rate, watched, count = Rate(0), supervisor(Loop("x", lambda: False, lambda: IDLE)), 0
    watched.on_look = lambda: rate.look(count)

    def is_known() -> bool:
        nonlocal count
        count += 100
        watched.look(1.0)
        return rate.per_s() > 0

    wait_until(is_known, LIMIT_S, "a rate")
    assert rate.per_s() == rate.per_s() > 0


def test_a_server_that_is_away_ends_nothing() -> None:
    """The store's work waits for days, its steps go on: a problem, and no more."""
    loop = Loop("store", lambda: False, lambda: Progress(5, 6))
    for _ in range(10):
        loop.steps += 1
        supervisor(loop).look(END_S)
    assert loop.problem == f"no progress for {10 * END_S:.0f} s"


def test_a_part_that_hovers_around_the_limit_has_one_alarm() -> None:
    """It begins when nothing moved for STALL_S, and is over after CALM_S of movement; the problem goes at once."""
    position = 0
    loop = Loop("store", lambda: False, lambda: Progress(position, 10**9))
    looks, told = supervisor(loop), list[bool]()

    def pass_time(seconds: float, *, is_moving: bool) -> None:
        nonlocal position
        for _ in range(round(seconds)):
            loop.steps += 1
            position += is_moving
            looks.look(1.0)
            told.append(bool(looks.conditions()))

    pass_time(STALL_S - 1, is_moving=False)
    assert not any(told)
    told.clear()
    for _ in range(5):
        pass_time(STALL_S + 2, is_moving=False)
        assert loop.problem
        pass_time(CALM_S - 1, is_moving=True)
        assert not loop.problem
    assert all(told)
    pass_time(1, is_moving=True)
    assert not told[-1]


def test_a_thread_that_ends_ends_all() -> None:
    """Also one that returns without an error."""
    threads = Threads(threading.Event())
    threads.start("quiet", lambda: None)
    with pytest.raises(TcmError, match="quiet: the thread ended by itself"):
        threads.wait(LIMIT_S)
    assert threads.stopping.is_set()


def test_a_pool_gives_answers_and_errors_and_does_not_wait_for_ever() -> None:
    """Calls run side by side; one that hangs is told of at the end."""
    pool, release = Pool(2, "write"), threading.Event()
    hanging = pool.submit(release.wait, LIMIT_S)
    assert pool.submit(divmod, 7, 2).result(LIMIT_S) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        pool.submit(divmod, 7, 0).result(LIMIT_S)
    assert not pool.end(0.01)
    release.set()
    assert hanging.result(LIMIT_S)
    assert pool.end(LIMIT_S)


def test_a_part_that_gives_way_pauses_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it is asked to, and not a moment longer."""
    monkeypatch.setattr("monitor.threads.GIVEN_WAY_S", LIMIT_S)
    monkeypatch.setattr("monitor.threads.GIVEN_WAY_MAX_S", LIMIT_S)
    is_flooded, steps = [False], [0]

    def step() -> bool:
        steps[0] += 1
        is_flooded[0] = steps[0] == 3
        return True

    loop, stopping = Loop("store", step, lambda: IDLE, gives_way=lambda: is_flooded[0]), threading.Event()
    thread = threading.Thread(target=loop.run, args=(stopping,))
    thread.start()
    try:
        wait_until(lambda: steps[0] == 3, LIMIT_S, "the third step")
        assert not stopping.wait(0.05)
        assert steps[0] == 3
    finally:
        stopping.set()  # ends the pause too
        thread.join(LIMIT_S / 2)
    assert not thread.is_alive()


def test_who_waits_for_a_part_that_hangs_is_not_named_in_its_place() -> None:
    """It may stand as still, or a look longer."""
    journal, watch, store = (
        Loop(name, lambda: False, lambda: Progress(5, 6)) for name in ("journal", "watch", "store")
    )
    store.steps += 1
    looks = supervisor(journal, watch, store)
    watch.pace.look(1.0)
    with pytest.raises(TcmError, match="supervise: journal, watch: no progress for"):
        for _ in range(int(END_S)):
            store.steps += 1
            looks.look(1.0)


def test_the_lag_is_since_nothing_waited_or_since_what_was_done_last_came() -> None:
    lag = Lag()
    assert lag.look_s("watch", 3, 10 * NS_PER_S, 0) == 0.0  # nobody has looked before
    assert lag.look_s("watch", 3, 25 * NS_PER_S, 0) == 15.0
    assert lag.look_s("watch", 4, 26 * NS_PER_S, 20 * NS_PER_S) == 6.0
    assert lag.look_s("store", 1, 30 * NS_PER_S, 0) == 0.0
    assert lag.look_s("watch", 0, 3600 * NS_PER_S, 20 * NS_PER_S) == 0.0
    assert lag.look_s("watch", 1, 3601 * NS_PER_S, 20 * NS_PER_S) == 1.0  # one record behind an hour of silence
    assert lag.look_s("watch", 1, 3600 * NS_PER_S, 0) == 0.0  # a clock that went back
