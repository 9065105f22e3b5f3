"""What is wrong with the store: TLS, version, dialect, login, database or bucket, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from monitor.cli.try_tls import tls_fault
from monitor.config import StoreSettings
from monitor.model.errors import ConfigError, SinkError
from monitor.sinks.opening import open_influx, open_sink
from monitor.sinks.sink import Held

if TYPE_CHECKING:
    from monitor.sinks.influx import InfluxSink
    from monitor.sinks.server import Server

_INIT = "run `tcm store init` as an administrator (--username or --token-file), then give this login its rights"
_RIGHTS = "docs/store.md says which rights it needs"
_NUMBERS_ONLY = "VictoriaMetrics keeps numbers and milliseconds only, refuses nothing, and is not read: docs/store.md"


class Finding(NamedTuple):
    """The key of [store] to look at, what is wrong or worth knowing, and whether nothing works with it."""

    key: str
    cause: str
    is_error: bool = True


def try_store(settings: StoreSettings, state_dir: Path) -> Iterator[Finding]:
    """What keeps points from being written and read back; nothing is written."""
    try:
        if settings.kind == "influxdb":
            yield from _try_server(settings)
            return
        with closing(open_sink(settings, state_dir)) as sink:
            sink.try_write()
    except ConfigError as error:  # a secret that this user may not read
        yield Finding("password_file" if settings.dialect == "v1" else "token_file", str(error))
    except SinkError as error:
        yield Finding("kind", f"expected a store that takes what is written: {error}")


def _try_server(settings: StoreSettings) -> Iterator[Finding]:
    from monitor.sinks.server import SUPPORTED, identify

    address = urlsplit(settings.url or "")
    if address.scheme == "https":
        fault = tls_fault(address.hostname or "", address.port or 443, settings.ca_file)
        if fault is not None:
            key = fault.key if fault.key in ("url", "ca_file") else "url"  # a certificate of ours has no key here
            yield Finding(key, f"expected a server with a valid certificate: {fault.cause}")
            return
    with closing(open_influx(settings)) as sink:
        try:
            server = identify(sink.client)
        except SinkError as error:
            key = _login_key(settings) if _status(error) in (401, 403) else "url"
            yield Finding(key, f"expected a store that takes what is written: {error}")
            return
        if not server.is_supported:
            yield Finding("url", f"expected a supported server ({SUPPORTED}), this is {server.text}")
            return
        yield from _try_space(settings, sink, server)


def _try_space(settings: StoreSettings, sink: InfluxSink, server: Server) -> Iterator[Finding]:
    """Whether the database or bucket can be written and read, and that of the copy."""
    try:
        sink.try_write()
    except SinkError as error:
        yield _unwritable(settings, sink, server, error)
        return
    if server.product == "VictoriaMetrics":
        yield Finding("url", _NUMBERS_ONLY, is_error=False)
        if settings.long:
            yield Finding("long", "expected false: VictoriaMetrics cannot be asked for what the copy is made of")
        return
    try:
        sink.query("SHOW MEASUREMENTS LIMIT 1")
    except SinkError as error:
        cause = f"{error}; {_INIT}: it maps the name for InfluxQL, and {_RIGHTS}"
        yield Finding(_name_key(settings), f"expected to read what is written: {cause}")
        return
    if settings.copy_name is not None:
        with closing(open_influx(settings, name=settings.copy_name)) as copy:
            try:
                copy.try_write()
            except SinkError as error:
                yield Finding(
                    "long", f"expected {settings.copy_name} for the long-term copy: {error}; {_INIT}: {_RIGHTS}"
                )


def _unwritable(settings: StoreSettings, sink: InfluxSink, server: Server, error: SinkError) -> Finding:
    """Why a server that answers takes no write."""
    fault, status = server.dialect_fault(settings.dialect or ""), _status(error)
    if fault:
        return Finding("dialect", f"{fault} (it says: {error.cause})")
    if status == 401:
        return Finding(_login_key(settings), f"expected a login that the server knows: {error.cause}")
    if status == 404 or (settings.dialect == "v1" and settings.name not in sink.client.databases(settings.name)):
        cause = f"{settings.name} is not there, or not for this login: {error.cause}; {_INIT}: {_RIGHTS}"
        return Finding(_name_key(settings), cause)
    if status == 403:
        return Finding(_login_key(settings), f"expected a login that may write: {error.cause}; {_RIGHTS}")
    return Finding("url", f"expected a store that takes what is written: {error}")


def _status(error: SinkError) -> int:
    return error.status if isinstance(error, Held) else 0


def _login_key(settings: StoreSettings) -> str:
    return "username" if settings.dialect == "v1" else "token_file"


def _name_key(settings: StoreSettings) -> str:
    return "database" if settings.dialect == "v1" else "bucket"
