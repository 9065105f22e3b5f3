"""The whole document: paths, schemas, and how to be let in."""

from __future__ import annotations

from typing import Any

from monitor import API, __version__
from monitor.web.openapi import of_alerts, of_daemon, of_operators
from monitor.web.openapi.paths import PATHS

ABOUT = f"""Alerts of transport containers, and what operators do about them.

Every answer says its version in TCM-Version and TCM-API ({API}); keys may be added to objects without another TCM-API.
Times are RFC 3339 in UTC. Whoever wants to change something shows the token that the daemon keeps in a file readable
by its operators."""
SCHEMES = {"token": {"type": "http", "scheme": "bearer", "description": "what stands in the operators' token file"}}


def document() -> dict[str, Any]:
    """What `/api/openapi.json` answers."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "TCM monitor", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "paths": PATHS,
        "components": {
            "schemas": of_alerts.SCHEMAS | of_operators.SCHEMAS | of_daemon.SCHEMAS,
            "securitySchemes": SCHEMES,
        },
    }
