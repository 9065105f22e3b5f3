"""Plans that happen to loggers, without a broker and without waiting: the test moves the time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Env, Shock
from firmware_sim.device import Fate, Identity, Message, Record
from firmware_sim.plan import Action, Happening, LinkPlan, LoggerPlan, Made, Span
from firmware_sim.publish.line import LocalLine
from firmware_sim.recorder.truth import Truth
from firmware_sim.runner import Fleet
from firmware_sim.unit import Unit

START_NS = 1_795_413_600 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S
Kind = Any  # of an Action; mypy would want each literal


class Told(Truth):
    """A truth that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__(None)
        self.records: list[Record] = []
        self.fates: list[tuple[Record, Fate]] = []

    def recorded(self, plan: LoggerPlan, made: Made, record: Record, clk: int) -> None:
        self.records.append(record)

    def fate(self, plan: LoggerPlan, record: Record, fate: Fate) -> None:
        self.fates.append((record, fate))


class World:
    """One logger with a local line, in a fleet."""

    def __init__(
        self,
        happenings: Sequence[Happening],
        link: LinkPlan | None = None,
        delay_ns: int | None = 0,
        speed: float = 1.0,
        **changes: Any,
    ) -> None:
        fields: dict[str, Any] = {"container": "C-1", "logger": "L-1", "serial": "S", "model": "M", "interval_us": 1}
        identity = Identity(**(fields | changes))
        self.plan = LoggerPlan(identity, START_NS, iter(happenings), link or LinkPlan(), drift_ppm=20.0)
        self.heard: list[Message] = []
        self.told = Told()
        self.now_ns = START_NS
        line = LocalLine(delay_ns, self.heard.append)
        self.unit = Unit(self.plan, line, self.told, lambda: self.now_ns, speed)
        self.fleet = Fleet()
        self.fleet.add(self.unit)

    def to(self, minute: float) -> None:
        """Let everything happen up to a minute after the start."""
        self.now_ns = START_NS + round(minute * MINUTE_NS)
        assert self.fleet.advance(self.now_ns)

    def said(self) -> list[str]:
        """Return what reached the broker: the last level of each topic, a status by its state."""
        return [cbor2.loads(m.payload)["state"] if m.retain else m.topic.rpartition("/")[2] for m in self.heard]


def block(minute: float, value: float = 20.0) -> Made:
    """Return a block of five minutes that ends at a minute after the start."""
    end_ns = START_NS + round(minute * MINUTE_NS)
    return Made(
        end_ns, end_ns - 4 * MINUTE_NS, Env(("temperature.air",), 60_000_000, np.full((5, 1), value, np.float32))
    )


def shock(minute: float) -> Made:
    """Return a short event that ends at a minute after the start."""
    end_ns = START_NS + round(minute * MINUTE_NS)
    content = Shock(1000.0, 10, (0.01, 0.01, 0.01), 16.0, np.ones((3, 50), np.int16), "a", 2.0)
    return Made(end_ns, end_ns - 50_000_000, content, event=7)


def act(minute: float, kind: Kind, value: float = 0.0) -> Action:
    """Return an action at a minute after the start."""
    return Action(START_NS + round(minute * MINUTE_NS), kind, value)


def span(begin: float, end: float, share: float = 1.0) -> Span:
    """Return minutes after the start as a span."""
    return Span(START_NS + round(begin * MINUTE_NS), START_NS + round(end * MINUTE_NS), share)


def in_order(happenings: Sequence[Happening]) -> Iterator[Happening]:
    return iter(sorted(happenings, key=lambda happening: happening.at_ns))


def test_records_are_made_sent_and_settled_in_the_order_of_time() -> None:
    """The birth is first; each record goes when it is complete, and is freed by its acknowledgement."""
    world = World([block(5), shock(6), block(10)])
    world.to(4.9)
    assert world.said() == ["online"]
    world.to(30)
    assert world.said() == ["online", "env", "shock", "env"]
    assert world.fleet.summary().acknowledged == world.fleet.summary().created == 3
    assert [fate for _, fate in world.told.fates] == [Fate.ACKNOWLEDGED] * 3
    assert world.unit.due_ns is None or world.unit.due_ns > world.now_ns


