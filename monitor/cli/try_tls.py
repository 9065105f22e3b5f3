"""Why TLS with a server fails: what is wrong with which certificate, and what to do."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

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
    62: ("url", "its certificate is for another name: use the one that it is made for"),
    64: ("url", "its certificate is for another address: use the name that it is made for"),
}
_NO_TLS = ("url", "it does not speak TLS on this port: correct the port, or use mqtt:// or http://")
_REASONS = {  # OpenSSL's words for what ends a connection; alerts are what the server says of our certificate
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "UNEXPECTED_EOF_WHILE_READING": _NO_TLS,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": ("cert_file", f"it says that our certificate has expired: renew it {_CLOCK}"),
    "SSLV3_ALERT_CERTIFICATE_REVOKED": ("cert_file", "it says that our certificate is revoked: have another one made"),
    "SSLV3_ALERT_BAD_CERTIFICATE": ("cert_file", "it does not accept our certificate: is it of its authority?"),
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": ("cert_file", "it does not accept our certificate: is it of its authority?"),
    "TLSV1_ALERT_UNKNOWN_CA": ("cert_file", "it does not know the authority of our certificate"),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": ("cert_file", "it wants a certificate of ours: cert_file and key_file"),
    "SSLV3_ALERT_HANDSHAKE_FAILURE": ("cert_file", "it refuses the handshake: does it want a certificate of ours?"),
}


class TlsFault(NamedTuple):
    """The key of the configuration to look at, and what is wrong."""

    key: str
    cause: str


def tls_fault(
    host: str, port: int, ca_file: Path | None, cert_file: Path | None = None, key_file: Path | None = None
) -> TlsFault | None:
    """Why no TLS connection stands; None where one does, and where the fault is another than one of TLS."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if cert_file is not None:
            context.load_cert_chain(cert_file, key_file)
    except OSError as error:
        return TlsFault("cert_file" if cert_file else "ca_file", f"it cannot be used: {error}")
    try:
        with socket.create_connection((host, port), CONNECT_S) as plain:
            _shake_hands(context, plain, host)
    except ssl.SSLCertVerificationError as error:
        return TlsFault(*_VERIFY.get(error.verify_code, ("url", f"its certificate: {error.verify_message}")))
    except ssl.SSLError as error:
        return TlsFault(*_REASONS.get(error.reason, ("url", f"the TLS connection fails: {error.reason}")))
    except ConnectionResetError:
        return TlsFault(*_NO_TLS)
    except OSError:
        return None  # nobody there, or nobody who answers
    return None


def _shake_hands(context: ssl.SSLContext, plain: socket.socket, host: str) -> None:
    """Speak TLS and wait for a last word: in TLS 1.3 the server's verdict on our certificate comes afterwards."""
    with context.wrap_socket(plain, server_hostname=host) as secure:
        secure.settimeout(LAST_WORD_S)
        with suppress(TimeoutError, ConnectionResetError):  # it waits for us, or has ended without a word
            secure.recv(1)
