"""TLS with the broker: whom a logger believes, what it shows, and in words why that fails."""

import socket
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from firmware_sim.publish.broker import Broker, BrokerError

CONNECT_S = 5.0
LAST_WORD_S = 1.0  # a broker that does not like a certificate says so within a round trip after the handshake
MAX_ERRORS = 10  # told at once

_SCRIPT = "deploy/make-certificates"
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING")  # OpenSSL's words, as all below
_NOT_A_PAIR = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH")
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)  # X509_V_ERR_*, of the broker's certificate
_OTHER_NAME = (62, 64)
_REFUSED = {  # alerts: what the broker says of a logger's certificate
    "SSLV3_ALERT_CERTIFICATE_REVOKED": f"it is revoked; {_SCRIPT} makes another one",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": f"it, or the broker's list of revoked ones, has ended; see {_SCRIPT} --renew",
    "TLSV1_ALERT_UNKNOWN_CA": "it is of another authority; expected the folder that the broker's files are from",
}


@dataclass(frozen=True, slots=True)
class Tls:
    """What a logger's connections are made with; the files stand in messages.

    ca_file: whom it believes, None: this machine's authorities. certificate: what it shows, None: nothing.
    """

    context: ssl.SSLContext
    ca_file: Path | None
    certificate: Path | None

    def why(self, error: OSError) -> str:
        """Return in words why a connection failed, and what to do where that is known."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._disbelieved(error)
        if isinstance(error, ConnectionResetError) or getattr(error, "reason", None) in _NO_TLS:
            return "it ended the handshake of TLS; is it a port for mqtt://?"
        if not isinstance(error, ssl.SSLError):
            return str(error)
        if self.certificate is None:
            return f"TLS fails: {error.reason}; if it wants a certificate of each logger, name them by --certificates"
        return f"it refuses {self.certificate}: {_REFUSED.get(error.reason, error.reason)}"

    def last_word(self, host: str, port: int) -> str | None:
        """Return what the broker has against the logger, None if it says nothing.

        In TLS 1.3 it says so after the handshake, and who has sent something by then may never read it.
        """
        try:
            with (
                socket.create_connection((host, port), CONNECT_S) as plain,
                self.context.wrap_socket(plain, server_hostname=host) as secure,
            ):
                secure.settimeout(LAST_WORD_S)
                secure.recv(1)
        except TimeoutError:  # it waits for us
            return None
        except OSError as error:
            return self.why(error)
        return None

    def _disbelieved(self, error: ssl.SSLCertVerificationError) -> str:
        if error.verify_code in _UNKNOWN_AUTHORITY:
            known = "this machine does not know" if self.ca_file is None else f"is not in {self.ca_file}"
            return f"its certificate is of an authority that {known}; name the authority by --ca-file"
        if error.verify_code in _OTHER_NAME:
            return f"{error.verify_message} Use a name that it has, or {_SCRIPT} --renew server --host NAME"
        return f"its certificate: {error.verify_message}"


def tls_of(broker: Broker, loggers: Collection[str]) -> Mapping[str, Tls | None]:
    """Return by id what each logger connects with, None without TLS; BrokerError tells all files that cannot be used.

    With `broker.certificates` each shows its own, else all share one.
    """
    folder = broker.certificates
    if not broker.tls:
        return dict.fromkeys(loggers)
    if folder is None:
        return dict.fromkeys(loggers, Tls(_trust(broker), broker.ca_file, None))
    found: dict[str, Tls | None] = {}
    wrong: list[str] = []
    for logger in sorted(set(loggers)):
        context, certificate = _trust(broker), folder / "loggers" / f"{logger}.pem"
        try:
            _show(context, certificate, logger)
        except BrokerError as error:
            wrong.append(str(error))
        found[logger] = Tls(context, _ca_file(broker), certificate)
    if wrong:
        more = [f"and {len(wrong) - MAX_ERRORS} more"] if len(wrong) > MAX_ERRORS else []
        raise BrokerError("\n".join(wrong[:MAX_ERRORS] + more))
    return found


def _ca_file(broker: Broker) -> Path | None:
    if broker.ca_file is None and broker.certificates is not None:
        return broker.certificates / "ca.pem"
    return broker.ca_file


def _trust(broker: Broker) -> ssl.SSLContext:
    """Return a context that believes the authority of the broker."""
    path = _ca_file(broker)
    option = "--certificates" if broker.ca_file is None else "--ca-file"
    if path is not None:
        _read(option, path, f"the authority's certificate, ca.pem of {_SCRIPT}")
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise BrokerError(f"{option}: {path}: expected certificates in PEM") from error


def _show(context: ssl.SSLContext, certificate: Path, logger: str) -> None:
    """Let the context show this logger's certificate."""
    key = certificate.with_name(f"{logger}.key")
    for path in (certificate, key):
        _read("--certificates", path, f"what {_SCRIPT} makes for each logger of the container files")
    name = _name(certificate)
    if name != logger:
        meant = f"it is the certificate of {name!r}, and the broker would take {logger} for that one"
        raise BrokerError(f"--certificates: {certificate}: {meant}; expected its own")
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # without one OpenSSL asks the terminal
    except ssl.SSLError as error:
        cause = "expected a private key in PEM that has no passphrase"
        if error.reason in _NOT_A_PAIR:
            cause = f"it is not the key of {certificate}; expected two files that were made together"
        raise BrokerError(f"--certificates: {key}: {cause}") from error


def _name(certificate: Path) -> str:
    """Return whose certificate it is, "" if it does not say."""
    from cryptography import x509  # 0.1 s that a run without certificates does not need

    try:
        subject = x509.load_pem_x509_certificate(certificate.read_bytes()).subject
        names = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    except ValueError as error:
        raise BrokerError(f"--certificates: {certificate}: expected a certificate in PEM") from error
    return str(names[0].value) if names else ""


def _read(option: str, path: Path, expected: str) -> None:
    """Raise BrokerError for a file that cannot be read: ssl's own errors do not say which one they mean."""
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise BrokerError(f"{option}: {path}: cannot be read ({error.strerror}); expected {expected}") from error
