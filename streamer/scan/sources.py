"""Where recordings are: files, folders, patterns, and the object stores that fsspec knows."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.core import url_to_fs

from streamer.errors import RecordingError, ScanError
from streamer.scan.forms import AMBIGUOUS, ENDINGS, LONGEST_MAGIC, ending, has_header

SPOOLED = 64 << 20
"""Bytes of a remote file that are held in memory; a longer one is copied to a temporary file."""
PIECE = 1 << 20
NOT_REGULAR = "is no regular file"
_PATTERN = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that may be a recording.

    Attributes:
      name: the path as it was given, or the address; may hold bytes that are not UTF-8, as Python's paths do.
      size: bytes.
      written_at: when it was last written; None where nobody knows.
      trouble: why it can't be read, where that is known before it is opened.
      below: its path below the folder that was asked for; without folders where it was asked for by itself.
    """

    name: str
    size: int
    written_at: datetime | None
    trouble: str = ""
    below: str = ""

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file for reading from any place in it; a remote one is copied first.

        Raises:
          RecordingError: it can't be read, or is no regular file: a pipe would have it wait for ever.
        """
        if self.trouble:
            raise RecordingError(self.name, self.trouble)
        try:
            if not is_address(self.name):
                with open(self.name, "rb", opener=_without_waiting) as file:
                    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                        raise RecordingError(self.name, NOT_REGULAR)
                    yield file
                return
            with fsspec.open(self.name, "rb") as remote, tempfile.SpooledTemporaryFile(SPOOLED) as copy:
                shutil.copyfileobj(cast("BinaryIO", remote), copy, PIECE)
                copy.seek(0)
                yield cast("BinaryIO", copy)
        except (OSError, ImportError) as error:
            raise RecordingError(self.name, _reason(error)) from None


@dataclass(slots=True)
class Listing:
    """What paths, folders, patterns and addresses name.

    Attributes:
      sources: each once, in the order of their names; among them folders and files that can't be read.
      skipped: files in folders whose names and first bytes are no recording's.
      empty: what was asked for and holds no recording.
    """

    sources: list[Source] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def _without_waiting(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)


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


def find(names: Sequence[str], *, ambiguous: bool = False) -> Listing:
    """Find the recordings that paths, folders, patterns and addresses name.

    A folder stands for the files below it whose names end like a recording's, or that begin like one; hidden ones are
    left out. Links to folders are followed, each folder once. A file that is named by itself is taken whatever its
    name.

    Args:
      ambiguous: whether files without a header whose name does not say their form (`.raw`, `.pcm`) are recordings.

    Raises:
      ScanError: there is no such file or address; it names what was asked for.
    """
    endings = ENDINGS | AMBIGUOUS if ambiguous else ENDINGS
    found: dict[str, Source] = {}
    skipped: set[str] = set()
    listing = Listing()
    for name in names:
        sources, others = _remote(name, endings) if is_address(name) else _local(name, endings)
        if not sources:
            listing.empty.append(name)
        found.update((source.name, replace(source, below=_path_below(name, source.name))) for source in sources)
        skipped.update(others)
    listing.sources = sorted(found.values(), key=lambda source: source.name)
    listing.skipped = sorted(skipped - found.keys())
    return listing


Some = tuple[list[Source], list[str]]
"""Sources, and the names of files that were left out."""


def _local(name: str, endings: Collection[str]) -> Some:
    if "\0" in name:
        raise ScanError(name, "no such file or folder")
    path = Path(name)
    if path.is_dir():
        return _below(name, endings)
    if os.path.lexists(path):
        return [_of(str(path))], []
    if _PATTERN & set(name):
        # Patterns of a shell that did not know them, or was not to.
        root = Path(path.anchor) if path.anchor else Path()
        pattern = str(path.relative_to(path.anchor)) if path.anchor else name
        return [_of(str(file)) for file in sorted(root.glob(pattern)) if not file.is_dir()], []
    raise ScanError(name, "no such file or folder")


def _below(folder: str, endings: Collection[str]) -> Some:
    """List the recordings in a folder and in those below it; links to folders last, so that a real name comes first."""
    sources: list[Source] = []
    skipped: list[str] = []
    waiting, linked, seen = deque([Path(folder)]), deque[Path](), set[tuple[int, int]]()
    while waiting or linked:
        path = waiting.popleft() if waiting else linked.popleft()
        try:
            known = path.stat()
            if (known.st_dev, known.st_ino) in seen:
                continue
            seen.add((known.st_dev, known.st_ino))
            with os.scandir(path) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            sources.append(Source(str(path), 0, None, f"is a folder that can't be listed: {_reason(error)}"))
            continue
        for entry in inside:
            file = path / entry.name
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                (linked if entry.is_symlink() else waiting).append(file)
            elif ending(entry.name) in endings or _begins_like_one(entry):
                sources.append(_of(str(file)))
            else:
                skipped.append(str(file))
    return sources, skipped


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself; opening it says so.
        return False


def _begins_like_one(entry: os.DirEntry[str]) -> bool:
    """Whether a file whose name is no recording's holds one all the same."""
    try:
        if not entry.is_file():
            return False
        with open(entry.path, "rb", opener=_without_waiting) as file:
            return has_header(file.read(LONGEST_MAGIC))
    except OSError:
        return False


def _of(name: str) -> Source:
    try:
        known = os.stat(name)
    except OSError:
        # It is told of when it is opened.
        return Source(name, 0, None)
    if not stat.S_ISREG(known.st_mode):
        return Source(name, 0, None, NOT_REGULAR)
    return Source(name, known.st_size, _moment(known.st_mtime))


def _remote(name: str, endings: Collection[str]) -> Some:
    skipped: list[str] = []
    try:
        system, path = url_to_fs(name)
        if _PATTERN & set(path):
            known = system.glob(path, detail=True)
        elif system.isdir(path):
            listed = system.find(path, detail=True)
            shown = {one: listed[one] for one in listed if not _is_hidden(one[len(path) :])}
            known = {one: shown[one] for one in shown if ending(one) in endings}
            skipped = [system.unstrip_protocol(one) for one in shown if one not in known]
        else:
            known = {path: system.info(path)}
    except ImportError as error:
        raise ScanError(name, f"{error}") from None
    except FileNotFoundError:
        raise ScanError(name, "no such file or folder") from None
    except (OSError, ValueError) as error:
        raise ScanError(name, _reason(error)) from None
    sources = [
        Source(
            system.unstrip_protocol(path),
            int(info.get("size") or 0),
            _written(info),
            # As the local file system behind `file://` has pipes and devices.
            NOT_REGULAR if info.get("type") == "other" else "",
        )
        for path, info in sorted(known.items())
        if info.get("type") != "directory"
    ]
    return sources, skipped


def _written(info: dict[str, Any]) -> datetime | None:
    """Give when a remote file was written; stores name it in several ways."""
    for called in ("LastModified", "mtime", "updated", "last_modified", "created"):
        value = info.get(called)
        if isinstance(value, int | float):
            return _moment(value)
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                continue
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return None


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        # A file system may hold any number.
        return None


def _path_below(asked: str, name: str) -> str:
    folder = f"{asked.rstrip('/')}/"
    return name[len(folder) :] if name.startswith(folder) else name.rsplit("/", 1)[-1]


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
