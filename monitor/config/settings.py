"""The tables of monitor.toml."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from monitor.config.address import HTTP, LocalPath, Text, split_address
from monitor.config.alerting import MAX_NOTIFIERS, AlertSettings, NotifierSettings
from monitor.config.broker import Broker
from monitor.config.inputs import MAX_SOURCES, SourceSettings
from monitor.config.secret import secret, token
from monitor.model.limit import Identifier, Strict
from monitor.model.strict import Bytes, Seconds

DEFAULT_INSTANCE = "gateway-1"
RETENTION_MIN_S = 3600  # InfluxDB takes no shorter one


class MqttSettings(Broker):
    """How the broker is reached; `client_id` names the live session, the fill session appends "-fill"."""

    client_id: Text = f"tcm-{DEFAULT_INSTANCE}"
    password_file: LocalPath | None = None

    def _faults(self) -> Iterator[str]:
        if self.password_file and not self.username:
            yield "username: missing; expected the name that goes with password_file"
        yield from super()._faults()

    def password(self) -> str | None:
        """TCM_MQTT_PASSWORD, else what password_file holds, else None; ConfigError when the file cannot be used."""
        return secret("TCM_MQTT_PASSWORD", self.password_file)


class StoreSettings(Strict):
    """Where points are written: an InfluxDB server, or the embedded store in the state directory.

    With `long` an InfluxDB has a down-sampled copy beside them, see `copy_name`. `retention` is how long `tcm store
    init` has the server keep the points, `long_retention` how long the copy (absent: for ever).
    """

    kind: Literal["influxdb", "embedded"] = "embedded"
    url: str | None = None
    dialect: Literal["v1", "v2"] | None = None
    org: Text | None = None
    bucket: Text | None = None
    token_file: LocalPath | None = None
    database: Text | None = None
    username: Text | None = None
    password_file: LocalPath | None = None
    ca_file: LocalPath | None = None
    long: bool = True
    retention_s: Annotated[Seconds | None, Field(ge=RETENTION_MIN_S, alias="retention")] = None
    long_retention_s: Annotated[Seconds | None, Field(ge=RETENTION_MIN_S, alias="long_retention")] = None

    @property
    def name(self) -> str:
        """The database (v1) or bucket (v2), "" of the embedded store."""
        return (self.database if self.dialect == "v1" else self.bucket) or ""

    @property
    def copy_name(self) -> str | None:
        """The database or bucket of the down-sampled copy, None without one."""
        return f"{self.name}_long" if self.long and self.kind == "influxdb" else None

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is not None:
            split_address(url, HTTP, "http://127.0.0.1:8086")
        return url

    @field_validator("dialect", mode="before")
    @classmethod
    def _check_dialect(cls, dialect: Any) -> Any:
        if dialect == "v3":
            raise ValueError("expected v1 or v2; InfluxDB 3 is reached with v2, as docs/store.md says")
        return dialect

    @model_validator(mode="after")
    def _check_required(self) -> Self:
        if self.kind == "embedded":
            return self
        needed = {"v1": ("url", "database"), "v2": ("url", "org", "bucket"), None: ("url", "dialect")}[self.dialect]
        suffix = f" with dialect {self.dialect}" if self.dialect else ", dialect is v1 or v2"
        missing = [key for key in needed if getattr(self, key) is None]
        if missing:
            raise ValueError("\n".join(f"{key}: missing; kind influxdb requires it{suffix}" for key in missing))
        return self

    def token(self) -> str | None:
        """TCM_STORE_TOKEN, else what token_file holds, else None; ConfigError when the file cannot be used."""
        return token("TCM_STORE_TOKEN", self.token_file)

    def password(self) -> str | None:
        """TCM_STORE_PASSWORD, else what password_file holds, else None; ConfigError when the file cannot be used."""
        return secret("TCM_STORE_PASSWORD", self.password_file)


class WebSettings(Strict):
    """Where the page and the API listen, `host:port`; port 0 takes a free one.

    Whoever can read `token_file` (default: operator.token in the state directory) may act; the daemon makes it,
    readable by `operators_group`.
    """

    listen: str = "127.0.0.1:8700"
    token_file: LocalPath | None = None
    operators_group: Text | None = None

    def token_in(self, state_dir: Path) -> Path:
        """Where the token of operators' actions is."""
        return self.token_file or state_dir / "operator.token"

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, listen: str) -> str:
        try:
            parts = urlsplit(f"//{listen}")
            usable = bool(parts.hostname) and parts.port is not None and parts.netloc == listen and "@" not in listen
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(f"expected an address and a port such as 127.0.0.1:8700, got {listen!r}")
        return listen

    @property
    def host(self) -> str:
        """The address to listen on."""
        return urlsplit(f"//{self.listen}").hostname or ""

    @property
    def port(self) -> int:
        """The port to listen on."""
        return urlsplit(f"//{self.listen}").port or 0


class IngestSettings(Strict):
    """What happens to loggers that no container file names, and the limits of a container that names none."""

    unknown_loggers: Literal["accept", "quarantine"] = "accept"
    default_limits: Identifier | None = None


class JournalSettings(Strict):
    """What the journal may use of the disk.

    `budget` is for `journal.db`: at 80 % of it payloads that every consumer has confirmed are dropped, oldest first; at
    90 % somebody is told, at 100 % nothing more is taken. `keep` is the age at which they are dropped all the same
    (absent: never). `reserve` is what stays free on the disk for the other files.
    """

    budget_bytes: Annotated[Bytes, Field(ge=1e6, alias="budget")] = 20e9
    keep_s: Annotated[Seconds | None, Field(ge=86_400, alias="keep")] = None
    reserve_bytes: Annotated[Bytes, Field(ge=0, alias="reserve")] = 200e6


class Settings(Strict):
    """monitor.toml as a whole; folders hold one TOML file for each profile, container and consignment."""

    instance: Identifier = DEFAULT_INSTANCE
    state_dir: LocalPath
    limits: LocalPath = Path("limits")
    containers: LocalPath = Path("containers")
    consignments: LocalPath = Path("consignments")
    mqtt: MqttSettings
    store: StoreSettings = StoreSettings()
    web: WebSettings = WebSettings()
    ingest: IngestSettings = IngestSettings()
    alerts: AlertSettings = AlertSettings()
    journal: JournalSettings = JournalSettings()
    notifier: tuple[NotifierSettings, ...] = Field(default=(), max_length=MAX_NOTIFIERS)
    source: tuple[SourceSettings, ...] = Field(default=(), max_length=MAX_SOURCES)

    @field_validator("notifier")
    @classmethod
    def _check_notifiers(cls, notifiers: tuple[NotifierSettings, ...]) -> tuple[NotifierSettings, ...]:
        """A name is what cursors, rows and the variable of the secret go by."""
        names: dict[str, str] = {}
        for notifier in notifiers:
            if notifier.variable in names:
                cause = f"expected a name of its own, {names[notifier.variable]} has the same {notifier.variable}"
                raise ValueError(f"{notifier.name}: {cause}")
            names[notifier.variable] = notifier.name
        return notifiers

    @model_validator(mode="before")
    @classmethod
    def _name_client(cls, data: Any) -> Any:
        """Two gateways on one broker need two client ids, so the default follows the instance."""
        if not isinstance(data, dict) or not isinstance(data.get("mqtt"), dict):
            return data
        client_id = f"tcm-{data.get('instance', DEFAULT_INSTANCE)}"
        return data | {"mqtt": {"client_id": client_id} | data["mqtt"]}
