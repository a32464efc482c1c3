"""Windows of all calls through one recogniser: the earliest deadline first, in batches, off the event loop."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import numpy as np

from streamer.audio import SAMPLE_RATE
from streamer.errors import RecognisersBusy, RecognisersGone, RecognitionFailed
from streamer.recognition.load import REFUSED, Load, Relief
from streamer.recognition.recognizer import Hypothesis, Recognizer, Scoring, Turn, Window
from streamer.recognition.workers import Workers

log = logging.getLogger(__name__)

HUNG = 30.0
"""Seconds that a batch may take: some hundred times what it should."""
LAST = 5.0
"""Seconds that a batch may still take when the service ends."""
SEEK = 2.0
"""Seconds between attempts to reach recognisers that could not be reached."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one run of the recogniser did: for whoever counts.

    Attributes:
      audio: seconds of audio in the batch's windows.
      took: seconds that the recogniser was busy with it.
      waited: seconds that its oldest window had waited before.
    """

    audio: float
    took: float
    waited: float


@dataclass(order=True, slots=True)
class _Job:
    deadline: float
    order: int
    asked: Turn | Scoring = field(compare=False)
    submitted: float = field(compare=False)
    answer: asyncio.Future[Any] = field(compare=False)
    window: Window | None = field(compare=False, default=None)

    @property
    def kind(self) -> tuple[type, str]:
        """What a batch must have in common."""
        return type(self.asked), self.asked.language

    def cut(self, in_time: bool) -> bool:
        """Make the window of all that has been heard by now; tell whether there is anything to do."""
        if isinstance(self.asked, Turn):
            self.window = self.asked.cut(in_time)
            return self.window is not None
        return True


class Scheduler:
    """Shares a recogniser between calls.

    As an asynchronous context manager it starts the recogniser's workers and stops them. Each channel has one
    turn at a time in here, so the queue is no longer than there are channels.

    A recogniser that hangs or dies fails the batch that it had and is replaced; its threads can't be stopped, and are
    left to themselves.

    Args:
      recognizer: runs in `recognizer.concurrency` threads.
      observe: told of each batch.
      lost: told why, for each window that was not recognised.
      replace: makes another recogniser, in a thread of its own; None when the one there is must do.
      hung: seconds after which a batch is given up.

    Attributes:
      trouble: why nobody can be heard at present, or an empty string: it has to do with no window in particular.
      failure: why a window was not recognised, the last time that one was not.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        observe: Callable[[Batch], None] = lambda _: None,
        lost: Callable[[str], None] = lambda _: None,
        replace: Callable[[], Recognizer] | None = None,
        hung: float = HUNG,
    ) -> None:
        self.recognizer = recognizer
        self.trouble = ""
        self.failure = RecognitionFailed.reason
        self._observe = observe
        self._lost = lost
        self._replace = replace
        self._hung = hung
        self._queue: list[_Job] = []
        self._running: dict[int, _Job] = {}
        self._order = itertools.count()
        self._wake = asyncio.Condition()
        self._workers: list[asyncio.Task[None]] = []
        self._threads = Workers(recognizer.concurrency)
        self._replacing = asyncio.Lock()
        self._load = Load()
        self._elsewhere = 0.0
        self._seeking: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether every worker is at work or ready for it."""
        return bool(self._workers) and not any(worker.done() for worker in self._workers)

    @property
    def age(self) -> float:
        """Seconds since the oldest turn that has no answer yet was asked for; 0 when there is none."""
        jobs = [*self._queue, *self._running.values()]
        return time.monotonic() - min(job.submitted for job in jobs) if jobs else 0.0

    @property
    def relief(self) -> Relief:
        """What must be given up at present, so that the rest is heard in time: nothing, when nobody waits."""
        return self._load.relief if self._queue or self._running else Relief.NOTHING

    async def __aenter__(self) -> Self:
        self._workers = [
            asyncio.create_task(self._work(), name=f"recogniser {i}") for i in range(self.recognizer.concurrency)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*self._workers, *filter(None, [self._seeking])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for job in self._queue:
            job.answer.cancel()
        await asyncio.to_thread(self._threads.stop, min(self._hung, LAST))

    async def recognize(self, turn: Turn) -> tuple[Window | None, Hypothesis | None]:
        """Wait for a turn and what is heard in its window. When cancelled, it is dropped from the queue.

        Returns:
          the window, None when there was nothing left to do; and its hypothesis, None when the recogniser failed: it
          may well do the next.
        """
        job = await self._submit(turn)
        hypothesis: Hypothesis | None = None
        with suppress(RecognitionFailed):
            hypothesis = await job.answer
        # It is cut only when its turn has come.
        return job.window, hypothesis

    async def score(self, question: Scoring) -> tuple[float, ...]:
        """Wait for the likelihoods of a question's texts; before any turn.

        Raises:
          RecognitionFailed: the recogniser could not do it.
        """
        if not self.recognizer.abilities(question.language).scores:
            raise RecognitionFailed(f"{self.recognizer.name} weighs no texts")
        likelihoods: tuple[float, ...] = await (await self._submit(question)).answer
        return likelihoods

    async def _submit(self, asked: Turn | Scoring) -> _Job:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        job = _Job(asked.deadline, next(self._order), asked, time.monotonic(), answer)
        async with self._wake:
            heapq.heappush(self._queue, job)
            self._wake.notify()
        return job

    async def _work(self) -> None:
        while True:
            async with self._wake:
                await self._wake.wait_for(lambda: self._queue)
                batch = self._take()
            if batch:
                await self._answer(batch)

    def _take(self) -> list[_Job]:
        """Take the most urgent work, and more of its kind and language.

        Decoding a batch is cheaper than decoding its windows in turn, but all of them wait for the longest:
        so no worker takes more than its share of what is waiting.
        """
        self._queue = [job for job in self._queue if not job.answer.done()]
        heapq.heapify(self._queue)
        if not self._queue:
            return []
        share = -(-len(self._queue) // self.recognizer.concurrency)
        first = heapq.heappop(self._queue)
        most = min(share, self.recognizer.abilities(first.asked.language).max_batch)
        batch, others = [first], list[_Job]()
        while self._queue and len(batch) < most:
            job = heapq.heappop(self._queue)
            (batch if job.kind == first.kind else others).append(job)
        for job in others:
            heapq.heappush(self._queue, job)
        for job in batch:
            if not job.cut(self._load.in_time):
                job.answer.set_result(None)
        return [job for job in batch if not job.answer.done()]

    async def _answer(self, batch: list[_Job]) -> None:
        for job in batch:
            self._running[job.order] = job
        try:
            answers = await self._run(batch)
            for job, answer in zip(batch, answers, strict=True):
                # A call that has ended meanwhile wants no answer any more.
                if job.answer.done():
                    continue
                if isinstance(answer, Exception):
                    failed = answer if isinstance(answer, RecognitionFailed) else RecognitionFailed(str(answer))
                    self.failure = failed.reason
                    self._lost(failed.reason)
                    job.answer.set_exception(failed)
                else:
                    job.answer.set_result(answer)
        finally:
            for job in batch:
                del self._running[job.order]
                job.answer.cancel()

    async def _run(self, batch: list[_Job]) -> Sequence[Any]:
        """Do a batch; if that fails, each job by itself, so that a bad one costs no other. A failure is an answer."""
        began = time.monotonic()
        waited = began - min(job.submitted for job in batch)
        self._load.waited(waited + self._elsewhere, began)
        recognizer, threads = self.recognizer, self._threads
        try:
            async with asyncio.timeout(self._hung):
                answers = await threads.run(_do, recognizer, batch)
        except TimeoutError as error:
            log.error("the recogniser has hung for %.0f s", self._hung)
            await self._start_anew(recognizer)
            return [error] * len(batch)
        except (RecognisersBusy, RecognisersGone) as error:
            self._turned_away(error, batch[0].asked.language)
            return [error] * len(batch)
        except Exception as error:
            log.exception("recognition of %d windows failed", len(batch))
            if len(batch) == 1:
                return [error]
            singly: list[Any] = []
            for job in batch:
                singly += await self._run([job])
            return singly
        windows = [job.window for job in batch if job.window is not None]
        if windows:
            self._elsewhere = max(hypothesis.waited for hypothesis in answers)
        audio = sum(len(window.audio) for window in windows) / SAMPLE_RATE
        self._observe(Batch(audio=audio, took=time.monotonic() - began, waited=waited))
        return answers

    def _turned_away(self, error: RecognisersBusy | RecognisersGone, language: str) -> None:
        """Recognisers elsewhere have no time, which is load, or are not there, which is trouble until they are."""
        if isinstance(error, RecognisersBusy):
            self._load.waited(REFUSED, time.monotonic())
        elif not self.trouble:
            log.error("nobody can be heard: %s", error)
            self.trouble = f"{error.reason}: {error}"
            self._seeking = asyncio.create_task(self._seek(language), name="seek recognisers")

    async def _seek(self, language: str) -> None:
        """Ask with a second of silence until there is an answer; where no call goes on, nobody else would notice."""
        silence = Window("", "", 0, np.zeros(SAMPLE_RATE, dtype=np.float32), 0.0, language, thorough=False)
        while self.trouble:
            await asyncio.sleep(SEEK)
            try:
                await self._threads.run(self.recognizer.recognize, [silence])
            except RecognisersGone:
                continue
            except Exception as error:
                log.warning("recognisers are there again, but %s", error)
            else:
                log.warning("recognisers are there again")
            self.trouble = ""

    async def _start_anew(self, hung: Recognizer) -> None:
        """Put another recogniser in a hung one's place, once for all who waited for it."""
        async with self._replacing:
            if self.recognizer is not hung:
                return
            self._threads.abandon()
            self._threads = Workers(hung.concurrency)
            if self._replace is not None:
                self.recognizer = await asyncio.to_thread(self._replace)


def _do(recognizer: Recognizer, batch: list[_Job]) -> Sequence[Any]:
    windows = [job.window for job in batch if job.window is not None]
    questions = [job.asked for job in batch if isinstance(job.asked, Scoring)]
    return recognizer.recognize(windows) if windows else recognizer.score(questions)
