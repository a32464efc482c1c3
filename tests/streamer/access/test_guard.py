"""The guard: tokens, tickets and origins, on a virtual clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from streamer.access import guard as module
from streamer.access.guard import LOCAL, TICKET_SECONDS, Guard, bearer
from streamer.access.keyring import Keyring
from streamer.access.roles import Identity, Role
from streamer.access.tokens import Tokens
from streamer.errors import AccessDenied, ForbiddenOrigin, SettingsError
from streamer.record import database

WALL = "https://wall.example"


@dataclass
class House:
    """A service's tokens, and its time."""

    engine: Engine
    now: float = 1_764_000_000.0

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.engine)
        self.keyring = Keyring(self.tokens, lambda: self.now)
        self.keyring.refresh()

    def guard(self, host: str = "127.0.0.1", origins: tuple[str, ...] = ()) -> Guard:
        return Guard(self.keyring, host, origins, lambda: self.now)

    def token(self, expires_in: float | None = None) -> str:
        token, row = self.tokens.create("Li Na", Role.SUPERVISOR, expires_in, self.now)
        self.li_na = row.identity
        self.keyring.refresh()
        return token

    def revoke_all(self) -> None:
        for row in self.tokens.all():
            self.tokens.revoke(row.id, self.now)
        self.keyring.refresh()


