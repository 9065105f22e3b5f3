"""Notifiers as parts of a gateway: what one cannot tell the others tell, and an operator's silence holds."""

from __future__ import annotations

from pathlib import Path

from monitor.model.condition import GATEWAY, NOTIFIER_FAILING, PART_STALLED, Condition
from monitor.model.operator import OperatorRecord
from tests.notified import Gateway


def stall(gateway: Gateway) -> None:
    """Something of the gateway itself that somebody has to see."""
    gateway.parts.stalled = lambda: [Condition(PART_STALLED, GATEWAY, GATEWAY, "store does not move")]


def test_a_dead_notifier_raises_an_alert_through_the_others(tmp_path: Path) -> None:
    """And hears of it itself once it is back, behind what it had to tell before."""
    gateway = Gateway(tmp_path, "dead", "alive")
    gateway.receivers["dead"].is_up = False
    gateway.run(15)
    stall(gateway)
    gateway.run(20)
    stalled = (PART_STALLED, GATEWAY, "firing")
    assert gateway.told("alive") == [stalled]
    gateway.run(90)
    assert not [rule for rule, _, _ in gateway.told("alive") if rule == NOTIFIER_FAILING]
    gateway.run(40)
    assert gateway.told("alive") == [stalled, (NOTIFIER_FAILING, "dead", "firing")]
    gateway.receivers["dead"].is_up = True
    gateway.run(500)
    assert gateway.told("alive")[2:] == [(NOTIFIER_FAILING, "dead", "cleared")]
    assert [told[0] for told in gateway.told("dead")][:2] == [PART_STALLED, NOTIFIER_FAILING]
    document = gateway.parts.notifiers.document(gateway.parts.watch.book.last_transition())
    assert [(each["name"], each["backlog"], each["problem"]) for each in document] == [
        ("dead", 0, ""),
        ("alive", 0, ""),
    ]
    gateway.parts.close()


def test_what_an_operator_silences_is_not_told(tmp_path: Path) -> None:
    """The record goes through the journal, as from an operator; when it is over, what still fires is told."""
    gateway = Gateway(tmp_path, "ops")
    gateway.run(15)
    now_ns = gateway.clock.now_ns()
    content = {"type": "silence", "container": GATEWAY, "by": "ops", "until": "2026-11-23T06:10:00Z"}
    record = OperatorRecord.enter(content | {"rule": "monitor.part-*"}, now_ns)
    gateway.parts.journal.append_own("operator", now_ns, record.to_json(), GATEWAY)
    stall(gateway)
    gateway.run(500)
    assert not gateway.told("ops")
    gateway.run(100)
    assert gateway.told("ops") == [(PART_STALLED, GATEWAY, "firing")]
    gateway.parts.close()
