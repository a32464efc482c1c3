"""What tests of the record share: both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from streamer.record import database
from tests.databases import PostgreSQL


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty journal."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'journal.db'}"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.fresh()
    engine = database.open_(url)
    yield engine
    engine.dispose()
