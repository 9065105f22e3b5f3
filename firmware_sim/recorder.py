"""From a scenario to a plan for each logger: everything that is going to happen to it, in the order of time."""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any, TypeVar

from firmware_sim import telling
from firmware_sim.clock import NS_PER_S
from firmware_sim.device import Identity, resend_time_s
from firmware_sim.device.accelerometer import Accelerometer, Missed, ShockChannel
from firmware_sim.journey import heat_sources, impacts, make_world, random_of, vibrations
from firmware_sim.physics import Sensor, SensorFault, World, sensor_of
from firmware_sim.physics.vibration import Vibration
from firmware_sim.plan import Action, Happening, LinkPlan, LoggerPlan, Made, Span
from firmware_sim.sampling import Post, Sampler, grid_columns
from firmware_sim.scenario import Scenario
from firmware_sim.scenario.faults import (
    ClockFault,
    CloneFault,
    DeliveryFault,
    Fault,
    FlashFault,
    LinkFault,
    PowerFault,
    SensorFaultPart,
)
from firmware_sim.scenario.parts import MAX_ACCELEROMETERS, AccelerometerPart, ContainerPart, LoggerPart
from firmware_sim.truth import GRID_PARTS, Truth

T = TypeVar("T")
SYNC_ERROR_S = 0.02  # of the network's time, as a standard deviation
LINK_FAULTS = ("network", "refused", "duplicated", "reordered", "corrupted")


@dataclass(frozen=True, slots=True)
class _Place:
    """What the loggers of a container share; a copy of the container (of a larger fleet) shares it too."""

    world: World
    vibration: Sequence[Vibration]


@dataclass(frozen=True, slots=True)
class _Context:
    """What all plans of a run share."""

    scenario: Scenario
    start_ns: int
    speed: float
    truth: Truth

    def at_ns(self, at_s: float) -> int:
        return self.start_ns + round(at_s * NS_PER_S)


def plan(scenario: Scenario, start_ns: int, speed: float, loggers: int | None, truth: Truth) -> list[LoggerPlan]:
    """Return the plans of the scenario's loggers.

    loggers: how many; beyond those of the scenario, copies of its containers travel along, `<id>-<number>`, through
    the same weather and over the same road, with sensors and clocks of their own. None: the scenario's own.
    """
    context = _Context(scenario, start_ns, speed, truth)
    step_s = min(logger.device.interval for _, logger in scenario.loggers()) / GRID_PARTS
    places = {
        container.id: _Place(make_world(scenario, container, start_ns, step_s), vibrations(scenario, container))
        for container in scenario.container
    }
    plans: list[LoggerPlan] = []
    told: list[dict[str, Any]] = []
    wanted = sum(1 for _ in scenario.loggers()) if loggers is None else loggers
    for copy in count():
        for container, logger in scenario.loggers():
            if len(plans) >= wanted:
                truth.scenario(telling.scenario(scenario, start_ns, speed, told))
                return plans + _clones(context, places, plans)
            made, description = _plan(context, places[container.id], container, logger, copy, instance=0)
            plans.append(made)
            told.append(description)
    raise AssertionError("count() does not end")


def _clones(context: _Context, places: Mapping[str, _Place], plans: Sequence[LoggerPlan]) -> list[LoggerPlan]:
    """Return a second logger for each name that a fault doubles."""
    scenario = context.scenario
    planned = {plan.identity.logger for plan in plans}
    return [
        _plan(context, places[container.id], container, logger, 0, instance=number)[0]
        for container, logger in scenario.loggers()
        if logger.id in planned
        for number, _ in enumerate(_of(CloneFault, scenario.faults_of(container, logger)), start=1)
    ]


