"""The journal's database: SQLite in a file, or PostgreSQL by its address; brought up to date when opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from streamer.errors import HuazhaError
from streamer.record import private

BUSY = 10.0
"""Seconds that a statement waits for another process to be done with the file."""
_ONE_AT_A_TIME = 0x4875617A
"""Names the lock that is held in PostgreSQL while tables are made, and rows are chained."""


class DatabaseError(HuazhaError):
    """The database can't be had.

    Attributes:
      url: with no password in it.
    """

    def __init__(self, url: str, message: str) -> None:
        super().__init__(f"the journal's database, {url}: {message}")
        self.url = url


def open_(url: str) -> Engine:
    """Connect, and bring the tables up to date.

    Args:
      url: as SQLAlchemy has it, `sqlite:///FILE` or `postgresql+psycopg://USER@HOST/NAME`.

    Raises:
      DatabaseError: it can't be had.
    """
    engine = engine_of(url)
    prepare(engine)
    return engine


def engine_of(url: str) -> Engine:
    """Give what connects to a database, without doing so yet: that may be tried again and again.

    Raises:
      DatabaseError: no attempt would do, since this is no address, or the driver is missing.
    """
    try:
        address = make_url(url)
    except ArgumentError:
        raise DatabaseError("(not shown)", "is no address; sqlite:///FILE or postgresql+psycopg://...") from None
    shown = address.render_as_string(hide_password=True)
    try:
        if address.get_backend_name() == "sqlite":
            # A connection to a file costs nothing, and none is left open in a thread that is gone.
            engine = create_engine(address, poolclass=NullPool, connect_args={"timeout": BUSY})
            event.listen(engine, "do_connect", _make_private)
            event.listen(engine, "connect", _prepare)
            event.listen(engine, "begin", _begin)
        else:
            engine = create_engine(address, pool_pre_ping=True, connect_args={"connect_timeout": int(BUSY)})
    except ModuleNotFoundError as error:
        raise DatabaseError(shown, f"{error.name} is not installed; pip install 'huazha[postgres]'") from None
    except SQLAlchemyError as error:
        raise DatabaseError(shown, reason(error)) from None
    return engine


def prepare(engine: Engine) -> None:
    """Bring the tables up to date.

    Raises:
      DatabaseError: the database can't be had; the next attempt may succeed.
    """
    try:
        if engine.dialect.name == "sqlite":
            Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
        _migrate(engine)
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseError(engine.url.render_as_string(hide_password=True), reason(error)) from None


def reason(error: Exception) -> str:
    """Say in one line what a database found wrong."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Write as the only one, in one transaction: all of it, or nothing."""
    with engine.connect().execution_options(writing=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:one)"), {"one": _ONE_AT_A_TIME})
        yield connection


def _make_private(_: Any, __: Any, arguments: Any, ___: Any) -> None:
    # SQLite gives a file that it makes to all; what it puts beside it has the rights of the file. One that is there
    # must not even be opened: closing it again would take away this process's locks on it (POSIX), and lose commits.
    with suppress(OSError):
        os.close(os.open(arguments[0], os.O_WRONLY | os.O_CREAT | os.O_EXCL, private.FILE))


def _prepare(connection: Any, _: Any) -> None:
    # The driver would begin transactions by itself, too late to keep other writers out; `_begin` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
