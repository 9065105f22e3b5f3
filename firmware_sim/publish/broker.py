"""Which broker the loggers connect to."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PORTS = {"mqtt": 1883, "mqtts": 8883}
PROTOCOLS = ("5", "3.1.1")
CONNECTIONS = 100  # at most, unless told otherwise
MAX_USERNAME_BYTES = 65_535  # of any text in MQTT
MAX_CONNECTIONS = 400  # a thread and two sockets each at worst (old and new), far below the 1024 files of select()


class BrokerError(ValueError):
    """A broker that cannot be used as the options say."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to connect and as whom. protocol: "5" (falls back to 3.1.1 when that is refused) or "3.1.1".

    ca_file: whose word on the broker's certificate counts. certificates: folder of deploy/make-certificates, by which
    each logger shows its own; the authority, too, is taken from it unless there is a ca_file.
    """

    host: str
    port: int
    tls: bool = False
    protocol: str = "5"
    username: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    certificates: Path | None = None

    @property
    def url(self) -> str:
        """Return the address, without any secret."""
        return f"mqtt{'s' if self.tls else ''}://{self.host}:{self.port}"


def parse_broker(
    url: str,
    protocol: str = "5",
    username: str | None = None,
    password: str | None = None,
    ca_file: Path | None = None,
    certificates: Path | None = None,
) -> Broker:
    """Return the broker of `mqtt://host[:port]` or `mqtts://host[:port]`; raise BrokerError that says what is wrong."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BrokerError(f"--broker {url}: {error}") from error
    if port == 0:
        raise BrokerError(f"--broker {url}: expected a port from 1 to 65535")
    if username is not None and len(username.encode(errors="surrogateescape")) > MAX_USERNAME_BYTES:
        raise BrokerError(f"--username: expected at most {MAX_USERNAME_BYTES} bytes")
    if parts.scheme not in PORTS or not parts.hostname or parts.path.strip("/") or parts.username:
        raise BrokerError("--broker: expected mqtt://host:port or mqtts://host:port, without user or password")
    if protocol not in PROTOCOLS:
        raise BrokerError(f"--protocol {protocol}: expected {' or '.join(PROTOCOLS)}")
    tls = parts.scheme == "mqtts"
    if not tls and (ca_file or certificates):
        raise BrokerError(f"--broker {url}: expected mqtts:// with --ca-file or --certificates")
    port = port or PORTS[parts.scheme]
    return Broker(parts.hostname, port, tls, protocol, username, password, ca_file, certificates)
