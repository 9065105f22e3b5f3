"""A journal that is gone while its consumers' files are there: no new one takes its place and passes for whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.config import Config, JournalSettings, MqttSettings, Rules, StoreSettings, WebSettings
from monitor.journal.check import check_journal
from monitor.journal.writer import RECOVERED
from monitor.model.errors import JournalError
from monitor.parts import open_journal
from tests.notified import Gateway
from tests.simulation.clock import SimClock
from tests.simulation.gateway import RULES


@pytest.fixture
def without(tmp_path: Path) -> Path:
    """A state directory whose consumers have read a journal that is not there any more."""
    gateway = Gateway(tmp_path)
    gateway.run(20)
    gateway.parts.close()
    (tmp_path / "journal.db").unlink()
    return tmp_path


def enter(folder: Path) -> None:
    """Open the journal as a command does that enters something without a daemon."""
    places = (MqttSettings(url="mqtt://127.0.0.1"), StoreSettings(), WebSettings(), JournalSettings())
    open_journal(Config(Rules.model_validate(RULES), folder, *places), SimClock())


@pytest.mark.parametrize("start", [Gateway, enter])
def test_a_refused_start_leaves_no_journal(without: Path, start: type[Gateway]) -> None:
    """A second one is refused as well, and a check finds none."""
    with pytest.raises(JournalError, match=r"watch.db has come to position .* records are missing"):
        start(without)
    assert list(without.glob("journal.db*")) == []
    with pytest.raises(JournalError, match="there is no journal"):
        check_journal(without, lambda _done, _total: None)


def test_a_recovery_under_way_is_finished_first(without: Path) -> None:
    (without / RECOVERED).touch()
    with pytest.raises(JournalError, match="its recovery was interrupted"):
        enter(without)


def test_a_consumers_file_that_cannot_be_read_either(without: Path) -> None:
    (without / "watch.db").write_bytes(b"no database " * 1_000)
    with pytest.raises(JournalError, match=r"start: .*the file is damaged"):
        enter(without)
    assert list(without.glob("journal.db*")) == []
