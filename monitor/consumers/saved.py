"""The judge's state as bytes: versioned CBOR."""

from __future__ import annotations

from typing import Any

import cbor2

from monitor.consumers.order import Order
from monitor.model.errors import SnapshotError, TcmError

# Raise it when anything in it changes its meaning. From version 6 on retention may have dropped what a state came from:
# a program that raises it has to take up the version before.
SNAPSHOT_VERSION = 6


def written(content: dict[str, Any]) -> bytes:
    """The state in bytes, under its version."""
    return cbor2.dumps({"version": SNAPSHOT_VERSION} | content)


def order_of(data: bytes) -> Order:
    """How far each stream had come."""
    order = Order()
    order.restore(content_of(data)["order"])
    return order


def provisional(data: bytes) -> list[str]:
    """The containers that have a fork."""
    return sorted(name for name, *_ in content_of(data)["forks"]["forks"])


def content_of(data: bytes) -> dict[str, Any]:
    """What `written` made bytes of; SnapshotError when it is none or an earlier version's, TcmError of a later one."""
    operation, place = "restore detector", "snapshot in watch.db"
    try:
        content = cbor2.loads(data)
    except cbor2.CBORDecodeError as error:
        raise SnapshotError(operation, place, f"not readable: {error}") from None
    version = content.get("version") if isinstance(content, dict) else None
    cause = f"version {version}, expected {SNAPSHOT_VERSION}"
    if isinstance(version, int) and version > SNAPSHOT_VERSION:
        raise TcmError(operation, place, cause, "a later version of this program wrote it: start that one")
    if version != SNAPSHOT_VERSION:
        raise SnapshotError(operation, place, cause)
    return content  # type: ignore[no-any-return]  # a dict, as it has a version
