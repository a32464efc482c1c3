"""The outbox: what is still to be posted, and to whom. The journal fills it as it writes, so that none is missed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from streamer.record import database
from streamer.record.journal import JournalUnavailable
from streamer.record.schema import journal, outbox

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event that an endpoint has not taken yet.

    Attributes:
      number: of the row.
      body: the event, as JSON.
      due_at: when it is to be sent, in milliseconds since 1970.
      attempts: that came to nothing.
    """

    number: int
    cursor: int
    body: str
    due_at: int
    attempts: int


class Outbox:
    """The table of that name. Safe to use from several threads; all of it may raise `JournalUnavailable`.

    Args:
      engine: as `database.open_` gives it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def first(self, endpoint: str, limit: int) -> list[Waiting]:
        """Give what is due first at an endpoint, due already or not."""
        query = (
            select(outbox.c.id, outbox.c.cursor, journal.c.body, outbox.c.due_at, outbox.c.attempts)
            .join(journal, journal.c.cursor == outbox.c.cursor)
            .where(outbox.c.endpoint == endpoint, ~outbox.c.given_up)
            .order_by(outbox.c.due_at, outbox.c.id)
            .limit(limit)
        )
        return self._read(lambda connection: [Waiting(*row) for row in connection.execute(query)])

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
                tried = update(outbox).where(outbox.c.id == number).values(attempts=outbox.c.attempts + 1, **values)
                connection.execute(tried)

        self._write(write)

    def keep_only(self, endpoints: Collection[str]) -> int:
        """Drop what waits for endpoints that there are no more; give how much that was."""
        gone = delete(outbox).where(outbox.c.endpoint.not_in(endpoints))
        return self._write(lambda connection: connection.execute(gone).rowcount)

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
