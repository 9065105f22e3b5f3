"""The door: what is the same for every request, whatever becomes of it.

1. Whoever wants to change something shows the operators' token.
2. A request that says in two ways how long it is, is none: a proxy may have understood the other one.
3. A body that is not read to its end is not waited for: the connection is closed. What is on its way is read and
   thrown away for a moment, as the kernel would otherwise reset the connection before the client has the answer.
4. Refusals are logged, without anything secret.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.web.errors import refusal

READING = ("GET", "HEAD", "OPTIONS")
LINGER_S = 1.0
LINGER_BYTES = 4 << 20  # what lies in the buffers of both sides on a fast line
MAX_PATH = 100  # characters of a path in the log
LOGGED = (400, 401, 408, 413, 422)

log = logging.getLogger(__name__)


class Door:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            return  # no websockets here, and the server's own life is the daemon's
        headers, body = Headers(scope=scope), _Body(Headers(scope=scope), receive)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                if not body.is_done:
                    MutableHeaders(scope=message)["Connection"] = "close"
                _log(scope, message["status"])
            elif not message.get("more_body", False) and not body.is_done:
                await send({**message, "more_body": True})
                await body.discard()
                message = {"type": "http.response.body"}
            await send(message)

        await self._app_for(scope["method"], headers)(scope, body.receive, answer)

    def _app_for(self, method: str, headers: Headers) -> ASGIApp:
        if "transfer-encoding" in headers and "content-length" in headers:
            return _AMBIGUOUS
        return self._app if method in READING or self._knows(headers) else _UNAUTHORISED

    def _knows(self, headers: Headers) -> bool:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return hmac.compare_digest(token.strip().encode(), self._token) and scheme.lower() == "bearer"


def _log(scope: Scope, status: int) -> None:
    if status in LOGGED:
        host, port = scope.get("client") or ("?", 0)
        what = f"{scope['method']} {scope['path'][:MAX_PATH]!r} from {host}:{port}"
        log.warning("refused %s: %d %s", what, status, HTTPStatus(status).phrase)


class _Body:
    """A request's body as it is read; `is_done` once there is no more of it."""

    def __init__(self, headers: Headers, receive: Receive) -> None:
        self._receive = receive
        self.is_done = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers

    async def receive(self) -> Message:
        """The next piece."""
        message = await self._receive()
        self.is_done = self.is_done or message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def discard(self) -> None:
        """Throw away what is on its way; not more than LINGER_BYTES, nor for longer than LINGER_S."""
        count = 0
        try:
            async with asyncio.timeout(LINGER_S):
                while not self.is_done and count < LINGER_BYTES:
                    count += len((await self.receive()).get("body", b""))
        except (TimeoutError, asyncio.CancelledError):
            return  # it neither sends nor goes, or the server ends


_AMBIGUOUS = refusal(400, "expected Content-Length or Transfer-Encoding, got both")
_UNAUTHORISED = refusal(
    401,
    "token: expected 'Authorization: Bearer <token>' with what stands in the operators' token file",
    {"WWW-Authenticate": "Bearer"},
)
