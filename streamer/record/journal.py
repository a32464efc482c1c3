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
      gateway: whose events are written and read; cursors are its own. What was written before gateways had names is
        read by all.
    """

    def __init__(
        self, engine: Engine, wanted: Callable[[Event], Iterable[str]] = lambda _: (), *, gateway: str = ""
    ) -> None:
        self._engine = engine
        self._wanted = wanted
        self._gateway = gateway

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
            self.file_within(connection, events)
        return True

    def file_within(self, connection: Connection, events: Sequence[Event]) -> None:
        """Write events that are not for the feed, as part of a transaction that `database.writing` began."""
        aside = (journal.c.gateway == self._gateway) & (journal.c.cursor < 0)
        last = connection.scalar(select(func.max(journal.c.cursor)).where(aside))
        first = (ASIDE if last is None else last) + 1
        self._append(connection, [replace(event, cursor=first + number) for number, event in enumerate(events)])

    def since(self, cursor: int, limit: int) -> list[Event]:
        """Give the gateway's events after a cursor, so many at most.

        Raises:
          JournalUnavailable: they can't be read.
        """
        after = select(journal.c.body).where(journal.c.cursor > cursor).order_by(journal.c.cursor, journal.c.position)
        found = [
            Event.from_json(json.loads(body))
            for gateway in self._ours
            for body in self._read(after.where(journal.c.gateway == gateway).limit(limit))
        ]
        return sorted(found, key=lambda event: event.cursor)[:limit]

    def last_cursor(self) -> int:
        """Give the gateway's last event's cursor; 0 where none was on the feed.

        Raises:
          JournalUnavailable: it can't be read.
        """
        # One by one, since only then an index has the answer.
        last = select(func.coalesce(func.max(journal.c.cursor), 0))
        return max(0, *(int(self._read(last.where(journal.c.gateway == gateway))[0]) for gateway in self._ours))

    def tells_of_key(self, key: str) -> bool:
        """Whether an event says that heads are signed with this public key.

        Raises:
          JournalUnavailable: it can't be read.
        """
        about = select(journal.c.position).where(journal.c.call.is_(None), journal.c.type == "access")
        return bool(self._read(about.where(journal.c.body.contains(f'"key":"{key}"', autoescape=True)).limit(1)))

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

    @property
    def _ours(self) -> set[str]:
        """Names under which this gateway's events are."""
        return {self._gateway, ""}

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
        # A cursor alone would not do: two gateways that were given one name must not lose what the other told.
        known: set[tuple[int, str]] = set()
        for at in range(0, len(events), AT_ONCE):
            cursors = [event.cursor for event in events[at : at + AT_ONCE]]
            there = select(journal.c.cursor, journal.c.body).where(journal.c.gateway == self._gateway)
            known |= {(row.cursor, row.body) for row in connection.execute(there.where(journal.c.cursor.in_(cursors)))}
        position, previous = _head(connection)
        for event in events:
            body = chain.canonical(event.to_json())
            if (event.cursor, body) in known:
                continue
            known.add((event.cursor, body))
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
                "gateway": self._gateway,
            }
            connection.execute(insert(journal), row)
            project(connection, event, position)
            for endpoint in self._wanted(event):
                to_send = {"position": position, "endpoint": endpoint, "due_at": 0, "attempts": 0, "given_up": False}
                connection.execute(insert(outbox), {**to_send, "gateway": self._gateway})

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
