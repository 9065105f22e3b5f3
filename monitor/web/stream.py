"""Server-sent events: each change of an alert as it happens, to programs that stay connected.

However many listen, one task looks into the files; it sleeps while nobody does. A client says by Last-Event-ID what it
has heard last, so that nothing is missed between two connections, nor heard twice. What a client does not take in time
is not kept for it in memory: it is read from the file again once it goes on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from itertools import islice

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from monitor.alerts.listing import Change
from monitor.model.clock import rfc3339
from monitor.model.errors import WireError
from monitor.web.backend import Backend
from monitor.web.lane import Lane

MAX_CLIENTS = 20
LANE = 2  # of them that read the file at once
LOOK_S = 0.25  # between looks: a person waits no longer, and each takes 0.1 ms of what alerts need themselves
BEAT_S = 15.0  # of silence until a comment says that the connection stands
SEND_S = 30.0  # for one piece: whoever takes nothing for so long is gone
MAX_KEPT = 1_000  # of the latest events in memory, a megabyte; who is further behind reads the file
MAX_PIECE = 100  # events that are sent at once
RETRY_MS = 2_000  # until a client whose connection broke tries again
MAX_DIGITS, MAX_ID = 19, (1 << 63) - 1

log = logging.getLogger(__name__)
Event = tuple[int, bytes]  # number of the transition, what is sent


class Stream:
    """The page, and the task that looks for all its clients."""

    def __init__(self, backend: Backend) -> None:
        self._backend, self._lane = backend, Lane(LANE)
        self._clients = 0
        self._looking: asyncio.Task[None] | None = None
        self._latest: deque[Event] = deque(maxlen=MAX_KEPT)
        self._head = 0  # the last transition that was looked at
        self._news = asyncio.Event()  # another one after each look that found something
        self.routes = [Route("/api/stream", self.listen)]

    async def listen(self, request: Request) -> Response:
        """Events without end."""
        after = _number(request)
        if self._clients >= MAX_CLIENTS:
            raise HTTPException(503, f"{MAX_CLIENTS} clients listen already", {"Retry-After": "10"})
        if self._backend.is_ending:
            raise HTTPException(503, "the daemon ends")
        if request.method == "HEAD":
            return Response(media_type=_Events.media_type)
        self._clients += 1
        return _Events(self._events(after), self._leave)

    def _leave(self) -> None:
        self._clients -= 1

    async def _events(self, after: int | None) -> AsyncIterator[bytes]:
        """What a client hears: everything behind number `after`, or from now on."""
        head = await self._lane.call(self._backend.last_transition)
        # A number that is not there yet is of another watch.db: then everything is told.
        reached = head if after is None else after if after <= head else 0
        yield f"retry: {RETRY_MS}\nid: {reached}\n\n".encode()  # who hears nothing else comes back with that number
        self._look_from(head)
        while self._looking and not self._looking.done():
            news = self._news
            events = await self._behind(reached)
            if events:
                reached = events[-1][0]
                yield b"".join(text for _, text in events)
            elif not await self._hears(news):
                yield b": \n\n"

    async def _hears(self, news: asyncio.Event) -> bool:
        """Whether there was something within BEAT_S."""
        try:
            await asyncio.wait_for(news.wait(), BEAT_S)
        except TimeoutError:
            return False
        return True

    async def _behind(self, reached: int) -> list[Event]:
        """The next events, from memory where they are all there."""
        if reached >= self._head:
            return []
        if self._latest and self._latest[0][0] <= reached + 1:
            return list(islice((event for event in self._latest if event[0] > reached), MAX_PIECE))
        return await self._lane.call(self._read, reached)

    def _read(self, after: int) -> list[Event]:
        return [(change.number, _event(change)) for change in self._backend.changes(after)]

    def _look_from(self, head: int) -> None:
        """Have somebody look, if nobody does."""
        if self._looking is None or self._looking.done():
            self._latest.clear()
            self._head = head
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """Look into the file while anybody listens and it can be read; who listens then is told to come again."""
        try:
            while self._clients and not self._backend.is_ending:
                if await self._lane.call(self._backend.last_transition) != self._head:
                    await self._note()
                await asyncio.sleep(LOOK_S)
        except sqlite3.Error as error:
            log.warning("look for changes of alerts: %s: clients are disconnected", error)
        finally:
            self._tell()

    async def _note(self) -> None:
        events = await self._lane.call(self._read, self._head)
        if events:
            self._latest.extend(events)
            self._head = events[-1][0]
            self._tell()

    def _tell(self) -> None:
        before, self._news = self._news, asyncio.Event()
        before.set()


class _Events(StreamingResponse):
    """An answer that goes on until the client leaves, takes nothing any more, or the daemon ends."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], on_end: Callable[[], None]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them; the server closes the connection of whoever takes nothing."""

        async def patient(message: Message) -> None:
            async with asyncio.timeout(SEND_S):
                await send(message)

        try:
            with suppress(TimeoutError):
                await super().__call__(scope, receive, patient)
        finally:
            self._on_end()


def _number(request: Request) -> int | None:
    """The number of the last change that the client knows, None where it knows none."""
    text = request.headers.get("last-event-id") or request.query_params.get("after") or ""
    if not text:
        return None
    if not (text.isdecimal() and text.isascii() and int(text[:MAX_DIGITS]) <= MAX_ID and len(text) <= MAX_DIGITS):
        raise WireError(f"Last-Event-ID: expected the id of an event, a whole number, got {text[:MAX_DIGITS]!r}")
    return int(text)


def _event(change: Change) -> bytes:
    document = {"at": rfc3339(change.at_ns), "change": change.kind, "alert": change.alert}
    return f"id: {change.number}\nevent: alert\ndata: {json.dumps(document)}\n\n".encode()
