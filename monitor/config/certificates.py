"""Certificates and keys on this machine: whether they can be used, whose they are, and when they end."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from monitor.model.errors import ConfigError

_NOT_A_PAIR = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")  # OpenSSL's words


class UnusableFile(ConfigError):  # noqa: N818 - named for what it is; ConfigError is the base
    """`key` of the configuration names the file, `is_closed` says that it may be good and this user cannot read it."""

    def __init__(self, key: str, path: Path | None, cause: str, *, is_closed: bool = False) -> None:
        self.key, self.is_closed = key, is_closed
        hint = "the daemon's user must be able to read it" if is_closed else ""
        super().__init__("read certificates", str(path), cause, hint)


class Certificate(NamedTuple):
    """Its common name, "" without one, and from when until when it counts (aware, UTC)."""

    name: str
    begins: datetime
    ends: datetime


def tls_context(ca_file: Path | None, cert_file: Path | None = None, key_file: Path | None = None) -> ssl.SSLContext:
    """For a client that trusts `ca_file` (PEM), else the machine's authorities, and shows a certificate where given.

    UnusableFile when one cannot be used.
    """
    for key, path in (("ca_file", ca_file), ("cert_file", cert_file), ("key_file", key_file)):
        _require_readable(key, path)
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise UnusableFile("ca_file", ca_file, "expected a PEM file with certificates") from error
    if cert_file is None or key_file is None:
        return context
    read_certificate(cert_file)
    try:
        context.load_cert_chain(cert_file, key_file, password=lambda: "")  # without one OpenSSL asks the terminal
    except ssl.SSLError as error:
        cause = "expected a PEM file with a private key that has no passphrase"
        if error.reason in _NOT_A_PAIR:
            cause = f"it is not the key of {cert_file}: use two files that were made together"
        raise UnusableFile("key_file", key_file, cause) from error
    return context


def read_certificate(path: Path) -> Certificate:
    """The first one of a PEM file, which is its owner's; UnusableFile when it cannot be used."""
    from cryptography import x509  # 0.1 s and 18 MB that a gateway without certificates does not need

    _require_readable("cert_file", path)
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        names = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    except ValueError as error:
        raise UnusableFile("cert_file", path, "expected a PEM file with a certificate") from error
    name = str(names[0].value) if names else ""
    return Certificate(name, found.not_valid_before_utc, found.not_valid_after_utc)


def trust_ends(ca_file: Path) -> datetime | None:
    """When the last of the authorities in a PEM file ends, None where there is none; UnusableFile as `tls_context`."""
    return max((end_of(each) for each in tls_context(ca_file).get_ca_certs()), default=None)


def end_of(certificate: Any) -> datetime:
    """When a certificate ends, of the dictionary that `ssl` makes of it."""
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)


def _require_readable(key: str, path: Path | None) -> None:
    """ssl's own errors do not say which of its files they mean."""
    if path is None:
        return
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise UnusableFile(key, path, str(error.strerror), is_closed=isinstance(error, PermissionError)) from error
