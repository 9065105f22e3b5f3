"""From a logger's reading to whoever has to know: a daemon with a notifier of each sort, and real receivers."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.daemon import running_daemon
from tests.fleet import Logger
from tests.processes import HOST, wait_until
from tests.receivers import PASSWORD, USER, mail_server, webhook
from tests.servers import Mosquitto, alertmanager

LIMIT_S = 20.0
NS_PER_S = 10**9


def test_a_warm_spell_reaches_everybody_with_its_evidence(tmp_path: Path, own_mosquitto_server: Mosquitto) -> None:
    """Alertmanager shows it firing and then resolved; one mail has text and picture; the webhook is told of both."""
    pytest.importorskip("matplotlib")
    begun_ns = time.time_ns() - 90 * NS_PER_S
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    with webhook() as hook, webhook() as shown, alertmanager(shown.url) as manager, mail_server(tmp_path) as mail:
        tables = f"""
            [[notifier]]
            name = "hook"
            kind = "webhook"
            url = "{hook.url}"
            window = "0 s"
            [[notifier]]
            name = "manager"
            kind = "alertmanager"
            url = "{manager.url}"
            [[notifier]]
            name = "mail"
            kind = "smtp"
            host = "{HOST}"
            port = {mail.port}
            username = "{USER}"
            secret_file = "{password}"
            ca_file = "{mail.ca_file}"
            from = "gateway@example.org"
            to = ["anna@example.org"]
        """
        with (
            running_daemon(tmp_path, own_mosquitto_server.url, more=tables) as daemon,
            Logger(own_mosquitto_server.port, "L-01", start_ns=begun_ns) as logger,
        ):
            logger.env(begun_ns, [[20 + second / 5] for second in range(60)])
            logger.send(0)
            wait_until(lambda: len(manager.alerts()) == 1, LIMIT_S, "Alertmanager to show the alert")
            wait_until(lambda: bool(mail.mails), LIMIT_S, "the mail")
            logger.env(begun_ns + 60 * NS_PER_S, [[20.0]] * 10)
            logger.send(1)
            wait_until(lambda: len(shown.requests) == 2, LIMIT_S, "Alertmanager to tell of the end")
            assert manager.alerts() == []
            wait_until(lambda: len(hook.requests) == 2, LIMIT_S, "the webhook to be told of the end")
            (alert,) = daemon.get("/api/alerts")[1]
    assert [json.loads(request.body)["status"] for request in shown.requests] == ["firing", "resolved"]
    told = [json.loads(request.body) for request in hook.requests]
    assert [(each["reason"], each["alerts"][0]["id"]) for each in told] == [
        ("firing", alert["id"]),
        ("cleared", alert["id"]),
    ]
    ((message, recipients),) = mail.mails
    assert recipients == ["anna@example.org"]
    body = message.get_body(("plain",))
    assert body is not None
    assert f"alert {alert['id']}" in body.get_content()
    (picture,) = message.iter_attachments()
    assert picture.get_content().startswith(b"\x89PNG")
