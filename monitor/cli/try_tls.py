"""Why TLS with a server fails: what is wrong with which certificate, and what to do; and when it will fail."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from monitor.config.certificates import UnusableFile, end_of, read_certificate, tls_context
from monitor.config.endings import soon

CONNECT_S = 5.0
LAST_WORD_S = 1.0  # a server that does not like our certificate says so within a round trip after the handshake

_CLOCK = "(or the clock of this machine is wrong)"
_UNKNOWN = ("ca_file", "its certificate is signed by an authority that is not known here: name that in ca_file")
_VERIFY = {  # OpenSSL's X509_V_ERR_*, of the server's certificate
    9: ("url", f"its certificate is not valid yet {_CLOCK}"),
    10: ("url", f"its certificate has expired: have it renewed there {_CLOCK}"),
    18: _UNKNOWN,
    19: _UNKNOWN,
    20: _UNKNOWN,
    21: _UNKNOWN,
    26: ("url", "its certificate is not one for servers: have it use that one"),
    62: ("url", "its certificate is for another name: use the one that it is made for"),
    64: ("url", "its certificate is for another address: use the name that it is made for"),
}
_NO_TLS = ("url", "it does not speak TLS on this port: correct the port, or use mqtt:// or http://")
_NO_WORD = ("url", "the other side closed the connection without a word: does it speak TLS on this port?")
_NOT_OURS = ("cert_file", "it does not accept our certificate: is it of its authority?")
_EXPIRED, _BAD = "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_BAD_CERTIFICATE"
_REASONS = {  # OpenSSL's words for what ends a connection; alerts are what the server says of our certificate
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "UNEXPECTED_EOF_WHILE_READING": _NO_TLS,
    _BAD: _NOT_OURS,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _NOT_OURS,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": ("cert_file", "it says that our certificate is revoked: have another one made"),
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": ("cert_file", "our certificate is not one for clients: use that one"),
    "TLSV1_ALERT_UNKNOWN_CA": ("cert_file", "it does not know the authority of our certificate"),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": ("cert_file", "it wants a certificate of ours: cert_file and key_file"),
    "SSLV3_ALERT_HANDSHAKE_FAILURE": ("cert_file", "it refuses the handshake: does it want a certificate of ours?"),
}


class Finding(NamedTuple):
    """The key of [mqtt] or [store] to look at, what is wrong or worth knowing, and whether nothing works with it."""

    key: str
    cause: str
    is_error: bool = True


def tls_fault(
    host: str, port: int, ca_file: Path | None, cert_file: Path | None = None, key_file: Path | None = None
) -> Finding | None:
    """Why no TLS connection stands, or soon none will; None else, and where the fault is another than one of TLS."""
    try:
        context = tls_context(ca_file, cert_file, key_file)
    except UnusableFile as error:
        return Finding(error.key, str(error))
    try:
        words = soon(end_of(_shake_hands(context, host, port)), datetime.now(UTC))
    except ssl.SSLCertVerificationError as error:
        return Finding(*_VERIFY.get(error.verify_code, ("url", f"its certificate: {error.verify_message}")))
    except ssl.SSLZeroReturnError:
        return Finding(*_NO_WORD)
    except ssl.SSLError as error:
        return _refused(error.reason or str(error), cert_file)
    except ConnectionResetError:
        return Finding(*_NO_TLS)
    except OSError:
        return None  # nobody there, or nobody who answers
    return Finding("url", f"its certificate {words}: have it renewed there", is_error=False) if words else None


def speaks_tls(host: str, port: int) -> bool:
    """Whether somebody there answers as TLS has it, whoever it is."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        _shake_hands(context, host, port)
    except ssl.SSLError as error:
        return _REASONS.get(error.reason or "") != _NO_TLS
    except OSError:
        return False
    return True


def _shake_hands(context: ssl.SSLContext, host: str, port: int) -> Any:
    """Speak TLS and wait for a last word: in TLS 1.3 the server's verdict on our certificate comes afterwards.

    Returns the server's certificate, as `ssl` gives it.
    """
    with (
        socket.create_connection((host, port), CONNECT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        secure.settimeout(LAST_WORD_S)
        with suppress(TimeoutError, ConnectionResetError):  # it waits for us, or has ended without a word
            secure.recv(1)
        return secure.getpeercert()


def _refused(reason: str, cert_file: Path | None) -> Finding:
    """What the server does not like; it says expired of our certificate and of its own list of revoked ones alike."""
    if cert_file is None or reason not in (_EXPIRED, _BAD):
        return Finding(*_REASONS.get(reason, ("url", f"the TLS connection fails: {reason}")))
    ours, now = read_certificate(cert_file), datetime.now(UTC)
    if now >= ours.ends:
        return Finding("cert_file", f"our certificate has expired: renew it {_CLOCK}")
    if now < ours.begins:
        return Finding("cert_file", f"our certificate is not valid before {ours.begins:%Y-%m-%d} {_CLOCK}")
    if reason == _BAD:
        return Finding(*_NOT_OURS)
    return Finding(
        "url",
        f"it says expired, and our certificate is valid until {ours.ends:%Y-%m-%d}: its list of revoked ones has "
        "ended, or its authority, or its clock is wrong",
    )
