"""Where recordings are: files, folders, patterns, and the object stores that fsspec knows."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.core import url_to_fs

from streamer.errors import RecordingError, ScanError
from streamer.scan.decoding import SUFFIXES

SPOOLED = 64 << 20
"""Bytes of a remote file that are held in memory; a longer one is copied to a temporary file."""
PIECE = 1 << 20
_PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that may be a recording.

    Attributes:
      name: as it is reported: the path as it was given, or the address.
      size: bytes.
      written_at: when it was last written; None where nobody knows.
    """

    name: str
    size: int
    written_at: datetime | None

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file for reading from any place in it; a remote one is copied first.

        Raises:
          RecordingError: it can't be read.
        """
        try:
            if not is_address(self.name):
                with Path(self.name).open("rb") as file:
                    yield file
                return
            with fsspec.open(self.name, "rb") as remote, tempfile.SpooledTemporaryFile(SPOOLED) as copy:
                shutil.copyfileobj(cast("BinaryIO", remote), copy, PIECE)
                copy.seek(0)
                yield cast("BinaryIO", copy)
        except (OSError, ImportError) as error:
            raise RecordingError(self.name, _reason(error)) from None


def digest(file: BinaryIO) -> str:
    """Give the SHA-256 of an open file's bytes, and go back to its start."""
    file.seek(0)
    found = hashlib.sha256()
    while piece := file.read(PIECE):
        found.update(piece)
    file.seek(0)
    return found.hexdigest()


def is_address(name: str) -> bool:
    """Whether a name is an object store's rather than a path's."""
    return "://" in name


def find(names: Sequence[str]) -> list[Source]:
    """Find the recordings that paths, folders, patterns and addresses name, each once, in the order of their names.

    A folder stands for the files below it whose names end like a recording's; hidden ones are left out. A file that is
    named by itself is taken whatever its name.

    Raises:
      ScanError: there is no such file, or nothing in it is a recording; it names what was asked for.
    """
    found: dict[str, Source] = {}
    for name in names:
        some = _remote(name) if is_address(name) else _local(name)
        if not some:
            raise ScanError(name, f"holds no recording; their names end in {', '.join(sorted(SUFFIXES))}")
        found.update((source.name, source) for source in some)
    return sorted(found.values(), key=lambda source: source.name)


def _local(name: str) -> list[Source]:
    path = Path(name)
    if path.is_dir():
        below = [file for file in sorted(path.rglob("*")) if _is_recording(file.relative_to(path))]
        return [_of(file) for file in below if file.is_file()]
    if path.exists():
        return [_of(path)]
    if _PATTERN & set(name):
        # Patterns of a shell that did not know them, or was not to.
        root = Path(path.anchor) if path.anchor else Path()
        pattern = str(path.relative_to(path.anchor)) if path.anchor else name
        return [_of(file) for file in sorted(root.glob(pattern)) if file.is_file()]
    raise ScanError(name, "no such file or folder")


def _of(path: Path) -> Source:
    try:
        stat = path.stat()
    except OSError:
        # It is told of when it is opened.
        return Source(str(path), 0, None)
    return Source(str(path), stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _remote(name: str) -> list[Source]:
    try:
        system, path = url_to_fs(name)
        if _PATTERN & set(path):
            known = system.glob(path, detail=True)
        elif system.isdir(path):
            listed = system.find(path, detail=True)
            known = {one: listed[one] for one in listed if _is_recording(Path(one[len(path) :].lstrip("/")))}
        else:
            known = {path: system.info(path)}
    except ImportError as error:
        raise ScanError(name, f"{error}") from None
    except FileNotFoundError:
        raise ScanError(name, "no such file or folder") from None
    except (OSError, ValueError) as error:
        raise ScanError(name, _reason(error)) from None
    return [
        Source(system.unstrip_protocol(path), int(info.get("size") or 0), _written(info))
        for path, info in sorted(known.items())
        if info.get("type") != "directory"
    ]


def _written(info: dict[str, Any]) -> datetime | None:
    """Give when a remote file was written; stores name it in several ways."""
    for field in ("LastModified", "mtime", "updated", "last_modified", "created"):
        value = info.get(field)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                continue
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return None


def _is_recording(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix.lower() in SUFFIXES


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