def test_nothing_is_recorded_after_the_end_but_what_there_is_is_settled() -> None:
    """The end of the scenario is the end of what happens, not of the link."""
    world = World([block(5), block(10), block(15)], LinkPlan(down=(span(4, 20),)))
    world.fleet.end_at(START_NS + 10 * MINUTE_NS)
    world.to(19)
    assert (world.unit.logger.created, world.unit.logger.held) == (2, 2)
    assert world.unit.waits_in_vain(START_NS + 19 * MINUTE_NS)
    assert not world.unit.waits_in_vain(START_NS + 20 * MINUTE_NS)
    world.to(21)
    assert (world.unit.logger.created, world.unit.logger.held) == (2, 0)
    assert [message.topic.split("/")[5] for message in world.heard if not message.retain] == ["fill", "fill"]
    world.fleet.end_at(None)
    world.to(21)
    assert world.unit.logger.created == 3


def test_a_power_cut_takes_the_connection_the_ram_and_the_torn_sector() -> None:
    """The broker sends the will; a block that began before the cut is gone; the next boot declares what is missing."""
    world = World(
        [block(5), block(10), act(11, "power-off", 1), block(12), act(14, "power-on"), block(15), block(20)],
        LinkPlan(down=(span(6, 10.5),)),
        delay_ns=None,
        resend_s=1e6,
    )
    world.to(30)
    assert world.said() == ["online", "env", "offline", "online", "env", "env", "offline", "online", "env", "env"]
    births = [cbor2.loads(message.payload) for message in world.heard if message.retain]
    assert [birth["state"] for birth in births] == ["online", "offline", "online", "offline", "online"]
    first, last = births[0]["boot"], births[-1]["boot"]
    assert first != last
    assert births[-1]["boots"] == [[first, 2]]
    assert births[-1]["held"] == [[first, 0, 0]]
    assert [(record.boot, record.seq) for record in world.told.records] == [(first, 0), (first, 1), (last, 0)]
    assert [(record.seq, fate) for record, fate in world.told.fates] == [(1, Fate.LOST)]


def test_power_that_fails_and_returns_between_two_steps_is_a_new_connection_all_the_same() -> None:
    """However coarse the time runs, both births are heard, with the will between them."""
    for happenings in ([act(10, "power-off"), act(11, "power-on")], [act(10, "power-on")]):
        world = World(happenings)
        world.to(60)
        assert world.said() == ["online", "offline", "online"]


def test_a_sleeping_logger_says_so_and_wakes_for_its_report() -> None:
    """Every hour for five minutes: a farewell with until, a birth, and all that was recorded meanwhile."""
    world = World(
        [block(minute) for minute in range(10, 130, 10)],
        LinkPlan(report_every_ns=60 * MINUTE_NS, report_for_ns=5 * MINUTE_NS),
    )
    world.to(121)
    assert world.said() == ["online", "sleeping", "online", *["env"] * 6, "sleeping", "online", *["env"] * 6]
    sleeping = [cbor2.loads(message.payload) for message in world.heard if message.retain][1]
    assert sleeping["until"] == pytest.approx(START_NS + 60 * MINUTE_NS, abs=NS_PER_S)
    assert world.unit.logger.held == 0


def test_a_logger_sleeps_between_its_reports_however_fast_time_runs() -> None:
    """At speed 20 000 a report of 10 min lasts 2 real seconds, so every 2 h becomes every 24 real seconds."""
    link = LinkPlan(report_every_ns=120 * MINUTE_NS, report_for_ns=10 * MINUTE_NS)
    world = World([block(1000)], link, speed=20_000)
    real_s = 20_000 / 60  # minutes
    assert world.unit.report_stretch == pytest.approx(2 * real_s / 10)
    world.to(1.99 * real_s)
    assert world.said() == ["online"]
    world.to(23.99 * real_s)
    assert world.said() == ["online", "sleeping"]
    until_ns = cbor2.loads(world.heard[-1].payload)["until"]
    assert until_ns == pytest.approx(START_NS + 24 * real_s * MINUTE_NS, abs=20 * NS_PER_S)  # 20 ppm of 8000 min
    world.to(24 * real_s)
    assert world.said() == ["online", "sleeping", "online", "env"]


