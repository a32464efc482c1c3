"""Windows of all calls through one recogniser: the earliest deadline first, in batches, off the event loop."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from streamer.errors import RecognisersBusy, RecognisersGone, RecognitionFailed
from streamer.recognition.jobs import Asked, Job, do
from streamer.recognition.load import REFUSED, Relief, TwoLoads
from streamer.recognition.recognizer import Abilities, Hypothesis, Recognizer, Scoring, SoundTurn, Turn, Window
from streamer.recognition.recovery import WORKER, Recovery, back_off, tell

log = logging.getLogger(__name__)

T = TypeVar("T")

HUNG = 30.0
"""Seconds that a batch may take, however short it is: some hundred times what it should."""
SLOWEST, LONGEST = 2.0, 120.0
"""Seconds that it may take for each second of audio in it, on a machine that has much else to do; and at most."""
LAST = 5.0
"""Seconds that a batch may still take when the service ends."""


READ_LATE = 0.5
"""Seconds that the event loop may be held up without that being overload."""


def patience(audio: float, least: float = HUNG) -> float:
    """Give the seconds that a batch with so many seconds of audio may take until the recogniser counts as hung."""
    return max(least, min(SLOWEST * audio, LONGEST))


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


class Scheduler:
    """Shares a recogniser between calls.

    As an asynchronous context manager it starts the recogniser's workers and stops them. Each channel has one
    turn at a time in here, so the queue is no longer than there are channels.

    A recogniser that hangs fails the batch that it had, and is replaced (see `Recovery`); a worker that fails is
    started again with exponential back-off. What is wrong with one call's window is told to that call alone.

    Args:
      recognizer: runs in `recognizer.concurrency` threads.
      observe: told of each batch.
      lost: told why, for each window that was not recognised.
      restarted: told what was started again: a `worker`, or the `model`.
      replace: makes another recogniser, in a thread of its own; None when the one there is must do.
      hung: seconds after which a short batch is given up; a long one has more, see `patience`.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        observe: Callable[[Batch], None] = lambda _: None,
        lost: Callable[[str], None] = lambda _: None,
        restarted: Callable[[str], None] = lambda _: None,
        replace: Callable[[], Recognizer] | None = None,
        hung: float = HUNG,
    ) -> None:
        self._observe = observe
        self._lost = lost
        self._restarted = restarted
        self._hung = hung
        self._queue: list[Job] = []
        self._running: dict[int, Job] = {}
        self._order = itertools.count()
        self._wake = asyncio.Condition()
        self._workers: list[asyncio.Task[None]] = []
        self._load = TwoLoads()
        self._elsewhere = 0.0
        self._recovery = Recovery(recognizer, replace, restarted, hung)

    @property
    def recognizer(self) -> Recognizer:
        """The one that is asked at present."""
        return self._recovery.recognizer

    @property
    def trouble(self) -> str:
        """Why nobody can be heard at present, or an empty string: it has to do with no window in particular."""
        return "; ".join(self._recovery.troubles.values())

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

    def waited(self, seconds: float) -> None:
        """Take in how long audio has waited to be read, which is load as well."""
        if seconds >= READ_LATE:
            self._load.waited(seconds, time.monotonic())

    async def __aenter__(self) -> Self:
        self._workers = [
            asyncio.create_task(self._supervised(), name=f"recogniser {i}") for i in range(self.recognizer.concurrency)
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
        await self._recovery.stop(min(self._hung, LAST))

    async def recognize(self, turn: Turn) -> tuple[Window | None, Hypothesis | RecognitionFailed | None]:
        """Wait for a turn and what is heard in its window. When cancelled, it is dropped from the queue.

        Returns:
          the window and its hypothesis, or why the recogniser failed: it may well do the next. Both are None when there
          was nothing left to do.

        Raises:
          Exception: whatever the turn's `cut` raises.
        """
        job = await self._submit(turn)
        heard: Hypothesis | RecognitionFailed | None
        try:
            heard = await job.answer
        except RecognitionFailed as failed:
            heard = failed
        # It is cut only when its turn has come.
        return job.window, heard

    async def score(self, question: Scoring) -> tuple[float, ...]:
        """Wait for the likelihoods of a question's texts; before any turn.

        Raises:
          RecognitionFailed: the recogniser could not do it.
        """
        if not self._abilities(question.language).scores:
            raise RecognitionFailed(f"{self.recognizer.name} weighs no texts")
        likelihoods: tuple[float, ...] = await (await self._submit(question)).answer
        return likelihoods

    async def hear(self, turn: SoundTurn[T]) -> tuple[Window | None, T | None]:
        """Wait for a turn, for the sounds of its window, and for what the turn's search makes of them.

        Returns:
          the window, None when there was nothing left to do; and what the search gave, None when the recogniser or the
          search failed. When cancelled, the turn is dropped from the queue.

        Raises:
          Exception: whatever the turn's `cut` raises.
          RecognitionFailed: the recogniser hears no sounds.
        """
        if self._abilities(turn.language).sounds is None:
            raise RecognitionFailed(f"{self.recognizer.name} hears no sounds")
        job = await self._submit(turn)
        found: T | None = None
        with suppress(RecognitionFailed):
            found = await job.answer
        return job.window, found

    async def _submit(self, asked: Asked) -> Job:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        job = Job(asked.deadline, next(self._order), asked, time.monotonic(), answer)
        async with self._wake:
            heapq.heappush(self._queue, job)
            self._wake.notify()
        return job

    async def _supervised(self) -> None:
        """Work for ever; after an error of our own, start again a little later."""
        waits = back_off()
        while True:
            try:
                await self._work()
            except Exception as error:
                log.exception("a worker of the recogniser failed, and is started again")
                self._recovery.troubles[WORKER] = f"recognition fails: {error!r}"
                tell(self._restarted, WORKER)
                await asyncio.sleep(next(waits))

    async def _work(self) -> None:
        while True:
            async with self._wake:
                await self._wake.wait_for(lambda: self._queue)
            await self._recovery.ready.wait()
            if batch := self._take():
                await self._answer(batch)
                self._recovery.troubles.pop(WORKER, None)

    def _take(self) -> list[Job]:
        """Take the most urgent work, and more of its kind.

        Decoding a batch is cheaper than decoding its windows in turn, but all of them wait for the longest:
        so no worker takes more than its share of what is waiting.
        """
        self._queue = [job for job in self._queue if not job.answer.done()]
        heapq.heapify(self._queue)
        if not self._queue:
            return []
        share = -(-len(self._queue) // self.recognizer.concurrency)
        most = min(share, self._abilities(self._queue[0].asked.language).max_batch)
        in_time = self._load.in_time
        kind = self._queue[0].kind(in_time)
        taken, others = list[Job](), list[Job]()
        while self._queue and len(taken) < most:
            job = heapq.heappop(self._queue)
            (taken if job.kind(in_time) == kind else others).append(job)
        for job in taken:
            job.cut(in_time)
        batch = [job for job in taken if not job.answer.done()]
        # What a window turned out to be counts, not what its turn was announced as.
        others += [job for job in batch if job.kind(in_time) != batch[0].kind(in_time)]
        for job in others:
            heapq.heappush(self._queue, job)
        return [job for job in batch if job not in others]

    def _abilities(self, language: str) -> Abilities:
        """Ask what the recogniser can do; one that fails to say can do the least."""
        try:
            return self.recognizer.abilities(language)
        except Exception:
            log.exception("%s does not say what it can do", self.recognizer.name)
            return Abilities()

    async def _answer(self, batch: list[Job]) -> None:
        for job in batch:
            self._running[job.order] = job
        try:
            answers = await self._run(batch)
            for job, answer in zip(batch, answers, strict=True):
                self._give(job, answer)
        except Exception as error:
            for job in batch:
                self._give(job, error)
            raise
        finally:
            for job in batch:
                del self._running[job.order]
                job.answer.cancel()

    def _give(self, job: Job, answer: Any) -> None:
        """Answer a job, unless it wants no answer any more: a call may have ended meanwhile."""
        if job.answer.done():
            return
        if isinstance(answer, Exception):
            failed = answer if isinstance(answer, RecognitionFailed) else RecognitionFailed(str(answer))
            tell(self._lost, failed.reason)
            job.answer.set_exception(failed)
        else:
            job.answer.set_result(answer)

    async def _run(self, batch: list[Job]) -> Sequence[Any]:
        """Do a batch; if that fails, each job by itself, so that a bad one costs no other. A failure is an answer."""
        began = time.monotonic()
        waited = began - min(job.submitted for job in batch)
        sounds = isinstance(batch[0].asked, SoundTurn)
        others = any(isinstance(job.asked, SoundTurn) is not sounds for job in self._queue)
        self._load.waited(waited + self._elsewhere, began, sounds=sounds, others=others)
        recognizer, threads = self.recognizer, self._recovery.threads
        try:
            async with asyncio.timeout(patience(sum(job.audio for job in batch), self._hung)) as bound:
                answers = await threads.run(do, recognizer, batch)
        except (RecognisersBusy, RecognisersGone) as error:
            self._turned_away(error, batch[0].asked.language)
            return [error] * len(batch)
        except Exception as error:
            if bound.expired():
                self._recovery.hangs(recognizer, threads, time.monotonic() - began)
                return [error] * len(batch)
            log.exception("recognition of %d windows failed", len(batch))
            if len(batch) == 1:
                return [error]
            singly: list[Any] = []
            for job in batch:
                singly += await self._run([job])
            return singly
        self._recovery.answers(threads)
        if isinstance(batch[0].asked, Turn):
            self._elsewhere = max(hypothesis.waited for hypothesis in answers)
        audio = sum(job.audio for job in batch if job.window is not None)
        tell(self._observe, Batch(audio=audio, took=time.monotonic() - began, waited=waited))
        return answers

    def _turned_away(self, error: RecognisersBusy | RecognisersGone, language: str) -> None:
        """Recognisers elsewhere have no time, which is load, or are not there, which is trouble until they are."""
        if isinstance(error, RecognisersBusy):
            self._load.waited(REFUSED, time.monotonic())
        else:
            self._recovery.out_of_reach(error, language)
