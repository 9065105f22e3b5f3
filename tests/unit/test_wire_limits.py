"""Whatever comes, it is decoded or refused within 50 ms and 32 MiB, and each limit lies where it is said to lie."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc
from statistics import median

import pytest

from monitor.model.errors import WireError
from monitor.model.record import Env, Shock
from monitor.wire import decode
from monitor.wire.structure import MAX_DEPTH, MAX_ITEMS, MAX_TEXT_BYTES, load_map
from tests.hostile import MIB, head, hostile, largest, mapped, put, text
from tests.messages import GOOD, refusal

MAX_MS = 50.0
MAX_GROWTH_BYTES = 32 << 20
MAX_REASON = 300  # characters
TRIES = 5


def outcome(kind: str, payload: bytes) -> str | None:
    """The reason of refusal, None when it decodes."""
    try:
        decode(kind, payload)
    except WireError as error:
        assert 0 < len(str(error)) <= MAX_REASON
        return str(error)
    return None


def took_ms(kind: str, payload: bytes) -> float:
    """Processor time, since the wall clock of a shared machine measures the others too; the median where it is long."""
    tries = [once_ms(kind, payload)]
    if tries[0] > MAX_MS / 4:
        tries += [once_ms(kind, payload) for _ in range(TRIES - 1)]
    return median(tries)


def once_ms(kind: str, payload: bytes) -> float:
    began_ns = time.thread_time_ns()
    outcome(kind, payload)
    return (time.thread_time_ns() - began_ns) / 1e6


def measure() -> None:
    """Body of a process of its own: the slowest payloads, and by how much the process ever grew."""
    before_bytes, count, slowest = peak_bytes(), 0, [(0.0, "")]
    for each in hostile():
        slowest = sorted([*slowest, (took_ms(each.kind, each.payload), each.name)])[-3:]
        count += 1
    print(json.dumps({"count": count, "slowest": slowest, "growth_bytes": peak_bytes() - before_bytes}))  # noqa: T201 - for the parent


def peak_bytes() -> int:
    """The most memory that this process ever held, compiled libraries included."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - a path would allocate as much as it measures
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))


def test_every_payload_ends_within_its_time_and_memory() -> None:
    """All payloads in one process, of which none may take more than 50 ms and all together no more than 32 MiB.

    The CBOR library is compiled, so only the process's own peak shows what it allocates.
    """
    script = "from tests.unit.test_wire_limits import measure; measure()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=100)
    measured = json.loads(done.stdout)
    assert measured["count"] > 300
    assert measured["slowest"][-1][0] <= MAX_MS, measured
    assert measured["growth_bytes"] <= MAX_GROWTH_BYTES, measured


def test_no_payload_takes_much_of_pythons_memory() -> None:
    """Each of those that are built before they are ignored or refused, by itself."""
    tracemalloc.start()
    try:
        for each in hostile():
            if each.name.endswith(("as novel", "twice", "keys")):
                before, _ = tracemalloc.get_traced_memory()
                tracemalloc.reset_peak()
                outcome(each.kind, each.payload)
                assert tracemalloc.get_traced_memory()[1] - before <= MAX_GROWTH_BYTES, each.name
    finally:
        tracemalloc.stop()


def test_the_largest_that_is_allowed_decodes() -> None:
    """64 channels, 100 000 readings, 170 000 samples and 1 024 held ranges are within the limits."""
    decoded = {each.name: decode(each.kind, each.payload) for each in largest()}
    block, event = decoded["even readings"], decoded["samples"]
    assert isinstance(block, Env)
    assert isinstance(event, Shock)
    assert (block.values.shape, event.samples) == ((100_000, 1), 170_000)


def test_a_payload_may_be_one_mib_and_no_more() -> None:
    """An unknown key of any length is ignored within it; one byte beyond, nothing is looked at."""
    spare = MIB - len(put(GOOD["env"], "novel", b"")) - 5
    payload = put(GOOD["env"], "novel", b"\x5a" + spare.to_bytes(4, "big") + bytes(spare))
    assert len(payload) == MIB
    assert outcome("env", payload) is None
    error = refusal("env", payload + b"\0")
    assert str(error) == f"size: expected at most {MIB} bytes, got {MIB + 1}"
    assert error.identity is None


@pytest.mark.parametrize("beyond", [0, 1])
def test_items_text_and_depth_are_counted(beyond: int) -> None:
    """One more than each limit is refused as a whole; what lies at the limit is not."""
    pad = text("pad") + head(2, 40_000) + bytes(40_000)
    own = len(load_map(mapped([pad]))) * 2 + 1 + 2  # key and value, the map; the other key and its list
    payloads = {
        "items": mapped([pad, text("z") + head(4, MAX_ITEMS - own + beyond) + b"\0" * (MAX_ITEMS - own + beyond)]),
        "text": mapped([pad, text("z") + text("a" * (MAX_TEXT_BYTES + beyond))]),
        "deep": mapped([text("z") + b"\x81" * (MAX_DEPTH - 1 + beyond) + b"\0"]),
    }
    for name, payload in payloads.items():
        reason = outcome("env", payload)
        assert reason is not None
        assert reason.startswith("CBOR: ") == bool(beyond), (name, reason)
