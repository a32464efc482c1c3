"""Recordings through one recogniser: windows of many files in batches, none waits for another's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lexicon.compiler import Table
from streamer.errors import RecognitionFailed, RecordingError
from streamer.plain_text import plain
from streamer.recognition.recognizer import Hypothesis, Recognizer, Scoring, Turn
from streamer.recognition.scheduler import Scheduler
from streamer.recognition.sounds.search import search_of
from streamer.recognition.vad import SileroModel
from streamer.record.event import written
from streamer.recordings import LEGS
from streamer.scan.cutting import Cut
from streamer.scan.decoding import decoded, form_of
from streamer.scan.listening import Listening
from streamer.scan.results import DETECTED, About, Key, Result, Scanned, Unreadable
from streamer.scan.sources import Source, digest
from streamer.scan.spoken import Ballot

AHEAD = 6
"""Windows of one recording that are in the queue at once: a long one is not all held in memory."""
SHARE = 1e-6
"""By how much a recording's later window is less urgent than its earlier: less than all of the next recording's."""
ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Job:
    """A recording to scan, and what is known of it.

    Attributes:
      language: of the call; None where it is to be heard which one it is.
      channels: the legs of a recording with two channels, in their order; of one with one channel, the first, where
        one is named.
      agent, call_id, started_at: None where nobody knows.
      headerless: how it is read where neither its header nor its name says so; see `streamer.scan.forms`.
      default: the language where it can't be heard for certain.
    """

    source: Source
    language: str | None
    channels: tuple[str, ...] = LEGS
    agent: str | None = None
    call_id: str | None = None
    started_at: datetime | None = None
    headerless: str | None = None
    default: str = "zh"

    @property
    def about(self) -> About:
        """What the result says of the call."""
        name = self.source.name.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
        begun = self.started_at or self.source.written_at or datetime.fromtimestamp(0, UTC)
        return About(self.call_id or plain(name), self.agent, written(begun))

    def legs(self, columns: int) -> tuple[str, ...]:
        """Name a recording's channels.

        Raises:
          RecordingError: it has others than a call has.
        """
        if columns == 1:
            return self.channels if len(self.channels) == 1 else LEGS[:1]
        if columns != len(self.channels):
            wanted = ", ".join(self.channels)
            raise RecordingError(self.source.name, f"has {columns} channels, not {len(self.channels)} ({wanted})")
        return self.channels


Known = Callable[[Key, Job], Scanned | None]
"""Gives what is known of a recording, by what its result depends on."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is looked for.

    Attributes:
      tables: by language.
    """

    version: str
    tables: Mapping[str, Table]


class Scanner:
    """Scans recordings; made by `scanning`.

    Args:
      transcripts: whether results hold all that was said.
    """

    def __init__(self, scheduler: Scheduler, rules: Rules, *, transcripts: bool = False) -> None:
        self._scheduler = scheduler
        self._rules = rules
        self._transcripts = transcripts

    def keys(self, job: Job, sha256: str, form: str) -> tuple[Key, ...]:
        """Give what a job's result depends on; where its language is to be heard, a result may be under two keys."""
        languages = [job.language] if job.language is not None else [DETECTED, f"{DETECTED}:{job.default}"]
        legs, name = ",".join(job.channels), self._scheduler.recognizer.name
        return tuple(Key(sha256, self._rules.version, name, language, legs, form) for language in languages)

    async def scan(
        self,
        job: Job,
        urgency: float = 0.0,
        *,
        progress: Callable[[float], None] = lambda _: None,
        known: Known = lambda _key, _job: None,
    ) -> Result:
        """Scan a recording; what is wrong with it is a result, too.

        Args:
          urgency: of several at once, the recording with the lowest comes first.
          progress: told the share of the recording that is done, from 0 to 1.
          known: gives what is known of a recording by its key: then it is not scanned again.
        """
        try:
            with job.source.open() as file:
                form = await asyncio.to_thread(form_of, file, job.source.name, job.headerless)
                keys = self.keys(job, await asyncio.to_thread(digest, file), form)
                for key in keys:
                    before = known(key, job)
                    if before is not None:
                        return _renamed(before, job)
                return await self._heard(job, keys[0], file, urgency, progress)
        except RecordingError as error:
            return Unreadable(job.source.name, error.problem)
        finally:
            progress(1.0)

    async def _heard(
        self, job: Job, key: Key, file: BinaryIO, urgency: float, progress: Callable[[float], None]
    ) -> Scanned:
        """Hear a recording in its language; where that is another than was thought, from its beginning again."""
        tables = self._rules.tables
        if job.language is not None:
            return await self._listen(job, key, file, urgency, progress)
        language = job.default if job.default in tables else min(tables, default=job.default)
        try:
            return await self._listen(job, replace(key, language=language), file, urgency, progress, list(tables))
        except _Otherwise as spoken:
            file.seek(0)
            found = await self._listen(job, replace(key, language=spoken.language), file, urgency, progress)
            return replace(found, language_from="detected")

    async def _listen(
        self,
        job: Job,
        key: Key,
        file: BinaryIO,
        urgency: float,
        progress: Callable[[float], None],
        languages: Collection[str] = (),
    ) -> Scanned:
        """Hear a recording in the language of its key.

        Args:
          languages: that it may turn out to be in.

        Raises:
          _Otherwise: it is in another of them.
        """
        table = self._rules.tables.get(key.language)
        if table is None:
            raise RecordingError(job.source.name, f"is in {key.language!r}, for which no lexicon here has rules")
        async with AsyncExitStack() as stack:
            sound = await asyncio.to_thread(stack.enter_context, decoded(file, job.source.name, key.form))
            legs = job.legs(sound.channels)
            abilities = self._scheduler.recognizer.abilities(key.language)
            listening = Listening(
                job.source.name,
                legs,
                sound.sample_rate,
                table,
                SileroModel,
                word_times=abilities.word_times,
                search=search_of(table, abilities.sounds),
            )
            ballot = Ballot(languages, LEGS[0] if LEGS[0] in legs else legs[0])
            queue: deque[tuple[Cut, asyncio.Task[Hypothesis | None], float]] = deque()
            stack.callback(lambda: [task.cancel() for _, task, _ in queue])

            async def hear() -> None:
                cut, task, share = queue.popleft()
                hypothesis = await task
                if hypothesis is not None:
                    ballot.count(cut.channel, hypothesis.spoken or hypothesis.foreign)
                if ballot.settled not in {None, key.language}:
                    raise _Otherwise(str(ballot.settled))
                await self._hear(listening, cut, hypothesis)
                progress(share)

            async for cuts in _cut(listening, sound.blocks):
                # By then so much of the file had been read: done is what has been heard, too.
                share = min(1.0, file.tell() / job.source.size) if job.source.size else 0.0
                for cut in cuts:
                    while len(queue) >= AHEAD:
                        await hear()
                    deadline = urgency + cut.number * SHARE
                    queue.append((cut, asyncio.create_task(self._recognize(listening, cut, deadline)), share))
            while queue:
                await hear()
        likeliest = ballot.likeliest
        if likeliest not in {None, key.language}:
            raise _Otherwise(str(likeliest))
        heard = listening.account()
        if not heard.duration:
            raise RecordingError(job.source.name, "holds no sound")
        return Scanned(
            file=job.source.name,
            key=key,
            about=job.about,
            channels=legs,
            duration=heard.duration,
            speech_seconds=heard.speech_seconds,
            unheard_seconds=heard.unheard_seconds,
            found=heard.found,
            undisclosed=heard.undisclosed,
            metrics=heard.metrics,
            silenced=heard.silenced,
            transcript=heard.transcript if self._transcripts else None,
            notes=tuple(sound.notes),
            broken_off=sound.broken_off,
            language_from="given" if not languages else "detected" if likeliest else "default",
        )

    async def _recognize(self, listening: Listening, cut: Cut, deadline: float) -> Hypothesis | None:
        """Give what is heard in a window; a failed one is tried once more."""
        window = listening.window(cut)
        for _ in range(ATTEMPTS):
            _, heard = await self._scheduler.recognize(Turn(window.language, deadline, lambda _: window))
            if isinstance(heard, Hypothesis):
                return heard
        return None

    async def _hear(self, listening: Listening, cut: Cut, hypothesis: Hypothesis | None) -> None:
        """Take in what was heard in a window and answer what is asked about it, before the next."""
        sounds = await asyncio.to_thread(listening.search, cut, hypothesis)
        asked = listening.heard(cut, hypothesis, sounds)
        while asked:
            answers = await asyncio.gather(*(self._score(question) for question in asked))
            pairs = zip(asked, answers, strict=True)
            asked = [more for question, answer in pairs for more in listening.scored(question, answer)]

    async def _score(self, question: Scoring) -> Sequence[float] | None:
        if not len(question.audio):
            return None
        try:
            return await self._scheduler.score(question)
        except RecognitionFailed:
            return None