def _plan(
    context: _Context, place: _Place, container: ContainerPart, logger: LoggerPart, copy: int, instance: int
) -> tuple[LoggerPlan, dict[str, Any]]:
    """Return the plan of one logger and what the truth tells of it."""
    scenario, device = context.scenario, logger.device
    faults = scenario.faults_of(container, logger)
    name = f"{logger.id}-{copy}" if copy else logger.id
    key = f"{name}/{instance}" if instance else name
    identity = Identity(
        container=f"{container.id}-{copy}" if copy else container.id,
        logger=name,
        serial=f"{logger.serial}-{copy}" if copy else logger.serial,
        model=device.model,
        interval_us=round(device.interval * 1e6),
        accs={acc: _accelerometer(acc, part).settings() for acc, part in device.accelerometer.items()},
        seed=scenario.seed,
        instance=instance,
        capacity_bytes=device.flash_bytes,
        window_records=device.window_records,
        resend_s=resend_time_s(context.speed),
        sync=device.sync,
        battery_s=device.battery,
    )
    drift_ppm = float(random_of(scenario, key, "drift").uniform(-device.drift_ppm, device.drift_ppm))
    sensors: dict[str, Sensor] = {
        channel: sensor_of(channel, random_of(scenario, key, channel)) for channel in device.channels
    }
    post = Post(
        scenario=scenario,
        name=key,
        device=device,
        start_ns=context.start_ns,
        world=place.world,
        sources=heat_sources(scenario, container, logger),
        impacts=impacts(scenario, container, logger),
        vibration=place.vibration,
        sensors=sensors,
        faults=[_sensor_fault(fault) for fault in _of(SensorFaultPart, faults)],
        rate=1.0 + drift_ppm * 1e-6,
        grid=None if instance else context.truth.grid(name, grid_columns(device)),
    )
    begin_s = list(_of(CloneFault, faults))[instance - 1].at if instance else 0.0
    made = LoggerPlan(
        identity=identity,
        boot_ns=context.at_ns(begin_s),
        happenings=_happenings(context, post, identity, faults, begin_s),
        link=_link(context, logger, faults),
        drift_ppm=drift_ppm,
        has_rtc=device.rtc,
    )
    for fault in faults if not instance else ():
        context.truth.fault(telling.fault(context.start_ns, identity, fault))
    return made, telling.logger(post, identity, drift_ppm)


def _happenings(
    context: _Context, post: Post, identity: Identity, faults: Sequence[Fault], begin_s: float
) -> Iterator[Happening]:
    """Yield all that happens to a logger; what is done to it comes before what it records at the same instant."""
    power = _power(faults, begin_s)
    streams: list[Iterator[Happening]] = [
        _actions(context, post, faults, begin_s),
        _readings(Sampler(post), power),
        *(_shocks(context, post, identity, acc, power) for acc in post.device.accelerometer),
    ]
    return heapq.merge(*streams, key=lambda happening: happening.at_ns)


def _readings(sampler: Sampler, power: Sequence[tuple[float, float]]) -> Iterator[Happening]:
    for boot, (on_s, off_s) in enumerate(power):
        yield from sampler.blocks(boot, on_s, off_s)


def _power(faults: Sequence[Fault], begin_s: float) -> list[tuple[float, float]]:
    """Return the times during which the power is on, s since the start; the last one has no end."""
    on: list[tuple[float, float]] = []
    for fault in sorted(_of(PowerFault, faults), key=lambda fault: fault.at):
        if fault.at > begin_s:
            on.append((begin_s, fault.at))
            begin_s = fault.at + fault.length
    return [*on, (begin_s, math.inf)]


def _actions(context: _Context, post: Post, faults: Sequence[Fault], begin_s: float) -> Iterator[Happening]:
    """Yield what is done to the logger: power, arming, clock, flash, and the network's time while there is network."""
    power = _power(faults, begin_s)
    done: list[Action] = []
    torn = {fault.at: fault.torn for fault in _of(PowerFault, faults)}
    for (_, off_s), (on_s, _) in pairwise(power):
        done.append(Action(context.at_ns(off_s), "power-off", torn[off_s]))
        done.append(Action(context.at_ns(on_s), "power-on"))
    if post.device.armed_at > begin_s:
        done.append(Action(context.at_ns(begin_s), "disarm"))
        done.append(Action(context.at_ns(post.device.armed_at), "arm"))
    done += [Action(context.at_ns(fault.at), "clock-step", fault.step_s) for fault in _of(ClockFault, faults)]
    done += [Action(context.at_ns(fault.at), "flash", fault.bytes) for fault in _of(FlashFault, faults)]
    done.sort(key=lambda action: action.at_ns)
    synchronised = _synchronisations(context, post, faults, power) if post.device.sync == "network" else iter(())
    return heapq.merge(done, synchronised, key=lambda action: action.at_ns)


