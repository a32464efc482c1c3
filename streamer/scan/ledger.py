"""The file that a scan writes, which is also what it knows of earlier scans: finished recordings are not done again.

Lines are only ever appended while a scan runs, a recording's all at once and its last one at the end: whatever kills
the scan, what stands up to some recording's last line is true. What was superseded is taken out when a scan ends.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from streamer.errors import ScanError
from streamer.scan import results
from streamer.scan.results import Key, Result, Scanned

BEGINS = b'{"file":'
"""How each line begins: what doesn't is somebody else's, and is left as it is."""


class Ledger:
    """Results in a file of JSON lines. A context manager: while it is open, no other scan writes there.

    Args:
      path: made when it isn't there.

    Raises:
      ScanError: on entering: it can't be written, holds something else, or another scan is writing it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[str, Result] = {}
        self._known: dict[Key, Scanned] = {}

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ScanError(str(self._path), "another scan is writing it") from None
        except OSError as error:
            raise ScanError(str(self._path), (error.strerror or str(error)).lower()) from None
        try:
            self._take_up()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def results(self) -> list[Result]:
        """All results, in the order of their files' names."""
        return [self._results[name] for name in sorted(self._results)]

    def of(self, file: str) -> Result | None:
        """Give what is known of a file under its name."""
        return self._results.get(file)

    def like(self, key: Key) -> Scanned | None:
        """Give the result of a recording with the same content, heard with the same lexicon and model."""
        return self._known.get(key)

    def add(self, result: Result) -> None:
        """Write a result; it takes the place of an earlier one of its file."""
        self._file.write(lines(result).encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._note(result)

    def tidy(self) -> None:
        """Write the file anew, in the order of names and without what was superseded: whole, or not at all."""
        beside = self._path.with_name(f"{self._path.name}.part")
        with beside.open("wb") as out:
            for result in self.results:
                out.writelines(_line(row) for row in results.rows(result))
            out.flush()
            os.fsync(out.fileno())
        beside.replace(self._path)

    def _take_up(self) -> None:
        """Read what is there, and cut off what a killed scan left unfinished."""
        self._file.seek(0)
        whole = 0
        at = 0
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(self._file, 1):
            at += len(line)
            row = self._row(line, number)
            if row is None:
                break
            if rows and results.name_in(row) != results.name_in(rows[0]):
                # A recording whose last line was never written.
                rows = []
            rows.append(row)
            if results.ends(row):
                self._note(self._result(rows, number))
                rows, whole = [], at
        self._file.truncate(whole)
        self._file.seek(0, os.SEEK_END)

    def _row(self, line: bytes, number: int) -> dict[str, Any] | None:
        """Read a line; None where it is the torn last one."""
        if not line.endswith(b"\n") and BEGINS.startswith(line[: len(BEGINS)]):
            return None
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("file"), str):
            raise ScanError(f"{self._path}:{number}", "is no line of a scan; name another file to write to")
        return row

    def _result(self, rows: list[dict[str, Any]], number: int) -> Result:
        try:
            return results.read(rows)
        except (KeyError, TypeError, ValueError) as error:
            problem = f"is no line of a scan ({error!r}); name another file to write to"
            raise ScanError(f"{self._path}:{number}", problem) from None

    def _note(self, result: Result) -> None:
        self._results[result.file] = result
        if isinstance(result, Scanned):
            self._known.update(dict.fromkeys(result.keys, result))


def lines(result: Result) -> str:
    """Give a result's lines as text."""
    return b"".join(_line(row) for row in results.rows(result)).decode()


def _line(row: dict[str, Any]) -> bytes:
    return (json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n").encode()
