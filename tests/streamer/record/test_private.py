"""What the service keeps is for its own user alone."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.access.roles import Role
from streamer.access.seal import Seal
from streamer.access.tokens import Tokens
from streamer.record import database, private
from streamer.record.clips import Clip
from streamer.record.evidence import Evidence
from streamer.record.heads import Signer


@pytest.fixture(autouse=True)
def generous() -> Iterator[None]:
    """Files are everybody's unless somebody says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def rights(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder.parent)): stat.S_IMODE(path.stat().st_mode)
        for path in sorted([folder, *folder.rglob("*")])
    }


def keep(data: Path) -> None:
    """Have everything written that there is."""
    engine = database.open_(f"sqlite:///{data / 'journal.db'}")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM journal")
        Tokens(engine).create("Li Na", Role.ADMIN, None, 1_764_000_000.0)
        Signer(data).sign(1, "a" * 64, 1)
        Seal(data).close()
        clip = Clip("v-1", 0.0, "mulaw", 8000, {"agent": b"\xff" * 800}, {})
        Evidence(data / "evidence", days=1, most=1 << 30).keep("c0ffee", clip)


def test_whatever_is_written_nobody_else_may_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    private.folder(data)
    engine = database.open_(f"sqlite:///{data / 'journal.db'}")
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM journal")
        keep(data)
        assert (data / "journal.db-wal").exists()
        found = rights(data)
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077} == {}
    assert len(found) >= 10
    engine.dispose()


def test_a_database_that_is_there_keeps_this_process_s_locks_when_another_connection_comes(tmp_path: Path) -> None:
    """Whoever closes a file gives up all locks that his process has on it: then two would write at once."""
    engine = database.open_(f"sqlite:///{tmp_path / 'journal.db'}")
    code = (
        "import fcntl, sys\n"
        "with open(sys.argv[1], 'r+b') as file:\n"
        "    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT * FROM journal")
        with engine.connect() as other:
            other.exec_driver_sql("SELECT * FROM journal")
            command = [sys.executable, "-c", code, str(tmp_path / "journal.db")]
            locked = subprocess.run(command, capture_output=True, text=True, check=False)
    engine.dispose()
    assert "BlockingIOError" in locked.stderr


def test_what_earlier_versions_left_open_is_closed_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    keep(data)
    for path in [data, *data.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    (data / "own.toml").write_text("")
    for _ in range(2):
        private.tighten(data)
    assert {name for name, mode in rights(data).items() if mode & 0o077} == {"data/own.toml", "data/tokens.made"}
    assert len([message for message in caplog.messages if "no longer readable by others" in message]) == 1


def test_a_folder_that_everybody_shares_stays_everybody_s(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    private.tighten(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o1777
