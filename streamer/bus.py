"""What happens in calls, on its way from the media plane to whoever shows and keeps it. Nothing here waits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from streamer.link import Frame
from streamer.record.clips import Clip
from streamer.record.event import Event
from streamer.said import Said

MOST = 50_000
"""Events that wait for the console's process at most: some minutes of a hundred calls."""


@dataclass(frozen=True, slots=True)
class CallName:
    """What events say about their call: the service's name for it, the platform's, and who calls."""

    call: str
    call_id: str
    agent: str | None


@dataclass(frozen=True, slots=True)
class ClipTaken:
    """A clip on its way."""

    about: CallName
    clip: Clip


Taken = Event | ClipTaken | Frame
"""What goes to the console: events, clips, and the answers to its questions."""


class Bus:
    """Numbers events and keeps them until they have been taken, from any thread.

    What is only shown gives way first when too much waits; what is to be kept and can't be is counted as lost. What is
    said in a call is remembered until the call ends.

    Args:
      clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float], most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._changed = threading.Condition()
        self._waiting: deque[Taken] = deque()
        self._unacknowledged: deque[Event] = deque()
        self._said: dict[str, Said] = {}
        self._last = 0
        self._closed = False
        self.lost = 0

    def tell(self, kind: str, about: CallName | None = None, fields: Mapping[str, Any] | None = None) -> Event:
        """Say that something happened."""
        now = self._clock()
        with self._changed:
            # Microseconds, so that the numbers go on after a restart without anybody having to remember the last.
            self._last = max(self._last + 1, int(now * 1_000_000))
            at = datetime.fromtimestamp(now, UTC)
            at = at.replace(microsecond=at.microsecond // 1000 * 1000)
            call, call_id, agent = (about.call, about.call_id, about.agent) if about else (None, None, None)
            event = Event(self._last, kind, at, call, call_id, agent, fields or {})
            self._listen(event)
            self._put(event)
        return event

    def said(self, call: str) -> dict[str, Any]:
        """Give what was said in a call that goes on: whoever takes events may be new, and that is written nowhere."""
        with self._changed:
            return self._said.get(call, Said()).to_json()

    def keep(self, about: CallName, clip: Clip) -> None:
        """Hand a clip on."""
        with self._changed:
            self._put(ClipTaken(about, clip))

    def pass_on(self, frame: Frame) -> None:
        """Hand on what is no event."""
        with self._changed:
            self._put(frame)

    def go_on_after(self, cursor: int) -> None:
        """Number no event up to `cursor` any more: there are such, though the clock went back."""
        with self._changed:
            self._last = max(self._last, cursor)

    def take(self, timeout: float) -> list[Taken]:
        """Wait for what comes next, for `timeout` seconds at most; events to be kept stay until `acknowledge`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout)
            taken = list(self._waiting)
            self._waiting.clear()
            self._unacknowledged += (one for one in taken if isinstance(one, Event) and one.kept)
        return taken

    def acknowledge(self, cursor: int) -> None:
        """Everything up to `cursor` is kept."""
        with self._changed:
            while self._unacknowledged and self._unacknowledged[0].cursor <= cursor:
                self._unacknowledged.popleft()

    def again(self) -> None:
        """Whoever took events is gone: what was not acknowledged waits for the next."""
        with self._changed:
            self._waiting.extendleft(reversed(self._unacknowledged))
            self._unacknowledged.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _listen(self, event: Event) -> None:
        if event.call is None:
            return
        if event.type == "transcript":
            self._said.setdefault(event.call, Said()).take(event)
        elif event.type == "call.stopped":
            self._said.pop(event.call, None)

    def _put(self, one: Taken) -> None:
        self._waiting.append(one)
        if len(self._waiting) + len(self._unacknowledged) > self._most:
            self._drop()
        self._changed.notify_all()

    def _drop(self) -> None:
        passing = next((one for one in self._waiting if isinstance(one, Event) and not one.kept), None)
        if passing is not None:
            self._waiting.remove(passing)
            return
        self.lost += 1
        (self._unacknowledged or self._waiting).popleft()
