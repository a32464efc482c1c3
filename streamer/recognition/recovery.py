"""A recogniser with its threads, kept at work: replaced when it hangs, sought when it is out of reach."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np

from streamer.audio import SAMPLE_RATE
from streamer.errors import RecognisersGone
from streamer.recognition.recognizer import Recognizer, Window
from streamer.recognition.workers import Workers

log = logging.getLogger(__name__)

T = TypeVar("T")

SEEK = 2.0
"""Seconds between attempts to reach recognisers that could not be reached."""
SOONEST, LATEST = 0.5, 60.0
"""Seconds until what failed is started again: the first time, and at most; each time twice as long as before."""
WORKER, MODEL, ELSEWHERE = "worker", "model", "elsewhere"
"""Where there may be trouble; the first two are started again."""


def back_off() -> Iterator[float]:
    """Give seconds to wait before each attempt."""
    wait = SOONEST
    while True:
        yield wait
        wait = min(2 * wait, LATEST)


class Recovery:
    """Runs a recogniser in threads of its own, and sees to it that there is one.

    Threads can't be stopped: a hung recogniser's are left to themselves. Where no other recogniser can be loaded it is
    asked on, since it may recover, and loading is retried with exponential back-off.

    Args:
      recognizer: runs in `recognizer.concurrency` threads.
      replace: makes another recogniser, in a thread of its own; None when the one there is must do.
      restarted: told that another is being loaded.
      hung: seconds that anything may take.

    Attributes:
      threads: where the recogniser runs; others after each hang.
      ready: cleared while the recogniser hangs and another is being loaded.
      troubles: why nobody can be heard at present, by where.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        replace: Callable[[], Recognizer] | None,
        restarted: Callable[[str], None],
        hung: float,
    ) -> None:
        self.recognizer = recognizer
        self.threads = Workers(recognizer.concurrency)
        self.ready = asyncio.Event()
        self.ready.set()
        self.troubles: dict[str, str] = {}
        self._replace = replace
        self._restarted = restarted
        self._hung = hung
        self._seeking: asyncio.Task[None] | None = None
        self._replacing: asyncio.Task[None] | None = None

    async def stop(self, patience: float) -> None:
        """End all that goes on; wait for threads that are at work, but not for ever."""
        tasks = [task for task in (self._seeking, self._replacing) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self.threads.stop, patience)

    def out_of_reach(self, error: RecognisersGone, language: str) -> None:
        """Recognisers elsewhere are not there: look for them until they are."""
        if ELSEWHERE not in self.troubles:
            log.error("nobody can be heard: %s", error)
            self.troubles[ELSEWHERE] = f"{error.reason}: {error}"
            self._seeking = asyncio.create_task(self._seek(language), name="seek recognisers")

    def hangs(self, recognizer: Recognizer, threads: Workers, seconds: float) -> None:
        """A recogniser has not answered for too many seconds: put another in its place, once for all who wait."""
        log.error("the recogniser has hung for %.0f s", seconds)
        if threads is self.threads:
            threads.abandon()
            self.threads = Workers(recognizer.concurrency)
        if self._replace is not None and self._replacing is None and self.recognizer is recognizer:
            # No more windows for the hung one while another is being loaded: each would be lost, and late.
            self.ready.clear()
            self._replacing = asyncio.create_task(self._load_another(self._replace), name="replace recogniser")

    def answers(self, threads: Workers) -> None:
        """The recogniser has answered: one that hung, and could not be replaced yet, has recovered."""
        if MODEL not in self.troubles or threads is not self.threads:
            return
        log.warning("the recogniser that hung answers again")
        del self.troubles[MODEL]
        if self._replacing is not None:
            self._replacing.cancel()
            self._replacing = None

    async def _load_another(self, replace: Callable[[], Recognizer]) -> None:
        """Load a recogniser until it succeeds; from the first failure on, the hung one is asked meanwhile."""
        for wait in back_off():
            tell(self._restarted, MODEL)
            loader = Workers(1)
            loading = asyncio.create_task(loader.run(replace))
            try:
                # Loading may hang as well.
                if not (await asyncio.wait([loading], timeout=self._hung))[0]:
                    self.troubles[MODEL] = "the recogniser hung, and loading another takes too long"
                    self.ready.set()
                self.recognizer = await loading
                break
            except Exception as error:
                log.exception("no other recogniser can be loaded")
                self.troubles[MODEL] = f"the recogniser hung, and no other can be loaded: {error}"
                self.ready.set()
                await asyncio.sleep(wait)
            finally:
                loading.cancel()
                loader.abandon()
        self.troubles.pop(MODEL, None)
        self._replacing = None
        self.ready.set()

    async def _seek(self, language: str) -> None:
        """Ask with a second of silence until there is an answer; where no call goes on, nobody else would notice."""
        silence = Window("", "", 0, np.zeros(SAMPLE_RATE, dtype=np.float32), 0.0, language, thorough=False)
        while ELSEWHERE in self.troubles:
            await asyncio.sleep(SEEK)
            try:
                async with asyncio.timeout(self._hung) as patience:
                    await self.threads.run(self.recognizer.recognize, [silence])
            except RecognisersGone:
                continue
            except Exception as error:
                if patience.expired():
                    continue
                log.warning("recognisers are there again, but %s", error)
            else:
                log.warning("recognisers are there again")
            del self.troubles[ELSEWHERE]


def tell(listener: Callable[[T], None], news: T) -> None:
    """Tell whoever counts; what goes wrong there is no trouble of recognition."""
    try:
        listener(news)
    except Exception:
        log.exception("%r could not be counted", news)
