"""The durable record of what happened: one row an event, chained, with all that follows from it in one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from streamer.errors import HuazhaError
from streamer.record import chain, database
from streamer.record.event import Event
from streamer.record.projection import milliseconds, project
from streamer.record.schema import calls, journal, outbox

AT_ONCE = 500
"""Cursors asked for in one question: databases bound their number."""
ASIDE = -(1 << 53)
"""Cursors from here to zero are of what never was on the feed; JavaScript still tells them apart."""


class JournalUnavailable(HuazhaError):
    """The journal can't be written or read at present: the disk is full, the database is gone."""


class EventRefused(HuazhaError):
    """One of some events can never be written: it says what the database doesn't take."""


class Journal:
    """Appends events, and reads them again.

    Safe to use from several threads, and from several processes: whoever appends is alone.

    Args:
      engine: as `database.open_` gives it.
      wanted: the webhook endpoints that want an event.
    """

    def __init__(self, engine: Engine, wanted: Callable[[Event], Iterable[str]] = lambda _: ()) -> None:
        self._engine = engine
        self._wanted = wanted

    def append(self, events: Sequence[Event]) -> None:
        """Write events, all or none; those that are there already stay as they are.

        Raises:
          JournalUnavailable: they could not be written; the next attempt may succeed.
          EventRefused: no attempt will.
        """
        with self._alone() as connection:
            self._append(connection, events)

    def file(self, events: Sequence[Event], *, unless: str | None = None) -> bool:
        """Write events that are not for the feed, all or none, each with a new cursor below zero.

        A service numbers its events by the clock, before they are written. Below zero they can't be in its way: none
        has the number of one that still waits, and a feed that goes on after some cursor never comes by them.

        Args:
          events: in their order; the cursors that they have count for nothing.
          unless: a call: where there is one of this name, nothing is written.

        Returns:
          Whether they were written.

        Raises:
          JournalUnavailable: they could not be written; the next attempt may succeed.
          EventRefused: no attempt will.
        """
        with self._alone() as connection:
            if unless is not None and connection.scalar(select(calls.c.call).where(calls.c.call == unless)) is not None:
                return False
            last = connection.scalar(select(func.max(journal.c.cursor)).where(journal.c.cursor < 0))
            first = (ASIDE if last is None else last) + 1
            self._append(connection, [replace(event, cursor=first + number) for number, event in enumerate(events)])
        return True

    def since(self, cursor: int, limit: int) -> list[Event]:
        """Give the events after a cursor, so many at most.

        Raises:
          JournalUnavailable: they can't be read.
        """
        after = select(journal.c.body).where(journal.c.cursor > cursor).order_by(journal.c.cursor).limit(limit)
        return [Event.from_json(json.loads(body)) for body in self._read(after)]

    def last_cursor(self) -> int:
        """Give the last event's cursor; 0 where none was on the feed.

        Raises:
          JournalUnavailable: it can't be read.
        """
        (cursor,) = self._read(select(func.coalesce(func.max(journal.c.cursor), 0)))
        return max(0, int(cursor))

    def head(self) -> tuple[int, str]:
        """Give the last row's position and hash; 0 and the chain's beginning where there is none.

        Raises:
          JournalUnavailable: it can't be read.
        """
        try:
            with self._engine.connect() as connection:
                return _head(connection)
        except (SQLAlchemyError, OSError) as error:
            raise JournalUnavailable(database.reason(error)) from error

    @contextmanager
    def _alone(self) -> Iterator[Connection]:
        """Write, with nobody else writing at the time.

        Raises:
          JournalUnavailable, EventRefused: as `append` has them.
        """
        try:
            with database.writing(self._engine) as connection:
                yield connection
        except (DataError, IntegrityError) as error:
            raise EventRefused(database.reason(error)) from error
        except (SQLAlchemyError, OSError) as error:
            raise JournalUnavailable(database.reason(error)) from error

    def _append(self, connection: Connection, events: Sequence[Event]) -> None:
        known: set[int] = set()
        for at in range(0, len(events), AT_ONCE):
            cursors = [event.cursor for event in events[at : at + AT_ONCE]]
            known |= set(connection.scalars(select(journal.c.cursor).where(journal.c.cursor.in_(cursors))))
        position, previous = _head(connection)
        for event in events:
            if event.cursor in known:
                continue
            body = chain.canonical(event.to_json())
            row = {
                "position": (position := position + 1),
                "cursor": event.cursor,
                "type": event.type,
                "at": milliseconds(event),
                "call": event.call,
                "violation_id": event.fields.get("violation_id"),
                "body": body,
                "previous": previous,
                "hash": (previous := chain.link(previous, body)),
            }
            connection.execute(insert(journal), row)
            project(connection, event)
            for endpoint in self._wanted(event):
                to_send = {"cursor": event.cursor, "endpoint": endpoint, "due_at": 0, "attempts": 0, "given_up": False}
                connection.execute(insert(outbox), to_send)

    def _read(self, query: Any) -> list[Any]:
        try:
            with self._engine.connect() as connection:
                return list(connection.scalars(query))
        except (SQLAlchemyError, OSError) as error:
            raise JournalUnavailable(database.reason(error)) from error


def _head(connection: Connection) -> tuple[int, str]:
    query = select(journal.c.position, journal.c.hash).order_by(journal.c.position.desc()).limit(1)
    last = connection.execute(query).first()
    return (last.position, last.hash) if last else (0, chain.BEGINNING)
