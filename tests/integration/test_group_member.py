"""Who may read the state directory but not write to it: a member of its group, as the deployed daemon leaves it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import run
from tests.daemon import DaemonProcess, read_rows
from tests.deployed import unprivileged
from tests.fleet import START_NS, Logger
from tests.journals import fill
from tests.servers import mosquitto

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another user")
OWNER = 12_345  # nobody here; the group stays that of these tests
LOOKING = (
    *("status --config", "alerts list --config", "log list --config", "silence list --config", "phase show --config"),
    *("shock list --config", "shock list", "replay", "journal check --config", "journal check"),
)


def give_away(folder: Path, mode: int = 0o750) -> None:
    """To a daemon's own user, with the modes of deploy/tcm.service."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, OWNER, os.getgid())
        path.chmod(mode if path == folder else 0o750 if path.is_dir() else 0o640)


def looked(command: str, config: Path, state_dir: Path) -> subprocess.CompletedProcess[str]:
    """What a member of the group gets who looks by a configuration, or at the state directory itself."""
    return member(*command.split(), config if command.endswith("--config") else state_dir)


def member(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of `tcm` as one who is not the owner and has no capability, but is in the group."""
    return run(unprivileged(sys.executable, "-m", "monitor", *arguments))


@pytest.fixture(scope="module", params=["running", "stopped", "killed"])
def daemon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """One that journalled a record of a logger, in one of three states, and what is beside its files in that."""
    folder, umask = tmp_path_factory.mktemp("deployed"), ("sh", "-c", 'umask 027; exec "$@"', "sh")
    with mosquitto() as broker, DaemonProcess(folder, broker.url, prefix=umask) as one:
        one.start()
        with Logger(broker.port, "L-01") as logger:
            logger.env(START_NS, [[20.0]])
            logger.send()
            logger.wait_acknowledged(0)
            one.wait_settled(1)
        if request.param == "stopped":
            assert one.stop() == 0
        elif request.param == "killed":
            one.kill()
        assert (one.state_dir / "journal.db-wal").exists() == (request.param != "stopped")
        give_away(one.state_dir)
        yield one


@pytest.mark.parametrize("command", LOOKING)
def test_a_member_of_the_group_can_look(daemon: DaemonProcess, command: str) -> None:
    """With or without the daemon, however it ended."""
    done = looked(command, daemon.config, daemon.state_dir)
    assert done.returncode == 0, done.stderr


def test_a_member_sees_the_whole_journal(daemon: DaemonProcess) -> None:
    """What stands in the log of a daemon that was killed included."""
    answer = json.loads(member("journal", "check", "--json", "--config", daemon.config).stdout)
    records = read_rows(daemon.state_dir / "journal.db", "SELECT count(*) FROM records WHERE seq IS NOT NULL")
    assert (answer["ok"], answer["problems"], records) == (True, [], [(1,)])
    assert answer["pos"] > 1


def test_a_member_of_the_group_can_back_up(daemon: DaemonProcess, tmp_path: Path) -> None:
    """With all that the consumers know."""
    done = member("backup", tmp_path / "copy", "--json", "--config", daemon.config)
    assert done.returncode == 0, done.stderr
    assert {"journal.db", "watch.db", "store.db", "series.db"} <= set(json.loads(done.stdout)["files"])
    assert member("journal", "check", tmp_path / "copy").returncode == 0


def configured(folder: Path, state_dir: str = "var") -> Path:
    """A configuration beside a state directory with a journal."""
    fill(folder / state_dir)
    path = folder / "monitor.toml"
    path.write_text(f'state_dir = "{state_dir}"\n[mqtt]\nurl = "mqtt://127.0.0.1:1"\n', encoding="utf-8")
    return path


def test_a_journal_that_may_not_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    config = configured(tmp_path)
    give_away(tmp_path / "var")
    (tmp_path / "var" / "journal.db").chmod(0o600)
    done = member("journal", "check", "--config", config)
    assert (done.returncode, done.stdout) == (2, "")
    assert "journal.db: unable to open database file" in done.stderr
    assert "may this user read it?" in done.stderr


def test_who_may_not_enter_can_check_the_configuration(tmp_path: Path) -> None:
    """What operators set lies where this user may not look: the rest is checked without it."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    config = configured(tmp_path, "theirs/var")
    give_away(folder, 0o700)
    done = member("check", "--config", config)
    assert done.returncode == 0, done.stderr
    assert "errors: 0" in done.stdout


@pytest.mark.parametrize("command", ["status --config", "replay", "shock list", "journal check"])
def test_a_folder_that_may_not_be_entered(tmp_path: Path, command: str) -> None:
    """What could not be opened, and who may: nothing of the answer."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    config = configured(tmp_path, "theirs/var")
    give_away(folder, 0o700)
    done = looked(command, config, folder / "var")
    assert done.returncode == 2
    assert f"open: {folder / 'var'}" in done.stderr
    assert "Permission denied (this user may not: become one who may" in done.stderr


def test_a_file_in_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    limits = tmp_path / "theirs" / "new.toml"
    limits.write_text('name = "new"\n')
    give_away(tmp_path / "theirs", 0o700)
    done = member("limits", "diff", limits, limits, "--config", configured(tmp_path))
    assert done.returncode == 2
    assert f"open: {limits}: Permission denied" in done.stderr
