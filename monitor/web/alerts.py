"""What is known of alerts and containers, and what operators entered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from monitor.alerts.query import AlertQuery
from monitor.model.errors import WireError
from monitor.model.operator_keys import TYPES
from monitor.web.backend import Backend, Document
from monitor.web.bodies import JSON
from monitor.web.lane import Lane

LANE = 4  # calls at once: evidence takes up to 0.2 s of what alerts need themselves


class Alerts:
    """Pages of alerts and containers."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._lane = backend, Lane(LANE)
        self.routes = [
            Route("/api/alerts", self.list),
            Route("/api/alerts/{id}", self.show),
            Route("/api/containers", self.containers),
            Route("/api/phases", self.phases),
            Route("/api/silences", self.silences),
            Route("/api/operator", self.entered),
        ]

    async def list(self, request: Request) -> Response:
        """Alerts; TCM-Transition says up to which change, so that a stream can go on from there."""
        query = AlertQuery.read(request.query_params)
        # The number first: what changes meanwhile is told twice rather than never.
        number = await self._lane.call(self._backend.last_transition)
        return await self._array({"TCM-Transition": str(number)}, self._backend.alerts, query)

    async def show(self, request: Request) -> Response:
        """One alert with its evidence."""
        return JSONResponse(await self._lane.call(self._backend.alert, request.path_params["id"]))

    async def containers(self, _request: Request) -> Response:
        """Each container as it stands now."""
        return await self._array({}, self._backend.containers)

    async def phases(self, request: Request) -> Response:
        """Phases and operators' records."""
        container = request.query_params.get("container") or None
        return await self._array({}, self._backend.phases, container)

    async def silences(self, _request: Request) -> Response:
        """Silences that are or will be."""
        return await self._array({}, self._backend.silences)

    async def entered(self, request: Request) -> Response:
        """Operators' records."""
        container, kind = (request.query_params.get(key) or None for key in ("container", "type"))
        if kind is not None and kind not in TYPES:
            raise WireError(f"type: expected one of {', '.join(TYPES)}")
        return await self._array({}, self._backend.entered, container, kind)

    async def _array(self, headers: dict[str, str], find: Callable[..., Iterable[Document]], *given: Any) -> Response:
        return Response(await self._lane.call(_array_of, find, *given), headers=headers, media_type=JSON)


def _array_of(find: Callable[..., Iterable[Document]], *given: Any) -> bytes:
    """What is found as JSON, one after the other: 10 000 at once would keep all other threads waiting for 0.1 s."""
    return f"[{','.join(json.dumps(each) for each in find(*given))}]".encode()