def opened(folder: Path) -> Iterator[House]:
    engine = database.open_(f"sqlite:///{folder / 'journal.db'}")
    yield House(engine)
    engine.dispose()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from opened(tmp_path)


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Give one that stays without tokens."""
    yield from opened(tmp_path_factory.mktemp("open"))


def denied(guard: Guard, *, token: str | None = None, ticket: str | None = None) -> str:
    with pytest.raises(AccessDenied) as error:
        guard.identify(token) if ticket is None else guard.redeem(ticket)
    assert (token or ticket or "hz_") not in str(error.value)
    return error.value.reason


class TestAnOpenService:
    def test_takes_everybody_for_admin(self, house: House) -> None:
        guard = house.guard()
        assert guard.open
        assert guard.identify(None) == guard.identify("whatever") == LOCAL == Identity("local", Role.ADMIN)
        assert guard.redeem(guard.ticket(LOCAL)) == LOCAL

    def test_is_one_on_loopback_alone(self, house: House) -> None:
        guard = house.guard("0.0.0.0")
        assert not guard.open
        assert denied(guard) == "missing"

    def test_is_none_any_more_once_there_is_a_token(self, house: House) -> None:
        guard = house.guard()
        ticket = guard.ticket(guard.identify(None))
        house.token()
        assert not guard.open
        assert denied(guard) == "missing"
        assert denied(guard, ticket=ticket) == "wrong"
        assert not guard.stands(LOCAL)

    def test_does_not_open_again_when_the_last_token_goes(self, house: House) -> None:
        token = house.token(60.0)
        house.now += 60
        guard = house.guard()
        assert (guard.open, denied(guard), denied(guard, token=token)) == (False, "missing", "expired")
        house.revoke_all()
        assert (guard.open, denied(guard), denied(guard, token=token)) == (False, "missing", "wrong")

    def test_is_none_as_long_as_nobody_knows_whether_there_are_tokens(self, house: House) -> None:
        guard = Guard(Keyring(house.tokens), "127.0.0.1", (), lambda: house.now)
        assert not guard.open
        assert denied(guard) == "missing"


class TestAToken:
    def test_says_who_one_is(self, house: House) -> None:
        token = house.token()
        assert house.guard("0.0.0.0").identify(token) == house.li_na

    def test_that_is_wrong_lets_nobody_in(self, house: House) -> None:
        token = house.token()
        assert denied(house.guard(), token=token[:-1] + ("A" if token[-1] != "A" else "B")) == "wrong"

    def test_stands_until_it_is_revoked(self, house: House) -> None:
        guard = house.guard()
        house.token()
        assert guard.stands(house.li_na)
        house.revoke_all()
        assert not guard.stands(house.li_na)


class TestATicket:
    def test_lets_in_once(self, house: House) -> None:
        guard = house.guard()
        house.token()
        ticket = guard.ticket(house.li_na)
        assert guard.redeem(ticket) == house.li_na
        assert denied(guard, ticket=ticket) == "used"
        house.now += TICKET_SECONDS
        assert denied(guard, ticket=ticket) == "used"

    def test_lets_in_until_the_very_moment_it_expires(self, house: House) -> None:
        guard = house.guard()
        house.token()
        early, late = guard.ticket(house.li_na), guard.ticket(house.li_na)
        house.now += TICKET_SECONDS - 0.001
        assert guard.redeem(early) == house.li_na
        house.now += 0.001
        assert denied(guard, ticket=late) == "expired"

    def test_that_is_wrong_lets_nobody_in(self, house: House) -> None:
        guard = house.guard()
        token = house.token()
        guard.ticket(house.li_na)
        assert denied(guard, ticket="guess") == "wrong"
        # Nor does a token count as a ticket: it would not be for once.
        assert denied(guard, ticket=token) == "wrong"

    def test_is_no_better_than_the_token_that_it_was_had_for(self, house: House) -> None:
        guard = house.guard()
        house.token()
        ticket = guard.ticket(house.li_na)
        house.revoke_all()
        assert denied(guard, ticket=ticket) == "wrong"

    def test_of_long_ago_is_forgotten(self, house: House) -> None:
        guard = house.guard()
        house.token()
        ticket = guard.ticket(house.li_na)
        house.now += module.REMEMBERED + 1
        assert denied(guard, ticket=ticket) == "wrong"

    def test_costs_no_memory_without_bound(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MOST_TICKETS", 3)
        guard = house.guard()
        house.token()
        first, *others = [guard.ticket(house.li_na) for _ in range(4)]
        assert denied(guard, ticket=first) == "wrong"
        assert [guard.redeem(ticket) for ticket in others] == [house.li_na] * 3


class TestARequest:
    @pytest.mark.parametrize("tokens", [False, True])
    @pytest.mark.parametrize(
        ("origin", "host"),
        [
            (None, "127.0.0.1:8080"),
            (None, "localhost:8080"),
            (None, None),
            ("http://127.0.0.1:8080", "127.0.0.1:8080"),
            ("http://localhost:8080", "LOCALHOST:8080"),
            ("http://localhost", "localhost:80"),
            ("https://localhost", "localhost"),
            ("http://[::1]:8080", "[::1]:8080"),
            (WALL, "127.0.0.1:8080"),
            (WALL, "wall.example"),
            (None, "wall.example"),
        ],
    )
    def test_of_a_program_the_console_or_a_listed_page_passes(
        self, house: House, tokens: bool, origin: str | None, host: str | None
    ) -> None:
        if tokens:
            house.token()
        house.guard(origins=(f"{WALL}/",)).check_origin(origin, host)

    @pytest.mark.parametrize("tokens", [False, True])
    @pytest.mark.parametrize(
        ("origin", "host"),
        [
            ("https://evil.example", "127.0.0.1:8080"),
            ("http://127.0.0.1:9999", "127.0.0.1:8080"),
            ("http://localhost:8080", "127.0.0.1:8080"),
            ("http://wall.example", "127.0.0.1:8080"),
            ("https://wall.example:8443", "127.0.0.1:8080"),
            ("https://wall.example.evil.example", "127.0.0.1:8080"),
            ("null", "127.0.0.1:8080"),
            ("", "127.0.0.1:8080"),
            ("http://127.0.0.1:8080", None),
            ("https://", "https://"),
        ],
    )
    def test_of_a_foreign_page_does_not(self, house: House, tokens: bool, origin: str | None, host: str | None) -> None:
        if tokens:
            house.token()
        with pytest.raises(ForbiddenOrigin, match="set origins"):
            house.guard(origins=(WALL,)).check_origin(origin, host)

    # A page reads its own origin without saying so.
    @pytest.mark.parametrize("origin", ["http://evil.example:8080", None])
    def test_to_a_name_that_was_made_to_lead_here_does_not_on_an_open_service(
        self, house: House, origin: str | None
    ) -> None:
        guard = house.guard()
        with pytest.raises(ForbiddenOrigin, match=r"evil\.example"):
            guard.check_origin(origin, "evil.example:8080")
        # With tokens such a page has none to show, and a reverse proxy's name is not known here.
        house.token()
        guard.check_origin(origin, "evil.example:8080")

    def test_is_shown_to_nobody_as_it_came(self, house: House) -> None:
        with pytest.raises(ForbiddenOrigin) as forbidden:
            house.guard().check_origin("https://evil\x1b[31m" + "x" * 5000, "127.0.0.1")
        assert forbidden.value.message.isprintable()
        assert len(forbidden.value.message) < 250

    @given(origin=st.text(max_size=30) | st.none(), host=st.text(max_size=30) | st.none())
    def test_with_any_headers_passes_or_is_forbidden(
        self, open_house: House, origin: str | None, host: str | None
    ) -> None:
        try:
            open_house.guard(origins=(WALL,)).check_origin(origin, host)
        except ForbiddenOrigin:
            assert origin is not None or host is not None
        else:
            assert origin is None or origin == WALL


@pytest.mark.parametrize("origin", ["wall.example", "null", "*", "https://wall.example/page", ""])
def test_an_origin_in_the_settings_that_is_none_is_told(house: House, origin: str) -> None:
    with pytest.raises(SettingsError, match="origins"):
        house.guard(origins=(origin,))


class TestAnAuthorizationHeader:
    @pytest.mark.parametrize(
        "header", ["Bearer hz_a-B_1", "bearer hz_a-B_1", "BEARER   hz_a-B_1", " Bearer hz_a-B_1\t"]
    )
    def test_holds_a_token(self, header: str) -> None:
        assert bearer(header) == "hz_a-B_1"

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "Bearer",
            "Bearer ",
            "Basic aHo=",
            "hz_a",
            "Bearer hz a",
            "Bearer hz_a, Bearer hz_b",
            "Bearer 保本",
            "ſearer a",
        ],
    )
    def test_or_none(self, header: str | None) -> None:
        assert bearer(header) is None

    @given(st.text(max_size=60) | st.from_regex(r"[Bb]earer +.*", fullmatch=True))
    def test_of_any_kind_is_taken_apart_safely(self, header: str) -> None:
        token = bearer(header)
        if token is not None:
            assert header.strip(" \t").lower().startswith("bearer ")
            assert header.strip(" \t").endswith(token)
            assert token.isascii()
            assert " " not in token

    @given(st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True))
    def test_of_the_right_kind_gives_its_token(self, token: str) -> None:
        assert bearer(f"Bearer {token}") == token
