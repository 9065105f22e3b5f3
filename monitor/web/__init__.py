"""The HTTP interface, on loopback unless configured otherwise."""

from monitor.web.api import Backend, make_app

__all__ = ["Backend", "make_app"]
