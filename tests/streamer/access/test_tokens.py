"""Tokens on both databases, and the keyring that outlives them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, text, update

from streamer.access.guard import Guard, require_tokens
from streamer.access.keyring import Keyring
from streamer.access.roles import Identity, Role
from streamer.access.seal import Seal
from streamer.access.tokens import PREFIX, Tokens
from streamer.errors import AccessDenied, SettingsError
from streamer.record import database
from streamer.record.journal import JournalUnavailable
from streamer.record.schema import tokens

NOW = 1_764_000_000.0


def keyring(engine: Engine, now: float = NOW) -> Keyring:
    ring = Keyring(Tokens(engine), lambda: now)
    ring.refresh()
    return ring


def why_not(ring: Keyring, token: str, now: float) -> tuple[str, str | None]:
    with pytest.raises(AccessDenied) as denied:
        ring.admit(token, now)
    assert token not in str(denied.value)
    assert ring.find(token, now) is None
    return denied.value.reason, denied.value.name


class TestATokenInTheDatabase:
    def test_is_read_as_it_was_made(self, engine: Engine) -> None:
        store = Tokens(engine)
        _, first = store.create("Li Na", Role.SUPERVISOR, 60.0, NOW)
        _, second = store.create("李娜", Role.PLATFORM, None, NOW + 1)
        assert store.all() == [first, second]
        assert (first.name, first.role, first.created_at, first.expires_at) == (
            "Li Na",
            Role.SUPERVISOR,
            NOW,
            NOW + 60,
        )
        assert (second.expires_at, second.revoked_at) == (None, None)

    def test_is_another_each_time(self, engine: Engine) -> None:
        store = Tokens(engine)
        made = [store.create("Li Na", Role.VIEWER, None, NOW) for _ in range(20)]
        assert len({token for token, _ in made}) == len({row.id for _, row in made}) == 20
        assert all(token.startswith(PREFIX) and len(token) == len(PREFIX) + 43 for token, _ in made)

    def test_is_revoked_once(self, engine: Engine) -> None:
        store = Tokens(engine)
        _, row = store.create("Li Na", Role.VIEWER, None, NOW)
        revoked = store.revoke(row.id, NOW + 5)
        assert revoked is not None
        assert revoked.revoked_at == NOW + 5
        assert store.revoke(row.id, NOW + 9) == revoked
        assert store.all() == [revoked]

    def test_that_never_was_cannot_be_revoked(self, engine: Engine) -> None:
        assert Tokens(engine).revoke("nobody", NOW) is None

    def test_with_a_role_that_is_none_is_no_token(self, engine: Engine) -> None:
        Tokens(engine).create("Li Na", Role.VIEWER, None, NOW)
        with database.writing(engine) as connection:
            connection.execute(update(tokens).values(role="emperor"))
        with pytest.raises(JournalUnavailable, match="emperor"):
            Tokens(engine).all()

    def test_with_a_role_that_is_none_keeps_no_other_from_being_revoked(self, engine: Engine) -> None:
        store = Tokens(engine)
        odd, row = store.create("Li Na", Role.VIEWER, None, NOW)
        token, other = store.create("Wang", Role.VIEWER, None, NOW)
        with engine.begin() as connection:
            connection.execute(update(tokens).where(tokens.c.id == row.id).values(role="emperor"))
        ring = keyring(engine)
        assert why_not(ring, odd, NOW)[0] == "wrong"
        assert ring.admit(token, NOW) == other.identity
        store.revoke(other.id, NOW)
        ring.refresh()
        assert why_not(ring, token, NOW)[0] == "wrong"


def test_a_tokens_text_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    engine = database.open_(f"sqlite:///{tmp_path / 'journal.db'}")
    # Left open, so that the write-ahead log is still there.
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        token, row = Tokens(engine).create("Li Na", Role.ADMIN, None, NOW)
        on_disk = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    secret = token.removeprefix(PREFIX)
    assert row.hash.encode() in on_disk
    assert secret.encode() not in on_disk
    assert base64.urlsafe_b64decode(f"{secret}=") not in on_disk


class TestAKeyring:
    def test_knows_whom_a_token_stands_for(self, engine: Engine) -> None:
        token, row = Tokens(engine).create("Li Na", Role.SUPERVISOR, None, NOW)
        assert keyring(engine).find(token, NOW) == Identity("Li Na", Role.SUPERVISOR, row.id)

    @pytest.mark.parametrize("token", ["", "hz_", "hz_" + "A" * 43, "保本", "\ud800", "\0", "x" * 100_000])
    def test_knows_no_other(self, engine: Engine, token: str) -> None:
        Tokens(engine).create("Li Na", Role.SUPERVISOR, None, NOW)
        with pytest.raises(AccessDenied) as denied:
            keyring(engine).admit(token, NOW)
        assert (denied.value.reason, denied.value.name) == ("wrong", None)

    def test_lets_a_token_in_until_the_very_moment_it_expires(self, engine: Engine) -> None:
        token, row = Tokens(engine).create("Li Na", Role.VIEWER, 60.0, NOW)
        ring = keyring(engine)
        assert ring.find(token, NOW + 59.999) == row.identity
        assert why_not(ring, token, NOW + 60) == ("expired", "Li Na")

    def test_learns_of_new_and_revoked_tokens_when_it_is_told_to_look(self, engine: Engine) -> None:
        store, ring = Tokens(engine), keyring(engine)
        token, row = store.create("Li Na", Role.VIEWER, None, NOW)
        assert ring.find(token, NOW) is None
        ring.refresh()
        assert ring.find(token, NOW) == row.identity
        store.revoke(row.id, NOW)
        assert ring.find(token, NOW) is not None
        ring.refresh()
        assert why_not(ring, token, NOW) == ("wrong", "Li Na")

    def test_is_empty_without_a_good_token_but_unused_only_without_any(self, engine: Engine) -> None:
        store = Tokens(engine)
        ring = keyring(engine)
        assert (ring.empty, ring.unused) == (True, True)
        _, row = store.create("Li Na", Role.VIEWER, 60.0, NOW)
        ring.refresh()
        assert (ring.empty, ring.unused) == (False, False)
        late = keyring(engine, NOW + 60)
        assert (late.empty, late.unused) == (True, False)
        store.revoke(row.id, NOW)
        ring.refresh()
        assert (ring.empty, ring.unused) == (True, False)

    def test_that_has_not_looked_yet_lets_nobody_in(self, engine: Engine) -> None:
        ring = Keyring(Tokens(engine), lambda: NOW)
        assert (ring.empty, ring.unused) == (True, False)

    def test_tells_whether_somebody_still_has_a_good_token(self, engine: Engine) -> None:
        store = Tokens(engine)
        _, first = store.create("Li Na", Role.VIEWER, None, NOW)
        _, second = store.create("Li Na", Role.VIEWER, 60.0, NOW)
        store.revoke(first.id, NOW)
        ring = keyring(engine)
        assert ring.stands(second.identity, NOW)
        assert not ring.stands(second.identity, NOW + 60)

    def test_counts_nobody_s_other_token_of_the_same_name_and_role(self, engine: Engine) -> None:
        store = Tokens(engine)
        _, first = store.create("Li Na", Role.VIEWER, None, NOW)
        store.create("Li Na", Role.VIEWER, None, NOW)
        store.revoke(first.id, NOW)
        ring = keyring(engine)
        assert not ring.stands(first.identity, NOW)
        assert not ring.stands(Identity("Li Na", Role.VIEWER), NOW)


def test_a_keyring_outlives_its_database(tmp_path: Path) -> None:
    engine = database.open_(f"sqlite:///{tmp_path / 'journal.db'}")
    token, row = Tokens(engine).create("Li Na", Role.VIEWER, 60.0, NOW)
    ring = keyring(engine)
    for file in tmp_path.iterdir():
        file.unlink()
    for _ in range(2):
        with pytest.raises(JournalUnavailable):
            ring.refresh()
        assert ring.find(token, NOW) == row.identity
        assert why_not(ring, token, NOW + 60) == ("expired", "Li Na")
        assert not ring.unused
    with pytest.raises(JournalUnavailable):
        Tokens(engine).create("Wang", Role.VIEWER, None, NOW)
    with pytest.raises(JournalUnavailable):
        Tokens(engine).revoke("x", NOW)


class TestAStart:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "huazha.example"])
    def test_that_others_can_reach_is_refused_without_a_good_token(self, engine: Engine, host: str) -> None:
        Tokens(engine).create("Li Na", Role.ADMIN, 60.0, NOW - 60)
        with pytest.raises(SettingsError, match=r"huazha token create --role admin"):
            require_tokens(host, keyring(engine))

    def test_that_others_can_reach_is_fine_with_one(self, engine: Engine) -> None:
        Tokens(engine).create("Li Na", Role.ADMIN, None, NOW)
        require_tokens("0.0.0.0", keyring(engine))

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
    def test_on_loopback_needs_none(self, engine: Engine, host: str) -> None:
        require_tokens(host, keyring(engine))


class TestALostDatabase:
    def test_lets_nobody_in_though_it_has_no_token(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        for name in ("first", "other"):
            engine = database.open_(f"sqlite:///{tmp_path / name}.db")
            if name == "first":
                Tokens(engine).create("Li Na", Role.ADMIN, None, NOW)
            ring = Keyring(Tokens(engine), lambda: NOW, Seal(tmp_path / "data"))
            ring.refresh()
            assert (ring.unused, ring.lost) == (False, name == "other")
            engine.dispose()
        assert not Guard(ring, "127.0.0.1", (), lambda: NOW).open
        with pytest.raises(SettingsError, match="huazha token create"):
            require_tokens("127.0.0.1", ring)
        assert [message for message in caplog.messages if "huazha token create" in message]

    def test_that_is_lost_while_the_service_runs_lets_nobody_in(self, engine: Engine, tmp_path: Path) -> None:
        Tokens(engine).create("Li Na", Role.ADMIN, None, NOW)
        ring = Keyring(Tokens(engine), lambda: NOW, Seal(tmp_path))
        ring.refresh()
        with database.writing(engine) as connection:
            connection.execute(delete(tokens))
        ring.refresh()
        assert not ring.unused

    def test_is_no_matter_where_none_was_ever_made(self, engine: Engine, tmp_path: Path) -> None:
        ring = Keyring(Tokens(engine), lambda: NOW, Seal(tmp_path))
        ring.refresh()
        require_tokens("127.0.0.1", ring)
        assert ring.unused
        assert list(tmp_path.glob("tokens.made")) == []

    def test_where_tokens_are_required_it_is_one(self, engine: Engine, tmp_path: Path) -> None:
        ring = Keyring(Tokens(engine), lambda: NOW, Seal(tmp_path, required=True))
        ring.refresh()
        assert not ring.unused
        with pytest.raises(SettingsError, match="tokens = required"):
            require_tokens("127.0.0.1", ring)
