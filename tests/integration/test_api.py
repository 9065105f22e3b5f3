"""The HTTP interface of a real daemon: what it answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match
from openapi_spec_validator import OpenAPIV31SpecValidator

from monitor.model.clock import NS_PER_S, rfc3339
from tests.api import alerts, enter, lone_daemon, read_in
from tests.daemon import DaemonProcess
from tests.processes import wait_until

PAPER = b"signed by both parties"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon that has a firing alarm of C-1 and a cleared one, and a firing warning of C-2."""
    with lone_daemon(tmp_path_factory.mktemp("api")) as running:
        running.start("/healthz")
        read_in(running, "C-1", "L-1", "hardware", [26.0, 20.0, 27.0])
        read_in(running, "C-2", "L-2", "air", [21.0])
        wait_until(lambda: len(alerts(running)) == 3, 20, "the alerts")
        yield running


def strict(schema: Any) -> Any:
    """The same, but no key may be there that it does not name."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "required" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


def test_every_answer_is_as_the_document_says(daemon: DaemonProcess) -> None:
    """The document is OpenAPI 3.1, has every page, and no answer has a key that it does not name."""
    code, document = daemon.get("/api/openapi.json")
    assert code == 200
    OpenAPIV31SpecValidator(document).validate()
    document = strict(document)
    (firing, *_) = alerts(daemon, state="firing", container="C-1")
    cleared = alerts(daemon, state="cleared")[0]
    later = rfc3339(time.time_ns() + 3600 * NS_PER_S)
    code, silence = enter(daemon, type="silence", container="C-2", until=later, rule="none-*", remark="works")
    assert code == 200, silence
    asked: list[tuple[str, str, Any]] = [
        ("get", "/readyz", None),
        ("get", "/api/openapi.json", None),
        ("get", "/api/status", None),
        ("get", "/api/containers", None),
        ("get", "/api/alerts", None),
        ("get", f"/api/alerts/{firing['id']}", None),
        ("get", f"/api/alerts/{cleared['id']}", None),
        ("get", "/api/alerts/0123", None),
        ("get", "/api/phases", None),
        ("get", "/api/silences", None),
        ("get", "/api/operator?container=C-2", None),
        ("post", "/api/operator", {"type": "phase", "container": "C-1", "phase": "road", "by": "Rossi"}),
        ("post", "/api/operator", {"type": "seal", "container": "C-1", "number": "4711", "by": "Rossi"}),
        ("post", "/api/operator", {"type": "disarm", "container": "C-2", "by": "Rossi", "remark": "on the bench"}),
        ("post", "/api/operator", {"type": "silence-end", "silence": silence["pos"], "by": "Rossi"}),
        ("post", "/api/operator", {"type": "seal"}),
        ("post", f"/api/alerts/{firing['id']}/ack", {"by": "Rossi", "remark": "seen"}),
        ("post", f"/api/alerts/{firing['id']}/ack", {"by": "Rossi"}),
        ("get", f"/api/alerts/{firing['id']}", None),
        ("get", "/api/containers", None),
        ("get", "/api/status", None),
        ("get", "/api/silences", None),
        ("get", "/api/phases", None),
        ("post", "/api/attachments?name=paper.txt", PAPER),
        ("post", "/api/import?name=x&container=C-1&logger=L-1", b""),
        ("post", "/api/reload", b""),
        ("post", "/api/reload", {"dry_run": True}),
    ]
    for method, path, body in asked:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        code, answer = daemon.get(path) if method == "get" else daemon.post(path, sent)
        responses = document["paths"][template(document, path)][method]["responses"]
        assert str(code) in responses, (method, path, code, answer)
        content = responses[str(code)]["content"]["application/json"]["schema"]
        fault = fault_of(answer, {**content, "components": document["components"]})
        assert not fault, (method, path, fault)


def fault_of(answer: Any, schema: Any) -> str:
    """Where an answer does not fit, "" where it does."""
    fault = best_match(Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(answer))
    return f"{fault.json_path}: {fault.message}" if fault else ""


def template(document: Any, path: str) -> str:
    """The path of the document that a request's path is one of."""
    plain = path.partition("?")[0]
    parts = plain.split("/")
    if parts[1:3] == ["api", "alerts"] and len(parts) > 3:
        parts[3] = "{id}"
    found = "/".join(parts)
    assert found in document["paths"], found
    return found


