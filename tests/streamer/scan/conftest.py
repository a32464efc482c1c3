"""A journal that scans write to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.record import database
from streamer.record.history import History
from streamer.scan.journaling import Archive
from streamer.settings import Settings
from tests.streamer.scan.invented import NOW

WEBHOOK = {"url": "https://example.com/", "secret": "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"}


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return Settings.model_validate({"data": tmp_path, "webhooks": [WEBHOOK]})


@pytest.fixture
def archive(chosen: Settings) -> Iterator[Archive]:
    with Archive.open(chosen, clock=NOW.timestamp) as one:
        yield one


@pytest.fixture
def history(chosen: Settings) -> Iterator[History]:
    engine = database.open_(chosen.journal)
    yield History(engine)
    engine.dispose()
