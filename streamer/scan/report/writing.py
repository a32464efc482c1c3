"""The report's files, written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from streamer.scan.report import tables
from streamer.scan.report.choosing import Listed, chosen, numbered
from streamer.scan.report.page import Contents, render
from streamer.scan.report.sound import AudioOf, Clip, clip
from streamer.scan.report.summary import summarise
from streamer.scan.results import Result, Scanned, Unreadable

T = TypeVar("T")
NO_PARQUET = "the report has no Parquet table: it takes the extra parquet (pip install 'huazha[parquet]')"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What keeps a page small enough to be opened.

    Attributes:
      clips: violations that have a clip, at most: about 60 KB each.
      listed: violations on the page, at most: about 2 KB each.
    """

    clips: int = 300
    listed: int = 5000


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What was written.

    Attributes:
      parquet: None where it could not be.
      clips: violations that have a clip.
      warnings: for whoever asked for the report, a line each.
    """

    html: Path
    csv: Path
    parquet: Path | None
    clips: int
    warnings: tuple[str, ...]


def write(
    results: Sequence[Result],
    path: Path,
    audio: AudioOf,
    *,
    now: datetime,
    version: str,
    title: str | None = None,
    sources: Mapping[str, str] | None = None,
    bounds: Bounds | None = None,
) -> ReportFiles:
    """Write a page, and the same as tables beside it.

    Args:
      path: the page's; `.html` is added where it ends otherwise, and the tables have the same stem.
      audio: gives the samples for clips.
      now: aware; its zone is the one in which the page tells times and days.
      version: Huazha's.
      title: of the page, such as the name of a campaign.
      sources: by a rule's id, why it is one.

    Raises:
      OSError: a file can't be written; what was there before under its name still is.
    """
    bounds = bounds or Bounds()
    calls = [result for result in results if isinstance(result, Scanned)]
    unreadable = [result for result in results if isinstance(result, Unreadable)]
    undisclosed = [(call, one) for call in sorted(calls, key=_when) for one in call.undisclosed]
    violations = numbered(calls)
    html = page_path(path)
    csv, parquet = html.with_suffix(".csv"), html.with_suffix(".parquet")

    _whole(csv, lambda beside: tables.write_csv(beside, tables.rows(violations, undisclosed, unreadable)))
    typed = _whole(
        parquet, lambda beside: tables.write_parquet(beside, tables.rows(violations, undisclosed, unreadable))
    )
    listed = chosen(violations, bounds.listed)
    contents = Contents(
        title=title,
        summary=summarise(results, now.tzinfo),
        listed=listed,
        clipped=frozenset(one.number for one in chosen(listed, bounds.clips)),
        undisclosed=undisclosed,
        unreadable=unreadable,
        sources=sources or {},
        tables=(csv.name, parquet.name) if typed else (csv.name,),
        now=now,
        version=version,
    )
    clips = _whole(html, lambda beside: _write_page(beside, contents, audio))
    return ReportFiles(html, csv, parquet if typed else None, clips, () if typed else (NO_PARQUET,))


def page_path(path: Path) -> Path:
    """Give the name that a page gets: a browser goes by it, and tables are not to be written over it."""
    if path.suffix.lower() in {".html", ".htm"}:
        return path
    if path.suffix.lower() in {".csv", ".parquet"}:
        return path.with_suffix(".html")
    return path.with_name(path.name + ".html")


def _when(call: Scanned) -> tuple[str, str]:
    return call.about.started_at, call.file


def _write_page(path: Path, contents: Contents, audio: AudioOf) -> int:
    """Write the page, and give the number of its clips."""
    clips = 0

    def clip_of(one: Listed) -> Clip | None:
        nonlocal clips
        cut = clip(audio, one.call.file, one.found.start, one.found.end, one.call.duration)
        clips += cut is not None
        return cut

    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(render(contents, clip_of))
    return clips


def _whole(path: Path, put: Callable[[Path], T]) -> T:
    """Write beside a file's place, and move it there once it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    try:
        given = put(beside)
        # An earlier report's file must not pass for this one's.
        if beside.exists():
            beside.replace(path)
        else:
            path.unlink(missing_ok=True)
    finally:
        beside.unlink(missing_ok=True)
    return given
