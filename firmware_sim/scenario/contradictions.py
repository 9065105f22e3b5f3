"""What no single key of a scenario shows: names used twice or not defined, times out of order, what does not fit."""

from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Any

from firmware_sim.clock import check_time
from firmware_sim.device.logger import HEAD_BYTES
from firmware_sim.scenario.faults import (
    MAX_STEP_S,
    ClockFault,
    CloneFault,
    Fault,
    FaultPart,
    FlashFault,
    HvacFault,
    PowerFault,
    SensorFaultPart,
)
from firmware_sim.scenario.model import Scenario, concerns
from firmware_sim.scenario.parts import ContainerPart, DevicePart, LegPart, LoggerPart
from firmware_sim.scenario.values import MAX_NAME

MAX_IMPACTS = 200_000  # of a container: 200 an hour for six weeks
MAX_BLOCK_S = 30 * 86_400.0  # from a block's first reading to its last
MAX_PAYLOAD_BYTES = 1 << 20  # by the wire format
MIN_OPENING_PA = 10.0  # from the valve's crack to full flow
VALUE_BYTES = 4  # float32
SAMPLE_BYTES = 6  # int16 on three axes


def contradictions(scenario: Scenario) -> Iterator[str]:
    """Yield each as key and expectation."""
    yield from _start(scenario)
    yield from _unknown_places(scenario)
    yield from _unknown_names(scenario)
    for number, leg in enumerate(scenario.leg):
        yield from _leg(number, leg)
    for container in scenario.container:
        yield from _journey(scenario, container)
        if container.full_flow_pa < container.crack_pa + MIN_OPENING_PA:
            yield f"container {container.id}: full_flow_pa: expected at least {MIN_OPENING_PA:g} Pa above crack_pa"
    for container, logger in scenario.loggers():
        faults = scenario.faults_of(container, logger)
        yield from _device(logger)
        yield from _records(logger, faults)
        yield from _power(logger, faults)
        if sum(abs(fault.step_s) for fault in faults if isinstance(fault, ClockFault)) > MAX_STEP_S:
            yield f"logger {logger.id}: clock steps: expected at most {MAX_STEP_S:g} s in all"
    for number, fault in enumerate(scenario.fault):
        yield from _concerns_nobody(scenario, number, fault)


def names_used_twice(content: dict[str, Any]) -> Iterator[str]:
    """Yield the ids that containers or loggers share in a file's content, which may be wrong in any other way."""
    containers = list(_tables(content, "container"))
    loggers = [logger for container in containers for logger in _tables(container, "logger")]
    for what, tables in (("container", containers), ("logger", loggers)):
        seen: set[str] = set()
        twice: set[str] = set()
        for name in (table["id"] for table in tables if isinstance(table.get("id"), str)):
            (twice if name in seen else seen).add(name)
        for name in sorted(twice):
            yield f"{what}: id {name} is used twice, expected one of its own"


def copies_that_clash(scenario: Scenario, loggers: int) -> Iterator[str]:
    """Yield what is wrong with the names of a fleet of so many loggers, copies of the scenario's: `<id>-<copy>`."""
    own = list(scenario.loggers())
    known: dict[str, dict[str, tuple[str, int]]] = {"container": {}, "logger": {}}
    fleet = ((copy, parts) for copy in count() for parts in own)
    for copy, (container, logger) in islice(fleet, loggers):
        for what, part in (("container", container.id), ("logger", logger.id)):
            name = copied(part, copy)
            if len(name) > MAX_NAME:
                yield f"{what}: id {part}: copy {copy} has {len(name)} letters, expected at most {MAX_NAME}"
            if known[what].setdefault(name, (part, copy)) != (part, copy):
                yield f"{what}: id {name} is that of a copy too, expected another one"


def copied(name: str, copy: int) -> str:
    """Return the name that a copy has; 0 is the original."""
    return f"{name}-{copy}" if copy else name


def _tables(content: dict[str, Any], key: str) -> Iterator[dict[str, Any]]:
    found = content.get(key)
    return (table for table in (found if isinstance(found, list) else ()) if isinstance(table, dict))


