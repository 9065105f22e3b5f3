"""MQTT and Apprise as their receivers see them, and the commands that try notifiers."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from monitor.config.alerting import AppriseNotifier, MqttNotifier
from monitor.model.clock import SystemClock
from monitor.model.errors import ConfigError
from monitor.notify import NotTaken, PartlyTaken, mqtt
from monitor.notify.apprise import Apprise
from monitor.notify.mqtt import Mqtt
from tests import receivers
from tests.daemon import DaemonProcess
from tests.processes import HOST, free_port, wait_until
from tests.receivers import notification
from tests.servers import Mosquitto, mosquitto

TOPIC = "site/tcm/told"
LIMIT_S = 20.0


def over_mqtt(url: str, protocol: str = "5") -> Mqtt:
    """A transport to a broker."""
    settings = {"kind": "mqtt", "name": "test", "url": url, "topic": TOPIC, "protocol": protocol}
    return Mqtt(MqttNotifier.model_validate(settings), SystemClock())


@contextmanager
def subscriber(broker: Mosquitto) -> Iterator[list[paho.MQTTMessage]]:
    """What comes on TOPIC, from now on."""
    heard: list[paho.MQTTMessage] = []
    granted: list[int] = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda _client, _data, message: heard.append(message)
    client.on_subscribe = lambda _client, _data, mid, _reasons, _properties: granted.append(mid)
    client.connect(HOST, broker.port)
    client.subscribe(TOPIC, qos=1)
    client.loop_start()
    wait_until(lambda: bool(granted), LIMIT_S, "the subscription")
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_gets_one_message_that_is_confirmed(mosquitto_server: Mosquitto, protocol: str) -> None:
    """Of QoS 1 and not retained: who subscribes later is not told what was."""
    with subscriber(mosquitto_server) as heard, closing(over_mqtt(mosquitto_server.url, protocol)) as way:
        way.reach()
        way.send(notification())
        wait_until(lambda: bool(heard), LIMIT_S, "the message")
    (message,) = heard
    assert (message.qos, message.retain) == (1, False)
    assert json.loads(message.payload)["id"] == "0123456789abcdef"
    with subscriber(mosquitto_server) as later, closing(over_mqtt(mosquitto_server.url)) as way:
        way.send(notification(id="next"))
        wait_until(lambda: bool(later), LIMIT_S, "the next message")
        assert [json.loads(each.payload)["id"] for each in later] == ["next"]


def test_a_broker_that_does_not_take_it_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Away, refusing, or standing still: each is said, nothing hangs."""
    with pytest.raises(NotTaken, match="refused"):
        over_mqtt(f"mqtt://{HOST}:{free_port()}").send(notification())
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    acl.chmod(0o700)
    with mosquitto(f"acl_file {acl}") as broker:
        way = over_mqtt(broker.url)
        way.reach()
        with pytest.raises(NotTaken, match=r"Not authorized.*give this user the right"):
            way.send(notification())
        broker.freeze()
        monkeypatch.setattr(mqtt, "ANSWER_S", 0.3)  # only now: a real answer may take longer
        with pytest.raises(NotTaken, match="no answer within"):
            way.send(notification())
        broker.thaw()
        way.close()
        with pytest.raises(NotTaken):
            way.send(notification())


def by_apprise(folder: Path, *urls: str) -> Apprise:
    """A transport to the services of these URLs."""
    file = folder / "urls"
    file.write_text("\n".join(urls))
    file.chmod(0o600)
    return Apprise(AppriseNotifier(kind="apprise", name="test", secret_file=file), lambda _: "")


