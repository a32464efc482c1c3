"""What tests share: the real model, loaded once, and services to run it in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Engine

from streamer import control_plane, service
from streamer.recognition.recognizer import Recognizer
from streamer.recognition.whisper import WhisperRecognizer
from streamer.record import database
from streamer.service import Service
from streamer.settings import Limits, Settings
from tests.clusters import RayCluster
from tests.databases import PostgreSQL
from tests.faults import Running

# How long an example takes says something of the machine, and what else runs on it, and nothing of the code.
hypothesis.settings.register_profile("unhurried", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("unhurried")

UNHURRIED = 600.0
"""Seconds for what has no time of its own to keep."""


@pytest.fixture(scope="session")
def whisper() -> WhisperRecognizer:
    """The real model."""
    recognizer = service.load_recognizer(Settings())
    assert isinstance(recognizer, WhisperRecognizer)
    return recognizer


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    """Run a service on free ports: `async with running(recognizer, **limits) as service`."""
    # What else the machine has to do may keep a console waiting for longer than a platform would.
    monkeypatch.setattr(control_plane, "START", UNHURRIED)

    @asynccontextmanager
    async def run(recognizer: Recognizer, **limits: float) -> AsyncIterator[Service]:
        settings = Settings(media_port=0, console_port=0, data=tmp_path, limits=Limits.model_validate(limits))
        async with service.running(settings, recognizer) as started:
            yield started

    return run


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server; without one installed the test is skipped, but never in CI."""
    found = shutil.which("pg_ctl") or next(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))), None)
    if found is None:
        assert "CI" not in os.environ, "PostgreSQL is not installed"
        pytest.skip("PostgreSQL is not installed")
    with tempfile.TemporaryDirectory(prefix="huazha-pg") as folder:
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        server = PostgreSQL(Path(found).parent, Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def ray_installed() -> None:
    """Without Ray the test is skipped: it is an extra. Where a folder of tests is named like it, only metadata tell."""
    try:
        distribution("ray")
    except PackageNotFoundError:
        pytest.skip("Ray is not installed: make ray does, and runs this")


@pytest.fixture(scope="session")
def ray_cluster(ray_installed: None) -> Iterator[RayCluster]:
    """Two workers with a recogniser on each."""
    cluster = RayCluster()
    yield cluster
    cluster.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty journal, on one database after the other."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'deep' / 'journal.db'}"
    else:
        server: PostgreSQL = request.getfixturevalue("postgresql")
        url = server.fresh()
    engine = database.open_(url)
    yield engine
    engine.dispose()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a report hold what another process can be told: tests log text that can't be encoded, on purpose."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report
