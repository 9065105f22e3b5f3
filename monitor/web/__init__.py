"""The HTTP interface, on loopback unless configured otherwise."""

from monitor.web.api import make_app
from monitor.web.backend import Backend

__all__ = ["Backend", "make_app"]
