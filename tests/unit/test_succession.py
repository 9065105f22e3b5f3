"""In which order the boots of a logger followed one another."""

from __future__ import annotations

from typing import Any

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from monitor.journal.succession import MAX_BOOTS, MAX_LOGGERS, Succession, Successions

L = ("C", "L")


def order(boots: Successions | Succession) -> list[int]:
    """The boots from the first to the last."""
    one = boots if isinstance(boots, Succession) else boots._of[L]
    numbers = [number for number, _ in one.snapshot()]
    ranks = [one.get(number).rank for number in numbers]  # type: ignore[union-attr]  # those of the snapshot
    assert ranks == sorted(set(ranks))
    return numbers


def live(boots: Successions, boot: int, *earlier: int) -> bool:
    return boots.hear(L, boot, is_memory=False, earlier=earlier)


def memory(boots: Successions, boot: int) -> bool:
    return boots.hear(L, boot, is_memory=True)


def test_boots_follow_one_another_as_they_are_first_heard_live() -> None:
    """However often, and by whatever topic, they come again."""
    boots = Successions()
    assert not any(live(boots, boot) for boot in (5, 3, 5, 9, 3))
    assert not any(memory(boots, boot) for boot in (5, 3))
    assert order(boots) == [5, 3, 9]


def test_memory_is_of_earlier_boots() -> None:
    """What was made while the logger was away comes after its birth, oldest first."""
    boots = Successions()
    live(boots, 1)
    live(boots, 4)
    assert not any(memory(boots, boot) for boot in (2, 3, 2))
    assert order(boots) == [1, 2, 3, 4]


def test_the_logger_knows_best() -> None:
    """Boots that it names come just before its own, oldest first; what is known already stays."""
    boots = Successions()
    live(boots, 1)
    memory(boots, 3)
    assert order(boots) == [3, 1]
    assert live(boots, 4, 1, 2, 3)
    assert order(boots) == [1, 2, 3, 4]
    assert not live(boots, 4, 3, 2, 1, 4)
    assert not live(boots, 2)
    assert order(boots) == [1, 2, 3, 4]


def test_the_session_of_memory_may_be_faster() -> None:
    """It seemed to be an earlier boot, until its own first word came."""
    boots = Successions()
    live(boots, 1)
    memory(boots, 2)
    assert live(boots, 2)
    assert not live(boots, 1)
    assert order(boots) == [1, 2]


def test_as_many_as_a_logger_may_name_are_remembered() -> None:
    """Who is forgotten keeps its rank before all that are left, and is another boot when it comes again."""
    boots = Successions()
    memory(boots, 1)
    live(boots, 2)
    first, second = boots.get(L, 1), boots.get(L, 2)
    live(boots, 100, *range(3, 3 + MAX_BOOTS))
    assert boots.get(L, 1) is boots.get(L, 2) is None
    assert order(boots) == [*range(4, 3 + MAX_BOOTS), 100]
    assert first is not None
    assert second is not None
    assert first.rank < second.rank < boots.get(L, 4).rank  # type: ignore[union-attr]  # it is in the order
    live(boots, 1)
    assert order(boots)[-1] == 1
    assert first.rank < second.rank


def test_of_too_many_loggers_nothing_is_remembered() -> None:
    """The memory stays bounded."""
    boots = Successions()
    for number in range(MAX_LOGGERS + 1):
        boots.hear(("C", str(number)), 1, is_memory=False)
    assert boots.get(("C", str(MAX_LOGGERS)), 1) is None
    assert len(boots.snapshot()) == MAX_LOGGERS


HEARD = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["live", "memory", "names"]), st.lists(st.integers(0, 5), max_size=4))
)


@given(HEARD, st.integers(0, 9))
def test_what_has_a_place_keeps_it(heard: list[tuple[int, str, list[int]]], cut: int) -> None:
    """Of two boots the order changes only when that is said, and only by a boot whose place was not fixed.

    A file of what is known brings all back, and hearing the same again changes nothing.
    """
    boots = Successions()
    for number, (boot, how, earlier) in enumerate(heard):
        before = boots._of[L].snapshot() if L in boots._of else []
        known: dict[str, Any] = {"is_memory": how == "memory", "earlier": earlier if how == "names" else ()}
        has_moved = boots.hear(L, boot, **known)
        now = order(boots)
        assert has_moved == ([each for each in now if each in dict(before)] != [each for each, _ in before])
        fixed = [each for each, is_fixed in before if is_fixed]
        assert [each for each in now if each in fixed] == fixed
        assert not boots.hear(L, boot, **known)
        assert order(boots) == now
        if number == cut:
            rows = cbor2.loads(cbor2.dumps(boots.snapshot("C")))
            boots = Successions()
            boots.restore(rows)
            assert order(boots) == now
