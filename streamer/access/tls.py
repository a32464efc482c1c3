"""TLS for both servers."""

from __future__ import annotations

import ssl
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from streamer.errors import SettingsError
from streamer.settings import Tls


def server_context(tls: Tls) -> ssl.SSLContext:
    """Read a certificate and its key.

    Raises:
      SettingsError: one of the files can't be read, is not what it should be, or the two don't belong together.
    """
    # OpenSSL's own errors don't say which file they are about.
    try:
        load_pem_x509_certificates(_content(tls.certificate))
    except ValueError:
        raise SettingsError(str(tls.certificate), None, "is no certificate in PEM") from None
    try:
        load_pem_private_key(_content(tls.key), None)
    except TypeError:
        raise SettingsError(str(tls.key), None, "is locked with a password; nobody is there to type it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SettingsError(str(tls.key), None, "is no private key in PEM that can be used") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).replace("_", " ").lower()
        raise SettingsError(str(tls.key), None, f"can't be used with {tls.certificate}: {reason}") from None
    return context


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(str(file), None, error.strerror or str(error)) from None
