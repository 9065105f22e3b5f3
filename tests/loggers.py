"""Loggers to try things on: made, fed with records, acknowledged, and their messages read, all without a broker."""

from typing import Any

import cbor2
import numpy as np

from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Env
from firmware_sim.device import Identity, Logger, Message, Oscillator, Record

START_NS = 1_795_413_600 * NS_PER_S
MINUTE_NS = 60 * NS_PER_S
DAY_NS = 1440 * MINUTE_NS


def make(oscillator: Oscillator | None = None, **changes: Any) -> Logger:
    """Return a logger that was just switched on."""
    identity: dict[str, Any] = {
        "container": "C-1",
        "logger": "L-1",
        "serial": "SN-1",
        "model": "TL-3",
        "interval_us": 60_000_000,
    }
    return Logger(Identity(**(identity | changes)), oscillator or Oscillator(), START_NS)


def add(logger: Logger, n: int = 1, from_ns: int = START_NS) -> list[Record]:
    """Make n records of one block each, a minute apart from its next seq on."""
    first = logger.next_seq
    env = Env(("temperature.air",), 60_000_000, np.full((5, 1), 20.5, dtype=np.float32))
    return [logger.add_env(from_ns + (first + i) * MINUTE_NS, env) for i in range(n)]


def settle(logger: Logger, upto: int, *want: tuple[int, int], at_ns: int = START_NS, boot: int | None = None) -> None:
    """Let the logger receive an acknowledgement, for its present boot if no other is named."""
    content = {"v": 1, "boot": logger.boot if boot is None else boot, "upto": upto, "want": want, "now": at_ns}
    logger.receive(at_ns, cbor2.dumps(content))


def read(message: Message) -> dict[str, Any]:
    """Return the content of a message, its ranges and pairs as lists."""
    content: dict[str, Any] = cbor2.loads(message.payload)
    return content | {key: [list(entry) for entry in content[key]] for key in ("held", "boots") if key in content}


def seqs(messages: list[Message]) -> list[int]:
    """Return the seq of each message."""
    return [read(message)["seq"] for message in messages]


def paths(messages: list[Message]) -> list[str]:
    """Return the end of each message's topic."""
    return [message.topic.removeprefix("tcm/v1/C-1/L-1/") for message in messages]
