"""Files and folders that nobody else on the machine may read: the journal, evidence, keys."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

FILE, FOLDER = 0o600, 0o700


def folder(path: Path) -> None:
    """Make a folder, with those above it, that is its owner's alone; one that is there stays as it is.

    Raises:
      OSError: it can't be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=FOLDER, exist_ok=True)


def opened(path: Path, mode: str) -> IO[bytes]:
    """Open a file to write, its owner's alone if it is new; `mode` as `open` has it, binary.

    Raises:
      OSError: it can't be opened.
    """
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, FILE))


def write(path: Path, data: bytes) -> None:
    """Write a file: whole, or not at all, and its owner's alone.

    Raises:
      OSError: it can't be written.
    """
    beside = path.with_suffix(".part")
    # One that was left behind may be somebody else's to read.
    beside.unlink(missing_ok=True)
    with opened(beside, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)


def tighten(data: Path) -> None:
    """Take from everybody else what earlier versions let them read in the folder of data, and say so in the log."""
    changed = [path for path in _below(data) if _tighten(path)]
    if changed:
        log.warning("%d files and folders, such as %s, are no longer readable by others", len(changed), changed[0])


def _below(data: Path) -> Iterator[Path]:
    # A folder such as /tmp, which everybody shares, is no folder of ours, whatever the settings say.
    if data.is_dir() and not data.stat().st_mode & stat.S_ISVTX:
        yield data
        yield from (data / name for name in ("evidence", "heads.jsonl", "journal.key", "journal.pub"))
        yield from data.glob("journal.db*")
        for clips in (data / "evidence").glob("*"):
            yield clips
            if clips.is_dir():
                yield from clips.iterdir()


def _tighten(path: Path) -> bool:
    try:
        now = path.lstat()
        wanted = FOLDER if stat.S_ISDIR(now.st_mode) else FILE
        if stat.S_ISLNK(now.st_mode) or not stat.S_IMODE(now.st_mode) & ~wanted:
            return False
        path.chmod(stat.S_IMODE(now.st_mode) & wanted)
    except FileNotFoundError:
        return False
    except OSError as error:
        log.warning("%s can be read by others, and that can't be changed: %s", path, error.strerror or error)
        return False
    return True
