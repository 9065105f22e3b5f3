"""Whether the daemon is well: for people, supervisors and Prometheus."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from monitor.web.backend import Backend
from monitor.web.lane import Lane
from monitor.web.openapi import document

LANE = 4  # calls at once: they answer whatever operators do meanwhile
METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Pages that monitoring asks."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._lane = backend, Lane(LANE)
        self.routes = [
            Route("/healthz", self.alive),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
            Route("/api/status", self.status),
            Route("/api/openapi.json", self.openapi),
        ]

    async def alive(self, _request: Request) -> Response:
        """The process answers."""
        return PlainTextResponse("alive\n")

    async def ready(self, _request: Request) -> Response:
        """Every part moves, else 503 with each part's problem."""
        problems = await self._lane.call(self._backend.problems)
        return JSONResponse({"ready": not problems, "parts": problems}, 503 if problems else 200)

    async def metrics(self, _request: Request) -> Response:
        """The status in Prometheus' text form."""
        return Response(await self._lane.call(self._backend.metrics), media_type=METRICS)

    async def status(self, _request: Request) -> Response:
        """The status document."""
        return JSONResponse(await self._lane.call(self._backend.status))

    async def openapi(self, _request: Request) -> Response:
        """The interface as OpenAPI describes it."""
        return JSONResponse(await self._lane.call(document))