def test_a_service_of_apprise_gets_the_text(tmp_path: Path) -> None:
    """Each service once, also when another has to be told again; what is said of it hides its URL."""
    pytest.importorskip("apprise")
    with receivers.webhook() as first, receivers.webhook() as second:
        urls = [f"{server.url.replace('http', 'json')}/T0KEN" for server in (first, second)]
        second.statuses.append(500)
        with closing(by_apprise(tmp_path, *urls)) as way:
            with pytest.raises(NotTaken, match="JSON did not take it") as caught:
                way.send(notification())
            way.send(notification())
    assert [len(first.requests), len(second.requests)] == [1, 2]
    told = json.loads(first.requests[0].body)
    assert (told["title"], told["type"]) == ("C-101 temperature ALARM firing", "failure")
    assert "value 25.4 degC" in told["message"]
    assert "T0KEN" not in str(caught.value)
    assert "500" in str(caught.value)


def test_a_service_that_breaks_keeps_the_others_from_nothing(tmp_path: Path) -> None:
    """Its plugin is others' code: what that raises is named, its text, which may hold the URL, is not."""
    decorators = pytest.importorskip("apprise.decorators")

    @decorators.notify(on="broken")  # type: ignore[untyped-decorator]  # as the package may not be there
    def tell(*_: object, **__: object) -> bool:
        raise KeyError("T0KEN")

    with receivers.webhook() as told:
        urls = ["broken://T0KEN", f"{told.url.replace('http', 'json')}/x"]
        with closing(by_apprise(tmp_path, *urls)) as way:
            with pytest.raises(PartlyTaken) as caught:
                way.send(notification())
            way.close()
            with pytest.raises(NotTaken) as ended:
                way.send(notification(id="next"))
    assert len(told.requests) == 1
    assert "T0KEN" not in str(caught.value)
    assert not isinstance(ended.value, PartlyTaken)


def test_what_apprise_says_does_not_show_the_url(tmp_path: Path) -> None:
    """A service may log its URL: the error has its words without any part of that."""
    decorators = pytest.importorskip("apprise.decorators")

    @decorators.notify(on="leaky")  # type: ignore[untyped-decorator]  # as the package may not be there
    def tell(*_: object, **__: object) -> bool:
        logging.getLogger("apprise").warning("no answer of leaky://T0KEN/S3CRET")
        return False

    with pytest.raises(NotTaken, match="no answer of leaky") as caught:
        by_apprise(tmp_path, "leaky://T0KEN/S3CRET").send(notification())
    assert "T0KEN" not in str(caught.value)
    assert "S3CRET" not in str(caught.value)


def test_a_url_that_apprise_does_not_know_is_not_shown(tmp_path: Path) -> None:
    """Neither in the error nor in the log, where Apprise itself would write it."""
    pytest.importorskip("apprise")
    written = io.StringIO()
    handler, root = logging.StreamHandler(written), logging.getLogger()
    root.addHandler(handler)
    try:
        with pytest.raises(ConfigError, match="line 2 of the secret") as caught:
            by_apprise(tmp_path, f"json://{HOST}:1", "slack://T0KEN")
    finally:
        root.removeHandler(handler)
    assert "T0KEN" not in str(caught.value) + written.getvalue()


def configured(folder: Path, broker: str, *tables: str) -> DaemonProcess:
    """A daemon's configuration with these notifiers."""
    return DaemonProcess(folder, broker, more="\n".join(f"[[notifier]]\n{table}" for table in tables))


def test_notify_test_sends_one(tmp_path: Path) -> None:
    """Exit 0 once it is taken, 1 when it is not, 2 for a name that nobody has."""
    with receivers.webhook() as told:
        daemon = configured(tmp_path, "mqtt://127.0.0.1:1", f'name = "ops"\nkind = "webhook"\nurl = "{told.url}"')
        done = daemon.tcm("notify", "test", "ops")
        assert done.returncode == 0
        assert "nothing is wrong" in done.stdout
        (request,) = told.requests
        sent = json.loads(request.body)
        assert (sent["reason"], sent["alerts"][0]["severity"]) == ("test", "info")
        told.statuses.append(503)
        done = daemon.tcm("notify", "test", "ops", "--json")
        answer = json.loads(done.stdout)
        assert (done.returncode, answer["ok"]) == (1, False)
        assert "status 503" in answer["problem"]
    done = daemon.tcm("notify", "test", "other")
    assert done.returncode == 2
    assert "known: ops" in done.stderr


