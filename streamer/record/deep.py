"""Does everything else agree with the journal's chain? The tables that the console shows, the tokens, the evidence.

What the chain says is summed up again, in a database of its own, and held against what is there.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from streamer.access.roles import Role
from streamer.access.tokens import fingerprint, made, read, revoked
from streamer.record import database
from streamer.record.event import Event
from streamer.record.journal import JournalUnavailable
from streamer.record.projection import milliseconds, project
from streamer.record.schema import calls, journal, scans, tokens, violations

BATCH = 1000
"""Rows in memory at once."""
FULL = 0.9
"""Share of the room for evidence from which on clips may have gone for want of it."""
PENDING = 600.0
"""Seconds after which a clip must be in the journal."""

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Examined:
    """What was found.

    Attributes:
      flaws: what is not as the chain says.
      notes: what the chain neither says nor excludes.
      calls, clips, tokens: that were compared.
    """

    flaws: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    calls: int = 0
    clips: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Clips:
    """Where evidence is, and how long it is kept.

    Attributes:
      folder: of the gateway `gateway`; others may have folders of their own.
      most: bytes of all clips together.
    """

    folder: Path
    days: float
    most: int
    gateway: str


@dataclass(slots=True)
class _Told:
    """What the chain tells of tokens, clips and keys."""

    made: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    details: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    clips: dict[tuple[str, str], tuple[str, int, str]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)


def examine(
    engine: Engine, clips: Clips, signing: set[str], progress: Progress = lambda *_: None, now: float | None = None
) -> Examined:
    """Compare all that can be compared; the chain itself is not checked here.

    Args:
      signing: public keys that heads were signed with.
      progress: told the rows summed up, and how many there are.
      now: seconds since 1970.

    Raises:
      JournalUnavailable: the database can't be read.
    """
    found = Examined()
    try:
        with _snapshot(engine) as there, tempfile.TemporaryDirectory(prefix="huazha-verify") as folder:
            scratch = database.open_(f"sqlite:///{Path(folder) / 'again.db'}")
            with database.writing(scratch) as again:
                told = _sum_up(there, again, found, progress)
                for table in (calls, violations, scans):
                    _compare(table, there, again, found)
            scratch.dispose()
            _check_tokens(there, told, found)
    except SQLAlchemyError as error:
        raise JournalUnavailable(database.reason(error)) from error
    found.notes += [
        f"heads are signed with the key {key}, which the journal never told of"
        for key in sorted(signing - told.keys)
        if told.keys
    ]
    _check_clips(clips, told, found, time.time() if now is None else now)
    return found


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """Read as of one moment, though a service goes on writing."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def _sum_up(there: Connection, again: Connection, found: Examined, progress: Progress) -> _Told:
    """Sum the chain up again."""
    told, done = _Told(), 0
    total = there.scalar(select(func.count()).select_from(journal)) or 0
    for row in _rows(there, journal):
        event = Event.from_json(json.loads(row.body))
        try:
            with again.begin_nested():
                if row.violation_id is not None and event.type != "violation":
                    # What was done about a violation may be told before the violation.
                    again.execute(insert(journal), row._asdict())
                project(again, event, row.position)
        except (SQLAlchemyError, KeyError, ValueError, TypeError) as error:
            found.flaws.append(f"row {row.position}: can't be summed up: {type(error).__name__}")
        _note(event, row.gateway, told)
        progress(done := done + 1, total)
    return told


def _note(event: Event, gateway: str, told: _Told) -> None:
    fields = event.fields
    if event.type == "evidence" and event.call is not None and fields.get("sha256"):
        told.clips[event.call, str(fields["violation_id"])] = (fields["sha256"], milliseconds(event), gateway)
    elif event.type == "access" and fields.get("what") == "token":
        told.details.add(str(fields.get("detail")))
        if "row" in fields:
            told.made[str(fields["token"])] = fields
        elif fields.get("revoked"):
            told.revoked.add(str(fields["token"]))
    elif event.type == "access" and fields.get("what") == "key":
        told.keys.add(str(fields["key"]))


