"""A TCP proxy that a test can break: the network between two programs on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Self

from tests.processes import HOST, free_port

CHUNK_BYTES = 64 << 10
CALL_S = 10.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST and drops what waits
MAX_HEAD_BYTES = 64 << 10


class Proxy:
    """Carries bytes from `port` to `target_port` until told otherwise; breaks are mended by `mend`.

    A connection that was cut stays cut; one that stalled goes on where it was; a half-open one says nothing until its
    client sends something after the mending, and is then reset, as by a router that forgot it.
    """

    def __init__(self, target_port: int) -> None:
        self.port, self._target_port = free_port(), target_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self.delay_s = 0.0
        self.answer: bytes | None = None  # the status line of HTTP that is given instead of forwarding
        self.is_deaf = False  # nothing comes back, as when an answer is lost after the commit
        self.flows = asyncio.Event()
        self.flows.set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_S)
        self._loop.close()

    @property
    def is_listening(self) -> bool:
        """Whether new connections are taken."""
        return self._server is not None

    def cut(self) -> None:
        """Reset every connection and refuse new ones."""
        self._call(self._cut())

    def stall(self) -> None:
        """Let nothing through, either way; connections stand, new ones are taken and hear nothing."""
        self._call(self._stall())

    def delay(self, delay_s: float) -> None:
        """Let each piece come so much later."""
        self.delay_s = delay_s

    def forget(self) -> None:
        """Lose every connection on the server's side, without a word to the client's; refuse new ones."""
        self._call(self._forget())

    def reply(self, status: str) -> None:
        """Answer each HTTP request with this status instead of forwarding it."""
        self.answer = status.encode()
        self._call(self._reset_all())

    def swallow(self) -> None:
        """Forward requests, and lose the answers."""
        self.is_deaf = True

    def mend(self) -> None:
        """Carry as before."""
        self.delay_s, self.answer = 0.0, None
        self._call(self._mend())

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, HOST, self.port)

    async def _unlisten(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()  # no wait_closed: from Python 3.12 on it waits for the connections

    async def _cut(self) -> None:
        await self._unlisten()
        await self._reset_all()

    async def _reset_all(self) -> None:
        for connection in tuple(self._connections):
            connection.reset()

    async def _stall(self) -> None:
        self.flows.clear()

    async def _forget(self) -> None:
        await self._unlisten()
        for connection in tuple(self._connections):
            connection.forget()

    async def _mend(self) -> None:
        if self.is_deaf:
            self.is_deaf = False
            await self._reset_all()
        self.flows.set()
        await self._listen()

    async def _close(self) -> None:
        await self._cut()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.answer is not None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await _reply(reader, writer, self.answer)
            writer.close()
            return
        try:
            server = await asyncio.open_connection(HOST, self._target_port)
        except OSError:
            _reset(writer)
            return
        connection = _Connection(self, (reader, writer), server)
        self._connections.add(connection)
        await connection.run()
        self._connections.discard(connection)

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_S)


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    """One client and its server."""

    def __init__(self, proxy: Proxy, client: Stream, server: Stream) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._is_forgotten = False
        self.tasks: list[asyncio.Task[None]] = []
        for _, writer in (client, server):
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def run(self) -> None:
        """Carry both ways until either side ends."""
        up = asyncio.create_task(self._carry(self._client[0], self._server[1], is_up=True))
        down = asyncio.create_task(self._carry(self._server[0], self._client[1], is_up=False))
        self.tasks = [up, down]
        await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
        if self._is_forgotten:
            await asyncio.wait([up])
        self.reset()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def forget(self) -> None:
        """Drop the server's side; the client hears of it once it sends something after the mending."""
        self._is_forgotten = True
        _reset(self._server[1])

    def reset(self) -> None:
        """Drop both sides."""
        for task in self.tasks:
            task.cancel()
        _reset(self._client[1])
        _reset(self._server[1])

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_up: bool) -> None:
        proxy = self._proxy
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                if proxy.delay_s:
                    await asyncio.sleep(proxy.delay_s)
                await proxy.flows.wait()
                if self._is_forgotten:
                    if proxy.is_listening:
                        return
                    continue
                if proxy.is_deaf and not is_up:
                    continue
                target.write(data)
                await target.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # it may have ended by itself
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


async def _reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, status: bytes) -> None:
    head = (await reader.readuntil(b"\r\n\r\n"))[:MAX_HEAD_BYTES].lower()
    length = next((line.partition(b":")[2] for line in head.split(b"\r\n") if line.startswith(b"content-length")), b"0")
    await reader.readexactly(int(length))
    body = b'{"error": "as the test wishes"}'
    writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))
    await writer.drain()
