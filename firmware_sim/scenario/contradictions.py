"""What no single key of a scenario shows: names used twice or not defined, times out of order."""

from collections.abc import Iterator, Sequence

from firmware_sim.scenario.faults import CloneFault, Fault, PowerFault, SensorFaultPart
from firmware_sim.scenario.model import Scenario
from firmware_sim.scenario.parts import ContainerPart, LegPart, LoggerPart

MAX_IMPACTS = 200_000  # of a container: 200 an hour for six weeks


def contradictions(scenario: Scenario) -> Iterator[str]:
    """Yield each as key and expectation."""
    if scenario.start is not None and scenario.start.tzinfo is None:
        yield "start: expected a time with its zone, such as 2026-11-23T06:00:00Z"
    yield from _twice("container", [container.id for container in scenario.container])
    yield from _twice("logger", [logger.id for _, logger in scenario.loggers()])
    yield from _unknown_places(scenario)
    yield from _unknown_names(scenario)
    for number, leg in enumerate(scenario.leg):
        yield from _leg(number, leg)
    for container in scenario.container:
        yield from _journey(scenario, container)
    for container, logger in scenario.loggers():
        yield from _device(logger)
        yield from _power(logger, scenario.faults_of(container, logger))
    for number, fault in enumerate(scenario.fault):
        if isinstance(fault, SensorFaultPart):
            yield from _unmeasured(scenario, number, fault)
        if isinstance(fault, CloneFault) and fault.loggers is None:
            yield f"fault.{number}.loggers: expected the loggers that have a clone"


def _twice(what: str, names: list[str]) -> Iterator[str]:
    for name in sorted(set(names)):
        if names.count(name) > 1:
            yield f"{what}: id {name} is used twice, expected one of its own"


def _unknown_places(scenario: Scenario) -> Iterator[str]:
    """Yield events at a container or logger that is not there."""
    loggers = {container.id: {logger.id for logger in container.logger} for container in scenario.container}
    for key, events in (("heat", scenario.heat), ("shock", scenario.shock), ("drop", scenario.drop)):
        for number, event in enumerate(events):
            if event.container not in loggers:
                yield f"{key}.{number}.container: {event.container} is not among the containers"
            elif event.logger is not None and event.logger not in loggers[event.container]:
                yield f"{key}.{number}.logger: {event.container}/{event.logger} is not among the loggers"


def _unknown_names(scenario: Scenario) -> Iterator[str]:
    """Yield legs and faults that concern a container or logger that is not there."""
    containers = {container.id for container in scenario.container}
    loggers = {logger.id for _, logger in scenario.loggers()}
    for key, parts in (("leg", scenario.leg), ("fault", scenario.fault)):
        for number, part in enumerate(parts):
            for name in sorted(set(part.containers or ()) - containers):
                yield f"{key}.{number}.containers: {name} is not among the containers"
    for number, fault in enumerate(scenario.fault):
        for name in sorted(set(fault.loggers or ()) - loggers):
            yield f"fault.{number}.loggers: {name} is not among the loggers"


def _leg(number: int, leg: LegPart) -> Iterator[str]:
    if leg.events is None:
        return
    for key, (low, high) in (("peak_g", leg.events.peak_g), ("duration_ms", leg.events.duration_ms)):
        if high < low:
            yield f"leg.{number}.events.{key}: expected [least, greatest], got [{low}, {high}]"


def _journey(scenario: Scenario, container: ContainerPart) -> Iterator[str]:
    legs = scenario.legs_of(container)
    if not legs:
        yield f"leg: expected at least one for container {container.id}"
    impacts = sum(leg.length / 3600 * leg.events.per_hour for leg in legs if leg.events)
    if impacts > MAX_IMPACTS:
        yield f"leg: {impacts:.0f} shocks of container {container.id}, expected at most {MAX_IMPACTS}"


def _device(logger: LoggerPart) -> Iterator[str]:
    device = logger.device
    if (device.report_every is None) != (device.report_for is None):
        yield f"logger {logger.id}: expected both report_every and report_for, or neither"
    elif device.report_every and device.report_for and device.report_for >= device.report_every:
        yield f"logger {logger.id}: report_for: expected a time shorter than report_every"
    for name, acc in device.accelerometer.items():
        if acc.pre >= acc.record:
            yield f"logger {logger.id}: accelerometer.{name}.pre: expected a time shorter than record"


def _power(logger: LoggerPart, faults: Sequence[Fault]) -> Iterator[str]:
    on_s = 0.0
    for fault in sorted((fault for fault in faults if isinstance(fault, PowerFault)), key=lambda fault: fault.at):
        if fault.at <= on_s:
            begun = f"logger {logger.id}: brown-out at {fault.at:g} s: the power is off already"
            yield f"{begun}, expected one that begins after {on_s:g} s"
        on_s = max(on_s, fault.at + fault.length)


def _unmeasured(scenario: Scenario, number: int, fault: SensorFaultPart) -> Iterator[str]:
    """Yield an error when nobody whom a sensor's fault concerns has the channel."""
    concerned = [logger for container, logger in scenario.loggers() if fault in scenario.faults_of(container, logger)]
    if not any(fault.channel in logger.device.channels for logger in concerned):
        yield f"fault.{number}.channel: no logger that it concerns has the channel {fault.channel}"
