"""The server under the application: how connections are kept, and when they are closed."""

from __future__ import annotations

import asyncio
import logging

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from monitor import API, __version__
from monitor.model.clock import Clock
from monitor.web import door
from monitor.web.api import make_app
from monitor.web.backend import Backend
from monitor.web.few_lines import FewLines

MAX_CONNECTIONS = 256  # at once, 20 kB each; beyond it is busy
HEAD_S = 20  # from the connection, or the last answer, to the end of the next request's head: else it is closed
LEAVE_S = 2  # for requests under way when the daemon ends
LIMITED = ("uvicorn.error", door.__name__)  # loggers


def make_server(backend: Backend, token: str, clock: Clock) -> uvicorn.Server:
    """The HTTP interface of the process; whoever wants to change something has to know the token."""
    for name in LIMITED:
        logging.getLogger(name).filters[:] = [FewLines(clock)]
    return uvicorn.Server(
        uvicorn.Config(
            make_app(backend, token),
            http=Connection,
            ws="none",
            log_config=None,  # the daemon's own, with times
            log_level="warning",
            access_log=False,
            lifespan="off",
            proxy_headers=False,  # the log names who connected, not who says to be behind it
            headers=[("TCM-Version", __version__), ("TCM-API", API)],
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=HEAD_S,
            timeout_graceful_shutdown=LEAVE_S,
        )
    )


class Connection(H11Protocol):
    """Closed when the head of a request does not come: otherwise whoever sends half a head keeps the place for good.

    The server's own time begins only behind an answer, and ends with the first byte of the next request.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base class
        """The time begins."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def data_received(self, data: bytes) -> None:
        """As the base class, but the time goes on until a request's head is there."""
        self.conn.receive_data(data)
        self.handle_events()
