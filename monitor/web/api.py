"""Health, metrics, and the JSON API that the command line and other programs read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from monitor.model.alert import STATES
from monitor.model.errors import TcmError
from monitor.model.operator import MAX_OPERATOR_BYTES
from monitor.wire.json_text import load_json

MAX_IMPORT_BYTES = 64 << 20  # an hour of one accelerometer at 5 kHz, compressed
JSON = "application/json"
Handler = Callable[[Request], Awaitable[Response]]


class Backend(Protocol):
    """What the pages ask of the daemon; called from a pool of threads."""

    def status(self) -> dict[str, Any]:
        """The status document."""

    def problems(self) -> dict[str, str]:
        """What does not move, by part; empty when all is well."""

    def alerts(self, state: str | None, container: str | None) -> list[dict[str, Any]]:
        """Published alerts."""

    def metrics(self) -> bytes:
        """Prometheus' text form of the status."""

    def import_recording(
        self, name: str, content: bytes, container: str, logger: str, start: str | None
    ) -> dict[str, int]:
        """Put a recording through the intake; returns when it is journalled."""

    def phases(self, container: str | None) -> list[dict[str, Any]]:
        """Present phases and operators' records."""

    def enter(self, content: Any) -> dict[str, Any]:
        """Journal an operator's record; returns when it is durable."""


def make_app(backend: Backend) -> Starlette:
    """The application for uvicorn."""
    pages: dict[str, Handler] = {
        "/healthz": _healthz,
        "/readyz": _readyz(backend),
        "/metrics": _metrics(backend),
        "/api/status": _status(backend),
        "/api/alerts": _alerts(backend),
        "/api/phases": _phases(backend),
    }
    entries: dict[str, Handler] = {"/api/import": _import(backend), "/api/operator": _operator(backend)}
    routes = [Route(path, handler) for path, handler in pages.items()]
    return Starlette(routes=[*routes, *(Route(path, entry, methods=["POST"]) for path, entry in entries.items())])


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("alive\n")


def _readyz(backend: Backend) -> Handler:
    async def answer(_request: Request) -> Response:
        problems = await run_in_threadpool(backend.problems)
        return JSONResponse({"ready": not problems, "parts": problems}, status_code=503 if problems else 200)

    return answer


def _metrics(backend: Backend) -> Handler:
    async def answer(_request: Request) -> Response:
        return Response(await run_in_threadpool(backend.metrics), media_type="text/plain; version=0.0.4; charset=utf-8")

    return answer


def _status(backend: Backend) -> Handler:
    async def answer(_request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(backend.status))

    return answer


def _alerts(backend: Backend) -> Handler:
    async def answer(request: Request) -> Response:
        state, container = request.query_params.get("state") or None, request.query_params.get("container") or None
        if state is not None and state not in STATES:
            return JSONResponse(
                {"error": f"state: expected one of {', '.join(STATES)}, got {state!r}"}, status_code=400
            )
        return JSONResponse(await run_in_threadpool(backend.alerts, state, container))

    return answer


def _import(backend: Backend) -> Handler:
    async def answer(request: Request) -> Response:
        query = request.query_params
        missing = [key for key in ("name", "container", "logger") if not query.get(key)]
        if missing:
            return JSONResponse({"error": f"{missing[0]}: missing in the query"}, status_code=400)
        content = await _body(request, MAX_IMPORT_BYTES)
        if content is None:
            return JSONResponse({"error": f"expected at most {MAX_IMPORT_BYTES} bytes"}, status_code=413)
        arguments = (query["name"], content, query["container"], query["logger"], query.get("start"))
        try:
            return JSONResponse(await run_in_threadpool(backend.import_recording, *arguments))
        except TcmError as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return answer


def _phases(backend: Backend) -> Handler:
    async def answer(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(backend.phases, request.query_params.get("container") or None))

    return answer


def _operator(backend: Backend) -> Handler:
    async def answer(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != JSON:
            # a page of another site can make a browser send a form or plain text here unasked, but not this
            return JSONResponse({"error": f"content-type: expected {JSON}"}, status_code=415)
        content = await _body(request, MAX_OPERATOR_BYTES)
        if content is None:
            return JSONResponse({"error": f"expected at most {MAX_OPERATOR_BYTES} bytes"}, status_code=413)
        try:
            return JSONResponse(await run_in_threadpool(lambda: backend.enter(load_json(content))))
        except TcmError as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return answer


async def _body(request: Request, limit_bytes: int) -> bytes | None:
    """The body, None when it is longer than `limit_bytes`."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit_bytes:
            return None
    return bytes(content)
