"""Tokens in the database: made, listed and revoked; a token itself is known to its owner alone."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from streamer.access.roles import Identity, Role
from streamer.record import chain, database
from streamer.record.event import Event
from streamer.record.journal import Journal, JournalUnavailable
from streamer.record.schema import tokens

log = logging.getLogger(__name__)

PREFIX = "hz_"
"""What every token begins with, so that scanners for leaked secrets can find it."""
RANDOM = 32
"""Bytes of chance in a token."""


@dataclass(frozen=True, slots=True)
class TokenRow:
    """What is stored of a token; times in seconds since 1970.

    Attributes:
      id: names it in lists.
      hash: of the token, as `digest` gives it.
      expires_at: None when it never does.
      revoked_at: None when it was not.
    """

    id: str
    name: str
    role: Role
    hash: str
    created_at: float
    expires_at: float | None
    revoked_at: float | None

    @property
    def identity(self) -> Identity:
        """Whom it stands for."""
        return Identity(self.name, self.role, self.id)

    def expired(self, now: float) -> bool:
        """Tell whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at

    def good(self, now: float) -> bool:
        """Tell whether it lets anybody in."""
        return self.revoked_at is None and not self.expired(now)


class Tokens:
    """All tokens there ever were. The journal has an `access` event for each that was made or revoked, written in the
    same transaction: a row that somebody put into the table by hand has none.

    Args:
      engine: as `database.open_` gives it.
      journal: where that is written; one of no gateway's when None.
    """

    def __init__(self, engine: Engine, journal: Journal | None = None) -> None:
        self._engine = engine
        self._journal = journal or Journal(engine)
        self._odd: set[str] = set()

    def create(
        self, name: str, role: Role, expires_in: float | None, now: float, *, by: str = "huazha"
    ) -> tuple[str, TokenRow]:
        """Make a token.

        Args:
          name: whose it is; stands in the journal beside what is done with it.
          expires_in: seconds from now; None for never.
          by: who makes it, for the journal.

        Returns:
          the token, which can't be had again, and what is stored of it.

        Raises:
          JournalUnavailable: it could not be stored.
        """
        token = PREFIX + secrets.token_urlsafe(RANDOM)
        created = int(now * 1000)
        row = {
            "id": secrets.token_hex(4),
            "name": name,
            "role": role.value,
            "hash": digest(token),
            "created_at": created,
            "expires_at": None if expires_in is None else created + int(expires_in * 1000),
            "revoked_at": None,
        }
        with _available(), database.writing(self._engine) as connection:
            connection.execute(insert(tokens), row)
            told = {"detail": made(read(row)), "token": row["id"], "row": fingerprint(row)}
            self._tell(connection, told, by, created)
        return token, read(row)

    def all(self) -> list[TokenRow]:
        """Give every token, the oldest first, with those that are good no more.

        One whose role this version does not know lets nobody in: it is left out, and the log says so.

        Raises:
          JournalUnavailable: they can't be read, none of them.
        """
        with _available(), self._engine.connect() as connection:
            rows = connection.execute(select(tokens).order_by(tokens.c.created_at, tokens.c.id)).mappings().all()
        known = [row for row in rows if row["role"] in set(Role)]
        if rows and not known:
            # Not the same as that there is none, which may mean that nobody needs any.
            raise JournalUnavailable(f"no token has a role that there is: {rows[0]['role']}")
        for row in rows if len(known) < len(rows) else ():
            if row["role"] not in set(Role) and row["id"] not in self._odd:
                log.error("token %s of %s lets nobody in: there is no role %r", row["id"], row["name"], row["role"])
                self._odd.add(row["id"])
        return [read(row) for row in known]

    def revoke(self, id_: str, now: float, *, by: str = "huazha") -> TokenRow | None:
        """Take a token back; one that was taken back before stays as it is.

        Args:
          by: who does, for the journal.

        Returns:
          what is stored of it; None when there is no such token.

        Raises:
          JournalUnavailable: it can't be done at present.
        """
        wanted = tokens.c.id == id_
        with _available(), database.writing(self._engine) as connection:
            still = wanted & tokens.c.revoked_at.is_(None)
            changed = connection.execute(update(tokens).where(still).values(revoked_at=int(now * 1000))).rowcount
            row = connection.execute(select(tokens).where(wanted)).mappings().first()
            if row is None:
                return None
            if changed:
                told = {"detail": revoked(read(row)), "token": row["id"], "revoked": True}
                self._tell(connection, told, by, int(now * 1000))
        return read(row)

    def _tell(self, connection: Connection, fields: dict[str, Any], by: str, at: int) -> None:
        """Put into the journal, and have webhooks told, who may come in, and who said so.

        Not for the feed: that numbers events in the order in which they happen in the service.
        """
        told = {"what": "token", "by": by, **fields}
        self._journal.file_within(connection, [Event(0, "access", datetime.fromtimestamp(at / 1000, UTC), fields=told)])


def made(row: TokenRow) -> str:
    """Say that a token was made, as the journal has it."""
    return f"token {row.id} was made for {row.name}: {row.role}, {until(row)}"


def revoked(row: TokenRow) -> str:
    """Say that a token was revoked, as the journal has it."""
    return f"token {row.id} of {row.name} was revoked: {row.role}"


def until(row: TokenRow) -> str:
    """Say how long a token is good."""
    if row.expires_at is None:
        return "never expires"
    return f"expires {datetime.fromtimestamp(row.expires_at, UTC):%Y-%m-%d %H:%MZ}"


def fingerprint(row: Mapping[str, Any]) -> str:
    """Give what vouches for a row of the table, all but whether it was revoked, without telling the token's hash."""
    parts = {name: row[name] for name in ("id", "name", "role", "hash", "created_at", "expires_at")}
    return hashlib.sha256(chain.canonical(parts).encode()).hexdigest()


def digest(token: str) -> str:
    """Give what is stored in a token's place.

    A fast hash will do: nobody guesses 32 bytes of chance, however many are tried a second. Passwords want a slow one.
    """
    # Lone surrogates can come in by JSON; they must find nothing rather than raise.
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def read(row: Any) -> TokenRow:
    """Read a row of the table.

    Raises:
      JournalUnavailable: its role is none.
    """
    try:
        role = Role(row["role"])
    except ValueError:
        raise JournalUnavailable(f"token {row['id']} has a role that is none: {row['role']}") from None
    return TokenRow(
        row["id"],
        row["name"],
        role,
        row["hash"],
        row["created_at"] / 1000,
        None if row["expires_at"] is None else row["expires_at"] / 1000,
        None if row["revoked_at"] is None else row["revoked_at"] / 1000,
    )


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise JournalUnavailable(database.reason(error)) from error
