"""What changes something: operators' records and their attachments, recordings, the configuration."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from monitor.model.errors import WireError
from monitor.model.operator import MAX_OPERATOR_BYTES
from monitor.model.operator_keys import MAX_ATTACHMENT_BYTES
from monitor.web.backend import Backend
from monitor.web.bodies import hand_on, read_body, read_json
from monitor.web.lane import Lane

MAX_ENTERING = 16  # at once, as each waits for the disk
MAX_IMPORT_BYTES = 64 << 20  # an hour of one accelerometer at 5 kHz, compressed


class Actions:
    """Pages that take something."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._lane = backend, Lane(MAX_ENTERING)
        self.routes = [
            Route("/api/operator", self.enter, methods=["POST"]),
            Route("/api/alerts/{id}/ack", self.acknowledge, methods=["POST"]),
            Route("/api/attachments", self.attach, methods=["POST"]),
            Route("/api/import", self.take_recording, methods=["POST"]),
            Route("/api/reload", self.reload, methods=["POST"]),
        ]

    async def enter(self, request: Request) -> Response:
        """Journal an operator's record."""
        content = await read_json(request, MAX_OPERATOR_BYTES)
        return JSONResponse(await self._lane.call(self._backend.enter, content))

    async def acknowledge(self, request: Request) -> Response:
        """Journal that somebody has seen an alert."""
        content = await read_json(request, MAX_OPERATOR_BYTES)
        if not isinstance(content, dict):
            raise WireError(f"expected a JSON object, got {type(content).__name__}")
        return JSONResponse(await self._lane.call(self._backend.acknowledge, request.path_params["id"], content))

    async def attach(self, request: Request) -> Response:
        """Keep a file that a record will name."""
        upload = await self._lane.call(self._backend.upload, _given(request, "name"))
        try:
            await hand_on(request, MAX_ATTACHMENT_BYTES, lambda piece: self._lane.call(upload.write, piece))
            return JSONResponse(await self._lane.call(upload.finish))
        finally:
            upload.abandon()

    async def take_recording(self, request: Request) -> Response:
        """Put a recording through the intake."""
        name, container, logger = (_given(request, key) for key in ("name", "container", "logger"))
        content = await read_body(request, MAX_IMPORT_BYTES)
        start = request.query_params.get("start") or None
        return JSONResponse(
            await self._lane.call(self._backend.import_recording, name, content, container, logger, start)
        )

    async def reload(self, request: Request) -> Response:
        """Take up the configuration's files as they are now; nobody can ask for others."""
        await read_body(request, 0)
        return JSONResponse(await self._lane.call(self._backend.reload))


def _given(request: Request, key: str) -> str:
    text = request.query_params.get(key)
    if not text:
        raise WireError(f"{key}: missing in the query")
    return text
