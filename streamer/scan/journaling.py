"""What scans find, in the journal: a scanned recording is there as a live call is, and never twice.

A recording's call has a name that follows from its content and what it was heard with. So whatever kills a scan, and
however often it is started again, each call is written once, whole; a clip that is missing is written the next time.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine

from detector.masking import mask_json
from streamer.errors import HuazhaError
from streamer.plain_text import plain
from streamer.record import database
from streamer.record.chronicle import Told
from streamer.record.clips import Clip
from streamer.record.event import Event, read, written
from streamer.record.evidence import Evidence
from streamer.record.heads import Signer
from streamer.record.history import History
from streamer.record.journal import Journal
from streamer.scan.forms import BY_HEADER, UNKNOWN
from streamer.scan.results import Found, Result, Scanned
from streamer.settings import Settings

log = logging.getLogger(__name__)

PLATFORM = "scan"
"""What scanned calls have for a platform."""
LONGEST = 256
"""Characters that the database has for a call's or an agent's name."""
PATHS = 100
"""Paths that stand with a scan, of those that were named."""
SHARE = 0.5
"""Of the room for evidence; scans leave the rest to live calls, whose clips would have to go to make room."""


@dataclass(frozen=True, slots=True)
class Run:
    """A scan as a whole.

    Attributes:
      status: `finished` or `interrupted`.
      began, ended: on the wall clock.
      paths: as they were named.
      files: that were found; `scanned` now, `reused` from an earlier scan, or `unreadable`.
      skipped: files in folders that were left out, since neither name nor content is a recording's.
      seconds: of audio in those that were scanned or reused.
      violations, missing: in them.
    """

    status: str
    began: datetime
    ended: datetime
    paths: tuple[str, ...]
    files: int
    scanned: int
    reused: int
    unreadable: int
    seconds: float
    violations: int
    missing: int
    lexicon_version: str
    model: str
    skipped: int = 0

    @classmethod
    def of(
        cls,
        results: Sequence[Result],
        *,
        reused: int,
        status: str,
        began: datetime,
        ended: datetime,
        paths: Sequence[str],
        files: int,
        lexicon_version: str,
        model: str,
        skipped: int = 0,
    ) -> Run:
        """Sum up the results that there are, of which some were known before."""
        whole = [one for one in results if isinstance(one, Scanned)]
        return cls(
            status=status,
            began=began,
            ended=ended,
            paths=tuple(paths),
            files=files,
            scanned=len(whole) - reused,
            reused=reused,
            unreadable=len(results) - len(whole),
            seconds=sum(one.duration for one in whole),
            violations=sum(len(one.found) for one in whole),
            missing=sum(len(one.undisclosed) for one in whole),
            lexicon_version=lexicon_version,
            model=model,
            skipped=skipped,
        )


class Archive:
    """Puts results into the journal, and clips into the folder of evidence. A context manager; made by `open`.

    A service may write to the same journal at the same time, and so may other scans. Nothing is posted to webhooks,
    and nothing is told on the feed.

    Attributes:
      scan: this scan's name.
      left_out: clips that were not kept for want of room, or because they could not be written.
    """

    def __init__(
        self,
        engine: Engine,
        evidence: Evidence | None,
        *,
        data: Path,
        room: float,
        gateway: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.scan = f"{datetime.fromtimestamp(clock(), UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self.left_out = 0
        self._engine = engine
        self._journal = Journal(engine, gateway=gateway)
        self._history = History(engine)
        self._evidence = evidence
        self._data = data
        self._room = room
        self._gateway = gateway
        self._clock = clock

    @classmethod
    def open(cls, settings: Settings, *, clock: Callable[[], float] = time.time) -> Archive:
        """Open the journal and the folder that a service with these settings has.

        Raises:
          HuazhaError: the database can't be had.
        """
        engine = database.open_(settings.journal)
        kept, folder = settings.evidence, settings.data / "evidence"
        most = kept.megabytes * 1_000_000
        evidence = Evidence(folder, days=kept.days, most=most) if kept.keep else None
        room = SHARE * most - _size(folder)
        return cls(engine, evidence, data=settings.data, room=room, gateway=settings.name, clock=clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Vouch for the journal's end, as a service does every minute."""
        try:
            position, row_hash = self._journal.head()
            if position:
                Signer(self._data).sign(position, row_hash, int(self._clock() * 1000))
        except (HuazhaError, OSError, ValueError) as trouble:
            log.error("the journal's end can't be signed: %s", trouble)
        self._engine.dispose()

    def clips_wanted(self, result: Scanned) -> frozenset[str]:
        """Name the violations of a result of which `keep` would write a clip, were it given one.

        Raises:
          JournalUnavailable: the journal can't be read.
        """
        if self._evidence is None or self._room <= 0:
            return frozenset()
        missing = self._history.without_evidence(name_of(result))
        return frozenset(found.violation_id for found in result.found) if missing is None else missing

    def keep(self, result: Scanned, clips: Sequence[Clip]) -> bool:
        """Write a recording's events, all at once, then its clips; what is there already is left as it is.

        Returns:
          Whether the recording was not there yet.

        Raises:
          JournalUnavailable: the journal can't be had; the next attempt may succeed.
          EventRefused: no attempt will.
        """
        name = name_of(result)
        events = [self._event(kind, fields, result) for kind, fields in _told(result, self.scan, self._gateway)]
        fresh = self._journal.file(events, unless=name)
        if self._evidence is not None:
            wanted = self._history.without_evidence(name) or frozenset()
            kept = {clip.violation_id for clip in clips if clip.violation_id in wanted and self._keep(result, clip)}
            refused = wanted if self._room <= 0 else wanted & {clip.violation_id for clip in clips}
            self.left_out += len(refused - kept)
        return fresh

    def conclude(self, run: Run) -> None:
        """Say how the scan as a whole went; once, at its end.

        Raises:
          JournalUnavailable: it could not be written.
        """
        fields = {**asdict(run), "scan": self.scan, "began": written(run.began), "ended": written(run.ended)}
        fields["paths"] = [_shown(path) for path in run.paths[:PATHS]]
        fields["seconds"] = round(run.seconds, 3)
        self._journal.file([Event(0, "scan", self._now(), fields=fields)])

    def _keep(self, result: Scanned, clip: Clip) -> bool:
        """Write a clip, and say so in the journal; tell whether that was possible."""
        if self._evidence is None or self._room <= 0:
            return False
        try:
            kept = self._evidence.keep(name_of(result), clip)
        except (OSError, ValueError) as error:
            log.error("a clip can't be written: %s", error)
            return False
        self._room -= kept.bytes
        told = {
            "violation_id": clip.violation_id,
            "seconds": round(kept.seconds, 3),
            "from": round(kept.start, 3),
            "sha256": kept.sha256,
            "bytes": kept.bytes,
        }
        self._journal.file([self._event("evidence", told, result)])
        return True

    def _event(self, kind: str, fields: dict[str, Any], result: Scanned) -> Event:
        about, agent = result.about, result.about.agent
        # A name that is part of the file's is no platform's, and may be somebody's number.
        call_id = _shown(about.call_id) if about.call_id in plain(result.file) else plain(about.call_id)
        named = None if agent is None else plain(agent)[:LONGEST]
        return Event(0, kind, self._now(), name_of(result), call_id[:LONGEST], named, fields)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(round(self._clock(), 3), UTC)