class _Otherwise(Exception):
    """A recording turned out to be in another language."""

    def __init__(self, language: str) -> None:
        super().__init__(language)
        self.language = language


@asynccontextmanager
async def scanning(recognizer: Recognizer, rules: Rules, *, transcripts: bool = False) -> AsyncIterator[Scanner]:
    """Give a scanner while the context lasts."""
    async with Scheduler(recognizer) as scheduler:
        yield Scanner(scheduler, rules, transcripts=transcripts)


def at_once(recognizer: Recognizer) -> int:
    """Give the recordings that should be in the works at once, so that batches are full and memory is bounded."""
    return 3 * recognizer.concurrency


async def scan_all(
    scanner: Scanner,
    jobs: Sequence[Job],
    *,
    at_once: int,
    progress: Callable[[Job, float], None] = lambda _job, _share: None,
    known: Known = lambda _key, _job: None,
) -> AsyncIterator[tuple[Job, Result]]:
    """Scan recordings, several at once; give each result as it is there.

    Args:
      at_once: recordings in the works; more fill the recogniser's batches better, and hold more memory.
    """
    waiting = deque(enumerate(jobs))
    running: dict[asyncio.Task[Result], Job] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, job = waiting.popleft()
                task = asyncio.create_task(
                    scanner.scan(job, float(number), progress=partial(progress, job), known=known)
                )
                running[task] = job
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield running.pop(task), task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _cut(listening: Listening, blocks: Iterable[NDArray[np.float32]]) -> AsyncIterator[list[Cut]]:
    """Decode and cut in a thread, a block at a time."""

    def step() -> list[Cut] | None:
        block = next(iterator, None)
        return None if block is None else listening.push(block)

    iterator = iter(blocks)
    while (cuts := await asyncio.to_thread(step)) is not None:
        yield cuts
    yield await asyncio.to_thread(listening.finish)


def _renamed(known: Scanned, job: Job) -> Scanned:
    return replace(known, file=job.source.name, about=job.about)
