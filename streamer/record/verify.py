"""Is the journal as it was written? Walks the chain, and holds it against the heads that were signed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, func, select
from sqlalchemy.engine import Row
from sqlalchemy.exc import SQLAlchemyError

from streamer.record import chain, database
from streamer.record.event import Event
from streamer.record.heads import Head
from streamer.record.journal import JournalUnavailable
from streamer.record.projection import milliseconds
from streamer.record.schema import journal

BATCH = 1000
"""Rows in memory at once."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """The first place at which the journal is not as it was written.

    Attributes:
      position: the row's, or the one that should be there.
      about: what is wrong with it.
    """

    position: int
    about: str
    cursor: int | None = None
    call: str | None = None

    def __str__(self) -> str:
        which = f" (cursor {self.cursor}, call {self.call})" if self.cursor is not None else ""
        return f"row {self.position}{which}: {self.about}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes:
      rows, heads: checked.
      flaw: the first one, or None where all is as it was written.
    """

    rows: int
    heads: int
    flaw: Flaw | None


def verify(
    engine: Engine,
    heads: Iterable[Head],
    keys: Iterable[str],
    progress: Callable[[int, int], None] = lambda *_: None,
    noted: Mapping[int, str] | None = None,
) -> Verdict:
    """Check the whole journal.

    Args:
      heads: signed places, from wherever they were kept.
      keys: the public ones that may have signed them, in hexadecimal.
      progress: told the rows checked, and how many there are.
      noted: rows' hashes, or how these begin, by position, from wherever they were noted.

    Raises:
      JournalUnavailable: it can't be read.
    """
    known, places = set(keys), list(heads)
    for head in places:
        if head.key not in known or not head.genuine:
            return Verdict(0, len(places), Flaw(head.position, "its head is not signed by a key that is known"))
    signed: dict[int, str] = {}
    for head in places:
        if signed.setdefault(head.position, head.hash) != head.hash:
            return Verdict(0, len(places), Flaw(head.position, "two heads were signed for it, and they differ"))
    elsewhere = noted or {}
    previous, checked = chain.BEGINNING, 0
    try:
        for row, total in _rows(engine):
            flaw = _flaw(row, checked + 1, previous, signed, elsewhere)
            if flaw is not None:
                return Verdict(checked, len(places), flaw)
            previous, checked = row.hash, checked + 1
            progress(checked, total)
    except SQLAlchemyError as error:
        raise JournalUnavailable(database.reason(error)) from error
    last = max([*signed, *elsewhere], default=0)
    if last > checked:
        how = "a head was signed" if last in signed else "a hash was noted"
        flaw = Flaw(checked + 1, f"is missing, and all after it: {how} for row {last}")
        return Verdict(checked, len(places), flaw)
    return Verdict(checked, len(places), None)


def _rows(engine: Engine) -> Iterator[tuple[Row[tuple[object, ...]], int]]:
    """Give the rows in the order of the chain, each with how many there are."""
    position = -(1 << 62)
    with engine.connect() as connection:
        total = connection.scalar(select(func.count()).select_from(journal)) or 0
        while batch := list(
            connection.execute(
                select(journal).where(journal.c.position > position).order_by(journal.c.position).limit(BATCH)
            )
        ):
            for row in batch:
                yield row, total
            position = batch[-1].position


def _flaw(
    row: Row[tuple[object, ...]], position: int, previous: str, signed: dict[int, str], noted: Mapping[int, str]
) -> Flaw | None:
    """Say what is wrong with a row, if anything is."""
    if row.position != position:
        return Flaw(position, "is missing")
    about = None
    if row.previous != previous:
        about = "does not follow the row before it: one of them was changed, left out or moved"
    elif row.hash != chain.link(previous, row.body):
        about = "was changed: its hash is another"
    elif not _tells_the_same(row):
        about = "was changed: its columns say another thing than its text"
    elif signed.get(position, row.hash) != row.hash:
        about = "was written anew: a head was signed for another"
    elif not row.hash.startswith(noted.get(position, "")):
        about = "was written anew: another hash was noted for it"
    return None if about is None else Flaw(position, about, row.cursor, row.call)


def _tells_the_same(row: Row[tuple[object, ...]]) -> bool:
    try:
        event = Event.from_json(json.loads(row.body))
    except (ValueError, KeyError, TypeError):
        return False
    told = (event.cursor, event.type, milliseconds(event), event.call, event.fields.get("violation_id"))
    return told == (row.cursor, row.type, row.at, row.call, row.violation_id)
