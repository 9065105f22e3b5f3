"""What a notification says in plain text, and the picture of its evidence."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.alerting import WebhookNotifier
from monitor.model.alert import ACKNOWLEDGED, CLEARED
from monitor.model.clock import NS_PER_S, rfc3339
from monitor.model.errors import TcmError
from monitor.notify import picture
from monitor.notify.notification import REASONS
from monitor.notify.opening import trial
from monitor.notify.picture import Pictures
from monitor.notify.text import MAX_IN_FULL, MAX_SUBJECT, subject, text
from tests.receivers import AT_NS, alert, notification

MARKINGS = {"C-101": "EXPORT CONTROLLED", "C-102": "FRAGILE"}


def said(*alerts: dict[str, Any], **changes: Any) -> str:
    """The text of a notification of these alerts."""
    return text(notification(*alerts, **changes), lambda container: MARKINGS.get(container, ""))


def test_the_text_says_what_an_operator_asks() -> None:
    """What, how much, when, whose, and what was made of it; times in seconds, nothing that is not known."""
    acknowledged = {"by": "anna", "at": "2026-11-23T09:05:00.123Z", "remark": "door open"}
    shown = alert(state=ACKNOWLEDGED, suspect=True) | {
        "custodian": "esa",
        "acknowledged": acknowledged,
        "escalates": "ffeeddccbbaa9988",
    }
    assert said(shown) == (
        "EXPORT CONTROLLED\n\n"
        "C-101 base frame: temperature.hardware 25.4 degC\n\n"
        "rule hot, container C-101, logger L-01, at base frame, serial number S-7, channel temperature.hardware\n"
        "value 25.4 degC +- 0.3 degC, limit 25 degC, most extreme 26.1 degC: exceeded\n"
        "acknowledged: occurred 2026-11-23T09:00:00Z, reported 2026-11-23T09:01:00Z\n"
        "phase road, custodian esa, limits profile abababababab\n"
        "acknowledged by anna, 2026-11-23T09:05:00Z: door open\n"
        "suspect: the sensor itself is in doubt\n"
        "escalates alert ffeeddccbbaa9988\n"
        "alert 00112233aabbccdd: tcm alerts show 00112233aabbccdd\n\n"
        "Notifier test, notification 0123456789abcdef.\n\n"
        "EXPORT CONTROLLED\n"
    )


def test_an_alert_that_ended_says_when() -> None:
    """Cleared has its time; a check of a sensor has no amounts."""
    assert ", cleared 2026-11-23T09:10:00Z" in said(alert(state=CLEARED, cleared_ns=AT_NS + 600 * NS_PER_S))
    assert "value" not in said(alert(unit="", message="L-01 does not change"))


@given(st.integers(1, 200), st.integers(0, 10_000))
def test_many_alerts_are_counted_and_bounded(told: int, more: int) -> None:
    """The first stand in full, others in a line each, and how many there are beside is said."""
    alerts = [alert(id=f"{number:016x}", message=f"alert number {number}.") for number in range(told)]
    shown = said(*alerts, count=told + more, title="all")
    expected = (f"ALARM firing: alert number {number}." for number in range(told)) if told + more > 1 else ("firing:",)
    assert all(shown.count(line) == 1 for line in expected)
    assert shown.count("tcm alerts show") == min(told, MAX_IN_FULL)
    assert (f"{more} more are left out" in shown) == (more > 0)


def test_all_markings_stand_first_and_last() -> None:
    """Of every container that is told of, once each."""
    lines = said(alert(), alert(container="C-102"), alert(container="C-101"), alert(container="C-9")).splitlines()
    assert lines[0] == lines[-1] == "EXPORT CONTROLLED; FRAGILE"
    assert said(alert(container="C-9")).startswith("C-101 base frame")


@given(st.sampled_from(REASONS), st.none() | st.text() | st.just("x" * 200), st.integers(1, 10_000))
def test_a_subject_is_one_short_line(reason: str, cause: str | None, count: int) -> None:
    """Whatever it is about: headers of a mail have no line breaks."""
    line = subject(notification(reason=reason, cause=cause, count=count))
    assert line.startswith("C-101 ")
    assert len(line) <= MAX_SUBJECT
    assert len(line.splitlines()) == 1


def test_subjects_sort_by_container_and_cause() -> None:
    """The severity and the number of alerts can be read in a list."""
    assert subject(notification(count=7, reason="group")) == "C-101 temperature ALARM more (7 alerts, 1 go on)"
    assert subject(notification(container="-", cause="monitor")) == "gateway monitor ALARM firing"
    assert subject(notification(container=None, cause=None)) == "several several ALARM firing"


def test_a_subject_says_when_it_is_over_already() -> None:
    """After an outage nobody gets up for it; a shock is always over."""
    over = alert(state=CLEARED, cleared_ns=AT_NS)
    assert subject(notification(over)) == "C-101 temperature ALARM firing, over already"
    assert subject(notification(over | {"kind": "shock"})) == "C-101 temperature ALARM firing"
    assert subject(notification(over, reason="cleared")) == "C-101 temperature ALARM cleared"


def test_a_test_is_no_alert() -> None:
    """It says what it is, and names no alert that nobody could be shown."""
    sent = trial(WebhookNotifier(kind="webhook", name="quality", url="http://127.0.0.1/"), "gateway-1", AT_NS)
    assert subject(sent).startswith("test of notifier quality of gateway-1 at 2026-11-23T09:00:00Z")
    assert "alert " not in text(sent, lambda _: "").replace("nothing", "")


def evidence(**changes: Any) -> dict[str, Any]:
    """A minute of readings, some of them missing."""
    times = [rfc3339(AT_NS + second * NS_PER_S) for second in range(60)]
    readings = {"logger": "L-01", "channel": "temperature.hardware", "unit": "degC", "limit": 25.0, "times": times}
    pascals = {"logger": "L-02", "channel": "pressure.inside", "unit": "Pa", "limit": None, "times": times}
    return {
        "alert": alert(state=CLEARED, cleared_ns=AT_NS + 30 * NS_PER_S, message="costs $5 and $6 " * 40),
        "readings": readings | {"values": [None, *range(1, 60)]},
        "inputs": [pascals | {"values": [101_325.0] * 60}],
        "missing": [],
    } | changes


def test_the_picture_is_a_png() -> None:
    """A panel for each unit; text of any kind is drawn as it is."""
    pytest.importorskip("matplotlib")
    assert Pictures().draw(evidence()).startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(
    ("constant", "value", "said"),
    [
        ("DRAW_S", 0.01, "timed out"),
        ("MAX_PICTURE_BYTES", 10, "ended with status 0"),
        (
            "_CHILD",
            (sys.executable, "-c", "print('half a picture'); raise SystemExit('broken')"),
            "ended with status 1: broken",
        ),
        ("_CHILD", ("/nonexistent",), "No such file"),
    ],
)
def test_a_drawing_that_goes_wrong_is_an_error_that_says_why(
    monkeypatch: pytest.MonkeyPatch, constant: str, value: Any, said: str
) -> None:
    """The mail then goes without it."""
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(picture, "DRAW_S", 60.0)  # a busy machine may need longer than a mail should wait
    monkeypatch.setattr(picture, constant, value)
    with pytest.raises(TcmError, match=said):
        Pictures().draw(evidence())


def test_without_the_extra_the_mail_says_how_to_have_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else of a mail needs matplotlib."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(TcmError, match=r"matplotlib is not installed.*\[plot\]"):
        Pictures().draw(evidence())


def test_nothing_to_draw_is_said() -> None:
    """In the words of the evidence, where it has some."""
    none: dict[str, Any] = {
        "logger": "L-01",
        "channel": "shock.a",
        "unit": "g",
        "limit": None,
        "times": [],
        "values": [],
    }
    with pytest.raises(TcmError, match="dropped by retention"):
        Pictures().draw(evidence(readings=none, inputs=[], missing=["its readings were dropped by retention"]))
