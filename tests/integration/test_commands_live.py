"""Commands with a daemon that runs: what they enter is in force at once, what they change is taken up or put back."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.commands import write_files
from tests.daemon import DaemonProcess
from tests.fleet import START_NS, Logger
from tests.processes import wait_until
from tests.servers import Mosquitto
from tests.terminal import COLUMNS, ESCAPE, Said, Terminal, terminal

LIMITS = """
name = "test"
[[rule]]
id = "hot"
kind = "threshold"
channel = "temperature.hardware"
above = "25 degC"
clear = "24 degC"
severity = "alarm"
[[rule]]
id = "knock"
kind = "shock"
peak = "3 g"
severity = "warning"
"""
S = 10**9
LIMIT_S = 20.0


@pytest.fixture(scope="module")
def desk() -> Iterator[Terminal]:
    """Where commands are typed."""
    with terminal() as opened:
        yield opened


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, mosquitto_server: Mosquitto) -> Iterator[DaemonProcess]:
    """A daemon that runs."""
    with DaemonProcess(tmp_path_factory.mktemp("live"), mosquitto_server.url, limits=LIMITS) as started:
        write_files(started.config.parent, {"containers/C-live.toml": 'id = "C-live"\n[[logger]]\nid = "L-01"\n'})
        started.start()
        yield started


@pytest.fixture(scope="module")
def logger(daemon: DaemonProcess, mosquitto_server: Mosquitto) -> Iterator[Logger]:
    """A logger whose first readings raise an alert that goes on."""
    with Logger(int(mosquitto_server.url.rpartition(":")[2]), "L-01", container="C-live") as connected:
        connected.env(START_NS, [[20.0]] * 30)
        connected.env(START_NS + 30 * S, [[28.0]] * 30)
        connected.send()
        daemon.wait_settled(2)
        yield connected


def here(daemon: DaemonProcess) -> dict[str, str]:
    """The environment by which commands find the daemon."""
    return {"TCM_CONFIG": str(daemon.config)}


def alerts(daemon: DaemonProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = daemon.get("/api/alerts")[1]
    return found


def test_looking_through_the_daemon(desk: Terminal, daemon: DaemonProcess, logger: Logger) -> None:
    """In a terminal no line is too wide, in a pipe nothing is coloured; nobody says that no daemon runs."""
    (hot,) = alerts(daemon)
    for command in (
        ("alerts", "list"), ("alerts", "list", "--rule", "h*", "--since", "2026-11-23T06:00:00Z"), ("status",),
        ("alerts", "show", hot["id"]), ("phase", "show"), ("log", "list"), ("silence", "list"), ("limits", "list"),
    ):  # fmt: skip
        said = desk.tty(*command, **here(daemon))
        assert said.status == 0 and not said.err, (command, said)
        assert max(map(len, said.lines)) <= COLUMNS
        document = desk.pipe(*command, "--json", **here(daemon))
        assert document.status == 0 and not document.err
        assert not ESCAPE.search(desk.pipe(*command, **here(daemon)).out)
        json.loads(document.out)
    evidence = json.loads(desk.pipe("alerts", "show", hot["id"], "--json", **here(daemon)).out)
    assert (len(evidence["readings"]["values"]), evidence["missing"]) == (60, [])


def test_a_mistake_in_the_files_keeps_nobody_from_the_daemon(
    desk: Terminal, daemon: DaemonProcess, logger: Logger
) -> None:
    """Somebody edits a container at night, somebody else has to acknowledge: only what needs the files complains."""
    (hot,) = alerts(daemon)
    typo = daemon.config.parent / "containers" / "typo.toml"
    typo.write_text('id = "C-typo"\nmarkng = "x"\n')
    try:
        for command, status in (
            (("alerts", "list"), 0), (("alerts", "show", hot["id"]), 0), (("status",), 0), (("log", "list"), 0),
            (("log", "inspection", "C-live", "--by", "Rossi"), 0), (("phase", "show"), 0), (("silence", "list"), 0),
            (("limits", "list"), 2),
        ):  # fmt: skip
            said = desk.pipe(*command, **here(daemon))
            assert (said.status, "markng" in said.err) == (status, status == 2), (command, said)
    finally:
        typo.unlink()


def test_acknowledging(desk: Terminal, daemon: DaemonProcess, logger: Logger) -> None:
    """The alert says by whom, and nobody else can; what is unknown is not found. Each says why."""
    (hot,) = alerts(daemon)
    done = desk.tty("alerts", "ack", hot["id"], "--by", "Rossi", "--remark", "doors closed", **here(daemon))
    assert (done.status, done.err) == (0, "")
    wait_until(lambda: alerts(daemon)[0]["state"] == "acknowledged", LIMIT_S, "the alert to be acknowledged")
    shown = desk.pipe("alerts", "list", **here(daemon)).words
    assert "acknowledged by Rossi at " in shown and "doors closed" in shown
    for key, status, word in (
        (hot["id"], 1, "Rossi"),
        ("0123456789abcdef", 2, "0123456789abcdef"),
        ("a/b?c", 2, "a/b"),
    ):
        for command in (("ack", key, "--by", "Bianchi"), ("show", key)):
            if command[0] == "show" and key == hot["id"]:
                continue
            refused = desk.tty("alerts", *command, **here(daemon))
            assert (refused.status, word in refused.words) == (status, True), (command, refused)
            assert max(map(len, refused.lines)) <= COLUMNS


def test_watching(desk: Terminal, daemon: DaemonProcess, logger: Logger) -> None:
    """Changes appear as they happen, those that were asked for; Ctrl-C ends it without a word."""
    spells, pool = count(2), ThreadPoolExecutor(1)

    def ends(watching: Future[Said]) -> bool:
        """Whether it has ended; until then there is something to watch."""
        seq = logger.env(START_NS + next(spells) * 30 * S, [[level] for level in [20.0] * 15 + [28.0] * 15])
        logger.send(seq)
        return watching.done()

    for options in ((), ("--json",)):
        watch = ("alerts", "watch", "--severity", "alarm", *options)
        watching = pool.submit(desk.tty, *watch, keys="\x03", **here(daemon))
        wait_until(partial(ends, watching), LIMIT_S, "the watch to end")
        said = watching.result()
        assert (said.status, said.err) == (130, "")
        first = said.out.replace("^C", "").split("\r\n")[0]
        if options:
            assert json.loads(first)["alert"]["rule"] == "hot"
        else:
            assert " alarm " in first and first.endswith(" hot")
            assert max(map(len, said.lines)) <= COLUMNS


def test_setting_limits(desk: Terminal, daemon: DaemonProcess, logger: Logger, tmp_path: Path) -> None:
    """The daemon judges by them; mode and owner stay; what it refuses is put back, what is wrong is never written."""
    file, new = daemon.config.parent / "limits" / "test.toml", tmp_path / "new.toml"
    file.chmod(0o640)
    new.write_text(LIMITS.replace("25 degC", "26 degC"))
    digest = hot_digest(daemon)
    for options, is_set in ((("--dry-run",), False), ((), True)):
        said = desk.tty("limits", "set", str(new), *options, **here(daemon))
        assert (said.status, said.err) == (0, ""), said
        assert "25 degC -> 26 degC" in said.out and "rules: 1 changed, 1 the same" in said.out
        assert file.read_text() == (new.read_text() if is_set else LIMITS)
        assert "changed rules begin anew; open alerts of changed and removed rules, which end: 1" in said.words
    assert "the daemon judges by them from record" in said.words
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert hot_digest(daemon) != digest
    again = json.loads(desk.pipe("limits", "set", str(new), "--json", **here(daemon)).out)
    assert (again["daemon"]["changed"], again["same"]) == (False, 2)
    new.write_text(LIMITS.replace('"test"', '"tset"'))
    for options in ((), ("--dry-run",)):
        mistyped = desk.tty("limits", "set", str(new), *options, **here(daemon))
        assert (mistyped.status, "profiles are test (--new adds it)" in mistyped.words) == (2, True), mistyped
    assert desk.tty("limits", "set", str(new), "--new", "--dry-run", **here(daemon)).status == 0
    other = daemon.config.parent.with_name("other")  # of the same state directory
    shutil.copytree(daemon.config.parent, other)
    new.write_text(LIMITS.replace("25 degC", "27 degC"))
    elsewhere = here(daemon) | {"TCM_CONFIG": str(other / daemon.config.name)}
    unread = desk.tty("limits", "set", str(new), **elsewhere)
    assert (unread.status, "judges by other rules (was it started with another --config?)" in unread.words) == (2, True)
    token = daemon.state_dir / "operator.token"
    right, before = token.read_text(), file.read_text()
    try:
        token.write_text("wrong" * 10)
        new.write_text(LIMITS)
        refused = desk.tty("limits", "set", str(new), **here(daemon))
    finally:
        token.write_text(right)
    assert (refused.status, "is as it was before" in refused.words) == (2, True), refused
    new.write_text(LIMITS.replace("25 degC", "25 Pa").replace('"alarm"', '"loud"'))
    wrong = desk.tty("limits", "set", str(new), **here(daemon))
    assert wrong.status == 2 and "above" in wrong.err and "severity" in wrong.err and wrong.out == ""
    assert file.read_text() == before
    assert [path.name for path in file.parent.iterdir()] == ["test.toml"]


def hot_digest(daemon: DaemonProcess) -> str:
    """The digest of the configuration that the daemon journalled last."""
    return str(daemon.rows("journal.db", "SELECT digest FROM records WHERE kind = 'config' ORDER BY pos DESC LIMIT 1"))
