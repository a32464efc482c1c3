"""Threads that a recogniser runs in; they hold up nobody's exit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """A few threads that do what they are given, in order.

    An executor's threads are waited for when the process ends; a recogniser that hangs would hold it up for ever.

    Args:
      count: of threads.
      name: of what they do.
    """

    def __init__(self, count: int, name: str = "recognise") -> None:
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._serve, name=f"{name} {i}", daemon=True) for i in range(count)]
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Call a function in one of the threads, and wait for what it gives or raises."""
        answer: Future[T] = Future()

        def work() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(function(*arguments))
            except BaseException as error:
                answer.set_exception(error)

        self._work.put(work)
        return await asyncio.wrap_future(answer)

    def abandon(self) -> None:
        """Let each thread end when it has done what it is doing, if it ever has."""
        for _ in self._threads:
            self._work.put(None)

    def stop(self, patience: float) -> None:
        """End the threads; wait for each, but not for ever.

        Args:
          patience: seconds to wait for a thread that is at work.
        """
        self.abandon()
        for thread in self._threads:
            thread.join(patience)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            work()