def _compare(table: Table, there: Connection, again: Connection, found: Examined) -> None:
    """Hold a table against what it should be; both are read in the order of positions."""
    is_, should = _rows(there, table), _rows(again, table)
    one, other = next(is_, None), next(should, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one.position < other.position):
            found.flaws.append(f"{_named(table, one)} is shown, and no row of the journal tells of it")
            one = next(is_, None)
        elif one is None or other.position < one.position:
            found.flaws.append(f"row {other.position}: {_named(table, other)} is not shown")
            other = next(should, None)
        else:
            changed = [
                column.name
                for column in table.columns
                # False was nothing before the column was there.
                if (getattr(one, column.name) or None) != (getattr(other, column.name) or None)
            ]
            if changed:
                what = f"{_named(table, one)} is shown otherwise than the journal tells"
                found.flaws.append(f"row {other.position}: {what}: {', '.join(changed)}")
            found.calls += table is calls
            one, other = next(is_, None), next(should, None)


def _check_tokens(there: Connection, told: _Told, found: Examined) -> None:
    rows = {row.id: row for row in there.execute(select(tokens))}
    found.tokens = len(rows)
    for row in rows.values():
        what = f"token {row.id} of {row.name}, {row.role},"
        if row.role not in set(Role):
            found.flaws.append(f"{what} has a role that there is not")
            continue
        known = read(row._mapping)
        vouched = told.made.get(row.id)
        if vouched is None and made(known) not in told.details:
            found.flaws.append(f"{what} is in the database, and the journal does not tell that it was made")
        elif vouched is None:
            found.notes.append(f"{what} is older than the journal's word for its hash; make another and revoke it")
        elif vouched["row"] != fingerprint(row._asdict()):
            found.flaws.append(f"{what} was changed since it was made")
        if (row.id in told.revoked or revoked(known) in told.details) != (row.revoked_at is not None):
            says = "is not revoked, though the journal says so" if row.revoked_at is None else "was revoked by hand"
            found.flaws.append(f"{what} {says}")
    found.flaws += [f"token {id_} was made, and is not in the database" for id_ in sorted(told.made.keys() - rows)]


def _check_clips(clips: Clips, told: _Told, found: Examined, now: float) -> None:
    here = {(path.parent.name, path.stem): path for path in clips.folder.glob("*/*.flac")}
    sizes = {name: path.stat() for name, path in here.items()}
    full = sum(one.st_size for one in sizes.values()) >= FULL * clips.most
    first = min((one.st_mtime for one in sizes.values()), default=now)
    elsewhere = roomless = 0
    for name, (sha256, at, gateway) in told.clips.items():
        what = f"the clip of {name[1]} in call {name[0]}"
        if name in here:
            found.clips += 1
            if hashlib.sha256(here[name].read_bytes()).hexdigest() != sha256:
                found.flaws.append(f"{what} is another than was kept: {here[name]}")
        elif now - at / 1000 > clips.days * 86_400:
            continue
        elif gateway not in ("", clips.gateway):
            elsewhere += 1
        elif full and at / 1000 < first:
            roomless += 1
        else:
            found.flaws.append(f"{what} is gone before its time")
    unknown = [name for name in here if name not in told.clips and now - sizes[name].st_mtime > PENDING]
    for count, what in (
        (elsewhere, "clips are not here, but were kept by other gateways: verify there, too"),
        (roomless, "clips are gone, all older than those that are here: there was no more room for them, it seems"),
        (len(unknown), "clips are in the folder of evidence that no row tells of: were rows cut off?"),
    ):
        if count:
            found.notes.append(f"{count} {what}")


def _rows(connection: Connection, table: Table) -> Iterator[Any]:
    """Give a table's rows in the order of their positions."""
    position = -(1 << 62)
    while True:
        query = select(table).where(table.c.position > position).order_by(table.c.position).limit(BATCH)
        batch = connection.execute(query).all()
        if not batch:
            return
        yield from batch
        position = batch[-1].position


def _named(table: Table, row: Any) -> str:
    if table is violations:
        return f"violation {row.violation_id} of call {row.call}"
    return f"call {row.call}" if table is calls else f"scan {row.scan}"
