"""Topics: `tcm/v1/<container>/<logger>/up/[fill/]<kind>` and what the daemon publishes."""

from __future__ import annotations

from typing import NamedTuple

from monitor.model.channel import is_identifier
from monitor.model.errors import WireError

LIVE_FILTER = "tcm/v1/+/+/up/+"
FILL_FILTER = "tcm/v1/+/+/up/fill/+"
# A gateway's messages to itself: a logger is never called `-`, and no record is of this kind.
LIVE_PROBE = "tcm/v1/-/-/up/probe"
FILL_PROBE = "tcm/v1/-/-/up/fill/probe"
KINDS = ("env", "shock", "status")


class Topic(NamedTuple):
    """Who sent what; `kind` is env, shock or status."""

    container: str
    logger: str
    kind: str
    is_fill: bool


def parse_topic(topic: str) -> Topic:
    """Take a topic of a logger apart; WireError when a name is no identifier or the kind is unknown."""
    parts = topic.split("/")
    is_fill = len(parts) == 7 and parts[5] == "fill"
    if parts[:2] != ["tcm", "v1"] or parts[4:5] != ["up"] or not (is_fill or len(parts) == 6):
        raise WireError(f"topic: expected tcm/v1/<container>/<logger>/up/[fill/]<kind>, got {topic[:200]!r}")
    container, logger, kind = parts[2], parts[3], parts[-1]
    for name in (container, logger):
        if not is_identifier(name):
            raise WireError(f"topic: expected an identifier [A-Za-z0-9_.-]{{1,64}}, not - alone, got {name[:80]!r}")
    if kind not in KINDS or (is_fill and kind == "status"):
        raise WireError(f"topic: expected a kind of env, shock or status (fill: env or shock), got {kind[:80]!r}")
    return Topic(container, logger, kind, is_fill)


def ack_topic(container: str, logger: str) -> str:
    """Where a logger listens for what is settled."""
    return f"tcm/v1/{container}/{logger}/down/ack"


def alert_topic(container: str, alert_id: str) -> str:
    """Where the world reads an alert (retained)."""
    return f"tcm/v1/{container}/alerts/{alert_id}"