def test_an_empty_battery_says_so_and_the_logger_is_off_until_there_is_a_new_one() -> None:
    """Nothing is torn, what is recorded meanwhile is not, and it happens without a network as well."""
    some = [block(minute) for minute in range(5, 205, 10)] + [act(150, "power-on")]
    world = World(list(in_order(some)), battery_s=6000.0)
    world.to(120)
    assert world.said()[-2:] == ["online", "offline"]
    last = [cbor2.loads(message.payload) for message in world.heard if message.retain][-2:]
    assert (last[0]["bat_pct"], last[0]["mono"]) == (0.0, pytest.approx(100 * MINUTE_NS, rel=1e-4))
    assert (world.unit.logger.created, world.unit.logger.lost, world.unit.logger.is_on) == (10, 0, False)
    assert world.unit.waits_in_vain(world.now_ns)
    world.to(210)
    births = [cbor2.loads(message.payload) for message in world.heard if message.retain]
    assert [birth["bat_pct"] for birth in births if "bat_pct" in birth][-1] == 100.0
    assert world.unit.logger.created == 15
    silent = World(list(in_order(some)), LinkPlan(down=(span(0, 110),)), battery_s=6000.0)
    silent.to(210)
    assert silent.told.records == world.told.records
    ended = World(list(in_order(some)), battery_s=6000.0)
    ended.fleet.end_at(START_NS + 99 * MINUTE_NS)
    ended.to(120)
    assert ended.unit.logger.is_on
    torn = World([*some[:10], act(100, "arm"), act(100, "power-off", 3)], None, None, battery_s=6000.0)
    torn.to(120)
    assert torn.unit.logger.lost == 3  # what happens in the battery's last moment comes before its end


def test_network_loss_and_refusal_end_the_connection_without_a_farewell() -> None:
    """The will is heard; what was recorded meanwhile comes by the fill topics."""
    world = World([block(10), block(40)], LinkPlan(down=(span(5, 15),), refused=(span(30, 50),)))
    world.to(60)
    assert world.said() == ["online", "offline", "online", "env", "offline", "online", "env"]
    assert all("/fill/" in message.topic for message in world.heard if not message.retain)


def test_actions_reach_the_device() -> None:
    """Arming, the clock and the flash change what the logger says of itself."""
    world = World(
        [
            act(1, "disarm"),
            act(2, "arm"),
            act(3, "synchronise", 0.25),
            block(8),
            act(9, "clock-step", -3600),
            block(14),
        ],
    )
    world.to(20)
    statuses = [cbor2.loads(message.payload) for message in world.heard if message.retain]
    assert [(status["armed"], status["clk"]) for status in statuses] == [(True, 1), (False, 1), (True, 1), (True, 2)]
    records = [cbor2.loads(message.payload) for message in world.heard if not message.retain]
    right_ns = [START_NS + 4 * MINUTE_NS, START_NS + 10 * MINUTE_NS]
    errors_s = [(record["t0"] - at_ns) / 1e9 for record, at_ns in zip(records, right_ns, strict=True)]
    assert errors_s == pytest.approx([0.25, 0.25 - 3600], abs=0.05)
    assert records[1]["mono"] - records[0]["mono"] == pytest.approx(6 * MINUTE_NS, rel=1e-4)
    full = World([block(minute) for minute in range(5, 105, 5)] + [act(101, "flash", 1000)], delay_ns=None)
    full.to(110)
    assert 0 < full.unit.logger.lost < 20
    assert full.unit.logger.held + full.unit.logger.lost == 20


