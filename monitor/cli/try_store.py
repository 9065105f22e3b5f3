"""What is wrong with the store: TLS, version, dialect, login, database or bucket, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.cli.try_tls import Finding, speaks_tls, tls_fault
from monitor.config import StoreSettings
from monitor.model.errors import ConfigError, SinkError
from monitor.sinks.opening import login_of, open_influx, open_sink
from monitor.sinks.sink import Held

if TYPE_CHECKING:
    from monitor.sinks.influx import InfluxSink
    from monitor.sinks.server import Server

_INIT = "run `tcm store init` as an administrator (--username or --token-file), then give this login its rights"
_RIGHTS = "docs/store.md says which rights it needs"
_NUMBERS_ONLY = "VictoriaMetrics keeps numbers and milliseconds only, refuses nothing, and is not read: docs/store.md"
_UNKNOWN_ORG = '"organization name'  # how InfluxDB 2's message begins when there is no such one
_NO_POLICY = "retention policy not found"  # what InfluxDB 1 says of a database whose default one was dropped
_NO_COPY = "the daemon makes it for what comes, `tcm store audit` brings back what is older"
_ANYTHING = "SHOW MEASUREMENTS LIMIT 1"
_LOGIN_STATUSES = (401, 403)


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
        yield _unusable("url" if settings.kind == "influxdb" else "kind", error)


def _try_server(settings: StoreSettings) -> Iterator[Finding]:
    from monitor.sinks.server import SUPPORTED, identify

    address = urlsplit(settings.url or "")
    if address.scheme == "https":
        fault = tls_fault(address.hostname or "", address.port or 443, settings.ca_file)
        if fault is not None:
            key = fault.key if fault.key in ("url", "ca_file") else "url"  # a certificate of ours has no key here
            yield Finding(key, f"expected a server with a valid certificate: {fault.cause}", fault.is_error)
            if fault.is_error:
                return
    with closing(open_influx(settings)) as sink:
        try:
            server = identify(sink.client)
        except SinkError as error:
            yield _unidentified(settings, error)
            return
        if not server.is_supported:
            other = "upgrade it, or give the url of another; nobody has tried this one"
            yield Finding("url", f"expected a supported server ({SUPPORTED}), this is {server.text}: {other}")
            return
        other = server.dialect_fault(settings.dialect or "")
        if other:
            yield Finding("dialect", other)
            return
        yield from _try_space(settings, sink, server)


def _unidentified(settings: StoreSettings, error: SinkError) -> Finding:
    """Why nobody says who it is: nobody there, somebody else, TLS, or a login that is wanted before anything else."""
    address = urlsplit(settings.url or "")
    if _status(error) in _LOGIN_STATUSES:
        return _login_refused(settings, error, "ask")
    if address.scheme == "http" and speaks_tls(address.hostname or "", address.port or 80):
        return Finding("url", f"it speaks TLS on this port: use https://, with ca_file ({error.cause})")
    return _unusable("url", error)


def _try_space(settings: StoreSettings, sink: InfluxSink, server: Server) -> Iterator[Finding]:
    """Whether the database or bucket can be written and read, and that of the copy."""
    try:
        sink.try_write()
    except SinkError as error:
        yield _unwritable(settings, sink, error)
        return
    if server.product == "VictoriaMetrics":
        yield Finding("url", _NUMBERS_ONLY, is_error=False)
        if settings.long:
            yield Finding("long", "expected false: VictoriaMetrics cannot be asked for what the copy is made of")
        return
    try:
        misled = list(_try_copies(settings, sink))
    except Held as error:
        yield _unreadable(settings, error)
        return
    yield from misled
    if settings.copy_name is not None:
        with closing(open_influx(settings, name=settings.copy_name)) as copy:
            try:
                copy.try_write()
                copy.query(_ANYTHING)
                if not misled and not copy.is_there():
                    yield Finding("long", f"{settings.copy_name} is not there: {_NO_COPY}", is_error=False)
            except SinkError as error:
                cause = (
                    f"expected to write and read {settings.copy_name}, the long-term copy: {error}; {_INIT}: {_RIGHTS}"
                )
                yield Finding("long", cause)


def _try_copies(settings: StoreSettings, sink: InfluxSink) -> Iterator[Finding]:
    """Whether dashboards find the copy; SinkError when nothing can be read at all."""
    from monitor.sinks.setup import COPIES, copies

    wanted = copies(settings).fields["database"]
    told, cause = [settings.name] * len(wanted), "is missing"  # then a data source's own database serves all ranges
    if "series" in sink.query(f'SHOW MEASUREMENTS WITH MEASUREMENT = "{COPIES}"'):  # of a missing database no error
        rows = sink.query(f'SELECT "database" FROM "{COPIES}"').get("series", [{}])[0].get("values", [])
        told, cause = [name for _, name in rows], "says otherwise than the configuration"
    if told != wanted:
        consequence = "pages of long ranges read the wrong place: they are slow, or lack what is old"
        yield Finding("long", f"table {COPIES} {cause}: {consequence}; run `tcm store init`", is_error=False)


def _unwritable(settings: StoreSettings, sink: InfluxSink, error: SinkError) -> Finding:
    """Why a server that answers takes no write; SinkError when it answers no longer."""
    from monitor.sinks.influx_client import NO_ADMINISTRATOR

    status = _status(error)
    if _NO_POLICY in error.cause:
        cause = f"expected a database with a retention policy: {error.cause}; {_INIT}"
        return Finding(_name_key(settings), cause)
    if status == 401 or NO_ADMINISTRATOR in error.cause:
        return _login_refused(settings, error, "write")
    if _UNKNOWN_ORG in error.cause:
        cause = f"{settings.org} is not there: {error.cause}; correct it, `influx org list` tells the server's"
        return Finding("org", cause)
    if status == 404 or (settings.dialect == "v1" and settings.name not in sink.client.databases(settings.name)):
        why = (
            "" if status == 403 else f": {error.cause}"
        )  # there that it may not make it, which would look like the fault
        cause = f"{settings.name} is not there, or not for this login{why}; {_INIT}: {_RIGHTS}"
        return Finding(_name_key(settings), cause)
    if status == 403:
        return _login_refused(settings, error, "write")
    return _unusable("url", error)


def _unreadable(settings: StoreSettings, error: SinkError) -> Finding:
    """Why a server that takes writes answers no question."""
    if _status(error) in _LOGIN_STATUSES:
        return _login_refused(settings, error, "read")
    cause = f"{error}; {_INIT}: it maps the name for InfluxQL, and {_RIGHTS}"
    return Finding(_name_key(settings), f"expected to read what is written: {cause}")


def _login_refused(settings: StoreSettings, error: SinkError, right: str) -> Finding:
    """Why nobody is let in who would do what `right` says: no users yet, no login, an unknown one, one without it."""
    from monitor.sinks.influx_client import NO_ADMINISTRATOR

    key = _missing_login(settings)
    if NO_ADMINISTRATOR in error.cause:
        return Finding(key or "username", f"expected a server with users: {error.cause}; {error.hint}")
    if key:
        return Finding(key, f"missing; this server lets nobody in without a login: {error.cause}")
    key = "username" if settings.dialect == "v1" else "token_file"
    if _status(error) == 401:
        return Finding(key, f"expected a login that the server knows: {error.cause}; {error.hint}")
    return Finding(key, f"expected a login that may {right}: {error.cause}; {_RIGHTS}")


def _missing_login(settings: StoreSettings) -> str:
    """The first key of a login that is not given, "" of a whole one."""
    login = login_of(settings)
    if settings.dialect == "v2":
        return "" if login.token else "token_file"
    if not login.username:
        return "username"
    return "" if login.password else "password_file"


def _unusable(key: str, error: SinkError) -> Finding:
    return Finding(key, f"expected a store that takes what is written: {error}")


def _status(error: SinkError) -> int:
    return error.status if isinstance(error, Held) else 0


def _name_key(settings: StoreSettings) -> str:
    return "database" if settings.dialect == "v1" else "bucket"
