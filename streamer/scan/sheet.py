"""What is known of recorded calls beforehand: a CSV file with a row a recording."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from streamer.errors import ScanError

COLUMNS = ("file", "agent", "call_id", "started_at", "language", "channels")
_LANGUAGE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Row:
    """What a row says; None where its cell is empty or the column is not there."""

    agent: str | None = None
    call_id: str | None = None
    started_at: datetime | None = None
    language: str | None = None
    channels: str | None = None


class Sheet:
    """Rows by file: the whole name, else the name without its folders.

    Args:
      rows: by `file` as the sheet has it.
    """

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self._rows = rows

    def of(self, file: str) -> Row:
        """Give what is known of a file; nothing, where it is not in the sheet."""
        short = file.replace("\\", "/").rsplit("/", 1)[-1]
        return self._rows.get(file) or self._rows.get(short) or Row()


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
    reader = csv.DictReader(text.splitlines())
    names = reader.fieldnames or []
    if "file" not in names:
        raise ScanError(str(path), f"has no column file; known columns are {', '.join(COLUMNS)}")
    rows: dict[str, Row] = {}
    try:
        for row in reader:
            where = f"{path}:{reader.line_num}"
            cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
            if not cells["file"]:
                raise ScanError(where, "file is empty")
            rows[cells["file"]] = Row(
                cells["agent"] or None,
                cells["call_id"] or None,
                _moment(cells["started_at"], where),
                _language(cells["language"], where),
                cells["channels"] or None,
            )
    except csv.Error as error:
        raise ScanError(f"{path}:{reader.line_num}", str(error)) from None
    return Sheet(rows)


def _moment(cell: str, where: str) -> datetime | None:
    if not cell:
        return None
    try:
        moment = datetime.fromisoformat(cell)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ScanError(where, f"started_at: {cell!r} is no time; 2026-11-24T09:30:00+08:00 is one") from None


def _language(cell: str, where: str) -> str | None:
    if cell and not _LANGUAGE.fullmatch(cell):
        raise ScanError(where, f"language: {cell!r} is none; zh is one")
    return cell or None
