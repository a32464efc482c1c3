"""Windows of all calls through one recogniser: the earliest deadline first, in batches, off the event loop."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from streamer.audio import SAMPLE_RATE
from streamer.errors import RecognitionFailed
from streamer.recognition.recognizer import Hypothesis, Recognizer, Scoring, Window

log = logging.getLogger(__name__)


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
    work: Window | Scoring = field(compare=False)
    submitted: float = field(compare=False)
    answer: asyncio.Future[Any] = field(compare=False)

    @property
    def kind(self) -> tuple[type, str]:
        """What a batch must have in common."""
        return type(self.work), self.work.language


class Scheduler:
    """Shares a recogniser between calls.

    As an asynchronous context manager it starts the recogniser's workers and stops them. Each channel has one
    window at a time in here, so the queue is no longer than there are channels.

    Args:
      recognizer: runs in `recognizer.concurrency` threads.
      observe: told of each batch.
    """

    def __init__(self, recognizer: Recognizer, *, observe: Callable[[Batch], None] = lambda _: None) -> None:
        self.recognizer = recognizer
        self._observe = observe
        self._queue: list[_Job] = []
        self._running: dict[int, _Job] = {}
        self._order = itertools.count()
        self._wake = asyncio.Condition()
        self._workers: list[asyncio.Task[None]] = []
        self._threads = ThreadPoolExecutor(recognizer.concurrency, thread_name_prefix="recognise")

    @property
    def alive(self) -> bool:
        """Whether every worker is at work or ready for it."""
        return bool(self._workers) and not any(worker.done() for worker in self._workers)

    @property
    def age(self) -> float:
        """Seconds since the oldest window that has no answer yet was submitted; 0 when there is none."""
        jobs = [*self._queue, *self._running.values()]
        return time.monotonic() - min(job.submitted for job in jobs) if jobs else 0.0

    async def __aenter__(self) -> Self:
        self._workers = [
            asyncio.create_task(self._work(), name=f"recogniser {i}") for i in range(self.recognizer.concurrency)
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for job in self._queue:
            job.answer.cancel()
        await asyncio.to_thread(self._threads.shutdown)

    async def recognize(self, window: Window) -> Hypothesis:
        """Wait for a window's turn and its hypothesis. When cancelled, the window is dropped from the queue.

        Raises:
          RecognitionFailed: the recogniser could not do it; it may well do the next.
        """
        hypothesis: Hypothesis = await self._submit(window)
        return hypothesis

    async def score(self, question: Scoring) -> tuple[float, ...]:
        """Wait for the likelihoods of a question's texts, as `recognize` does for a window's."""
        likelihoods: tuple[float, ...] = await self._submit(question)
        return likelihoods

    async def _submit(self, work: Window | Scoring) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        job = _Job(work.deadline, next(self._order), work, time.monotonic(), answer)
        async with self._wake:
            heapq.heappush(self._queue, job)
            self._wake.notify()
        return await answer

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
        batch = [heapq.heappop(self._queue)]
        others: list[_Job] = []
        while self._queue and len(batch) < min(share, self.recognizer.max_batch):
            job = heapq.heappop(self._queue)
            (batch if job.kind == batch[0].kind else others).append(job)
        for job in others:
            heapq.heappush(self._queue, job)
        return batch

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
                    job.answer.set_exception(RecognitionFailed(str(answer)))
                else:
                    job.answer.set_result(answer)
        finally:
            for job in batch:
                del self._running[job.order]
                job.answer.cancel()

    async def _run(self, batch: list[_Job]) -> Sequence[Any]:
        """Do a batch; if that fails, each job by itself, so that a bad one costs no other. A failure is an answer."""
        began = time.monotonic()
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._threads, self._do, batch)
        except Exception as error:
            log.exception("recognition of %d windows failed", len(batch))
            if len(batch) == 1:
                return [error]
            singly: list[Any] = []
            for job in batch:
                singly += await self._run([job])
            return singly
        self._observe(
            Batch(
                audio=sum(len(job.work.audio) for job in batch) / SAMPLE_RATE,
                took=time.monotonic() - began,
                waited=began - min(job.submitted for job in batch),
            )
        )
        return answers

    def _do(self, batch: list[_Job]) -> Sequence[Any]:
        windows = [job.work for job in batch if isinstance(job.work, Window)]
        questions = [job.work for job in batch if isinstance(job.work, Scoring)]
        return self.recognizer.recognize(windows) if windows else self.recognizer.score(questions)
