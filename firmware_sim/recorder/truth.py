"""What really happened, for whoever scores a monitor: free of noise, and complete.

    scenario.json      title, seed, start, and of each logger what it is and how far its sensors err
    created.jsonl      every record when it is made: true time of its first reading or sample, and what the logger told
    records.jsonl      the same record once more at its end, with its fate: acknowledged, lost (on the logger), held
    shocks.jsonl       every shock at every accelerometer: true peak, velocity change, drop height, whether triggered
    faults.jsonl       every injected fault with its times, when it begins
    quantities/<logger>.npy    float32 [n, columns]: noise-free, on the grid that scenario.json states

With the name of a file (one with an ending, such as truth.jsonl) all lines go into that file, without the quantities.
Each line is written when its time has come, and is in the file at once: a kill loses none of them.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import Any, BinaryIO, Self, TextIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from firmware_sim.clock import rfc3339
from firmware_sim.device import Fate, Identity, Record
from firmware_sim.plan import Fact, LoggerPlan, Made

GRID_PARTS = 10  # of the logger's interval, in which the quantities are written
MAX_OPEN_GRIDS = 200  # files; a fleet of ten thousand loggers writes the quantities of the first ones only
LINE_FILES = ("created", "records", "shocks", "faults")
LINE_BUFFERED = 1  # of open()

Fails = Callable[[Path, OSError], None]


class TruthError(OSError):
    """The truth cannot be written any more; the message names the file and the cause."""


class Grid:
    """One logger's quantities, appended to an .npy file whose header is kept right, also after a kill."""

    def __init__(self, path: Path, columns: int, fails: Fails) -> None:
        """Raise OSError if the file cannot be opened; fails: is told when it cannot be written later."""
        self._file: BinaryIO = path.open("wb")
        self._path, self._fails = path, fails
        self._columns = columns
        self._rows = 0
        self.append(np.empty((0, columns), dtype=np.float32))

    def append(self, values: NDArray[np.float32]) -> None:
        """Append rows, float32 (n, columns)."""
        try:
            self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(values, dtype="<f4").tobytes())
            self._rows += len(values)
            self._write_header()
            self._file.flush()
        except OSError as error:
            self._fails(self._path, error)

    def close(self) -> None:
        """End the file."""
        try:
            self._file.close()
        except OSError as error:  # what a full disk did not take is tried once more
            self._fails(self._path, error)

    def _write_header(self) -> None:
        # numpy leaves room in the header for the first dimension to grow, so its length stays the same
        self._file.seek(0)
        header = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, self._columns)}
        npy.write_array_header_1_0(self._file, header)


