"""Schemas of alerts and what belongs to them."""

from __future__ import annotations

from typing import get_args

from monitor.alerts.acting import ARMED, ESCALATED, SUSPECT
from monitor.alerts.reconcile import MERGED, REVISED
from monitor.model.alert import STATES
from monitor.model.strict import Severity
from monitor.web.openapi.words import Schema, flag, list_of, maybe, number, one_of, ref, table, text, time, whole

SEVERITY = one_of(get_args(Severity), "of the rule; info for all while the container is disarmed")
STATE = one_of(STATES, "firing until somebody acknowledges it or its cause ends")
KIND = one_of((*STATES, REVISED, MERGED, SUSPECT, ESCALATED, ARMED), "what became of it")
ID = text("16 hex digits, the same in every replay")

ALERT = table(
    {
        "id": ID,
        "rule": text("id of the rule in the limits; what the gateway says of itself begins with monitor."),
        "kind": text("kind of the rule"),
        "container": text("- for the gateway itself"),
        "logger": text("- where it concerns no single one"),
        "serial": maybe(text("of the logger")),
        "place": maybe(text("where the logger is mounted")),
        "channel": text("quantity and place, as temperature.air; of a shock shock.<accelerometer>"),
        "axis": maybe(text("of a shock: x, y, z or resultant")),
        "severity": SEVERITY,
        "state": STATE,
        "occurred_at": time("first reading beyond the limit"),
        "reported_at": time("when the record that fired was received"),
        "cleared_at": maybe(time("when its cause ended")),
        "value": number("the reading that fired"),
        "peak": number("the most extreme so far"),
        "limit": number("what it was held against"),
        "unit": text("of value, peak and limit"),
        "uncertainty": maybe(number("U (k = 2) by calibration record")),
        "decision": one_of(("exceeded", "indeterminate", "within"), "exceeded: beyond the limit by more than U"),
        "clock_uncertainty_s": maybe(number("how far the logger's clock may be off")),
        "phase": text("of the container when it occurred"),
        "profile_digest": text("SHA-256 of the limits in force"),
        "evidence": ref("Position"),
        "suspect": flag("whether the sensor itself is in doubt"),
        "merged_into": maybe(text("id of the alert that it was found one with")),
        "message": text("the same in words"),
        "quantity": maybe(text("of a shock: what of the event the value is of")),
        "margin": maybe(number("of a shock: how many times stronger it could be; below 1 beyond the limit")),
        "custodian": maybe(text("the party that had custody when it occurred")),
        "acknowledged": maybe(ref("Acknowledgement")),
        "reopened": whole("how often it came again within the hold-off"),
        "flapping": flag("whether it comes and goes"),
        "escalates": maybe(text("of an alarm: id of the warning that it grew out of")),
        "escalated_to": maybe(text("of a warning: id of the alarm that it became")),
    },
    "An exceedance of a limit, with a life cycle.",
)
SERIES = table(
    {
        "logger": text("that measured it"),
        "channel": text("quantity and place"),
        "unit": text("of the values"),
        "limit": maybe(number("to hold the values against; null where the limit is of something else")),
        "count": whole("readings that there are; those given are at most 600, with every peak"),
        "times": list_of(time("of the reading")),
        "values": list_of(maybe(number("null where the sensor gave nothing"))),
    }
)
TRANSITION = table(
    {
        "number": whole("of all changes of all alerts in order"),
        "at": time("when it became known"),
        "change": KIND,
        "state": STATE,
        "severity": SEVERITY,
        "value": number("the reading that fired"),
        "peak": number("the most extreme so far"),
        "acknowledged": maybe(ref("Acknowledgement")),
        "message": text("the same in words"),
    }
)
EVIDENCE = table(
    {
        "alert": ref("Alert"),
        "pos": whole("position in the journal of the record that fired"),
        "boot": whole("of the logger"),
        "seq": whole("of the record"),
        "readings": ref("Series"),
        "inputs": list_of(ref("Series"), "what a derived channel is computed of"),
        "event": maybe({"type": "object", "description": "of a shock: its report, as tcm shock show gives it"}),
        "rule": maybe({"type": "object", "description": "as it stood, with the keys of the limits file"}),
        "profile": maybe(text("name of the limits")),
        "profile_digest": text("SHA-256 of the limits in force"),
        "phase": text("of the container when it occurred"),
        "custodian": maybe(text("the party that had custody then")),
        "transitions": list_of(ref("Transition")),
        "missing": list_of(text("what is not there, in words")),
    },
    "An alert, what it was told by, and what became of it.",
)
CHANGE = table(
    {"at": time("of the change"), "change": KIND, "alert": ref("Alert")},
    "Data of an event `alert` of the stream: the alert as it was after the change whose number is the event's id.",
)
SCHEMAS: dict[str, Schema] = {
    "Alert": ALERT,
    "Acknowledgement": table(
        {"by": text("name of who did it"), "at": time("when"), "remark": text("why, may be empty")}
    ),
    "Position": table({"pos": whole("in the journal"), "boot": whole("of the logger"), "seq": whole("of the record")}),
    "Series": SERIES,
    "Transition": TRANSITION,
    "Evidence": EVIDENCE,
    "Change": CHANGE,
}
