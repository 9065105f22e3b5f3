"""The application: the rooms behind the door."""

from __future__ import annotations

from collections import Counter

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.model.errors import WireError
from monitor.web.actions import Actions
from monitor.web.alerts import Alerts
from monitor.web.backend import Backend
from monitor.web.door import Door
from monitor.web.errors import HANDLERS
from monitor.web.health import Health
from monitor.web.openapi.paths import PATHS
from monitor.web.stream import Stream

MAX_KEY = 100  # characters of a key in an answer


def make_app(backend: Backend, token: str) -> Door:
    """The application; whoever wants to change something has to know the token."""
    return Door(Starlette(routes=routes(backend), exception_handlers=HANDLERS), token)


def routes(backend: Backend) -> list[Route]:
    """Every page."""
    rooms = Health(backend), Alerts(backend), Actions(backend), Stream(backend)
    return [_exact(route) for room in rooms for route in room.routes]


def _exact(route: Route) -> Route:
    """The same page, where a query may have what the interface's document names, and each once."""

    async def page(request: Request) -> Response:
        named = PATHS[route.path]["post" if request.method == "POST" else "get"].get("parameters", ())
        known = [each["name"] for each in named if each["in"] == "query"]
        for key, count in Counter(key for key, _ in request.query_params.multi_items()).items():
            if key not in known:
                what = f"one of the keys {', '.join(known)}" if known else "no query"
                raise WireError(f"{key[:MAX_KEY]!r}: expected {what}")
            if count > 1:
                raise WireError(f"{key!r}: expected once in the query")
        response: Response = await route.endpoint(request)
        return response

    return Route(route.path, page, methods=route.methods)