def test_notify_list_says_who_is_told_of_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each, and as JSON all settings; never a secret."""
    mail = 'name = "mail"\nkind = "smtp"\nhost = "mx.example.org"\nfrom = "a@example.org"\nto = ["b@example.org"]'
    late = 'name = "boss"\nkind = "webhook"\nurl = "https://x.example.org/y"\nescalate_after = "15 min"'
    daemon = configured(tmp_path, "mqtt://127.0.0.1:1", mail, f'{late}\nseverities = ["alarm"]\ncontainers = ["C-1*"]')
    monkeypatch.setenv("COLUMNS", "160")  # in one line each
    done = daemon.tcm("notify", "list")
    for expected in ("mx.example.org b@example.org", "warning alarm", "containers C-1*", "unacknowledged for 15 min"):
        assert expected in done.stdout
    listed = json.loads(daemon.tcm("notify", "list", "--json").stdout)
    assert [(each["name"], each["kind"]) for each in listed] == [("mail", "smtp"), ("boss", "webhook")]
    assert listed[1]["escalate_after_s"] == 900.0
    assert listed[1]["url"] == "https://x.example.org"  # what follows the host may be a token
    assert "example.org/y" not in done.stdout


def test_a_notifier_that_the_running_daemon_does_not_know_is_said(tmp_path: Path, mosquitto_server: Mosquitto) -> None:
    """It takes them up at its start: until then a test that is taken would promise too much."""
    with receivers.webhook() as told:
        tables = [f'name = "{name}"\nkind = "webhook"\nurl = "{told.url}"' for name in ("old", "new")]
        daemon = configured(tmp_path, mosquitto_server.url, tables[0])
        daemon.start()
        try:
            assert daemon.tcm("notify", "list").stderr == ""
            with daemon.config.open("a") as file:
                file.write(f"\n[[notifier]]\n{tables[1]}\n")
            for words in (("list",), ("test", "new")):
                done = daemon.tcm("notify", *words)
                assert done.returncode == 0
                assert "does not know new yet" in " ".join(done.stderr.split())
        finally:
            daemon.stop()


def test_check_names_a_secret_that_is_missing(tmp_path: Path) -> None:
    """A user without a password, services without a URL: nobody would be told."""
    mail = 'name = "mail"\nkind = "smtp"\nhost = "x"\nusername = "u"\nfrom = "a@example.org"\nto = ["b@example.org"]'
    manager = 'name = "manager"\nkind = "alertmanager"\nurl = "http://127.0.0.1:9093"\nusername = "u"'
    services = 'name = "chat-1"\nkind = "apprise"'
    errors = json.loads(configured(tmp_path, "mqtt://x", mail, manager, services).tcm("check", "--json").stdout)[
        "errors"
    ]
    assert [error["key"] for error in errors] == [
        f"notifier.{name}.secret_file" for name in ("mail", "manager", "chat-1")
    ]
    assert "TCM_NOTIFIER_CHAT_1_SECRET" in errors[2]["message"]


def test_check_connect_tries_notifiers_without_telling_anybody(tmp_path: Path, mosquitto_server: Mosquitto) -> None:
    """Those that cannot be reached are errors under their names."""
    with receivers.webhook() as told:
        hook = f'name = "up"\nkind = "webhook"\nurl = "{told.url}"'
        down = f'name = "down"\nkind = "alertmanager"\nurl = "http://{HOST}:{free_port()}"'
        over = f'name = "over"\nkind = "mqtt"\nurl = "{mosquitto_server.url}"\ntopic = "{TOPIC}"'
        done = configured(tmp_path, mosquitto_server.url, hook, down, over).tcm("check", "--connect", "--json")
        errors = json.loads(done.stdout)["errors"]
        assert (done.returncode, [error["key"] for error in errors]) == (2, ["notifier.down"])
        assert told.requests == []