def name_of(result: Scanned) -> str:
    """Give the name that a recording's call has in the journal, wherever the recording lies."""
    key = result.key
    # The form came later than the names: those of recordings with a header stay as they were.
    form = () if key.form in {BY_HEADER, UNKNOWN} else (key.form,)
    parts = (key.sha256, key.lexicon_version, key.model, key.language, key.legs, *form)
    return f"scan-{_hashed(*parts, _file_name(result))}"


def recording_of(result: Scanned) -> str:
    """Give the name that a recording has in the journal, whatever it is heard with."""
    return f"recording-{_hashed(result.key.sha256, _file_name(result))}"


def _file_name(result: Scanned) -> str:
    return re.split(r"[/\\]", result.file.rstrip("/\\"))[-1]


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _told(result: Scanned, scan: str, gateway: str) -> Iterator[Told]:
    """Give a recording's call in the words of the feed; times on the wall clock are those of the call."""
    began = read(result.about.started_at)
    agent = {} if result.about.agent is None else {"agent": plain(result.about.agent)}
    yield (
        "call.started",
        {
            "gateway": gateway,
            "platform": PLATFORM,
            "language": result.key.language,
            "channels": list(result.channels),
            "metadata": {"file": _shown(result.file), **agent},
            "model": result.key.model,
            "lexicon_version": result.key.lexicon_version,
            "started_at": written(began),
            "scan": scan,
            "recording": recording_of(result),
        },
    )
    for found in result.found:
        yield "violation", _violation(result, found, began, scan)
    ended = {
        "outcome": "completed",
        "duration": round(result.duration, 3),
        "violations": len(result.found),
        "missing": [asdict(one) for one in result.undisclosed],
        "blind_seconds": round(result.unheard_seconds, 3),
        "ended_at": written(began + timedelta(seconds=result.duration)),
    }
    yield "call.stopped", ended | ({"metrics": dict(result.metrics)} if result.metrics else {})


def _violation(result: Scanned, found: Found, began: datetime, scan: str) -> dict[str, Any]:
    return {
        **asdict(found),
        "start": round(found.start, 3),
        "end": round(found.end, 3),
        "status": "confirmed",
        "lexicon_version": result.key.lexicon_version,
        "said_at": written(began + timedelta(seconds=found.start)),
        "file": _shown(result.file),
        "scan": scan,
    }


def _size(folder: Path) -> int:
    """Give the bytes of all clips; a service may be removing some."""
    size = 0
    for clip in folder.glob("*/*.flac"):
        with suppress(FileNotFoundError):
            size += clip.stat().st_size
    return size


def _shown(name: str) -> str:
    """Give a file's name as it may be kept: people's numbers often stand in it."""
    return str(mask_json(plain(name)))
