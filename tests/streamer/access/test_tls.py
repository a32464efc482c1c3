"""TLS: what is wrong with its files is told by name."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from streamer.access.tls import server_context
from streamer.errors import SettingsError
from streamer.settings import Tls
from tests.certificates import certify


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return certify(tmp_path)


def refused(tls: Tls, file: Path, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as error:
        server_context(tls)
    assert error.value.source == str(file)


def test_old_versions_are_not_spoken(tls: Tls) -> None:
    context = server_context(tls)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.protocol is ssl.PROTOCOL_TLS_SERVER


class TestAFileThatIsWrong:
    @pytest.mark.parametrize("field", ["certificate", "key"])
    def test_is_named_when_it_is_not_there(self, tls: Tls, field: str) -> None:
        file = getattr(tls, field)
        file.unlink()
        refused(tls, file, "No such file")

    @pytest.mark.parametrize("field", ["certificate", "key"])
    def test_is_named_when_it_is_something_else(self, tls: Tls, field: str) -> None:
        file = getattr(tls, field)
        file.write_text("not PEM")
        refused(tls, file, "in PEM")

    def test_is_named_when_the_two_were_exchanged(self, tls: Tls) -> None:
        exchanged = Tls(certificate=tls.key, key=tls.certificate)
        refused(exchanged, exchanged.certificate, "is no certificate")

    def test_is_named_when_the_key_is_anothers(self, tls: Tls, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        other = Tls(certificate=tls.certificate, key=certify(tmp_path / "other").key)
        refused(other, other.key, "key values mismatch")

    def test_is_named_when_the_key_is_locked(self, tls: Tls) -> None:
        key = serialization.load_pem_private_key(tls.key.read_bytes(), None)
        locked = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
        tls.key.write_bytes(locked)
        refused(tls, tls.key, "password")
