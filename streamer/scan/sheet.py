"""What is known of recorded calls beforehand: a CSV file with a row a recording."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from streamer.errors import ScanError
from streamer.languages import NotALanguage, language_of

LAST = datetime(9999, 1, 1, tzinfo=UTC)
"""Before it a call must have begun."""
COLUMNS = ("file", "agent", "call_id", "started_at", "language", "channels")


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says; None where its cell is empty or the column is not there."""

    agent: str | None = None
    call_id: str | None = None
    started_at: datetime | None = None
    language: str | None = None
    channels: str | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """Which rows are of which files.

    Attributes:
      rows: by the file's name.
      without: files that have no row.
      unused: rows that are of no file, as the sheet has them.
      ambiguous: rows that could be of several files, and files that several rows could be of; none of them counts.
    """

    rows: Mapping[str, Row]
    without: tuple[str, ...]
    unused: tuple[str, ...]
    ambiguous: tuple[str, ...]

    def of(self, file: str) -> Row:
        """Give what is known of a file; nothing, where no row is its."""
        return self.rows.get(file, Row())


_Parts = tuple[str, ...]


class Sheet:
    """Rows by file. A sheet was often written on another machine: what counts is how a path ends.

    Paths are compared from their ends, folder by folder, Windows' among them, and without regard to case or to how
    accents are composed. A row is a file's if all of the row's path is the end of the file's, or all of the file's
    path below the folder that is scanned is the end of the row's; the longest common end wins.

    Args:
      rows: the file as the sheet has it, and what the row says.
    """

    def __init__(self, rows: Sequence[tuple[str, Row]] = ()) -> None:
        self._rows = rows
        self._parts = [_parts(file) for file, _ in rows]
        self._ends: dict[_Parts, list[int]] = defaultdict(list)
        for number, parts in enumerate(self._parts):
            for length in range(1, len(parts) + 1):
                self._ends[parts[-length:]].append(number)

    def match(self, files: Sequence[tuple[str, str]]) -> Matched:
        """Find the rows of files.

        Args:
          files: the name of each, and how it is called below the folder that is scanned.
        """
        claims: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for name, below in files:
            length, numbers = self._candidates(_parts(name), len(_parts(below)))
            for number in numbers:
                claims[number].append((length, name))
        taken: dict[str, list[int]] = defaultdict(list)
        ambiguous: dict[str, None] = {}
        for number, claimed in claims.items():
            longest = max(claimed)[0]
            names = [name for length, name in claimed if length == longest]
            exact = [name for name in names if self._is_exact(number, name)]
            names = exact if len(exact) == 1 else names
            if len(names) > 1:
                ambiguous[self._rows[number][0]] = None
                continue
            taken[names[0]].append(number)
        rows: dict[str, Row] = {}
        for name, numbers in taken.items():
            exact_rows = [number for number in numbers if self._is_exact(number, name)]
            chosen = exact_rows or numbers
            if len({self._rows[number][1] for number in chosen}) > 1:
                ambiguous[name] = None
            else:
                rows[name] = self._rows[chosen[0]][1]
        return Matched(
            rows,
            tuple(name for name, _ in files if name not in rows),
            tuple(file for number, (file, _) in enumerate(self._rows) if number not in claims),
            tuple(ambiguous),
        )

    def _candidates(self, parts: _Parts, least: int) -> tuple[int, list[int]]:
        """Give the rows that share the longest end with a file's path, and how long that is."""
        for length in range(len(parts), 0, -1):
            known = self._ends.get(parts[-length:], ())
            found = [number for number in known if len(self._parts[number]) == length or length >= least]
            if found:
                return length, found
        return 0, []

    def _is_exact(self, number: int, name: str) -> bool:
        return name.replace("\\", "/").endswith(self._rows[number][0].replace("\\", "/"))


def _parts(path: str) -> _Parts:
    """Cut a path into what is compared."""
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
    return tuple(part for part in folded.replace("\\", "/").split("/") if part not in {"", "."} and part[-1] != ":")


def read(path: Path) -> Sheet:
    """Read a sheet.

    Raises:
      ScanError: it can't be read, or a cell is wrong; it names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "is not UTF-8"
        raise ScanError(str(path), reason.lower()) from None
    # Only CSV's own line ends end a row: a name may have others in it.
    reader = csv.DictReader(io.StringIO(text, newline=""))
    names = reader.fieldnames or []
    if "file" not in names:
        raise ScanError(str(path), f"has no column file; known columns are {', '.join(COLUMNS)}")
    rows: list[tuple[str, Row]] = []
    try:
        for row in reader:
            where = f"{path}:{reader.line_num}"
            cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
            if not cells["file"]:
                raise ScanError(where, "file is empty")
            known = Row(
                cells["agent"] or None,
                cells["call_id"] or None,
                _moment(cells["started_at"], where),
                _language(cells["language"], where),
                cells["channels"] or None,
            )
            rows.append((cells["file"], known))
    except csv.Error as error:
        raise ScanError(f"{path}:{reader.line_num}", str(error)) from None
    return Sheet(rows)


def _moment(cell: str, where: str) -> datetime | None:
    if not cell:
        return None
    try:
        moment = datetime.fromisoformat(cell).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = LAST
    # The call's end must be in the calendar, too.
    if moment >= LAST:
        raise ScanError(where, f"started_at: {cell!r} is no time; 2026-11-24T09:30:00+08:00 is one")
    return moment


def _language(cell: str, where: str) -> str | None:
    try:
        return language_of(cell)
    except NotALanguage as error:
        raise ScanError(where, f"language: {cell!r} {error}") from None
