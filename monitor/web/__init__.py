"""The HTTP interface, on loopback unless configured otherwise."""

from monitor.web.backend import Backend
from monitor.web.server import make_server

__all__ = ["Backend", "make_server"]
