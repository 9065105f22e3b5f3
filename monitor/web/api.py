"""The application: the rooms behind the door."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from monitor.model.clock import Clock
from monitor.web.actions import Actions
from monitor.web.alerts import Alerts
from monitor.web.backend import Backend
from monitor.web.door import Door
from monitor.web.errors import HANDLERS
from monitor.web.health import Health
from monitor.web.stream import Stream


def make_app(backend: Backend, token: str, clock: Clock) -> Door:
    """The application for uvicorn; whoever wants to change something has to know the token."""
    return Door(Starlette(routes=routes(backend), exception_handlers=HANDLERS), token, clock)


def routes(backend: Backend) -> list[Route]:
    """Every page."""
    rooms = Health(backend), Alerts(backend), Actions(backend), Stream(backend)
    return [route for room in rooms for route in room.routes]
