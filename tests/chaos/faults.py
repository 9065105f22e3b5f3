"""What goes wrong in a round: each fault has a part that it hits, a beginning and an end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.chaos.world import RESTART_S, World

Act = Callable[[World], None]
DELAY_S = 0.4
RED_S = 1.5  # what is refused is known at once
KEEPALIVE_S = 25.0  # two keep-alives of 10 s and some: then the daemon knows that its broker hangs
TIMEOUT_S = 15.0  # of a write, 10 s, and some
MAX_FAULTS = 3  # together in a round
MAX_BREAK_S = 10.0
MIN_SHORT_S, MAX_SHORT_S = RESTART_S + 0.2, RESTART_S + 3.0  # a daemon that starts again is in the midst of it then
MOSQUITTO_KEEPS = ("autosave_interval 2",)  # a crash falls back to what was saved up to two seconds ago
MOSQUITTO_FORGETS = ("persistence false",)


@dataclass(frozen=True, slots=True)
class Fault:
    """`end` None: it has no length, what it hits is started again at once.

    `red_after_s`: from its beginning until /readyz must show it, as long as there is something to do; None: it hits no
    part of the daemon that could tell so soon. `broker_lines`: what it needs in the broker's configuration.
    """

    name: str
    target: str
    begin: Act
    end: Act | None = None
    red_after_s: float | None = None
    broker_lines: tuple[str, ...] = ()
    is_stop: bool = False  # held for all of the time that a round gives; the others for a random part of it
    is_short: bool = False  # held until its part is being started again
    needs_disk: bool = False

    def held_s(self, hold_s: float, random: np.random.Generator) -> float:
        """For how long it is held in a round that gives `hold_s`."""
        if self.is_stop:
            return hold_s
        if self.is_short:
            return float(random.uniform(MIN_SHORT_S, MAX_SHORT_S))
        return float(random.uniform(0.5, 1.0)) * min(hold_s, MAX_BREAK_S)


def _kill_broker(world: World) -> None:
    world.broker.kill()


def _start_broker(world: World) -> None:
    world.broker.start()


def _mend_network(world: World) -> None:
    world.to_broker.mend()


def _mend_influx(world: World) -> None:
    world.to_influx.mend()


ANSWERS_500, ANSWERS_401 = "500 Internal Server Error", "401 Unauthorized"
# In such an order that those ten and twenty places apart hit different parts: they make the rounds of `make test`.
FAULTS = (
    Fault("daemon killed", "daemon", World.kill_daemon),
    Fault("broker killed, session kept", "broker", _kill_broker, _start_broker, RED_S, broker_lines=MOSQUITTO_KEEPS),
    Fault("influxd killed", "influxd", lambda w: w.influx.kill(), lambda w: w.influx.start(), RED_S),
    Fault("loggers cut off", "loggers", lambda w: w.to_loggers.cut(), lambda w: w.to_loggers.mend()),
    Fault("daemon killed again at its start", "daemon", World.kill_daemon, World.kill_daemon, is_short=True),
    Fault("broker killed, session lost", "broker", _kill_broker, _start_broker, RED_S, broker_lines=MOSQUITTO_FORGETS),
    Fault("influxd answers 500", "influxd", lambda w: w.to_influx.reply(ANSWERS_500), _mend_influx, RED_S),
    Fault("daemon cut off", "network", lambda w: w.to_broker.cut(), _mend_network, RED_S),
    Fault("disk full", "disk", lambda w: w.small_disk.fill(), lambda w: w.small_disk.free(), RED_S, needs_disk=True),
    Fault("daemon half open", "network", lambda w: w.to_broker.forget(), _mend_network),
    Fault("loggers stalled", "loggers", lambda w: w.to_loggers.stall(), lambda w: w.to_loggers.mend(), is_stop=True),
    Fault(
        "influxd stopped", "influxd", lambda w: w.influx.freeze(), lambda w: w.influx.thaw(), TIMEOUT_S, is_stop=True
    ),
    Fault("daemon stopped", "daemon", World.freeze_daemon, World.thaw_daemon, is_stop=True),
    Fault(
        "broker stopped", "broker", lambda w: w.broker.freeze(), lambda w: w.broker.thaw(), KEEPALIVE_S, is_stop=True
    ),
    Fault("influxd answers 401", "influxd", lambda w: w.to_influx.reply(ANSWERS_401), _mend_influx, RED_S),
    Fault("daemon ended", "daemon", World.terminate_daemon),
    Fault("loggers half open", "loggers", lambda w: w.to_loggers.forget(), lambda w: w.to_loggers.mend()),
    Fault("influxd's answers lost", "influxd", lambda w: w.to_influx.swallow(), _mend_influx),
    Fault("influxd delayed", "influxd", lambda w: w.to_influx.delay(DELAY_S), _mend_influx),
    Fault("influxd cut off", "influxd", lambda w: w.to_influx.cut(), _mend_influx, RED_S),
    Fault("daemon delayed", "network", lambda w: w.to_broker.delay(DELAY_S), _mend_network),
    Fault("daemon stalled", "network", lambda w: w.to_broker.stall(), _mend_network, KEEPALIVE_S, is_stop=True),
)


def draw(main: Fault, random: np.random.Generator, count: int) -> list[Fault]:
    """The main fault of a round and others beside it, each of another part."""
    drawn = [main]
    for at in random.permutation(len(FAULTS)):
        fault = FAULTS[at]
        if len(drawn) == count:
            break
        if not fault.needs_disk and fault.target not in {other.target for other in drawn}:
            drawn.append(fault)
    return drawn
