"""All that is going to happen to one logger: what is done to it, what it records, and what it misses."""

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import TypeVar

from firmware_sim.clock import NS_PER_S
from firmware_sim.device import Identity
from firmware_sim.device.accelerometer import Accelerometer, Missed, ShockChannel
from firmware_sim.plan import Action, Happening, Made
from firmware_sim.recorder import telling
from firmware_sim.recorder.journey import random_of
from firmware_sim.recorder.sampling import Post, Sampler
from firmware_sim.recorder.truth import Truth
from firmware_sim.scenario import Scenario
from firmware_sim.scenario.faults import ClockFault, Fault, FlashFault, LinkFault, PowerFault
from firmware_sim.scenario.parts import MAX_ACCELEROMETERS, AccelerometerPart

T = TypeVar("T")
SYNC_ERROR_S = 0.02  # of the network's time, as a standard deviation


@dataclass(frozen=True, slots=True)
class Context:
    """What all plans of a run share."""

    scenario: Scenario
    start_ns: int
    speed: float
    truth: Truth

    def at_ns(self, at_s: float) -> int:
        """Return the true time of a moment given in s since the start."""
        return self.start_ns + round(at_s * NS_PER_S)


def happenings(
    context: Context, post: Post, identity: Identity, faults: Sequence[Fault], begin_s: float
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
    for fault in sorted(of_kind(PowerFault, faults), key=lambda fault: fault.at):
        if fault.at > begin_s:
            on.append((begin_s, fault.at))
            begin_s = fault.at + fault.length
    return [*on, (begin_s, math.inf)]


def _actions(context: Context, post: Post, faults: Sequence[Fault], begin_s: float) -> Iterator[Happening]:
    """Yield what is done to the logger: power, arming, clock, flash, and the network's time while there is network."""
    power = _power(faults, begin_s)
    done: list[Action] = []
    torn = {fault.at: fault.torn for fault in of_kind(PowerFault, faults)}
    for (_, off_s), (on_s, _) in pairwise(power):
        done.append(Action(context.at_ns(off_s), "power-off", torn[off_s]))
        done.append(Action(context.at_ns(on_s), "power-on"))
    if post.device.armed_at > begin_s:
        done.append(Action(context.at_ns(begin_s), "disarm"))
        done.append(Action(context.at_ns(post.device.armed_at), "arm"))
    done += [Action(context.at_ns(fault.at), "clock-step", fault.step_s) for fault in of_kind(ClockFault, faults)]
    done += [Action(context.at_ns(fault.at), "flash", fault.bytes) for fault in of_kind(FlashFault, faults)]
    done.sort(key=lambda action: action.at_ns)
    synchronised = _synchronisations(context, post, faults, power) if post.device.sync == "network" else iter(())
    return heapq.merge(done, synchronised, key=lambda action: action.at_ns)


def _synchronisations(
    context: Context, post: Post, faults: Sequence[Fault], power: Sequence[tuple[float, float]]
) -> Iterator[Action]:
    """Yield the moments at which the network tells the time: every so often, while power and network are there."""
    away = [(fault.at, fault.at + fault.length) for fault in of_kind(LinkFault, faults)]
    random = random_of(context.scenario, post.name, "time")
    for on_s, off_s in power:
        for number in count():
            at_s = on_s + number * post.device.sync_every
            if at_s >= off_s:
                break
            if not any(begin_s <= at_s < end_s for begin_s, end_s in away):
                yield Action(context.at_ns(at_s), "synchronise", float(random.normal(0.0, SYNC_ERROR_S)))


def _shocks(
    context: Context, post: Post, identity: Identity, acc: str, power: Sequence[tuple[float, float]]
) -> Iterator[Happening]:
    """Yield what one accelerometer records while the logger is on and armed; tell the truth of the rest."""
    part, truth = post.device.accelerometer[acc], context.truth
    seed = random_of(context.scenario, post.name, "shock", acc).integers(2**32, size=4).tolist()
    channel = ShockChannel(accelerometer(acc, part), post.impacts, post.vibration, post.device.isolation, seed)
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


def accelerometer(name: str, part: AccelerometerPart) -> Accelerometer:
    """Return an accelerometer as the scenario describes it."""
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


def of_kind(kind: type[T], faults: Sequence[Fault]) -> Iterator[T]:
    """Return the faults of one kind."""
    return (fault for fault in faults if isinstance(fault, kind))