def _start(scenario: Scenario) -> Iterator[str]:
    if scenario.start is None:
        return
    if scenario.start.tzinfo is None:
        yield "start: expected a time with its zone, such as 2026-11-23T06:00:00Z"
        return
    try:
        check_time(scenario.start)
    except ValueError as error:
        yield f"start: {error}"


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
    for channel in dict.fromkeys(channel for channel in device.channels if device.channels.count(channel) > 1):
        yield f"logger {logger.id}: channels: {channel} stands there twice, expected once"
    if device.block * device.interval > MAX_BLOCK_S:
        yield f"logger {logger.id}: block: expected at most {MAX_BLOCK_S / 86400:g} d of intervals in one"
    for name, acc in device.accelerometer.items():
        try:
            acc.built(name)
        except ValueError as error:
            yield f"logger {logger.id}: {error}"


def _records(logger: LoggerPart, faults: Sequence[Fault]) -> Iterator[str]:
    """Yield records that fit neither into a message nor into the flash, whole or shrunken by a fault."""
    sizes = largest_records(logger.device)
    for key, size in sizes.items():
        if size > MAX_PAYLOAD_BYTES:
            yield f"logger {logger.id}: {key}: expected a record of at most {MAX_PAYLOAD_BYTES} bytes, got up to {size}"
    key, size = max(sizes.items(), key=lambda entry: entry[1])
    needed = f"expected at least {size} for a record of its {key}"
    if logger.device.flash_bytes < size:
        yield f"logger {logger.id}: flash_bytes: {needed}, got {logger.device.flash_bytes}"
    for fault in faults:
        if isinstance(fault, FlashFault) and fault.bytes < size:
            yield f"logger {logger.id}: flash fault at {fault.at:g} s: bytes: {needed}, got {fault.bytes}"


def largest_records(device: DevicePart) -> dict[str, int]:
    """Return how many bytes the records can have by what decides it: the block, and each accelerometer."""
    names_bytes = sum(2 + len(channel) for channel in device.channels)
    sizes = {"block": HEAD_BYTES + names_bytes + VALUE_BYTES * device.block * len(device.channels)}
    for name, acc in device.accelerometer.items():
        samples = round(acc.pre * acc.fs_hz) + round((acc.record - acc.pre) * acc.fs_hz)
        sizes[f"accelerometer.{name}"] = HEAD_BYTES + len(name) + SAMPLE_BYTES * samples
    return sizes


def _power(logger: LoggerPart, faults: Sequence[Fault]) -> Iterator[str]:
    on_s = 0.0
    for fault in sorted((fault for fault in faults if isinstance(fault, PowerFault)), key=lambda fault: fault.at):
        if fault.at <= on_s:
            begun = f"logger {logger.id}: brown-out at {fault.at:g} s: the power is off already"
            yield f"{begun}, expected one that begins after {on_s:g} s"
        on_s = max(on_s, fault.at + fault.length)


def _concerns_nobody(scenario: Scenario, number: int, fault: FaultPart) -> Iterator[str]:
    """Yield an error when nothing comes of a fault; one of loggers that are nowhere has been told."""
    if isinstance(fault, HvacFault) and fault.loggers is not None:
        yield f"fault.{number}.loggers: expected containers only, whose air it concerns"
    if isinstance(fault, CloneFault) and fault.loggers is None:
        yield f"fault.{number}.loggers: expected the loggers that have a clone"
    concerned = [logger for container, logger in scenario.loggers() if concerns(fault, container, logger)]
    known = {logger.id for _, logger in scenario.loggers()} & set(fault.loggers or ())
    if known - {logger.id for logger in concerned}:
        strangers = ", ".join(sorted(known - {logger.id for logger in concerned}))
        yield f"fault.{number}.loggers: {strangers}: expected loggers of its containers"
    if not isinstance(fault, SensorFaultPart) or not concerned:
        return
    if not any(fault.channel in logger.device.channels for logger in concerned):
        yield f"fault.{number}.channel: no logger that it concerns has the channel {fault.channel}"
