"""Where a scan's results go: to their file or standard output first, then to the journal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from streamer.errors import HuazhaError, RecordingError
from streamer.plain_text import plain
from streamer.record.clips import Clip
from streamer.scan import excerpts, ledger
from streamer.scan.journaling import Archive, Run
from streamer.scan.ledger import Ledger
from streamer.scan.results import Key, Result, Scanned
from streamer.scan.scanner import Job
from streamer.settings import EvidenceSettings

log = logging.getLogger(__name__)


class Keeper:
    """Keeps results as they come, and says which are known already.

    Args:
      book: the file that they are written to; None writes them to `echo`.
      archive: of the journal; None where nothing goes there.
      evidence: how much of the audio stands with a violation there.
      transcripts: whether results must hold all that was said.

    Attributes:
      results: all of this scan's so far.
      reused: how many of them were known before.
      trouble: why some are not in the journal; empty where all are.
    """

    def __init__(
        self,
        book: Ledger | None,
        archive: Archive | None,
        evidence: EvidenceSettings,
        echo: Callable[[str], None],
        *,
        transcripts: bool,
    ) -> None:
        self.results: list[Result] = []
        self.trouble = ""
        self._book = book
        self._archive = archive
        self._evidence = evidence
        self._echo = echo
        self._transcripts = transcripts
        self._reused: set[str] = set()

    @property
    def reused(self) -> int:
        """How many of the results were known before."""
        return sum(self.was_known(result) for result in self.results)

    @property
    def keys(self) -> frozenset[Key]:
        """What is known already."""
        known = () if self._book is None else self._book.results
        return frozenset(key for one in known if isinstance(one, Scanned) and self._does(one) for key in one.keys)

    def known(self, key: Key, job: Job) -> Scanned | None:
        """Give what is known of a recording by its key."""
        before = None if self._book is None else self._book.like(key)
        if before is None or not self._does(before):
            return None
        self._reused.add(job.source.name)
        return before

    def take(self, job: Job, result: Result) -> None:
        """Keep a result; whoever kills the scan after this finds it."""
        if self._book is None:
            self._echo(ledger.lines(result))
        elif self._book.of(result.file) != result:
            self._book.add(result)
        self.results.append(result)
        if self._archive is None or not isinstance(result, Scanned):
            return
        try:
            self._archive.keep(result, self._clips(self._archive, job, result))
        except HuazhaError as error:
            self.trouble = str(error)

    def was_known(self, result: Result) -> bool:
        """Whether a result was known before this scan."""
        return result.file in self._reused

    def conclude(
        self,
        status: str,
        span: tuple[datetime, datetime],
        paths: tuple[str, ...],
        files: int,
        lexicon_version: str,
        model: str,
        skipped: int = 0,
    ) -> None:
        """Write to the journal how the scan as a whole went; the arguments are as in `Run`.

        Args:
          model: where no recording was scanned that says by which.
        """
        if self._archive is None:
            return
        model = next((one.key.model for one in self.results if isinstance(one, Scanned)), model)
        run = Run.of(
            self.results,
            reused=self.reused,
            status=status,
            began=span[0],
            ended=span[1],
            paths=paths,
            files=files,
            lexicon_version=lexicon_version,
            model=model,
            skipped=skipped,
        )
        try:
            self._archive.conclude(run)
        except HuazhaError as error:
            self.trouble = str(error)

    def _does(self, before: Scanned) -> bool:
        return before.transcript is not None or not self._transcripts

    def _clips(self, archive: Archive, job: Job, result: Scanned) -> list[Clip]:
        wanted = archive.clips_wanted(result)
        if not wanted:
            return []
        try:
            before, after = self._evidence.before, self._evidence.after
            return [
                clip
                for clip in excerpts.clips(job.source, result, before=before, after=after)
                if clip.violation_id in wanted
            ]
        except RecordingError as error:
            log.warning("no clips of %s: %s", plain(result.file), error.problem)
            return []
