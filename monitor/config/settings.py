"""The tables of monitor.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from monitor.config.alerting import AlertSettings
from monitor.config.inputs import MAX_SOURCES, SourceSettings
from monitor.config.secret import secret
from monitor.model.limit import Identifier, Strict
from monitor.model.strict import Bytes, Seconds

DEFAULT_INSTANCE = "gateway-1"
MQTT_PORTS = {"mqtt": 1883, "mqtts": 8883}
Text = Annotated[str, Field(min_length=1)]


def _resolve(path: Path, info: ValidationInfo) -> Path:
    """Make a path absolute from the folder of the file it stands in, which the loader hands over as context."""
    return (info.context["folder"] / path).resolve() if info.context else path


LocalPath = Annotated[Path, AfterValidator(_resolve)]


def _split(url: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    """Take an address apart; ValueError says what was expected."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0  # a wrong port raises
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"expected an address such as {example}, got {url!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"expected an address such as {example}; name and password have keys of their own")
    return parts


class MqttSettings(Strict):
    """How the broker is reached; `client_id` names the live session, the fill session appends "-fill"."""

    url: str
    client_id: Text = f"tcm-{DEFAULT_INSTANCE}"
    protocol: Literal["5", "3.1.1"] = "5"
    username: Text | None = None
    password_file: LocalPath | None = None
    ca_file: LocalPath | None = None
    cert_file: LocalPath | None = None
    key_file: LocalPath | None = None

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if _split(url, tuple(MQTT_PORTS), "mqtt://127.0.0.1:1883 or mqtts://broker:8883").path not in ("", "/"):
            raise ValueError(f"expected an address without a path such as mqtt://127.0.0.1:1883, got {url!r}")
        return url

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        faults: list[str] = []
        if self.password_file and not self.username:
            faults.append("username: missing; expected the name that goes with password_file")
        if (self.cert_file is None) != (self.key_file is None):
            faults.append("cert_file: expected both cert_file and key_file, or neither")
        for key in ("ca_file", "cert_file"):
            if getattr(self, key) and not self.tls:
                faults.append(f"{key}: expected only with mqtts://, got {self.url!r}, which would not be encrypted")
        if faults:
            raise ValueError("\n".join(faults))
        return self

    @property
    def host(self) -> str:
        """The broker's name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The broker's port; by default 1883, and 8883 for TLS."""
        parts = urlsplit(self.url)
        return parts.port or MQTT_PORTS[parts.scheme]

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted (mqtts://)."""
        return urlsplit(self.url).scheme == "mqtts"

    def password(self) -> str | None:
        """TCM_MQTT_PASSWORD, else what password_file holds, else None; ConfigError when the file cannot be used."""
        return secret("TCM_MQTT_PASSWORD", self.password_file)


class StoreSettings(Strict):
    """Where points are written: an InfluxDB server, or the embedded store in the state directory."""

    kind: Literal["influxdb", "embedded"] = "embedded"
    url: str | None = None
    dialect: Literal["v1", "v2"] | None = None
    org: Text | None = None
    bucket: Text | None = None
    token_file: LocalPath | None = None
    database: Text | None = None
    username: Text | None = None
    password_file: LocalPath | None = None

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is not None:
            _split(url, ("http", "https"), "http://127.0.0.1:8086")
        return url

    @field_validator("dialect", mode="before")
    @classmethod
    def _check_dialect(cls, dialect: Any) -> Any:
        if dialect == "v3":
            raise ValueError("expected v1 or v2; v3 is not built yet")
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
        return secret("TCM_STORE_TOKEN", self.token_file)

    def password(self) -> str | None:
        """TCM_STORE_PASSWORD, else what password_file holds, else None; ConfigError when the file cannot be used."""
        return secret("TCM_STORE_PASSWORD", self.password_file)


class WebSettings(Strict):
    """Where the page and the API listen, `host:port`; port 0 takes a free one."""

    listen: str = "127.0.0.1:8700"

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
    source: tuple[SourceSettings, ...] = Field(default=(), max_length=MAX_SOURCES)

    @model_validator(mode="before")
    @classmethod
    def _name_client(cls, data: Any) -> Any:
        """Two gateways on one broker need two client ids, so the default follows the instance."""
        if not isinstance(data, dict) or not isinstance(data.get("mqtt"), dict):
            return data
        client_id = f"tcm-{data.get('instance', DEFAULT_INSTANCE)}"
        return data | {"mqtt": {"client_id": client_id} | data["mqtt"]}
