"""Whom an encrypted connection trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

from monitor.model.errors import ConfigError


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Certificates are checked against `ca_file` (PEM), else against the machine's; ConfigError when it is none."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl's are such
        cause = f"expected a PEM file with certificates: {error.strerror or error}"
        raise ConfigError("notify: trust", str(ca_file), cause) from error
