"""The outbox: what is still to be posted, and to whom. The journal fills it as it writes, so that none is missed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from streamer.record import database
from streamer.record.journal import JournalUnavailable
from streamer.record.schema import journal, outbox

T = TypeVar("T")


HELD = 60.0
"""Seconds for which a gateway may hold what it is sending; then it counts as dead, and another sends it."""
KEPT = 30 * 86_400.0
"""Seconds for which what was given up stays in the table, for whoever looks into it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that an endpoint has not taken yet.

    Attributes:
      number: of the row.
      id: the event's, the same at each attempt and another than that of any other event, whoever told it.
      body: the event, as JSON.
      attempts: that came to nothing.
    """

    number: int
    id: str
    cursor: int
    body: str
    attempts: int


class Outbox:
    """The table of that name. Safe to use from several threads and processes; all of it may raise
    `JournalUnavailable`.

    Several gateways may share it: whoever has an endpoint may send what waits for it, whoever put it there, but each
    row is held by one of them at a time. So what a gateway leaves behind when it dies is sent by the others.

    Args:
      engine: as `database.open_` gives it.
      gateway: who sends.
    """

    def __init__(self, engine: Engine, gateway: str = "") -> None:
        self._engine = engine
        self._gateway = gateway

    def resume(self) -> None:
        """Let go of what was held when this gateway died."""
        held = update(outbox).where(outbox.c.held_by == self._gateway).values(held_by=None, due_at=0)
        self._write(lambda connection: connection.execute(held))

    def hold(self, endpoint: str, limit: int, now: int) -> list[Waiting]:
        """Take hold of what is due at an endpoint, so that nobody else sends it: for `HELD` seconds, or until `settle`.

        Args:
          now: milliseconds since 1970.
        """

        def take(connection: Connection) -> list[Waiting]:
            query = _first(endpoint, limit).where(outbox.c.due_at <= now)
            due = [
                Waiting(row.id, f"evt_{row.hash[:32]}", row.cursor, row.body, row.attempts)
                for row in connection.execute(query)
            ]
            held = update(outbox).where(outbox.c.id.in_([one.number for one in due]))
            connection.execute(held.values(held_by=self._gateway, due_at=now + round(HELD * 1000)))
            return due

        return self._write(take)

    def next_due(self, endpoint: str) -> int | None:
        """Give when something is due at an endpoint, in milliseconds since 1970; None where nothing waits."""
        query = select(func.min(outbox.c.due_at)).where(outbox.c.endpoint == endpoint, ~outbox.c.given_up)
        due_at: int | None = self._read(lambda connection: connection.scalar(query))
        return due_at

    def count(self, endpoint: str) -> int:
        """Count what waits for an endpoint."""
        query = select(func.count()).select_from(outbox).where(outbox.c.endpoint == endpoint, ~outbox.c.given_up)
        return self._read(lambda connection: connection.scalar(query)) or 0

    def settle(self, taken: Collection[int], later: Mapping[int, int | None]) -> None:
        """Write down what became of attempts.

        Args:
          taken: rows that are done with.
          later: when each of the others is due again, in milliseconds since 1970; None: never, it is given up.
        """

        def write(connection: Connection) -> None:
            connection.execute(delete(outbox).where(outbox.c.id.in_(taken)))
            for number, due_at in later.items():
                values: dict[str, Any] = {"given_up": True} if due_at is None else {"due_at": due_at}
                # Whoever has held it too long has no say in it any more.
                ours = (outbox.c.id == number) & (outbox.c.held_by == self._gateway)
                tried = update(outbox).where(ours).values(attempts=outbox.c.attempts + 1, held_by=None, **values)
                connection.execute(tried)

        self._write(write)

    def keep_only(self, endpoints: Collection[str], now: float) -> int:
        """Drop what this gateway wanted sent to endpoints that it has no more; give how much that was.

        Others' endpoints are theirs. What was given up long ago goes, too.

        Args:
          now: seconds since 1970.
        """
        gone = delete(outbox).where(outbox.c.gateway == self._gateway, outbox.c.endpoint.not_in(endpoints))
        old = delete(outbox).where(outbox.c.given_up, outbox.c.due_at < round((now - KEPT) * 1000))

        def drop(connection: Connection) -> int:
            connection.execute(old)
            return connection.execute(gone.where(~outbox.c.given_up)).rowcount

        return self._write(drop)

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except (SQLAlchemyError, OSError) as error:
            raise JournalUnavailable(database.reason(error)) from error

    def _write(self, work: Callable[[Connection], T]) -> T:
        try:
            with database.writing(self._engine) as connection:
                return work(connection)
        except (SQLAlchemyError, OSError) as error:
            raise JournalUnavailable(database.reason(error)) from error


def _first(endpoint: str, limit: int) -> Select[Any]:
    """Ask for what is due first at an endpoint."""
    return (
        select(outbox.c.id, journal.c.hash, journal.c.cursor, journal.c.body, outbox.c.attempts)
        .join(journal, journal.c.position == outbox.c.position)
        .where(outbox.c.endpoint == endpoint, ~outbox.c.given_up)
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(limit)
    )
