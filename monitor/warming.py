"""The compiled kernel of the spectra, made ready so that no event waits for it.

Compiling takes seconds of Python's lock, and loading what was compiled one: events that come meanwhile would wait up to
0.6 s. So another process compiles, at the lowest priority, and the daemon loads the result when it starts, before
anything is taken. Until then NumPy does the work.

Machine code that a power cut has half written would end the daemon, at each start anew: it counts only with a seal over
all of it.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from monitor import __version__
from monitor.shock import spectrum
from monitor.shock.spectrum.srs import warm_up

CACHE, SEAL = "kernel-cache", "kernel-cache.sha256"  # in the state directory, which the daemon may write to for sure
CACHE_DIR, DISABLED = "NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT"  # numba reads both when it is imported
SOURCE = Path(spectrum.__file__).with_name("fast.py")
LOWEST_PRIORITY = 19
ENDS = (signal.SIGTERM, signal.SIGINT)  # whoever ends the daemon may end the other process by the same signal

log = logging.getLogger("monitor.warming")  # also in the other process, where this is `__main__`


def compile_apart(state_dir: Path) -> None:
    """Have another process compile the kernel; a thread that nobody waits for takes its exit status."""
    process = subprocess.Popen([sys.executable, "-m", "monitor.warming", str(state_dir)])
    threading.Thread(target=_take_status, args=[process], name="compile", daemon=True).start()


def _take_status(process: subprocess.Popen[bytes]) -> None:
    status = process.wait()
    if status not in (0, *(-number for number in ENDS)):
        _warn(f"the process that compiles it ended with status {status}")


def load_kernel(state_dir: Path, have_compiled: Callable[[Path], None] = compile_apart) -> None:
    """Load the kernel that was compiled for this version, or have it compiled for the next start.

    Without the extra `fast`, or with NUMBA_DISABLE_JIT=1, nothing is done. A failure is a warning: NumPy does the work.
    """
    if os.environ.get(DISABLED, "0") != "0" or _numba() is None:
        return
    os.environ[CACHE_DIR] = str(state_dir / CACHE)
    try:
        if _is_sealed(state_dir):
            warm_up()
            gc.freeze()  # numba's objects stay: without it each full collection looks through them, 70 ms instead of 27
            log.info("the compiled kernel of the spectra is loaded")
        else:
            shutil.rmtree(state_dir / CACHE, ignore_errors=True)
            have_compiled(state_dir)
            log.info("the kernel of the spectra is being compiled: NumPy does the work until the next start")
    except Exception as error:  # noqa: BLE001 - whatever a compiler's installation lacks, the daemon runs without it
        _warn(f"{type(error).__name__}: {error}")


def compile_kernel(state_dir: Path) -> None:
    """Compile the kernel and seal it, as NUMBA_CACHE_DIR says where; a failure is a warning."""
    try:
        warm_up()
        (state_dir / SEAL).write_text(_digest(state_dir / CACHE), encoding="ascii")
    except Exception as error:  # noqa: BLE001 - as above
        _warn(f"{type(error).__name__}: {error}")
    else:
        log.info("the kernel of the spectra is compiled: the next start loads it")


def _warn(cause: str) -> None:
    log.warning("make the kernel of the spectra ready: %s; NumPy does the work, several times as slowly", cause)


def _is_sealed(state_dir: Path) -> bool:
    seal = state_dir / SEAL
    return seal.exists() and seal.read_bytes() == _digest(state_dir / CACHE).encode()


def _digest(cache: Path) -> str:
    """SHA-256 over what it was compiled by and from, and over all files, each with its name; together about 60 kB."""
    source = SOURCE.stat()
    made_by = f"{__version__} {sys.version} {_numba()} {source.st_mtime_ns} {source.st_size}"
    total = hashlib.sha256(made_by.encode())
    for file in sorted(path for path in cache.rglob("*") if path.is_file()):
        content = file.read_bytes()
        total.update(f"{file.relative_to(cache)} {len(content)}\n".encode() + content)
    return total.hexdigest()


def _numba() -> str | None:
    """The version of numba, None where it is not installed."""
    try:
        return version("numba")
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    for number in ENDS:  # the daemon has them blocked
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.nice(LOWEST_PRIORITY)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    compile_kernel(Path(sys.argv[1]))
