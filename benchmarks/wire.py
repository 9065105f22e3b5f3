"""What decoding costs, from the bytes of a message to NumPy arrays, beside the standard library's JSON.

A block of 60 readings of 4 channels and an event of 3 x 4 096 samples, as the simulator's encoder writes them. The JSON
has the same keys, the block's values as one list a channel with the fewest digits that come back exactly as float32,
and ends in the same arrays. The three are measured by turns and in processor time, so that what else the machine does
meets all of them alike; a busy neighbour on the same core still slows everything by half.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import positive, report, rounded, table
from firmware_sim.codec import Env, Shock, Stamp, encode_env, encode_shock
from monitor.wire import decode

READINGS = 60
SAMPLES = 4_096
CHANNELS = ("temperature.hardware", "temperature.air", "humidity.air", "pressure.inside")
MIDDLES = (20.0, 21.0, 40.0, 101_325.0)
DT_US = 1_000_000
STAMP = Stamp(boot=6_263_719_842_105_733, t0_ns=1_795_413_900_000_000_000, mono_ns=300_000_000_000)
SEQ, OLDEST, OVERRUN = 41, 38, 0
SEED = 1
CALLS = 500  # of one measurement: 5 ms, within which the scheduler rarely takes the processor away


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wire", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=positive, default=101)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    random = np.random.default_rng(SEED)
    x = (np.array(MIDDLES) + random.standard_normal((READINGS, len(CHANNELS)))).astype(np.float32)
    counts = random.integers(-2_000, 2_000, (3, SAMPLES)).astype(np.int16)
    block = encode_env(STAMP, SEQ, OLDEST, OVERRUN, Env(CHANNELS, DT_US, x))
    event = encode_shock(STAMP, SEQ, OLDEST, OVERRUN, Shock(5_000.0, 500, (0.0078125,) * 3, 16.0, counts, "a", 1.0))
    text = json_block(x)
    _check(block, text, x)
    calls: dict[str, Callable[[], object]] = {
        "env_us": lambda: decode("env", block),
        "shock_us": lambda: decode("shock", event),
        "json_us": lambda: decode_json(text),
    }
    rounds = [{name: _call_us(call) for name, call in calls.items()} for _ in range(options.rounds)]
    middle = _summary(rounds, median)
    rows = [("median", rounded(middle)), ("quietest", rounded(_summary(rounds, min)))]
    sizes = {"env_bytes": len(block), "json_bytes": len(text), "shock_bytes": len(event)}
    heading = f"block {len(block)} bytes, the same as JSON {len(text)}, event {len(event)}; {options.rounds} rounds"
    report(rounded(middle) | sizes | {"rounds": options.rounds}, f"{heading}\n{table(rows)}", options.json)


def json_block(x: NDArray[np.float32]) -> bytes:
    """The block as columnar JSON without blanks."""
    content: dict[str, object] = {"v": 1, "boot": STAMP.boot, "seq": SEQ, "t0": STAMP.t0_ns, "mono": STAMP.mono_ns}
    content |= {"clk": STAMP.clk, "oldest": OLDEST, "overrun": OVERRUN, "dt": DT_US, "ch": CHANNELS}
    content["x"] = [[float(str(value)) for value in column] for column in x.T]
    return json.dumps(content, separators=(",", ":")).encode()


def decode_json(text: bytes) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Values float32 [readings, channels] and offsets int64 [readings] in ns: what `decode` gives, nothing checked."""
    content = json.loads(text)
    values = np.ascontiguousarray(np.array(content["x"], np.float32).T)
    return values, np.arange(len(values), dtype=np.int64) * (content["dt"] * 1_000)


def _check(block: bytes, text: bytes, x: NDArray[np.float32]) -> None:
    values, offsets_ns = decode_json(text)
    message = decode("env", block)
    if values.tobytes() != x.tobytes() or message.offsets_ns.tolist() != offsets_ns.tolist():  # type: ignore[union-attr]  # an Env
        raise RuntimeError("the JSON does not carry the same block")


def _call_us(call: Callable[[], object]) -> float:
    began_s = time.thread_time()
    for _ in range(CALLS):
        call()
    return (time.thread_time() - began_s) / CALLS * 1e6


def _summary(rounds: list[dict[str, float]], pick: Callable[[list[float]], float]) -> dict[str, float]:
    figures = {name: pick([each[name] for each in rounds]) for name in rounds[0]}
    return figures | {"ratio_to_json": figures["json_us"] / figures["env_us"]}


if __name__ == "__main__":
    main()
