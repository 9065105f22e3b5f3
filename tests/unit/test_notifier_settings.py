"""[[notifier]]: what loads, and what is said of whatever does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitor.config import Config, ConfigProblems, load_config
from monitor.config.alerting import MqttNotifier, SmtpNotifier, WebhookNotifier

EXAMPLE = Path(__file__).parents[2] / "config" / "monitor.toml"
WEBHOOK = 'name = "on-call"\nkind = "webhook"\nurl = "http://ops/"\n'
SMTP = 'name = "q"\nkind = "smtp"\nhost = "mail"\nfrom = "tcm@example.org"\nto = ["q@example.org"]\n'
MQTT = 'name = "m"\nkind = "mqtt"\nurl = "mqtt://broker"\ntopic = "told"\n'


def load(folder: Path, *notifiers: str) -> Config:
    (folder / "limits").mkdir(exist_ok=True)
    tables = "".join(f"[[notifier]]\n{text}" for text in notifiers)
    (folder / "monitor.toml").write_text(f'state_dir = "var"\n[mqtt]\nurl = "mqtt://broker"\n{tables}')
    return load_config(folder / "monitor.toml")


def problems(folder: Path, *notifiers: str) -> dict[str, str]:
    with pytest.raises(ConfigProblems) as caught:
        load(folder, *notifiers)
    return {problem.key: problem.message for problem in caught.value.problems}


def secret_file(folder: Path, content: str = "secret\n", mode: int = 0o600) -> str:
    path = folder / "key"
    path.write_text(content)
    path.chmod(mode)
    return 'secret_file = "key"\n'


def test_the_example_loads_when_it_is_no_comment(tmp_path: Path) -> None:
    """What people uncomment is right as it stands."""
    lines = EXAMPLE.read_text().splitlines()
    first = lines.index("# [[notifier]]")
    block = lines[first : lines.index("", first)]
    (tmp_path / "on-call.key").write_text("k")
    (tmp_path / "mail.password").write_text("p")
    for path in tmp_path.iterdir():
        path.chmod(0o600)
    text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in block)
    webhook, smtp = load(tmp_path, *re.split(r"\[\[notifier\]\]\n", text)[1:]).notifiers
    assert isinstance(webhook, WebhookNotifier) and isinstance(smtp, SmtpNotifier)
    assert (webhook.secret(), webhook.window_s, webhook.repeat_s) == ("k", 60, 1800)
    assert (smtp.secret(), smtp.tcp_port, smtp.escalate_after_s) == ("p", 587, 900)
    assert (smtp.severities, webhook.severities) == (("alarm",), ("warning", "alarm"))
    assert (webhook.containers, smtp.parties) == (("*",), ("carrier-*",))


def test_everything_wrong_is_said_at_once_under_the_notifiers_name(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        WEBHOOK.replace("http:", "htp:") + 'severities = ["bad"]\ncontainers = []\nwindw = "3 s"\n',
        SMTP.replace("tcm@example.org", "nobody").replace('["q@', '["a b", "q@') + "port = 0\n",
        MQTT.replace("told", "told/#") + 'window = "2 h"\nrepeat = "1 s"\nescalate_after = "30 d"\n',
        'name = "am"\nkind = "alertmanager"\nurl = "http://am:9093"\nwindow = "60 s"\n',
        'name = "pager"\nkind = "pager"\n',
        'name = "a b"\nkind = "apprise"\n',
    )
    assert found["notifier.on-call.url"].startswith("expected an address such as https://ops.example.org/alerts")
    assert found["notifier.on-call.severities[1]"] == "expected 'info', 'warning' or 'alarm', got 'bad'"
    assert found["notifier.on-call.containers"] == "expected at least 1, got an empty list"
    assert found["notifier.on-call.windw"].startswith("unknown key; expected one of name, severities, containers,")
    assert found["notifier.q.from"] == "expected an address such as ops@example.org, got 'nobody'"
    assert found["notifier.q.to[1]"] == "expected an address such as ops@example.org, got 'a b'"
    assert found["notifier.q.port"] == "expected 1 or more, got 0"
    assert found["notifier.m.topic"] == "expected a topic without + and #, got 'told/#'"
    assert {f"notifier.m.{key}" for key in ("window", "repeat", "escalate_after")} <= set(found)
    assert found["notifier.am.window"].startswith("unknown key")
    assert found["notifier.pager.kind"].startswith("expected one of mqtt, webhook, alertmanager, smtp, apprise, got")
    assert found["notifier.a b.name"].startswith("expected 1 to 64 letters, digits")


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        (SMTP + 'username = "u"\nsecurity = "none"\n', "notifier.q.security", "expected starttls or tls"),
        (SMTP + 'secret_file = "key"\n', "notifier.q.username", "missing; expected the name that goes with"),
        (MQTT + 'secret_file = "key"\n', "notifier.m.username", "missing; expected the name that goes with"),
        (MQTT + 'ca_file = "ca.pem"\n', "notifier.m.ca_file", "expected only with mqtts://"),
        (WEBHOOK + 'ca_file = "ca.pem"\n', "notifier.on-call.ca_file", "expected a PEM file, there is no"),
        (WEBHOOK + 'secret_file = "none"\n', "notifier.on-call.secret_file", "No such file"),
        ('name = "chat"\nkind = "apprise"\n', "notifier.chat.secret_file", "TCM_NOTIFIER_CHAT_SECRET"),
        (WEBHOOK.replace("ops/", "tcm:pw@ops/"), "notifier.on-call.url", "name and password have keys of their own"),
    ],
)
def test_what_does_not_go_together(tmp_path: Path, text: str, key: str, message: str) -> None:
    assert message in problems(tmp_path, text)[key]


def test_two_need_two_names(tmp_path: Path) -> None:
    """Also as variables of the environment know them."""
    other = WEBHOOK.replace("on-call", "ON.CALL")
    expected = "expected a name of its own, on-call has the same TCM_NOTIFIER_ON_CALL_SECRET"
    assert problems(tmp_path, WEBHOOK, other) == {"notifier.ON.CALL": expected}
    same = problems(tmp_path, WEBHOOK, WEBHOOK)
    assert same == {"notifier.on-call": expected}


def test_a_secret_is_the_variable_or_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = WEBHOOK + secret_file(tmp_path)
    assert [each.secret() for each in load(tmp_path, text).notifiers] == ["secret"]
    monkeypatch.setenv("TCM_NOTIFIER_ON_CALL_SECRET", "other")
    assert [each.secret() for each in load(tmp_path, text).notifiers] == ["other"]
    monkeypatch.delenv("TCM_NOTIFIER_ON_CALL_SECRET")
    assert [each.secret() for each in load(tmp_path, WEBHOOK).notifiers] == [None]
    secret_file(tmp_path, mode=0o644)
    assert "run chmod 600" in problems(tmp_path, text)["notifier.on-call.secret_file"]
    secret_file(tmp_path, content="")
    assert "the file is empty" in problems(tmp_path, text)["notifier.on-call.secret_file"]


def test_a_broker_of_its_own(tmp_path: Path) -> None:
    (notifier,) = load(tmp_path, MQTT.replace("mqtt://broker", "mqtts://other:8884")).notifiers
    assert isinstance(notifier, MqttNotifier)
    assert (notifier.host, notifier.port, notifier.tls, notifier.protocol) == ("other", 8884, True, "5")
