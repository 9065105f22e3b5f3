"""All that is going to happen to one logger: what is done to it, what it records, and what it misses."""

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import TypeVar

from firmware_sim.clock import NS_PER_S
from firmware_sim.device import Identity
from firmware_sim.device.accelerometer import Missed, ShockChannel
from firmware_sim.plan import Action, Fact, Happening, Made
from firmware_sim.recorder import telling
from firmware_sim.recorder.journey import random_of
from firmware_sim.recorder.sampling import Post, Sampler
from firmware_sim.scenario import Scenario
from firmware_sim.scenario.faults import ClockFault, CloneFault, Fault, FlashFault, LinkFault, PowerFault
from firmware_sim.scenario.values import MAX_ACCELEROMETERS

T = TypeVar("T")
SYNC_ERROR_S = 0.02  # of the network's time, as a standard deviation


@dataclass(frozen=True, slots=True)
class Context:
    """What all plans of a run share."""

    scenario: Scenario
    start_ns: int
    speed: float

    def at_ns(self, at_s: float) -> int:
        """Return the true time of a moment given in s since the start."""
        return self.start_ns + round(at_s * NS_PER_S)


def happenings(
    context: Context, post: Post, identity: Identity, faults: Sequence[Fault], begin_s: float
) -> Iterator[Happening]:
    """Yield all that happens to a logger; what is done to it comes before what it records at the same instant."""
    power = _power(faults, begin_s)
    streams: list[Iterator[Happening]] = [
        _faults(context, identity, faults, begin_s),
        _actions(context, post, faults, power),
        _readings(Sampler(post), power),
        *(_shocks(context, post, identity, acc, power, begin_s) for acc in post.device.accelerometer),
    ]
    return heapq.merge(*streams, key=lambda happening: happening.at_ns)


def _faults(context: Context, identity: Identity, faults: Sequence[Fault], begin_s: float) -> Iterator[Fact]:
    """Yield each fault when it begins; to a clone, switched on at begin_s, only those that are not over by then."""
    for fault in sorted(faults, key=lambda fault: fault.at):
        is_its_own = not identity.instance or not isinstance(fault, CloneFault)
        if is_its_own and fault.at + getattr(fault, "length", 0.0) >= begin_s:
            told = telling.fault(context.start_ns, identity, fault)
            yield Fact(context.at_ns(max(fault.at, begin_s)), "fault", told)


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


def _actions(
    context: Context, post: Post, faults: Sequence[Fault], power: Sequence[tuple[float, float]]
) -> Iterator[Happening]:
    """Yield what is done to the logger: power, arming, clock, flash, and the network's time while there is network."""
    begin_s = power[0][0]
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
    """Yield the moments at which the network tells the time, while power and network are there.

    That is every so often from power-up, and whenever the network comes back.
    """
    away = [(fault.at, fault.at + fault.length) for fault in of_kind(LinkFault, faults)]
    random = random_of(context.scenario, post.name, "time")
    for on_s, off_s in power:
        regular = (on_s + number * post.device.sync_every for number in count())
        back = sorted(end_s for _, end_s in away if on_s < end_s < off_s)
        for at_s in heapq.merge(regular, back):
            if at_s >= off_s:
                break
            if not any(begin_s <= at_s < end_s for begin_s, end_s in away):
                yield Action(context.at_ns(at_s), "synchronise", float(random.normal(0.0, SYNC_ERROR_S)))


def _shocks(
    context: Context, post: Post, identity: Identity, acc: str, power: Sequence[tuple[float, float]], begin_s: float
) -> Iterator[Happening]:
    """Yield what one accelerometer records while the logger is on and armed, and the truth of every shock."""
    part, device = post.device.accelerometer[acc], post.device
    seed = random_of(context.scenario, post.name, "shock", acc).integers(2**32, size=4).tolist()
    channel = ShockChannel(
        part.built(acc), post.impacts, post.vibration, device.isolation, seed, power, device.armed_at
    )
    for number, found in enumerate(channel):
        if isinstance(found, Missed):
            if found.at_s >= begin_s:  # what struck before a clone was there did not strike it
                told = telling.shock(post, identity, acc, post.impacts[found.index])
                outcome = {"triggered": False, "reason": found.reason}
                yield Fact(context.at_ns(found.at_s), "shock", told | outcome)
            continue
        event = number * MAX_ACCELEROMETERS + list(device.accelerometer).index(acc)
        for at_s, told in telling.caught(post, identity, acc, found):
            yield Fact(context.at_ns(at_s), "shock", told, event)
        yield Made(context.at_ns(found.end_s), context.at_ns(found.t0_s), found.shock, event)


def of_kind(kind: type[T], faults: Sequence[Fault]) -> Iterator[T]:
    """Return the faults of one kind."""
    return (fault for fault in faults if isinstance(fault, kind))
