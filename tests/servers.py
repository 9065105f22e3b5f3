"""Real servers for tests: Mosquitto, InfluxDB, VictoriaMetrics, Alertmanager."""

from __future__ import annotations

import getpass
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.processes import HOST, Server, accepts, free_port, get, place, running


class Mosquitto(Server):
    def reload(self) -> None:
        """Have it read its configuration again."""
        self._signal(signal.SIGHUP)

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"


class Influxd(Server):
    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@contextmanager
def mosquitto(*extra_lines: str) -> Iterator[Mosquitto]:
    """A Mosquitto broker, started; `extra_lines` are added to its configuration."""
    with place("mosquitto", "mosquitto") as (program, folder, port):
        config = folder / "mosquitto.conf"
        # `user`: started as root the broker would become a user that cannot write to this folder.
        lines = [
            *(f"listener {port} {HOST}", "allow_anonymous true", f"user {getpass.getuser()}"),
            *("persistence true", f"persistence_location {folder}/", "max_queued_messages 0", *extra_lines),
        ]
        config.write_text("\n".join(lines) + "\n")
        with running(Mosquitto([program, "-c", str(config)], folder, port, lambda: accepts(port))) as server:
            yield server


@contextmanager
def influxd(*, asks_login: bool = False, tls: tuple[Path, Path] | None = None) -> Iterator[Influxd]:
    """An InfluxDB 1.x server without databases, started.

    With `asks_login` it serves nobody but its users, of which the first to be made is an administrator; with `tls`
    (certificate, key) it speaks HTTPS.
    """
    with place("influxd", "influxdb") as (program, folder, port):
        config = folder / "influxdb.conf"
        text = _INFLUXD_CONFIG.format(
            folder=folder,
            host=HOST,
            port=port,
            rpc_port=free_port(),
            asks_login=str(asks_login).lower(),
            https=_INFLUXD_HTTPS.format(*tls) if tls else "",
        )
        config.write_text(text)
        is_up = (lambda: accepts(port)) if tls else (lambda: pings(port))
        with running(Influxd([program, "-config", str(config)], folder, port, is_up)) as server:
            yield server


_INFLUXD_CONFIG = """
reporting-disabled = true
bind-address = "{host}:{rpc_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  cache-max-memory-size = "256m"
  query-log-enabled = false
[http]
  bind-address = "{host}:{port}"
  {https}
  auth-enabled = {asks_login}
  log-enabled = false
[monitor]
  store-enabled = false
[continuous_queries]
  enabled = false
[subscriber]
  enabled = false
[logging]
  level = "warn"
"""


_INFLUXD_HTTPS = """https-enabled = true
  https-certificate = "{}"
  https-private-key = "{}"
"""


_END_S = 4_102_444_800  # 2100: by default it exports nothing that is later than now


class VictoriaMetrics(Server):
    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def values(self, metric: str, **tags: str) -> dict[int, float]:
        """What it holds of a metric, such as env_temperature_air_c, by time in ms; one value of each time."""
        get(self.port, "/internal/force_flush")  # else what was written shows after a second
        match = ",".join([f"__name__={json.dumps(metric)}", *(f"{key}={json.dumps(tag)}" for key, tag in tags.items())])
        status, answer = get(self.port, "/api/v1/export?" + urlencode({"match[]": f"{{{match}}}", "end": _END_S}))
        assert status == 200, answer
        found = [json.loads(line) for line in answer.splitlines()]
        return {at: value for one in found for at, value in zip(one["timestamps"], one["values"], strict=True)}


@contextmanager
def victoria_metrics() -> Iterator[VictoriaMetrics]:
    """A VictoriaMetrics server, started, that keeps everything."""
    with place("victoria-metrics", "victoria-metrics") as (program, folder, port):
        command = [
            *(program, f"-httpListenAddr={HOST}:{port}", f"-storageDataPath={folder}/data"),
            *("-retentionPeriod=100y", "-memory.allowedPercent=5", "-loggerLevel=ERROR"),
        ]
        with running(VictoriaMetrics(command, folder, port, lambda: get(port, "/health")[0] == 200)) as server:
            yield server


class Alertmanager(Server):
    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def alerts(self) -> list[Any]:
        """Its open alerts, as API v2 lists them."""
        status, answer = get(self.port, "/api/v2/alerts")
        assert status == 200, answer
        listed: list[Any] = json.loads(answer)
        return listed


@contextmanager
def alertmanager(webhook_url: str) -> Iterator[Alertmanager]:
    """A Prometheus Alertmanager, started; each change of an alert it POSTs by itself to `webhook_url`."""
    with place("prometheus-alertmanager", "prometheus-alertmanager") as (program, folder, port):
        (folder / "alertmanager.yml").write_text(_ALERTMANAGER_CONFIG.format(url=webhook_url))
        command = [
            *(program, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data"),
            *(f"--web.listen-address={HOST}:{port}", "--cluster.listen-address="),  # alone, no cluster
        ]
        with running(Alertmanager(command, folder, port, lambda: get(port, "/-/ready")[0] == 200)) as server:
            yield server


_ALERTMANAGER_CONFIG = """
route:
  receiver: test
  group_by: ["..."]
  group_wait: 0s
  group_interval: 100ms
receivers:
  - name: test
    webhook_configs:
      - url: "{url}"
        send_resolved: true
"""


def pings(port: int) -> bool:
    """Whether InfluxDB on this port says that it is there."""
    return get(port, "/ping")[0] == 204
