"""A certificate authority of a test, whose certificates may have expired, and its revocation list."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.processes import HOST

VALID = ("20200101000000Z", "20900101000000Z")
EXPIRED = ("20200101000000Z", "20210101000000Z")
NOT_YET = ("20800101000000Z", "20900101000000Z")
_CONFIG = """
[req]
distinguished_name = name
[name]
[ca]
default_ca = test
[test]
new_certs_dir = {folder}
database = {folder}/index.txt
serial = {folder}/serial
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """Its certificate is `ca_file`; all lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder, self.ca_file, self.revoked_file = folder, folder / "ca.pem", folder / "revoked.pem"
        self._config = folder / "ca.cnf"
        self._config.write_text(_CONFIG.format(folder=folder))
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        self._ca = ("-config", str(self._config), "-cert", str(self.ca_file), "-keyfile", str(folder / "ca.key"))
        _openssl(
            *("req", "-x509", *_NEW_KEY, "-keyout", str(folder / "ca.key"), "-out", str(self.ca_file)),
            *("-days", "3650", "-subj", "/CN=authority of a test"),
        )
        self.list_revoked()

    def issue(
        self, name: str, valid: tuple[str, str] = VALID, address: str = f"IP:{HOST}", *, is_revoked: bool = False
    ) -> tuple[Path, Path]:
        """A certificate and its key; `address` is whom it is for."""
        certificate, key, request = (self._folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        _openssl(
            *("req", "-new", *_NEW_KEY, "-keyout", str(key), "-out", str(request), "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName={address}"),
        )
        _openssl(
            *("ca", "-batch", "-notext", *self._ca, "-in", str(request), "-out", str(certificate)),
            *("-startdate", valid[0], "-enddate", valid[1]),
        )
        if is_revoked:
            _openssl("ca", *self._ca, "-revoke", str(certificate))
            self.list_revoked()
        return certificate, key

    def list_revoked(self, valid: tuple[str, str] = VALID) -> None:
        """Write the list anew."""
        times = ("-crl_lastupdate", valid[0], "-crl_nextupdate", valid[1])
        _openssl("ca", *self._ca, "-gencrl", *times, "-out", str(self.revoked_file))


def ending_in(days: int) -> tuple[str, str]:
    """A certificate's times so that it ends that many days from now."""
    return VALID[0], f"{datetime.now(UTC) + timedelta(days=days):%Y%m%d%H%M%SZ}"


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
