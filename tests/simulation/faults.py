"""What can go wrong in a story, and what of it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.clock import S
from tests.simulation.gateway import Stopped
from tests.simulation.server import FAULTS

if TYPE_CHECKING:
    from tests.simulation.world import World

SHARE = 0.4  # of the kinds of fault that a story has
RATES = (0.01, 0.03, 0.08)  # of its steps that are faults


class Faults:
    """Drawn for a story: kinds of fault, and how often one strikes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kinds = [kind for kind in self._all() if world.rng.random() < SHARE]
        self._rate = world.rng.choice(RATES)

    def strike(self) -> bool:
        """Perhaps let one strike; whether it did."""
        if not self._kinds or self._world.rng.random() >= self._rate:
            return False
        kind = self._world.rng.choice(self._kinds)
        self._world.say(f"FAULT {kind.__name__.strip('_').replace('_', ' ')}")
        kind()
        return True

    def _all(self) -> list[Callable[[], None]]:
        return [
            self._die_now, self._die_soon, self._stop, self._fill_disk, self._fail_sync, self._cut,
            self._lose_session, self._restart_broker, self._stall_broker, self._fail_store, self._step_clock,
            self._cut_logger, self._restart_logger, self._stop_broker, self._forget_points, self._ail,
            self._fail_copy, self._forget_minutes,
        ]  # fmt: skip

    def _die_now(self) -> None:
        world = self._world
        world.end()

    def _die_soon(self) -> None:
        world = self._world
        world.disk.dies_at = world.disk.operations + world.rng.randrange(1, 100)

    def _stop(self) -> None:
        world = self._world
        if world.gateway.parts is not None:
            try:
                world.gateway.stop()
            except Stopped:
                world.end()

    def _fill_disk(self) -> None:
        world = self._world
        world.disk.is_full = not world.disk.is_full

    def _fail_sync(self) -> None:
        world = self._world
        world.disk.fails_sync = True

    def _cut(self) -> None:
        world = self._world
        for client in world.gateway.clients:
            if client.connection is not None and world.rng.random() < 0.7:
                world.broker.cut(client, has_read=world.rng.choice((0, 1, 5, None)))

    def _lose_session(self) -> None:
        world = self._world
        for client in world.gateway.clients:
            if world.rng.random() < 0.7:
                world.broker.cut(client, has_read=0)
                world.broker.forget(client.client_id, keeps_waiting=world.rng.random() < 0.5)

    def _restart_broker(self) -> None:
        world = self._world
        world.broker.restart(is_persistent=world.rng.random() < 0.5)
        for logger in world.loggers:
            logger.cut(world.clock.true_ns, is_noticed=False)

    def _stall_broker(self) -> None:
        world = self._world
        world.broker.is_stalled = not world.broker.is_stalled

    def _fail_store(self) -> None:
        world = self._world
        world.server.fault = "" if world.server.fault else world.rng.choice(FAULTS)
        world.say(f"store: {world.server.fault or 'well'}")

    def _step_clock(self) -> None:
        world = self._world
        world.clock.step(world.rng.choice((-1, 1)) * world.rng.choice((1, 60, 3_600, 86_400)) * S)

    def _cut_logger(self) -> None:
        world = self._world
        world.rng.choice(world.loggers).cut(world.clock.true_ns, is_noticed=world.rng.random() < 0.7)

    def _restart_logger(self) -> None:
        world = self._world
        world.rng.choice(world.loggers).restart(world.clock.true_ns)

    def _stop_broker(self) -> None:
        world = self._world
        world.broker.is_up = not world.broker.is_up
        if not world.broker.is_up:
            self._restart_broker()

    def _ail(self) -> None:
        world = self._world
        world.receiver.is_ill = not world.receiver.is_ill

    def _forget_points(self) -> None:
        self._world.server.forget()

    def _fail_copy(self) -> None:
        world = self._world
        world.copy_server.fault = "" if world.copy_server.fault else world.rng.choice(FAULTS)
        world.say(f"copy: {world.copy_server.fault or 'well'}")

    def _forget_minutes(self) -> None:
        self._world.copy_server.forget()
