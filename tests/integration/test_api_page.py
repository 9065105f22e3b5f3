"""docs/api.md: its examples run as they stand there, and it names every page."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import cast

from monitor.web import Backend
from monitor.web.api import routes
from monitor.web.openapi import document
from tests.api import alerts, lone_daemon, read_in
from tests.commands import REPOSITORY
from tests.processes import HOST, wait_until

PAGE = (REPOSITORY / "docs" / "api.md").read_text()


def test_the_examples_run(tmp_path: Path) -> None:
    """All of them in one shell, one after the other, against a daemon with a firing alert."""
    commands = "\n".join(line[4:] for line in PAGE.splitlines() if line.startswith("    "))
    with lone_daemon(tmp_path) as daemon:
        (daemon.config.parent / "containers" / "C-101.toml").write_text('id = "C-101"\n')
        daemon.start("/healthz")
        read_in(daemon, "C-101", "L-101", "hardware", [26.0])
        wait_until(lambda: bool(alerts(daemon)), 20, "an alert")
        (tmp_path / "cmr.pdf").write_bytes(b"signed")
        script = commands.replace("127.0.0.1:8700", f"{HOST}:{daemon.port}")
        script = script.replace("/var/lib/tcm", str(daemon.state_dir))
        command = ["bash", "-e", "-o", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, (done.stdout, done.stderr)
        (alert,) = alerts(daemon)
        assert alert["acknowledged"]["remark"] == "door was open"
        statement = "SELECT json_extract(payload, '$.type') FROM records WHERE kind = 'operator'"
        records = daemon.rows("journal.db", statement)
        assert records == [("ack",), ("phase",), ("custody",)]
        assert re.search(r"id: 1\nevent: alert\ndata: \{\"at\"", done.stdout)


def test_where_no_alert_fires_the_example_says_so(tmp_path: Path) -> None:
    """It asks for none then."""
    text = PAGE.partition("## Looking")[2].partition("## ")[0]
    commands = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    with lone_daemon(tmp_path) as daemon:
        daemon.start("/healthz")
        script = commands.replace("127.0.0.1:8700", f"{HOST}:{daemon.port}")
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0 and "no alert fires" in done.stderr, (done.stdout, done.stderr)
        assert "curl: " not in done.stderr


def test_every_page_is_in_the_document_and_in_the_text() -> None:
    paths = document()["paths"]
    served = {(route.path, method.lower()) for route in routes(cast(Backend, None)) for method in route.methods or ()}
    assert served - {(path, "head") for path in paths} == {
        (path, method) for path, operations in paths.items() for method in operations
    }
    for path in paths:
        assert re.sub(r"\{(\w+)\}", r"<\1>", path) in PAGE, path
