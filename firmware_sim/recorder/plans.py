"""From a scenario to a plan for each logger: everything that is going to happen to it, in the order of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

from firmware_sim.clock import NS_PER_S
from firmware_sim.device import Identity, resend_time_s
from firmware_sim.physics import Sensor, SensorFault, World, sensor_of
from firmware_sim.physics.vibration import Vibration
from firmware_sim.plan import LinkPlan, LoggerPlan, Span
from firmware_sim.recorder import telling
from firmware_sim.recorder.happenings import Context, happenings, of_kind
from firmware_sim.recorder.journey import heat_sources, impacts, make_world, random_of, vibrations
from firmware_sim.recorder.sampling import Post, grid_columns
from firmware_sim.recorder.truth import GRID_PARTS, Truth
from firmware_sim.scenario import Scenario, ScenarioError
from firmware_sim.scenario.contradictions import copied, copies_that_clash
from firmware_sim.scenario.faults import CloneFault, DeliveryFault, Fault, LinkFault, SensorFaultPart
from firmware_sim.scenario.load import MAX_ERRORS
from firmware_sim.scenario.parts import ContainerPart, LoggerPart

_Planned = tuple[LoggerPlan, dict[str, Any]]  # a plan, and what the truth tells of its logger
LINK_FAULTS = ("network", "refused", "duplicated", "reordered", "corrupted")
FINEST_S = 1.0  # of the world's grid: the air's exchange takes minutes, the valve a second


@dataclass(frozen=True, slots=True)
class _Place:
    """What the loggers of a container share; a copy of the container (of a larger fleet) shares it too."""

    world: World
    vibration: Sequence[Vibration]


def plan(scenario: Scenario, start_ns: int, speed: float, loggers: int | None, truth: Truth) -> list[LoggerPlan]:
    """Return the plans of the scenario's loggers.

    loggers: how many; beyond those of the scenario, copies of its containers travel along, `<id>-<number>`, through
    the same weather and over the same road, with sensors and clocks of their own. None: the scenario's own.
    Raise ScenarioError if two of them had the same name, or one too long.
    """
    if loggers is not None and (clashes := list(islice(copies_that_clash(scenario, loggers), MAX_ERRORS))):
        raise ScenarioError("\n".join(f"--loggers {loggers}: {clash}" for clash in clashes))
    context = Context(scenario, start_ns, speed)
    interval_s = min(logger.device.interval for _, logger in scenario.loggers())
    step_s = max(interval_s / GRID_PARTS, FINEST_S)
    places = {
        container.id: _Place(make_world(scenario, container, start_ns, step_s), vibrations(scenario, container))
        for container in scenario.container
    }
    wanted = sum(1 for _ in scenario.loggers()) if loggers is None else loggers
    endless = ((copy, container, logger) for copy in count() for container, logger in scenario.loggers())
    found = [
        _plan(context, places[container.id], container, logger, copy, 0, truth)
        for copy, container, logger in islice(endless, wanted)
    ]
    found += _clones(context, places, [plan for plan, _ in found], truth)
    truth.scenario(telling.scenario(scenario, start_ns, speed, [told for _, told in found]))
    return [plan for plan, _ in found]


def _clones(
    context: Context, places: Mapping[str, _Place], plans: Sequence[LoggerPlan], truth: Truth
) -> list[_Planned]:
    """Return a second logger for each name that a fault doubles."""
    scenario = context.scenario
    planned = {plan.identity.logger for plan in plans}
    return [
        _plan(context, places[container.id], container, logger, 0, number, truth)
        for container, logger in scenario.loggers()
        if logger.id in planned
        for number, _ in enumerate(of_kind(CloneFault, scenario.faults_of(container, logger)), start=1)
    ]


def _plan(
    context: Context,
    place: _Place,
    container: ContainerPart,
    logger: LoggerPart,
    copy: int,
    instance: int,
    truth: Truth,
) -> _Planned:
    """Return the plan of one logger and what the truth tells of it."""
    scenario, device = context.scenario, logger.device
    faults = scenario.faults_of(container, logger)
    name = copied(logger.id, copy)
    key = f"{name}/{instance}" if instance else name
    identity = Identity(
        container=copied(container.id, copy),
        logger=name,
        serial=copied(logger.serial, copy),
        model=device.model,
        interval_us=round(device.interval * 1e6),
        accs={acc: part.built(acc).settings() for acc, part in device.accelerometer.items()},
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
        faults=[_sensor_fault(fault) for fault in of_kind(SensorFaultPart, faults)],
        rate=1.0 + drift_ppm * 1e-6,
        grid=None if instance else truth.grid(name, grid_columns(device)),
    )
    begin_s = list(of_kind(CloneFault, faults))[instance - 1].at if instance else 0.0
    made = LoggerPlan(
        identity=identity,
        boot_ns=context.at_ns(begin_s),
        happenings=happenings(context, post, identity, faults, begin_s),
        link=_link(context, logger, faults),
        drift_ppm=drift_ppm,
        has_rtc=device.rtc,
    )
    return made, telling.logger(post, identity, drift_ppm)


def _link(context: Context, logger: LoggerPart, faults: Sequence[Fault]) -> LinkPlan:
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
