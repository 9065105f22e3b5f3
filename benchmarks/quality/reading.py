"""The truth's files, as the simulator writes them (see `docs/simulator.md`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.truth import NS_PER_S, Arrival, Leg, LoggerTruth, Made, time_ns


def read_truth(folder: Path, arrivals: Mapping[str, Sequence[Arrival]]) -> list[LoggerTruth]:
    """The loggers of a run, clones aside; `arrivals` by logger."""
    told = json.loads((folder / "scenario.json").read_text(encoding="utf-8"))
    lines = {name: list(_lines(folder / f"{name}.jsonl")) for name in ("records", "faults", "shocks")}
    found = []
    for logger in told["loggers"]:
        if "instance" in logger:
            continue
        name, start_ns = logger["logger"], told["start_ns"]
        mine = {kind: [line for line in rows if line["logger"] == name] for kind, rows in lines.items()}
        grid = logger["grid"]
        made = [
            Made(*(line[key] for key in ("boot", "seq", "kind", "t0_ns", "told_ns", "clk", "fate")))
            for line in sorted(mine["records"], key=lambda line: line.get("instance", 0))
        ]
        found.append(
            LoggerTruth(
                container=logger["container"],
                name=name,
                start_ns=start_ns,
                told=logger,
                quantities=np.load(folder / grid["file"])
                if grid and grid["columns"]
                else np.empty((0, 0), dtype=np.float32),
                legs=_legs(told, logger["container"]),
                made=made,
                arrivals=arrivals.get(name, ()),
                faults=mine["faults"],
                shocks=mine["shocks"],
            )
        )
    return found


def _legs(told: Mapping[str, Any], container: str) -> list[Leg]:
    start_ns = told["start_ns"]
    return [
        Leg(
            begin_s=(time_ns(leg["begin"]) - start_ns) / NS_PER_S,
            end_s=(time_ns(leg["end"]) - start_ns) / NS_PER_S,
            id=leg["leg"],
            phase=leg["phase"],
        )
        for leg in told["legs"]
        if leg["container"] == container
    ]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
