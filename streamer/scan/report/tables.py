"""The same findings as tables: CSV for spreadsheets, Parquet for programs."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from detector.types import Missing
from streamer.scan.report.choosing import Listed
from streamer.scan.report.days import moment
from streamer.scan.report.wording import named
from streamer.scan.results import Scanned, Unreadable

COLUMNS: Mapping[str, type] = {
    "kind": str,
    "number": int,
    "file": str,
    "call_id": str,
    "agent": str,
    "started_at": datetime,
    "channel": str,
    "rule_id": str,
    "category": str,
    "severity": str,
    "term": str,
    "heard": str,
    "match": str,
    "confidence": float,
    "start": float,
    "end": float,
    "spoken_at": datetime,
    "text": str,
    "say_instead": str,
    "within": float,
    "error": str,
    "violation_id": str,
    "duration": float,
    "language": str,
    "model": str,
    "lexicon_version": str,
    "sha256": str,
}
"""Of both tables. `kind` is `violation`, `missing` or `unreadable`; `number` is a violation's on the page; times in
seconds, moments in UTC."""

BATCH = 10_000
"""Rows that are held at a time."""
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
"""Signs that make a spreadsheet calculate a cell which begins with them (OWASP, CSV injection)."""

Row = dict[str, str | int | float | datetime | None]


def rows(
    violations: Iterable[Listed], undisclosed: Iterable[tuple[Scanned, Missing]], unreadable: Iterable[Unreadable]
) -> Iterator[Row]:
    """Give a row for each violation, each disclosure that was not made, and each file that could not be read."""
    for one in violations:
        found = one.found
        row = _call("violation", one.call) | {
            name: getattr(found, name) for name in (field.name for field in fields(found)) if name in COLUMNS
        }
        yield row | {"number": one.number, "spoken_at": moment(one.call.about.started_at, found.start, UTC)}
    for call, lacking in undisclosed:
        yield _call("missing", call) | {
            "rule_id": lacking.rule_id,
            "category": lacking.category,
            "severity": lacking.severity,
            "term": " / ".join(lacking.terms),
            "within": lacking.within,
        }
    for file in unreadable:
        yield {"kind": "unreadable", "file": named(file.file), "error": file.error}


def write_csv(path: Path, table: Iterable[Row]) -> None:
    """Write a table that spreadsheets open as it is: with a byte order mark, and no cell that would be calculated.

    Raises:
      OSError: it can't be written.
    """
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([_cell(row.get(name)) for name in COLUMNS] for row in table)


def write_parquet(path: Path, table: Iterable[Row]) -> bool:
    """Write a table of typed columns; give whether that can be done here: it takes the extra `parquet`.

    Raises:
      OSError: it can't be written.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - large, and not in every installation
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        return False
    types = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        datetime: pa.timestamp("ms", tz="UTC"),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in COLUMNS.items()])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(table):
            columns = {name: [_plain(row.get(name)) for row in batch] for name in COLUMNS}
            writer.write_table(pa.Table.from_pydict(columns, schema=schema))
    return True


def _call(kind: str, call: Scanned) -> Row:
    return {
        "kind": kind,
        "file": named(call.file),
        "call_id": named(call.about.call_id),
        "agent": call.about.agent,
        "started_at": moment(call.about.started_at, 0.0, UTC),
        "duration": call.duration,
        "language": call.key.language,
        "model": call.key.model,
        "lexicon_version": call.key.lexicon_version,
        "sha256": call.key.sha256,
    }


def _cell(value: Any) -> Any:
    value = _plain(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, str) and value.lstrip(" ")[:1] in _FORMULA and value.strip(" "):
        return "'" + value
    return value


def _plain(value: Any) -> Any:
    """Lone surrogates can't be written in UTF-8."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _batches(table: Iterable[Row]) -> Iterator[Sequence[Row]]:
    left = iter(table)
    # A table without rows is a table, too.
    batch = list(islice(left, BATCH))
    while batch:
        yield batch
        batch = list(islice(left, BATCH))