happenings = st.lists(
    st.one_of(
        st.integers(5, 300).map(block),
        st.integers(5, 300).map(shock),
        st.integers(1, 300).map(lambda minute: act(minute, "flash", 3000)),
        st.tuples(st.integers(1, 300), st.integers(0, 3)).map(lambda pair: act(pair[0], "power-off", pair[1])),
        st.integers(1, 300).map(lambda minute: act(minute, "power-on")),
    ),
    max_size=30,
).map(lambda some: list(in_order(some)))
links = st.builds(
    LinkPlan,
    down=st.tuples(st.integers(0, 300), st.integers(1, 200)).map(lambda pair: (span(pair[0], sum(pair)),)),
    duplicated=st.just((span(0, 500, 0.3),)),
    reordered=st.just((span(0, 500, 0.3),)),
    report_every_ns=st.sampled_from([0, 30 * MINUTE_NS]),
    report_for_ns=st.just(5 * MINUTE_NS),
)
delays = st.sampled_from([None, 0, NS_PER_S, 20 * MINUTE_NS])


@given(happenings, links, links, delays, delays, st.lists(st.integers(1, 600), max_size=5))
@settings(max_examples=60)
def test_the_same_plan_gives_the_same_bytes_whatever_the_link_does(
    some: list[Happening],
    link: LinkPlan,
    other: LinkPlan,
    delay: int | None,
    other_delay: int | None,
    stops: list[int],
) -> None:
    """Nor does it matter in which steps the time passes; and every record has one fate.

    All but `overrun`, which counts what was overwritten before it was acknowledged.
    """
    one, two = World(some, link, delay), World(some, other, other_delay)
    one.to(700)
    for minute in [*sorted(stops), 700]:
        two.to(minute)
    assert without_overrun(one.told.records) == without_overrun(two.told.records)
    for world in (one, two):
        world.unit.still_held()
        fates = Counter((record.boot, record.seq) for record, _ in world.told.fates)
        assert fates == Counter((record.boot, record.seq) for record in world.told.records)
        summary = world.fleet.summary()
        kinds = Counter(fate for _, fate in world.told.fates)
        assert summary.created == len(world.told.records)
        assert (summary.acknowledged, summary.lost) == (kinds[Fate.ACKNOWLEDGED], kinds[Fate.LOST])


def without_overrun(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return what records say, their typed arrays as they are, without the one key that hangs on acknowledgements."""
    contents = [cbor2.loads(record.payload) for record in records]
    return [{key: value for key, value in content.items() if key != "overrun"} for content in contents]


@given(happenings, links)
@settings(max_examples=40)
def test_what_is_connected_and_acknowledged_long_enough_is_settled(some: list[Happening], link: LinkPlan) -> None:
    """Whatever is duplicated or reordered on the way: nothing stays behind in a logger that is on."""
    world = World([*some, act(301, "power-on")], link)
    world.to(1000)
    assert world.unit.logger.held == 0
    assert world.unit.waits_in_vain(world.now_ns)


def test_a_logger_with_much_to_catch_up_on_does_not_hold_up_the_others() -> None:
    """What is due first happens first, so all stay about as far behind when the machine is too slow."""
    fleet = Fleet()
    tolds = [Told(), Told()]
    for told, count in zip(tolds, (5000, 10), strict=True):
        identity = Identity("C-1", f"L-{count}", "S", "M", 1)
        made = iter([block(5 + i) for i in range(count)])
        fleet.add(Unit(LoggerPlan(identity, START_NS, made), LocalLine(), told, lambda: START_NS))
    while not fleet.advance(START_NS + 6000 * MINUTE_NS, limit_s=0.005):
        if len(tolds[0].records) > 300:
            break
    assert len(tolds[1].records) == 10
    assert len(tolds[0].records) < 5000
    assert fleet.advance(START_NS + 6000 * MINUTE_NS)
    assert len(tolds[0].records) == 5000
