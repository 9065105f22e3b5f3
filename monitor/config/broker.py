"""How a broker is reached, whoever it is for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from monitor.config.address import LocalPath, Text, split_address
from monitor.model.strict import Strict

MQTT_PORTS = {"mqtt": 1883, "mqtts": 8883}


class Broker(Strict):
    """The address of a broker, and the certificates for one that is reached by TLS."""

    url: str
    protocol: Literal["5", "3.1.1"] = "5"
    username: Text | None = None
    ca_file: LocalPath | None = None
    cert_file: LocalPath | None = None
    key_file: LocalPath | None = None

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if split_address(url, tuple(MQTT_PORTS), "mqtt://127.0.0.1:1883 or mqtts://broker:8883").path not in ("", "/"):
            raise ValueError(f"expected an address without a path such as mqtt://127.0.0.1:1883, got {url!r}")
        return url

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        faults = list(self._faults())
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        if (self.cert_file is None) != (self.key_file is None):
            yield "cert_file: expected both cert_file and key_file, or neither"
        for key in ("ca_file", "cert_file"):
            if getattr(self, key) and not self.tls:
                yield f"{key}: expected only with mqtts://, got {self.url!r}, which would not be encrypted"

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
