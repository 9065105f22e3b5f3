"""What operators may enter: the checks by configuration, journal and alerts; and a configuration over the desk."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from monitor.consumers import WatchReader
from monitor.consumers.acted import alert_as_acted
from monitor.ingest import operating
from monitor.ingest.desk import Desk
from monitor.ingest.operating import admit, answer
from monitor.journal import Journal, JournalReader
from monitor.journal.attachments import Attachments
from monitor.model.clock import rfc3339
from monitor.model.errors import Conflict, TcmError, UnknownName, WireError
from monitor.model.operator import OperatorRecord
from tests.desks import WAIT_S, Desked
from tests.journals import arrival
from tests.messages import T0, S, env
from tests.requests import FILE, box, request

NOW_NS = T0 + 1000 * S
PLAIN: dict[str, Any] = {"container": "C", "kind": "threshold", "merged_into": None, "acknowledged": None}
SEEN: dict[str, Any] = {"acknowledged": {"by": "Bianchi", "at": "2026-11-23T06:01:00Z"}}
ALERTS: dict[str, dict[str, Any]] = {
    "firing": PLAIN | {"state": "firing"},
    "seen": PLAIN | {"state": "acknowledged"} | SEEN,
    "over": PLAIN | {"state": "cleared", "cleared_at": "2026-11-23T06:02:00Z"},
    "shock": PLAIN | {"kind": "shock", "state": "cleared", "cleared_at": "2026-11-23T06:02:00Z"},
    "seen-shock": PLAIN | {"kind": "shock", "state": "cleared", "cleared_at": "2026-11-23T06:02:00Z"} | SEEN,
    "own": PLAIN | {"container": "-", "state": "firing"},
}


class Office:
    """A journal in which what is admitted is entered."""

    def __init__(self, folder: Path) -> None:
        self.journal, self.reader = Journal(folder), JournalReader(folder)

    def admit(self, kind: str, **change: Any) -> tuple[OperatorRecord, list[str]]:
        """None in the change leaves a key out."""
        wanted = {key: value for key, value in (request(kind) | change).items() if value is not None}
        return admit(wanted, box(), self.reader, NOW_NS, ALERTS.get)

    def enter(self, kind: str, **change: Any) -> dict[str, Any]:
        record, warnings = self.admit(kind, **change)
        self.journal.append_own("operator", record.entered_ns, record.to_json(), record.container)
        return answer(self.journal.pos, record, warnings)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


FAR = rfc3339(NOW_NS + 3600 * S)


@pytest.mark.parametrize(
    ("kind", "change", "error", "message"),
    [
        ("seal", {"container": "X"}, UnknownName, r"enter seal: X: no such container \(registered are C\)"),
        ("phase", {"phase": "raod"}, TcmError, "enter phase: raod: no leg and no rule has such a phase"),
        (
            "custody",
            {"custodian": "thief"},
            TcmError,
            r"thief: consignment trip has no such .*haulier, owner, plan; \"ne",
        ),
        ("mount", {"logger": "M"}, UnknownName, r"enter mount: M: C has no such logger \(known are L; \"new\": true"),
        ("arm", {"logger": "M"}, UnknownName, "enter arm: M: C has no such logger"),
        ("functional-check", {"logger": "M"}, UnknownName, "M: C has no such logger"),
        ("ack", {"alert": "none"}, UnknownName, "enter ack: none: no such alert"),
        ("ack", {"alert": "none", "container": None}, UnknownName, "enter ack: none: no such alert"),
        ("ack", {"alert": "seen"}, Conflict, "enter ack: seen: Bianchi acknowledged it at 2026-11-23T06:01:00Z"),
        ("ack", {"alert": "over"}, Conflict, "enter ack: over: it was cleared at 2026-11-23T06:02:00Z"),
        (
            "ack",
            {"alert": "seen-shock"},
            Conflict,
            "enter ack: seen-shock: Bianchi acknowledged it at 2026-11-23T06:01:00Z",
        ),
        ("ack", {"alert": "own"}, WireError, "container: expected -, that of the alert, got C"),
        ("ack", {"alert": 7, "container": None}, WireError, "alert: expected an identifier"),
        ("ack", {"alert": "\ud800", "container": None}, WireError, "alert: expected an identifier"),
        ("ack", {"alert": "x" * 60_000, "container": None}, WireError, r"alert: expected .*, got 'x{99}\.\.\.$"),
        ("silence-end", {"silence": 99}, UnknownName, "enter silence-end: 99: no such silence"),
        ("silence-end", {"silence": "x", "container": None}, WireError, "silence: expected a whole number"),
        ("silence-end", {"silence": True, "container": None}, WireError, "silence: expected a whole number"),
        ("silence-end", {"silence": 10**30, "container": None}, WireError, "silence: expected a whole number"),
        ("silence-end", {"silence": -(1 << 63), "container": None}, WireError, "silence: expected a whole number"),
        ("silence", {"until": "2026-11-24T06:00:00"}, WireError, "until: .* has no time zone"),
        ("inspection", {"attachments": [FILE]}, TcmError, "attach: lid.jpg: the file is not there"),
    ],
)
def test_what_cannot_be_entered(office: Office, kind: str, change: dict[str, Any], error: Any, message: str) -> None:
    """Says what there is instead, and nothing of it is in the journal."""
    with pytest.raises(error, match=message):
        office.admit(kind, **change)
    assert office.reader.operators() == []


@pytest.mark.parametrize(("kind", "key"), [("phase", "phase"), ("custody", "custodian"), ("mount", "logger")])
def test_an_operator_may_vouch_for_a_name(office: Office, kind: str, key: str) -> None:
    """Nobody planned it, but it is so."""
    assert office.enter(kind, **{key: "unheard-of"}, new=True)[key] == "unheard-of"


def test_what_is_done_about_an_alert_has_its_container(office: Office) -> None:
    """Also of the gateway's own."""
    assert office.enter("ack", alert="firing", container=None)["container"] == "C"
    assert office.enter("ack", alert="own", container=None)["container"] == "-"
    silence = office.enter("silence", container="-", until=FAR)
    assert office.enter("silence-end", container=None, silence=silence["pos"])["container"] == "-"
    assert office.reader.containers() == ["C"]  # the gateway is none


