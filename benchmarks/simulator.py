"""How many readings a second the simulator makes, and the memory of 10 000 loggers; both without a broker.

readings_per_s: physics, sensors and encoding: blocks of 60 readings of 4 channels, one a second, that become records
in the loggers' memories. fleet_readings_per_s: the whole of `tcm-sim run` but for MQTT, so with births, sending,
acknowledgements and freeing as well. rss_mb: the most memory of a process that runs 10 000 loggers for half a virtual
hour, each of them with 10 minutes of records that wait for their acknowledgement.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median

from benchmarks.common import REPOSITORY, positive, report, rounded, table
from firmware_sim import recorder, scenario
from firmware_sim.clock import NS_PER_S
from firmware_sim.codec import Env
from firmware_sim.device import Logger, Oscillator
from firmware_sim.plan import LoggerPlan, Made
from firmware_sim.publish.line import LocalLine
from firmware_sim.recorder.truth import Truth
from firmware_sim.runner import Fleet
from firmware_sim.unit import Unit

START_NS = 1_795_413_600 * NS_PER_S
LOGGERS = 40  # four in a container, as in our scenarios
BLOCKS = 8_000  # in all, of a run: about a second
READINGS = 60
SCENARIO = f"""
title = "benchmark"
[device]
interval = "1 s"
block = {READINGS}
channels = ["temperature.air", "temperature.hardware", "humidity.air", "pressure.inside"]
[[container]]
id = "C-1"
logger = [{", ".join(f'{{ id = "L-{n}", serial = "SN-{n}" }}' for n in range(4))}]
[[leg]]
id = "store"
phase = "storage"
for = "1 d"
"""
MANY = 10_000
MANY_SCENARIO = "departure"
MANY_LENGTH_NS = 1800 * NS_PER_S
MANY_DELAY_NS = 600 * NS_PER_S


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=positive, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)  # the child that rss_mb is of
    options = parser.parse_args()
    if options.memory:
        print(json.dumps(_memory()))  # noqa: T201 - for the parent
        return
    makers: dict[str, Callable[[], float]] = {"readings_per_s": _made_per_s, "fleet_readings_per_s": _run_per_s}
    found = {name: [make() for _ in range(options.runs)] for name, make in makers.items()}
    child = [sys.executable, "-m", "benchmarks.simulator", "--memory"]
    memory = json.loads(subprocess.run(child, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout)
    figures = rounded({name: median(values) for name, values in found.items()} | memory)
    report(figures | {"runs": options.runs, "loggers": MANY}, table([("", figures)]), options.json)


def _plans() -> list[LoggerPlan]:
    parsed = scenario.parse(SCENARIO, "benchmark")
    return recorder.plan(parsed, START_NS, speed=1.0, loggers=LOGGERS, truth=Truth(None))


def _made_per_s() -> float:
    """Make records in the order of time, each logger's next block in turn."""
    plans = _plans()
    loggers = [Logger(plan.identity, Oscillator(plan.drift_ppm), plan.boot_ns) for plan in plans]
    begin_s = time.perf_counter()
    for _ in range(BLOCKS // LOGGERS):
        for plan, logger in zip(plans, loggers, strict=True):
            t0_ns, env = _next_block(plan)
            logger.add_env(t0_ns, env)
    return BLOCKS * READINGS / (time.perf_counter() - begin_s)


def _next_block(plan: LoggerPlan) -> tuple[int, Env]:
    for happening in plan.happenings:
        if isinstance(happening, Made) and isinstance(happening.content, Env):
            return happening.t0_ns, happening.content
    raise RuntimeError("benchmark: the plan came to an end")


def _run_per_s() -> float:
    fleet = Fleet()
    for plan in _plans():
        fleet.add(Unit(plan, LocalLine(), Truth(None), lambda: START_NS))
    begin_s = time.perf_counter()
    fleet.advance(START_NS + BLOCKS // LOGGERS * READINGS * NS_PER_S)
    elapsed_s = time.perf_counter() - begin_s
    summary = fleet.summary()
    if not summary.created == summary.acknowledged >= BLOCKS - LOGGERS:
        raise RuntimeError(f"benchmark of the fleet: {summary}, expected {BLOCKS} records, all acknowledged")
    return summary.created * READINGS / elapsed_s


def _memory() -> dict[str, float]:
    """Run the many loggers; the most memory of this process in MB (1e6 bytes), and the seconds that planning took."""
    loaded = scenario.load(MANY_SCENARIO)
    begin_s = time.perf_counter()
    plans = recorder.plan(loaded, START_NS, speed=1.0, loggers=MANY, truth=Truth(None))
    plan_s = time.perf_counter() - begin_s
    fleet = Fleet()
    for plan in plans:
        fleet.add(Unit(plan, LocalLine(MANY_DELAY_NS), Truth(None), lambda: START_NS))
    fleet.advance(START_NS + MANY_LENGTH_NS)
    if fleet.summary().acknowledged < MANY:
        raise RuntimeError(f"benchmark of the memory: {fleet.summary()}, expected records of all loggers acknowledged")
    return {"rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6, "plan_s": plan_s}


if __name__ == "__main__":
    main()
