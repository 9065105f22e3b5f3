"""What really happened, for whoever scores a monitor: free of noise, and complete.

    scenario.json      title, seed, start, and of each logger what it is and how far its sensors err
    records.jsonl      every record ever created, with its fate: acknowledged, lost (on the logger), held
    shocks.jsonl       every shock at every accelerometer: true peak, velocity change, drop height, whether triggered
    faults.jsonl       every injected fault with its times
    quantities/<logger>.npy    float32 [n, columns]: noise-free, on the grid that scenario.json states

With the name of a file (one with an ending, such as truth.jsonl) all lines go into that file, without the quantities.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TextIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from firmware_sim.clock import rfc3339
from firmware_sim.device import Fate, Identity, Record
from firmware_sim.plan import LoggerPlan, Made

GRID_PARTS = 10  # of the logger's interval, in which the quantities are written
MAX_OPEN_GRIDS = 200  # files; a fleet of ten thousand loggers writes the quantities of the first ones only
LINE_FILES = ("records", "shocks", "faults")


class Grid:
    """One logger's quantities, appended to an .npy file whose header is kept right, also after a kill."""

    def __init__(self, path: Path, columns: int) -> None:
        self._file: BinaryIO = path.open("wb")
        self._columns = columns
        self._rows = 0
        self._write_header()

    def append(self, values: NDArray[np.float32]) -> None:
        """Append rows, float32 (n, columns)."""
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(values, dtype="<f4").tobytes())
        self._rows += len(values)
        self._write_header()

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _write_header(self) -> None:
        # numpy leaves room in the header for the first dimension to grow, so its length stays the same
        self._file.seek(0)
        header = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, self._columns)}
        npy.write_array_header_1_0(self._file, header)


class Truth:
    """Collects what the recorder and the runner know. `path` None: nobody asked for it."""

    def __init__(self, path: Path | None) -> None:
        self._folder = path if path is not None and (path.is_dir() or not path.suffix) else None
        self._lines: dict[str, TextIO] = {}
        self._grids: dict[str, Grid] = {}
        self._caught: dict[
            tuple[str, int, int], list[dict[str, Any]]
        ] = {}  # shocks that wait for their record's number
        if self._folder is not None:
            (self._folder / "quantities").mkdir(parents=True, exist_ok=True)
            for name in LINE_FILES:
                self._lines[name] = (self._folder / f"{name}.jsonl").open("w", encoding="utf-8")
        elif path is not None:
            self._lines = dict.fromkeys(LINE_FILES, path.open("w", encoding="utf-8"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def wants_grid(self) -> bool:
        """Whether the quantities are to be written."""
        return self._folder is not None

    def scenario(self, content: Mapping[str, Any]) -> None:
        """Write what the scenario and its loggers are."""
        if self._folder is not None:
            (self._folder / "scenario.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def grid(self, logger: str, columns: Sequence[str]) -> Grid | None:
        """Return where a logger's quantities go; None when they are not written."""
        if self._folder is None or len(self._grids) >= MAX_OPEN_GRIDS:
            return None
        grid = self._grids[logger] = Grid(self._folder / "quantities" / f"{logger}.npy", len(columns))
        return grid

    def fault(self, content: Mapping[str, Any]) -> None:
        """Write an injected fault with its times."""
        self._write("faults", {"event": "fault"} | dict(content))

    def shock(self, content: Mapping[str, Any], reason: str) -> None:
        """Write a shock that no record shows, and why."""
        self._write("shocks", {"event": "shock"} | dict(content) | {"triggered": False, "reason": reason})

    def caught(self, identity: Identity, event: int, shocks: list[dict[str, Any]]) -> None:
        """Keep the shocks that a record is going to show: `recorded` writes them."""
        if self._lines:
            self._caught[identity.logger, identity.instance, event] = shocks

    def recorded(self, plan: LoggerPlan, made: Made, record: Record) -> None:
        """Write the shocks of a record that was made, now that its number is known."""
        who = plan.identity
        shocks = self._caught.pop((who.logger, who.instance, made.event), ()) if made.event is not None else ()
        for shock in shocks:
            self._write(
                "shocks", {"event": "shock"} | shock | {"triggered": True, "boot": record.boot, "seq": record.seq}
            )

    def fate(self, plan: LoggerPlan, record: Record, fate: Fate) -> None:
        """Write what became of a record."""
        if not self._lines:
            return
        who = plan.identity
        line: dict[str, Any] = {"container": who.container, "logger": who.logger}
        if who.instance:
            line["instance"] = who.instance
        line |= {"boot": record.boot, "seq": record.seq, "kind": record.kind, "t0": rfc3339(record.t0_ns)}
        self._write("records", line | {"fate": fate.value})

    def close(self) -> None:
        """End all files."""
        for file in set(self._lines.values()):
            file.close()
        for grid in self._grids.values():
            grid.close()

    def _write(self, name: str, line: Mapping[str, Any]) -> None:
        file = self._lines.get(name)
        if file is not None:
            file.write(json.dumps(line) + "\n")
