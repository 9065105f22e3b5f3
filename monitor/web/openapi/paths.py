"""What can be asked where, and what the answer is."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from monitor.alerts.query import ASKED_STATES, MAX_LISTED
from monitor.web.openapi.of_alerts import SEVERITY
from monitor.web.openapi.words import Schema, list_of, one_of, ref, text, time, whole

JSON, BYTES, PLAIN, EVENTS = "application/json", "application/octet-stream", "text/plain", "text/event-stream"
TOKEN: list[Schema] = [{"token": []}]
GLOB = "; a glob, * ? [ ]"


def _answers(schema: Schema, kind: str, errors: Sequence[int]) -> Schema:
    answers = {"200": {"description": "done", "content": {kind: {"schema": schema}}}}
    for status in errors:
        content = {JSON: {"schema": ref("Error")}}
        answers[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    return answers


def _get(
    name: str, summary: str, schema: Schema, *given: Schema, errors: Sequence[int] = (422,), kind: str = JSON
) -> Schema:
    operation = {"operationId": name, "summary": summary, "responses": _answers(schema, kind, errors)}
    return operation | ({"parameters": list(given)} if given else {})


def _post(
    name: str, summary: str, schema: Schema, *given: Schema, body: Schema | None = None, kind: str = JSON
) -> Schema:
    errors = (401, 404, 409, 413, 422, 503)
    operation = _get(name, summary, schema, *given, errors=errors) | {"security": TOKEN}
    return operation | ({"requestBody": {"required": True, "content": {kind: {"schema": body}}}} if body else {})


def _query(name: str, schema: Schema, *, is_required: bool = False) -> Schema:
    return {"name": name, "in": "query", "required": is_required, "schema": schema}


ALERT_ID: Schema = {"name": "id", "in": "path", "required": True, "schema": text("id of the alert")}
CONTAINER = _query("container", text("only of this container"))
RECORD_TYPE = _query("type", text("only of this type"))
ALERT_QUERY = (
    _query("state", one_of(ASKED_STATES, "only in this state; open: firing or acknowledged")),
    _query("container", text(f"only of these{GLOB}")),
    _query("severity", one_of(SEVERITY["enum"], "only of this severity")),
    _query("rule", text(f"only of these rules{GLOB}")),
    _query("since", time("that occurred then or later")),
    _query("limit", whole("the latest so many", minimum=1, maximum=MAX_LISTED, default=MAX_LISTED)),
)
RECORDING = (
    _query("name", text("of the file; its ending says what it is"), is_required=True),
    _query("container", text("it was in"), is_required=True),
    _query("logger", text("that recorded it"), is_required=True),
    _query("start", time("of the recording, where the file does not say it")),
)
LAST_EVENT: Schema = {"name": "Last-Event-ID", "in": "header", "schema": text("id of the last event that was heard")}
AFTER = _query("after", whole("the same for who cannot set headers, as TCM-Transition of a list says it", minimum=0))
TRANSITION = {"TCM-Transition": {"schema": whole("number of the latest change that the list has for certain")}}
FILE = {"type": "string", "format": "binary"}


def _listing() -> Schema:
    operation = _get("listAlerts", "Published alerts", list_of(ref("Alert")), *ALERT_QUERY)
    operation["responses"]["200"]["headers"] = TRANSITION
    return operation


def _readiness() -> Schema:
    operation = _get("ready", "Whether every part moves", ref("Ready"))
    content = {JSON: {"schema": ref("Ready")}}
    operation["responses"]["503"] = {"description": "a part does not move", "content": content}
    return operation


PATHS: dict[str, Schema] = {
    "/healthz": {"get": _get("alive", "Whether the process answers", text("alive"), kind=PLAIN)},
    "/readyz": {"get": _readiness()},
    "/metrics": {"get": _get("metrics", "Metrics of Prometheus, prefix tcm_", text("its text form"), kind=PLAIN)},
    "/api/openapi.json": {"get": _get("openapi", "This document", {"type": "object"})},
    "/api/status": {"get": _get("status", "What the daemon says of itself", ref("Status"))},
    "/api/containers": {"get": _get("listContainers", "Containers as they stand now", list_of(ref("Container")))},
    "/api/alerts": {"get": _listing()},
    "/api/alerts/{id}": {
        "get": _get("showAlert", "An alert with its evidence", ref("Evidence"), ALERT_ID, errors=(404, 422))
    },
    "/api/alerts/{id}/ack": {
        "post": _post("acknowledge", "I have seen it", ref("Entered"), ALERT_ID, body=ref("AckRequest"))
    },
    "/api/stream": {
        "get": _get(
            "stream",
            "Each change of an alert as it happens",
            text("events `alert`, data: Change"),
            LAST_EVENT,
            AFTER,
            errors=(422, 503),
            kind=EVENTS,
        )
    },
    "/api/phases": {"get": _get("listPhases", "Phases, and what operators entered", list_of(ref("Phases")), CONTAINER)},
    "/api/silences": {"get": _get("listSilences", "Silences, also those that are over", list_of(ref("Silence")))},
    "/api/operator": {
        "get": _get("listRecords", "What operators entered", list_of(ref("OperatorRecord")), CONTAINER, RECORD_TYPE),
        "post": _post("enter", "Journal a record", ref("Entered"), body=ref("OperatorRequest")),
    },
    "/api/attachments": {
        "post": _post(
            "attach",
            "Keep a file that a record will name; at most 64 MiB",
            ref("Attachment"),
            _query("name", text("of the file, without folders"), is_required=True),
            body=FILE,
            kind=BYTES,
        )
    },
    "/api/import": {
        "post": _post(
            "import",
            "Put a recording into the journal; at most 64 MiB",
            ref("Imported"),
            *RECORDING,
            body=FILE,
            kind=BYTES,
        )
    },
    "/api/reload": {"post": _post("reload", "Take up the configuration's files as they are now", ref("Reloaded"))},
}