def test_a_list_has_what_was_asked_for(daemon: DaemonProcess) -> None:
    """By each key, by several at once, the latest first to stay; what cannot be meant is refused, not passed over."""
    assert [row["rule"] for row in alerts(daemon, rule="w*m")] == ["warm"]
    assert [row["rule"] for row in alerts(daemon, severity="warning")] == ["warm"]
    assert {row["container"] for row in alerts(daemon, container="C-1")} == {"C-1"}
    first, second = alerts(daemon, rule="hot")
    assert (first["state"], second["occurred_at"]) == ("cleared", "2026-11-23T06:20:00Z")
    assert alerts(daemon, rule="hot", limit="1") == [second]
    assert alerts(daemon, since="2026-11-23T06:10:00Z") == [second]
    assert alerts(daemon, container="C-1", severity="warning") == []
    for query, said in (
        ("state=shut", "state: expected one of open, firing"),
        ("severty=alarm", "'severty': expected one of the keys"),
        ("severity=red", "severity: expected one of info"),
        ("since=yesterday", "since: expected a time"),
        ("since=9999-12-31T23:59:59Z", "since: expected a time"),
        ("limit=0", "limit: expected a whole number"),
        ("limit=99999999999999999999", "limit: expected a whole number"),
        ("rule=a&rule=b", "'rule': expected once"),
    ):
        code, answer = daemon.get(f"/api/alerts?{query}")
        assert (code, said in answer["error"]) == (422, True), (query, answer)


def test_an_alert_comes_with_its_evidence_and_is_acknowledged_once(daemon: DaemonProcess) -> None:
    """Who did it shows at once; a second one, one of what is over, and one of what is not are refused."""
    (warm,) = alerts(daemon, rule="warm")
    code, evidence = daemon.get(f"/api/alerts/{warm['id']}")
    assert (code, evidence["alert"], evidence["readings"]["values"]) == (200, warm, [21.0])
    assert [change["change"] for change in evidence["transitions"]] == ["firing"]
    path = f"/api/alerts/{warm['id']}/ack"
    code, said = daemon.post(path, b'{"by": "Rossi", "remark": "door was open"}')
    assert (code, said["type"], said["alert"], said["container"]) == (200, "ack", warm["id"], "C-2")
    (acknowledged,) = alerts(daemon, rule="warm")
    assert acknowledged["state"] == "acknowledged"
    assert (acknowledged["acknowledged"]["by"], acknowledged["acknowledged"]["remark"]) == ("Rossi", "door was open")
    cleared = alerts(daemon, state="cleared")[0]
    for again, body, expected in (
        (path, b'{"by": "Bianchi"}', (409, "Rossi")),
        (f"/api/alerts/{cleared['id']}/ack", b'{"by": "Rossi"}', (409, "cleared")),
        ("/api/alerts/0123456789abcdef/ack", b'{"by": "Rossi"}', (404, "no such alert")),
        (path, b'{"by": "Rossi", "alert": "x"}', (422, "path")),
        (path, b'["Rossi"]', (422, "JSON object")),
    ):
        code, answer = daemon.post(again, body)
        assert (code, expected[1] in answer["error"]) == (expected[0], True), answer


def test_a_file_is_kept_and_named_by_a_record(daemon: DaemonProcess) -> None:
    code, attachment = daemon.post("/api/attachments?name=paper.txt", PAPER)
    assert (code, attachment["name"], attachment["bytes"]) == (200, "paper.txt", len(PAPER))
    assert (daemon.state_dir / "attachments" / attachment["sha256"]).read_bytes() == PAPER
    code, record = enter(daemon, type="inspection", container="C-1", attachments=[attachment])
    assert (code, record["attachments"]) == (200, [attachment])
    code, answer = enter(daemon, type="inspection", container="C-1", attachments=[attachment | {"sha256": "0" * 64}])
    assert (code, "not there" in answer["error"]) == (422, True)
    for name in ("../paper.txt", "..", "."):
        code, answer = daemon.post(f"/api/attachments?name={name}", PAPER)
        assert (code, "without folders" in answer["error"]) == (422, True)
    assert not list((daemon.state_dir / "attachments").glob(".*"))
