"""Background work that is kept going: what fails is logged, counted, told of, and started again."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

WAITS = (0.5, 1.0, 2.0, 5.0, 15.0)
"""Seconds before work is started again, the longer the more often it has failed in a row."""
STEADY = 30.0
"""Seconds of work after which it counts as well again."""

Told = Callable[[str, str, int], object]
"""Told what work failed, why (an empty string: it is well again), and how often it was started again so far."""


class BackOff:
    """How long to wait before something is tried again. Pure.

    Args:
      waits: seconds, the last over and over.
      steady: seconds of life after which the next failure is a first one.
    """

    def __init__(self, waits: tuple[float, ...] = WAITS, steady: float = STEADY) -> None:
        self._waits = waits
        self._steady = steady
        self._in_a_row = 0

    def failed(self, lasted: float) -> float:
        """Take in that it failed after so many seconds; give those to wait."""
        if lasted >= self._steady:
            self._in_a_row = 0
        wait = self._waits[min(self._in_a_row, len(self._waits) - 1)]
        self._in_a_row += 1
        return wait


@dataclass(slots=True)
class _Failing:
    trouble: str
    at: float


class Supervisor:
    """Keeps a process's background work going, in tasks and in threads.

    Safe to use from several threads. Whatever a piece of work raises ends that attempt alone.

    Args:
      told: of each trouble that is new, and of its end; in whichever thread it came to light.
      restarted: told what work is started again, and why; each time.
      clock: seconds that only go on.
      waits: as `BackOff` takes them.
    """

    def __init__(
        self,
        told: Told,
        restarted: Callable[[str, str], object] = lambda _name, _trouble: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        waits: tuple[float, ...] = WAITS,
    ) -> None:
        self._told = told
        self._restarted = restarted
        self._clock = clock
        self._waits = waits
        self._lock = threading.Lock()
        self._failing: dict[str, _Failing] = {}
        self._restarts: dict[str, int] = {}

    @property
    def trouble(self) -> str:
        """What fails at present, and why; an empty string when nothing does."""
        with self._lock:
            return "; ".join(f"{name}: {failing.trouble}" for name, failing in sorted(self._failing.items()))

    def look(self) -> None:
        """See what is well again; to be called now and then."""
        now = self._clock()
        with self._lock:
            well = [name for name, failing in self._failing.items() if now - failing.at >= STEADY]
            for name in well:
                del self._failing[name]
        for name in well:
            log.warning("%s is well again", name)
            self._tell(name, "")

    def task(self, name: str, work: Callable[[], Awaitable[object]], *, once: bool = False) -> asyncio.Task[None]:
        """Keep work going in a task, until that is cancelled.

        Args:
          work: called for each attempt.
          once: whether it is done when it ends; otherwise that it ends is a failure, too.
        """
        return asyncio.create_task(self._keep(name, work, once), name=name)

    def thread(self, name: str, work: Callable[[], object], leaving: threading.Event) -> threading.Thread:
        """Keep work going in a thread, until it ends by itself, or fails while everything is `leaving`."""
        thread = threading.Thread(target=self._keep_in_thread, args=(name, work, leaving), name=name, daemon=True)
        thread.start()
        return thread

    def failed(self, name: str, trouble: str) -> None:
        """Note that work failed and is started again; for work that is watched by somebody else."""
        with self._lock:
            known = self._failing.get(name)
            self._failing[name] = _Failing(trouble, self._clock())
            self._restarts[name] = self._restarts.get(name, 0) + 1
        try:
            self._restarted(name, trouble)
        except Exception:
            log.exception("the restart of %s can't be counted", name)
        if known is None:
            self._tell(name, trouble)

    async def _keep(self, name: str, work: Callable[[], Awaitable[object]], once: bool) -> None:
        back_off = BackOff(self._waits)
        while True:
            began = self._clock()
            try:
                await work()
                if once:
                    return
                trouble = "it has ended"
                log.error("%s has ended; starting it again", name)
            except Exception as error:
                trouble = _said(error)
                log.exception("%s has failed; starting it again", name)
            wait = back_off.failed(self._clock() - began)
            self.failed(name, trouble)
            await asyncio.sleep(wait)

    def _keep_in_thread(self, name: str, work: Callable[[], object], leaving: threading.Event) -> None:
        back_off = BackOff(self._waits)
        while True:
            began = self._clock()
            try:
                work()
            except Exception as error:
                log.exception("%s has failed; starting it again", name)
                wait = back_off.failed(self._clock() - began)
                self.failed(name, _said(error))
            else:
                return
            if leaving.wait(wait):
                return

    def _tell(self, name: str, trouble: str) -> None:
        try:
            self._told(name, trouble, self._restarts.get(name, 0))
        except Exception:
            log.exception("the trouble of %s can't be told", name)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
