"""The alert feed's heart: every event to everybody who listens, and again to whoever missed some. Pure."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamer.console.live import LiveCalls
from streamer.record.event import Event

REMEMBERED = 5000
"""Kept events at hand for those who come back; older ones are in the journal."""
BACKLOG = 2000
"""Messages that may wait for one listener."""
MOST_CALLS = 4
"""Calls that one listener may follow word by word."""


@dataclass(frozen=True, slots=True)
class _Known:
    cursor: int
    message: str


class Listener:
    """One client of the feed.

    Args:
      wake: called when messages wait for it.
      cut_off: called when too many did: it hears nothing more.
      most: messages that may wait.
    """

    def __init__(self, wake: Callable[[], None], cut_off: Callable[[], None], most: int = BACKLOG) -> None:
        self._wake = wake
        self._cut_off = cut_off
        self._most = most
        self._waiting: deque[str] = deque()
        self._follows: set[str] = set()
        self.too_slow = False

    def take(self) -> list[str]:
        """Take what waits, in order."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def follow(self, call: str) -> bool:
        """Hear a call word by word from now on; False when that would be too many calls."""
        if len(self._follows | {call}) > MOST_CALLS:
            return False
        self._follows.add(call)
        return True

    def leave(self, call: str) -> None:
        """Hear it no more."""
        self._follows.discard(call)

    def send(self, message: str) -> None:
        """Let a message wait; whoever leaves too many is cut off, and can come back."""
        if self.too_slow:
            return
        if len(self._waiting) >= self._most:
            self.too_slow = True
            self._waiting.clear()
            self._cut_off()
        else:
            self._waiting.append(message)
            self._wake()

    def hears(self, event: Event) -> bool:
        return event.type != "transcript" or event.call in self._follows


class Hub:
    """Spreads events; knows the calls that go on.

    Args:
      cursor: the last event's in the journal.
      remembered: kept events at hand.

    Attributes:
      calls: those that go on.
      cursor: the last event's.
      service: how the service is.
      ready: whether it knows which calls go on.
    """

    def __init__(self, cursor: int = 0, remembered: int = REMEMBERED) -> None:
        self.calls = LiveCalls()
        self.cursor = cursor
        self.service: dict[str, Any] = {}
        self.ready = asyncio.Event()
        self._listeners: set[Listener] = set()
        self._remembered = remembered
        self._known: deque[_Known] = deque()
        self._forgotten = self._journalled = cursor

    @property
    def listeners(self) -> int:
        """Clients that it spreads to."""
        return len(self._listeners)

    def publish(self, event: Event) -> None:
        """Spread an event; they come in the order of their cursors."""
        if event.cursor <= self.cursor:
            # Told again, after this process had taken it and before it could say so.
            return
        self.cursor = event.cursor
        self.calls.take(event)
        if event.type == "service":
            self.service |= event.fields
        message = json.dumps(event.to_json(), ensure_ascii=False, separators=(",", ":"))
        if event.kept:
            self._known.append(_Known(event.cursor, message))
            self._forget()
        for listener in self._listeners:
            if listener.hears(event):
                listener.send(message)

    def journalled(self, cursor: int) -> None:
        """All kept events up to `cursor` can be had from the journal."""
        self._journalled = max(self._journalled, cursor)
        self._forget()

    def join(self, listener: Listener) -> None:
        """Spread to a listener, too, from here on."""
        self._listeners.add(listener)

    def part(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def since(self, cursor: int) -> list[str] | None:
        """Give the kept events after `cursor`; None when some of them are only in the journal."""
        if cursor < self._forgotten:
            return None
        return [known.message for known in self._known if known.cursor > cursor]

    @property
    def remembers_from(self) -> int:
        """The cursor up to which events are only in the journal."""
        return self._forgotten

    def _forget(self) -> None:
        """Forget the oldest, but none that is nowhere else."""
        while len(self._known) > self._remembered and self._known[0].cursor <= self._journalled:
            self._forgotten = self._known.popleft().cursor