class Truth:
    """Collects what the recorder and the runner know. `path` None: nobody asked for it.

    Raise OSError if the files cannot be opened. What goes wrong later is kept in `failure`: the loggers, in whose midst
    it happens, are not torn out of their step, but nothing more is written, and the run is to end (`stops`).
    """

    def __init__(self, path: Path | None) -> None:
        self.failure: TruthError | None = None
        self._stop: Event | None = None
        self._folder = path if path is not None and (path.is_dir() or not path.suffix) else None
        self._lines: dict[str, TextIO] = {}
        self._grids: list[Grid] = []
        self._caught: dict[tuple[str, int, int], list[Fact]] = {}  # shocks that wait for their record's number
        self._created: dict[tuple[str, int, int, int], tuple[int, int]] = {}  # true t0_ns and clk, while held
        if self._folder is not None:
            (self._folder / "quantities").mkdir(parents=True, exist_ok=True)
            for name in LINE_FILES:
                self._lines[name] = _open_lines(self._folder / f"{name}.jsonl")
        elif path is not None:
            self._lines = dict.fromkeys(LINE_FILES, _open_lines(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def stops(self, run: Event) -> None:
        """Set `run` when the truth cannot be written; at once if that is so already."""
        self._stop = run
        if self.failure is not None:
            run.set()

    def scenario(self, content: Mapping[str, Any]) -> None:
        """Write what the scenario and its loggers are."""
        if self._folder is None:
            return
        path = self._folder / "scenario.json"
        try:
            path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            self._fail(path, error)

    def grid(self, logger: str, columns: Sequence[str]) -> Grid | None:
        """Return where a logger's quantities go; None when they are not written, or there are none."""
        if self._folder is None or not columns or len(self._grids) >= MAX_OPEN_GRIDS:
            return None
        path = self._folder / "quantities" / f"{logger}.npy"
        try:
            grid = Grid(path, len(columns), self._fail)
        except OSError as error:
            self._fail(path, error)
            return None
        self._grids.append(grid)
        return grid

    def tell(self, identity: Identity, fact: Fact) -> None:
        """Write a fact; keep a shock that a record is going to show until that record has a number (`recorded`)."""
        if fact.event is None:
            self._write(f"{fact.kind}s", {"event": fact.kind} | dict(fact.content))
        elif self._lines:
            self._caught.setdefault((identity.logger, identity.instance, fact.event), []).append(fact)

    def recorded(self, plan: LoggerPlan, made: Made, record: Record, clk: int) -> None:
        """Write a record that was made, and its shocks, now that it has a number. clk: what it says of its clock."""
        if not self._lines:
            return
        identity = plan.identity
        self._created[_key(identity, record)] = (made.t0_ns, clk)
        self._write("created", {"event": "created"} | _line(identity, record, made.t0_ns, clk))
        self._settle_shocks(plan, made, {"triggered": True, "boot": record.boot, "seq": record.seq})

    def unrecorded(self, plan: LoggerPlan, made: Made) -> None:
        """Write the shocks of a record that never was one, as the logger was off or had just come on again."""
        self._settle_shocks(plan, made, {"triggered": False, "reason": "no power"})

    def fate(self, plan: LoggerPlan, record: Record, fate: Fate) -> None:
        """Write what became of a record."""
        if self._lines:
            t0_ns, clk = self._created.pop(_key(plan.identity, record))
            line = _line(plan.identity, record, t0_ns, clk)
            self._write("records", {"event": "record"} | line | {"fate": fate.value})

    def close(self) -> None:
        """Write the shocks whose records the end of the run cut, and end all files."""
        for fact in (fact for facts in self._caught.values() for fact in facts):
            self._shock(fact, {"triggered": False, "reason": "end of run"})
        self._caught.clear()
        for file in set(self._lines.values()):
            self._end(file)
        self._lines = {}
        for grid in self._grids:
            grid.close()

    def _settle_shocks(self, plan: LoggerPlan, made: Made, outcome: Mapping[str, Any]) -> None:
        if made.event is None:
            return
        for fact in self._caught.pop((plan.identity.logger, plan.identity.instance, made.event), ()):
            self._shock(fact, outcome)

    def _shock(self, fact: Fact, outcome: Mapping[str, Any]) -> None:
        self._write("shocks", {"event": "shock"} | dict(fact.content) | dict(outcome))

    def _write(self, name: str, line: Mapping[str, Any]) -> None:
        file = self._lines.get(name)
        if file is None or self.failure is not None:
            return
        try:
            file.write(json.dumps(line) + "\n")
        except OSError as error:
            self._fail(Path(file.name), error)

    def _end(self, file: TextIO) -> None:
        try:
            file.close()
        except OSError as error:  # what a full disk did not take is tried once more
            self._fail(Path(file.name), error)

    def _fail(self, path: Path, error: OSError) -> None:
        """Keep the first failure, and end the run."""
        if self.failure is None:
            self.failure = TruthError(
                f"--truth: {path} cannot be written ({error.strerror}); the run was ended, "
                "what is there is complete up to then; make room or name another place"
            )
        if self._stop is not None:
            self._stop.set()


def who(identity: Identity) -> dict[str, Any]:
    """Return the names of a logger; the `instance` only of a clone."""
    names: dict[str, Any] = {"container": identity.container, "logger": identity.logger}
    return names | {"instance": identity.instance} if identity.instance else names


def exact(time_ns: int) -> str:
    """Return ns UTC as RFC 3339 text with milliseconds, and as many digits more as there are."""
    return rfc3339(time_ns)[:-1] + f"{time_ns % 1_000_000:06d}".rstrip("0") + "Z"


def _key(identity: Identity, record: Record) -> tuple[str, int, int, int]:
    return identity.logger, identity.instance, record.boot, record.seq


def _line(identity: Identity, record: Record, t0_ns: int, clk: int) -> dict[str, Any]:
    """Return what is told of a record; t0_ns is true, told_ns what the logger's clock said then."""
    line = who(identity) | {"boot": record.boot, "seq": record.seq, "kind": record.kind}
    return line | {"t0": exact(t0_ns), "t0_ns": t0_ns, "told_ns": record.t0_ns, "clk": clk}


def _open_lines(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", buffering=LINE_BUFFERED)