def _synchronisations(
    context: _Context, post: Post, faults: Sequence[Fault], power: Sequence[tuple[float, float]]
) -> Iterator[Action]:
    """Yield the moments at which the network tells the time: every so often, while power and network are there."""
    away = [(fault.at, fault.at + fault.length) for fault in _of(LinkFault, faults)]
    random = random_of(context.scenario, post.name, "time")
    for on_s, off_s in power:
        for number in count():
            at_s = on_s + number * post.device.sync_every
            if at_s >= off_s:
                break
            if not any(begin_s <= at_s < end_s for begin_s, end_s in away):
                yield Action(context.at_ns(at_s), "synchronise", float(random.normal(0.0, SYNC_ERROR_S)))


def _shocks(
    context: _Context, post: Post, identity: Identity, acc: str, power: Sequence[tuple[float, float]]
) -> Iterator[Happening]:
    """Yield what one accelerometer records while the logger is on and armed; tell the truth of the rest."""
    part, truth = post.device.accelerometer[acc], context.truth
    seed = random_of(context.scenario, post.name, "shock", acc).integers(2**32, size=4).tolist()
    channel = ShockChannel(_accelerometer(acc, part), post.impacts, post.vibration, post.device.isolation, seed)
    for number, found in enumerate(channel):
        if isinstance(found, Missed):
            truth.shock(telling.shock(post, identity, acc, post.impacts[found.index]), found.reason)
            continue
        is_on = any(on_s <= found.t0_s and found.end_s < off_s for on_s, off_s in power)
        if not is_on or found.t0_s < post.device.armed_at:
            for index in found.impacts:
                told = telling.shock(post, identity, acc, post.impacts[index])
                truth.shock(told, "not armed" if is_on else "no power")
            continue
        event = number * MAX_ACCELEROMETERS + list(post.device.accelerometer).index(acc)
        truth.caught(identity, event, telling.caught(post, identity, acc, found))
        yield Made(context.at_ns(found.end_s), context.at_ns(found.t0_s), found.shock, event)


def _accelerometer(name: str, part: AccelerometerPart) -> Accelerometer:
    x, y, z = (pct / 100.0 * part.range_g for pct in part.offset_pct)
    return Accelerometer(
        name=name,
        fs_hz=part.fs_hz,
        record_s=part.record,
        pre_s=part.pre,
        range_g=part.range_g,
        bits=part.bits,
        level_g=part.level_g,
        wake_g=part.wake_g,
        dead_s=part.dead,
        coupling=part.coupling,
        hp_hz=part.hp_hz,
        lp_hz=part.fs_hz / 2 if part.lp_hz is None else part.lp_hz,
        offset_g=(x, y, z),
        noise_g=part.noise_g,
        rotation=part.rotation,
    )


def _link(context: _Context, logger: LoggerPart, faults: Sequence[Fault]) -> LinkPlan:
    spans: dict[str, list[Span]] = {kind: [] for kind in LINK_FAULTS}
    for fault in faults:
        if isinstance(fault, LinkFault | DeliveryFault):
            share = fault.share if isinstance(fault, DeliveryFault) else 1.0
            spans[fault.kind].append(Span(context.at_ns(fault.at), context.at_ns(fault.at + fault.length), share))
    return LinkPlan(
        down=tuple(spans["network"]),
        refused=tuple(spans["refused"]),
        duplicated=tuple(spans["duplicated"]),
        reordered=tuple(spans["reordered"]),
        corrupted=tuple(spans["corrupted"]),
        report_every_ns=round((logger.device.report_every or 0.0) * NS_PER_S),
        report_for_ns=round((logger.device.report_for or 0.0) * NS_PER_S),
    )


def _sensor_fault(fault: SensorFaultPart) -> SensorFault:
    return SensorFault(fault.kind, fault.at, fault.at + fault.length, fault.channel, fault.value)


def _of(kind: type[T], faults: Sequence[Fault]) -> Iterator[T]:
    return (fault for fault in faults if isinstance(fault, kind))
