"""The compiled kernel: what was compiled counts only whole, nobody waits for it, and without it all goes on."""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor import warming
from monitor.shock.spectrum import srs
from monitor.warming import CACHE, CACHE_DIR, DISABLED, SEAL, compile_apart, compile_kernel, load_kernel
from tests.processes import wait_until

FILES = {"srs.nbi": b"index", "srs.1.nbc": b"machine code"}
COMPILE_S = 60.0


class Compiler:
    """Writes what is not there yet where the environment says, as numba does."""

    def __init__(self) -> None:
        self.compiled = self.loaded = 0

    def __call__(self) -> None:
        folder = Path(os.environ[CACHE_DIR]) / "spectrum"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in FILES.items():
            is_there = (folder / name).exists()
            self.loaded += is_there
            self.compiled += not is_there
            (folder / name).write_bytes(content)


@pytest.fixture(autouse=True)
def compiler(monkeypatch: pytest.MonkeyPatch) -> Compiler:
    """In the place of numba's; this process's environment is put back."""
    monkeypatch.setenv(CACHE_DIR, "")
    monkeypatch.delenv(DISABLED, raising=False)
    one = Compiler()
    monkeypatch.setattr(warming, "warm_up", one)
    return one


def start(state_dir: Path, compiler: Compiler) -> tuple[int, int]:
    """A start, and what the other process does then: how many files were loaded, how many compiled."""
    before = compiler.loaded, compiler.compiled
    load_kernel(state_dir, compile_kernel)
    return compiler.loaded - before[0], compiler.compiled - before[1]


def kept(state_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (state_dir / CACHE).rglob("*") if path.is_file()}


def test_what_was_compiled_is_loaded_by_the_next_start(tmp_path: Path, compiler: Compiler) -> None:
    """The first start has it compiled, all others load it."""
    assert [start(tmp_path, compiler) for _ in range(3)] == [(0, 2), (2, 0), (2, 0)]


def test_nothing_is_loaded_while_it_is_compiled(tmp_path: Path, compiler: Compiler) -> None:
    """The daemon itself neither compiles nor waits: whoever compiles is told where, and that is all."""
    asked: list[Path] = []
    load_kernel(tmp_path, asked.append)
    assert (asked, compiler.loaded, compiler.compiled) == ([tmp_path], 0, 0)


@given(st.sampled_from(sorted(FILES)), st.binary(max_size=20))
def test_machine_code_that_is_not_as_it_was_written_is_never_loaded(name: str, content: bytes) -> None:
    """Whatever a power cut made of a file, all is compiled anew; and that is loaded again."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        compiler, state_dir = Compiler(), Path(folder)
        patch.setattr(warming, "warm_up", compiler)
        start(state_dir, compiler)
        (state_dir / CACHE / "spectrum" / name).write_bytes(content)
        assert start(state_dir, compiler) == ((2, 0) if content == FILES[name] else (0, 2))
        assert kept(state_dir) == FILES
        assert start(state_dir, compiler) == (2, 0)


@pytest.mark.parametrize("seal", [None, b"", b"\0" * 64, b"0" * 64, b"\xff"])
def test_without_a_seal_nothing_counts(tmp_path: Path, compiler: Compiler, seal: bytes | None) -> None:
    """Cut off before the seal was written, or amid it."""
    start(tmp_path, compiler)
    (tmp_path / SEAL).unlink()
    if seal is not None:
        (tmp_path / SEAL).write_bytes(seal)
    assert start(tmp_path, compiler) == (0, 2)


@pytest.mark.parametrize("change", ["version", "numba", "source"])
def test_an_update_leaves_nothing_behind(
    tmp_path: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """What another version compiled is gone: the folder does not grow from update to update."""
    start(tmp_path, compiler)
    if change == "version":
        monkeypatch.setattr(warming, "__version__", "next")
    elif change == "numba":
        monkeypatch.setattr(warming, "_numba", lambda: "next")
    else:
        monkeypatch.setattr(warming, "SOURCE", Path(__file__))
    monkeypatch.setitem(FILES, "srs.2.nbc", FILES["srs.1.nbc"])
    monkeypatch.delitem(FILES, "srs.1.nbc")
    assert start(tmp_path, compiler) == (0, 2)
    assert kept(tmp_path) == FILES


@pytest.mark.parametrize("how", ["not installed", "disabled"])
def test_without_a_compiler_nothing_is_done(
    tmp_path: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """NumPy does the work, and nobody is told to install anything."""
    if how == "disabled":
        monkeypatch.setenv(DISABLED, "1")
    else:
        monkeypatch.setattr(warming, "_numba", lambda: None)
    assert start(tmp_path, compiler) == (0, 0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("when", ["compiling", "loading"])
def test_a_failure_is_said_once_and_stops_nobody(
    tmp_path: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    """A disk without room, a broken installation: NumPy goes on."""

    def fail() -> None:
        raise OSError(28, "No space left on device")

    if when == "loading":
        start(tmp_path, compiler)
    monkeypatch.setattr(warming, "warm_up", fail)
    start(tmp_path, compiler)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "No space left on device" in record.message


def test_each_start_says_which_kernel_it_has(
    tmp_path: Path, compiler: Compiler, caplog: pytest.LogCaptureFixture
) -> None:
    """One line a start: who reads the log need not guess."""
    caplog.set_level(logging.INFO, "monitor.warming")
    for said in ("NumPy does the work until the next start", "is loaded"):
        load_kernel(tmp_path, lambda _: None)
        assert said in caplog.messages[-1]
        compile_kernel(tmp_path)


@pytest.mark.parametrize(
    ("ends", "said"), [("exit 3", ["status 3"]), ("kill -9 $$", ["status -9"]), ("exit 0", []), ("kill $$", [])]
)
def test_the_other_process_is_no_zombie_and_its_end_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ends: str, said: list[str]
) -> None:
    """Killed for want of memory it cannot say so itself; a signal that ends the daemon too is no failure."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\n{ends}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    compile_apart(tmp_path)
    wait_until(lambda: not _waiters(), COMPILE_S, "the exit status")
    with pytest.raises(ChildProcessError):
        os.waitpid(int((tmp_path / "pid").read_text()), os.WNOHANG)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * len(said)
    assert all(each in record.message for each, record in zip(said, caplog.records, strict=True))


def _waiters() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "compile"]


def test_the_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled by another process, loaded by this one; it answers then."""
    monkeypatch.setattr(warming, "warm_up", srs.warm_up)
    monkeypatch.setattr(srs, "_kernels", srs._kernels[:1])
    load_kernel(tmp_path)
    wait_until(lambda: warming._is_sealed(tmp_path), COMPILE_S, "the kernel to be compiled")
    assert len(srs._kernels) == 1
    files = kept(tmp_path)
    load_kernel(tmp_path)
    assert len(srs._kernels) == 2
    assert kept(tmp_path) == files
    impact_g = np.hanning(500)[None]
    frequencies_hz = np.array([10.0, 100.0])
    plain, fast = (srs.srs(impact_g, 1000.0, frequencies_hz, kernel=kernel).maximax for kernel in srs._kernels)
    np.testing.assert_allclose(fast, plain, rtol=1e-9)
