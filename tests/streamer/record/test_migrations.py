"""A database of an earlier version is brought up to date with all that is in it, and is then as the tables are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, event, select, text

from streamer.record import database
from streamer.record.history import CallFilter, History, ViolationFilter
from streamer.record.outbox import Outbox
from streamer.record.schema import calls, journal, metadata, outbox, violations
from tests.databases import PostgreSQL

CALL = (
    "INSERT INTO calls (call, cursor, call_id, started_at, duration, blind, violations, body, missing)"
    """ VALUES ('c0ffee', 7, 'c-1', 1767312000000, 9.5, 0.5, 1, '{"channels":["agent"]}', '{"missing":[]}')"""
)
VIOLATION = (
    "INSERT INTO violations (call, violation_id, cursor, at, call_id, rule_id, category, severity, status, fired,"
    " term, heard, text, body, lifted, evidence)"
    " VALUES ('c0ffee', 'v-1', 8, 1767312003000, 'c-1', 'promise', 'guarantee', 'block', 'fired', true,"
    " '', '', '', '{}', false, true)"
)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.db'}"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.fresh()


@pytest.fixture
def first(address: str) -> Iterator[Engine]:
    """A database as the first version made it."""
    engine = create_engine(address)
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text(CALL))
        connection.execute(text(VIOLATION))
    yield engine
    engine.dispose()


def test_what_was_kept_is_there_and_is_no_scan_s(address: str, first: Engine) -> None:
    first.dispose()
    engine = database.open_(address)
    history = History(engine)
    (call,) = history.calls(CallFilter(source="live"), limit=9).items
    (violation,) = history.violations(ViolationFilter(source="live"), limit=9).items
    assert (call["call"], violation["evidence"]) == ("c0ffee", True)
    assert history.calls(CallFilter(source="scan"), limit=9).items == []
    engine.dispose()


def test_what_was_numbered_by_cursors_is_by_positions(address: str, first: Engine) -> None:
    row = "INSERT INTO journal (position, cursor, type, at, call, body, previous, hash) VALUES "
    with first.begin() as connection:
        connection.execute(text(f"{row} (1, 7, 'call.started', 0, 'c0ffee', '{{}}', '', 'a')"))
        connection.execute(text(f"{row} (2, 8, 'violation', 0, 'c0ffee', '{{}}', 'a', 'b')"))
        connection.execute(
            text("INSERT INTO outbox (cursor, endpoint, due_at, attempts, given_up) VALUES (8, 'x', 0, 0, false)")
        )
    first.dispose()
    engine = database.open_(address)
    with engine.connect() as connection:
        positions = [connection.scalar(select(table.c.position)) for table in (calls, violations, outbox)]
        assert connection.scalars(select(journal.c.gateway)).all() == ["", ""]
    assert positions == [1, 2, 2]
    (waiting,) = Outbox(engine, "gw1").hold("x", 8, 0)
    assert (waiting.cursor, waiting.id) == (8, "evt_b")
    engine.dispose()


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
def test_rows_are_numbered_anew_by_an_index(address: str, first: Engine) -> None:
    told: list[str] = []
    first.dispose()

    def note(*executed: Any) -> None:
        told.append(executed[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        engine = database.open_(address)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    numbering = [statement for statement in told if "SET position" in statement]
    assert len(numbering) == 4
    with engine.connect() as connection:
        for statement in numbering:
            plan = [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"))]
            assert any("SEARCH journal" in step for step in plan), plan
    engine.dispose()


def test_tables_are_as_the_program_thinks(address: str) -> None:
    engine = database.open_(address)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert differences == []
