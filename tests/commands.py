"""Programs that run to their end: their files, their environment, what they say."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from monitor.cli import main

REPOSITORY = Path(__file__).parents[1]
# Child processes keep their bytecode here, whatever the environment says: else some compile everything at each start.
BYTECODE = tempfile.TemporaryDirectory(prefix="tcm-bytecode-")
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | {
    "PYTHONPYCACHEPREFIX": BYTECODE.name,
    "NUMBA_DISABLE_JIT": "1",  # else each daemon would have the kernel of the spectra compiled for its next start
}


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts by their paths under the folder, such as `containers/C-1.toml`."""
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def run(command: list[str], limit_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, in the repository's folder."""
    return subprocess.run(
        command, cwd=REPOSITORY, env=ENVIRONMENT, capture_output=True, text=True, timeout=limit_s, check=False
    )


def tcm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `tcm` to its end in this process: Python and NumPy need not start anew for each.

    Not `run`, which takes the process's signals for itself.
    """
    assert arguments[:1] != ("run",)
    out, err = io.StringIO(), io.StringIO()
    with patch.object(sys, "argv", ["tcm", *arguments]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
            code: Any = 0
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(arguments, code or 0, out.getvalue(), err.getvalue())