def test_a_silence_ends_once(office: Office) -> None:
    """And not after it is over, nor in another container."""
    first, second = office.enter("silence", until=FAR), office.enter("silence", until=FAR)
    with pytest.raises(WireError, match="container: expected C, that of the silence, got -"):
        office.admit("silence-end", silence=first["pos"], container="-")
    office.enter("silence-end", silence=first["pos"])
    with pytest.raises(Conflict, match="Rossi ended it at"):
        office.admit("silence-end", silence=first["pos"])
    with pytest.raises(Conflict, match="it was over at"):
        office.admit("silence-end", silence=second["pos"], effective_at=rfc3339(NOW_NS + 7200 * S))
    with pytest.raises(UnknownName, match="no such silence"):
        office.admit("silence-end", silence=first["pos"] + 2)  # the record of its end
    office.enter("silence-end", silence=second["pos"])


def test_the_number_of_records_is_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that every snapshot holds more than others; and silences that last."""
    monkeypatch.setattr(operating, "MAX_SET_RECORDS", 2)
    monkeypatch.setattr(operating, "MAX_CONTAINER_RECORDS", 5)
    monkeypatch.setattr(operating, "MAX_SILENCES", 1)
    office.enter("disarm", until=None)
    office.enter("arm")
    with pytest.raises(TcmError, match="it has 2 operator records of phase, custody, arm, disarm, mount"):
        office.admit("phase")
    office.enter("silence", until=FAR)
    with pytest.raises(TcmError, match="there are 1 silences, no more are taken"):
        office.admit("silence", until=FAR)
    office.enter("silence-end", silence=3)
    office.enter("silence", until=FAR)
    with pytest.raises(TcmError, match="it has 5 operator records, no more are taken"):
        office.admit("seal")
    office.enter("ack", alert="own", container=None)


PAST = rfc3339(NOW_NS - 3600 * S)


@pytest.mark.parametrize(
    ("before", "kind", "change", "warnings"),
    [
        ([], "seal", {}, []),
        ([], "arm", {"logger": "L"}, []),
        (["disarm"], "arm", {"logger": "L"}, ["C stays disarmed: only the start-up of L begins"]),
        ([], "disarm", {"until": None, "effective_at": rfc3339(T0 + 990 * S)}, []),
        (
            [],
            "disarm",
            {"until": None, "effective_at": rfc3339(T0 + 550 * S)},
            ["planned leg (two)", "keep their severity"],
        ),
        (
            [],
            "disarm",
            {"until": rfc3339(T0 + 200 * S), "effective_at": rfc3339(T0)},
            ["planned leg (one)", "keep their"],
        ),
        ([], "open", {}, ["the phase of C stays storage; tcm phase set C open changes it"]),
        ([], "custody", {"effective_at": PAST}, ["keep their custodian"]),
        ([], "phase", {"effective_at": PAST}, ["are judged again at a later tick"]),
        (
            [],
            "arm",
            {"logger": None, "effective_at": PAST},
            ["keep their severity; what is still open gets its rule's"],
        ),
    ],
)
def test_what_is_worth_a_second_look(
    office: Office, before: list[str], kind: str, change: dict[str, Any], warnings: list[str]
) -> None:
    """Each said once."""
    for earlier in before:
        office.enter(earlier, until=None)
    _, found = office.admit(kind, **change)
    assert len(found) == len(warnings)
    for text, part in zip(found, warnings, strict=True):
        assert part in text


def test_a_file_that_was_sent_may_be_named(office: Office) -> None:
    """In the record as it was sent."""
    store = Attachments(office.reader.state_dir)
    upload = store.begin("lid.jpg")
    upload.write(b"hello\n")
    file = upload.finish()
    upload.abandon()
    assert file == FILE
    assert office.enter("inspection", attachments=[file])["attachments"] == [FILE]


def test_an_acknowledgement_counts_before_watch_has_come_to_it(tmp_path: Path) -> None:
    """So that there is no second one, with a daemon or without."""
    station = Desked(tmp_path, box().to_json())
    station.append(arrival("env", env(0, t0=T0 + 50 * S, mono=50 * S, values=[[26.0]])))
    station.run()
    (alert,) = station.alerts()
    reader, watch = JournalReader(tmp_path), WatchReader(tmp_path)

    def state(key: str) -> tuple[str, Any] | None:
        found = alert_as_acted(watch, reader, key)
        return None if found is None else (found["state"], (found["acknowledged"] or {}).get("by"))

    def acknowledge(key: str) -> None:
        record = OperatorRecord("ack", "C", NOW_NS, NOW_NS, "Rossi", details={"alert": key})
        station.journal.append_own("operator", NOW_NS, record.to_json(), "C")

    assert (state(alert["id"]), state("none")) == (("firing", None), None)
    acknowledge("none")
    assert (state(alert["id"]), state("none")) == (("firing", None), None)
    acknowledge(alert["id"])
    assert state(alert["id"]) == ("acknowledged", "Rossi")
    station.run()
    assert state(alert["id"]) == ("acknowledged", "Rossi")


def test_a_configuration_goes_over_the_desk(tmp_path: Path) -> None:
    """It is in the file once its position is returned; one that is in force already is not journalled again."""
    desk, journal = Desk(), Journal(tmp_path)
    come, positions, wrote = threading.Semaphore(0), list[int](), list[bool]()
    desk.on_entry = come.release
    for payload in (b"{}", b"{}", b'{"other":1}'):
        thread = threading.Thread(target=lambda text=payload: positions.append(desk.enter_config(text)))
        thread.start()
        assert come.acquire(timeout=WAIT_S)
        wrote.append(desk.write(journal, NOW_NS))
        thread.join(WAIT_S)
        assert journal.last_config() == payload
    assert (positions, wrote) == ([1, 1, 2], [True, False, True])
    with pytest.raises(TcmError, match="reload: configuration: the journal did not take it within 0 s"):
        desk.enter_config(b"{}", 0.0)
    desk.close()
    with pytest.raises(TcmError, match="reload: configuration: the daemon ends"):
        desk.enter_config(b"{}")
