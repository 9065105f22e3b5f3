"""Import: a recording as deliveries, so that it takes the same way into the journal as what loggers send."""

from __future__ import annotations

from collections.abc import Callable

from monitor.config import Rules
from monitor.ingest.inbox import MAX_INBOX_MESSAGES, Delivery
from monitor.ingest.recording import parse_recording, payloads
from monitor.model.channel import is_identifier
from monitor.model.clock import Clock, parse_rfc3339
from monitor.model.errors import TcmError, WireError
from monitor.wire import decode


def import_deliveries(
    name: str,
    content: bytes,
    container: str,
    logger: str,
    start: str | None,
    clock: Clock,
    acknowledge: Callable[[], None],
) -> tuple[list[Delivery], dict[str, int]]:
    """The deliveries of a file and what they hold: records, readings, events.

    `start` is the RFC 3339 time at which the recording began (now by default). `acknowledge` is called once for each
    delivery when it is journalled. TcmError for a file, name or time that cannot be used.
    """
    for what, text in (("container", container), ("logger", logger)):
        if not is_identifier(text):
            raise TcmError("import", what, f"expected an identifier [A-Za-z0-9_.-]{{1,64}}, got {text!r}")
    start_ns = _start_ns(start, clock)
    pieces = parse_recording(name, content)
    if not pieces:
        raise TcmError("import", name, "expected readings, the file has none")
    if len(pieces) > MAX_INBOX_MESSAGES:
        raise TcmError(
            "import", name, f"expected at most {MAX_INBOX_MESSAGES} records, got {len(pieces)}", "cut the file"
        )
    deliveries = []
    for kind, _boot, _seq, payload in payloads(pieces, container, logger, start_ns):
        try:
            decode(kind, payload)  # what the intake would quarantine is an error here, before anything is imported
        except WireError as error:
            raise TcmError("import", name, str(error)) from None
        topic = f"tcm/v1/{container}/{logger}/up/fill/{kind}"
        deliveries.append(Delivery(clock.now_ns(), topic, payload, False, False, acknowledge))
    counts = {
        "records": len(pieces),
        "readings": sum(piece.size for piece in pieces if piece.kind == "env"),
        "events": sum(piece.kind == "shock" for piece in pieces),
    }
    return deliveries, counts


def require_accepted(rules: Rules, container: str, logger: str) -> None:
    """TcmError when what this logger sends would go to quarantine, or the logger belongs to another container."""
    for other in rules.containers.values():
        if other.id != container and rules.is_registered(other.id, logger):
            raise TcmError("import", f"{container}/{logger}", f"the logger is registered in container {other.id}")
    if not rules.accepts(container, logger):
        hint = "register the logger, or set [ingest] unknown_loggers to accept"
        raise TcmError("import", f"{container}/{logger}", "the logger is not registered", hint)


def _start_ns(start: str | None, clock: Clock) -> int:
    if start is None:
        return clock.now_ns()
    try:
        return parse_rfc3339(start)
    except (ValueError, OverflowError) as error:
        raise TcmError("import", "start", f"expected a time such as 2026-11-23T06:00:00Z: {error}") from None
