"""What happens in calls, on its way from the media plane to whoever shows and keeps it. Nothing here waits."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from streamer.cleaning import clean
from streamer.link import Frame
from streamer.record.clips import Clip, not_kept
from streamer.record.event import Event
from streamer.said import Said

MOST = 50_000
"""Events that wait for the console's process at most: some minutes of a hundred calls."""


CLIPS = 256
"""Clips that wait, or are being written, at most: a minute of telephone audio on two legs is a megabyte."""
TRIES = 3
"""Times that a clip is given to a console that may have died of it."""


@dataclass(frozen=True, slots=True)
class CallName:
    """What events say about their call: the service's name for it, the platform's, and who calls."""

    call: str
    call_id: str
    agent: str | None


@dataclass(slots=True, eq=False)
class ClipTaken:
    """A clip on its way.

    Attributes:
      number: its place among what waits.
      taken: times that it was taken.
    """

    about: CallName
    clip: Clip
    number: int = 0
    taken: int = 0


Taken = Event | ClipTaken | Frame
"""What goes to the console: events, clips, and the answers to its questions."""


class Bus:
    """Numbers events and keeps them until they have been taken, from any thread.

    What is only shown gives way first when too much waits; what is to be kept and can't be is counted as lost. A clip
    is kept until an `evidence` event tells what became of it; where it had to be given up, that event is told here.
    What is said in a call is remembered until the call ends. Whatever it is told can be encoded: unfit text is
    replaced here.

    Args:
      clock: seconds since 1970.
    """

    def __init__(self, clock: Callable[[], float], most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._changed = threading.Condition()
        # In order, by numbers of its own; what is only shown is listed apart, so as to be found at once to give way.
        self._waiting: OrderedDict[int, Taken] = OrderedDict()
        self._passing: deque[int] = deque()
        self._front = self._back = 0
        self._unacknowledged: deque[Event] = deque()
        self._unspooled: deque[Event] = deque()
        self._said: dict[str, Said] = {}
        self._clips: OrderedDict[tuple[str, str], ClipTaken] = OrderedDict()
        # Events of earlier services are in the journal, but for those that are restored.
        self._acknowledged = self._last = int(clock() * 1_000_000) - 1
        self._given_up = 0
        self._closed = False
        self.lost = 0

    @property
    def acknowledged(self) -> int:
        """The cursor up to which all is kept."""
        return self._acknowledged

    def tell(self, kind: str, about: CallName | None = None, fields: Mapping[str, Any] | None = None) -> Event:
        """Say that something happened."""
        now = self._clock()
        with self._changed:
            # Microseconds, so that the numbers go on after a restart without anybody having to remember the last.
            self._last = max(self._last + 1, int(now * 1_000_000))
            at = datetime.fromtimestamp(now, UTC)
            at = at.replace(microsecond=at.microsecond // 1000 * 1000)
            call, call_id, agent = clean((about.call, about.call_id, about.agent) if about else (None, None, None))
            event = Event(self._last, kind, at, call, call_id, agent, clean(fields or {}))
            self._listen(event)
            self._put(event)
            if event.kept:
                self._unspooled.append(event)
        return event

    def said(self, call: str) -> dict[str, Any]:
        """Give what was said in a call that goes on: whoever takes events may be new, and that is written nowhere."""
        with self._changed:
            return self._said.get(call, Said()).to_json()

    def keep(self, about: CallName, clip: Clip) -> None:
        """Hand a clip on."""
        with self._changed:
            taken = self._clips[about.call, clip.violation_id] = ClipTaken(about, clip)
            taken.number = self._put(taken)
            if len(self._clips) > CLIPS:
                self._give_up(
                    next(iter(self._clips.values())), "more clips waited to be written than there is room for"
                )

    @property
    def ending(self) -> list[str]:
        """Calls whose end was told, and is not known to be kept."""
        with self._changed:
            told = (*self._unacknowledged, *self._waiting.values())
            return [one.call for one in told if isinstance(one, Event) and one.type == "call.stopped" and one.call]

    def pass_on(self, frame: Frame) -> None:
        """Hand on what is no event."""
        with self._changed:
            self._put(frame)

    def go_on_after(self, cursor: int) -> None:
        """Number no event up to `cursor` any more: there are such, though the clock went back."""
        with self._changed:
            self._last = max(self._last, cursor)

    def take(self, timeout: float) -> list[Taken]:
        """Wait for what comes next, for `timeout` seconds at most.

        Events to be kept stay until `acknowledge`, and clips until it is told what became of them.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout)
            taken = list(self._waiting.values())
            self._waiting.clear()
            self._passing.clear()
            self._unacknowledged += (one for one in taken if isinstance(one, Event) and one.kept)
            for one in taken:
                if isinstance(one, ClipTaken):
                    one.taken += 1
        return taken

    def acknowledge(self, cursor: int) -> None:
        """Everything up to `cursor` is kept."""
        with self._changed:
            self._acknowledged = max(self._acknowledged, cursor)
            for events in (self._unacknowledged, self._unspooled):
                while events and events[0].cursor <= cursor:
                    events.popleft()

    def again(self) -> None:
        """Whoever took events and clips is gone: what was not acknowledged waits for the next."""
        with self._changed:
            for clip in [one for one in self._clips.values() if one.number not in self._waiting]:
                if clip.taken < TRIES:
                    clip.number = self._put(clip)
                else:
                    self._give_up(clip, f"the console died {TRIES} times with this clip in hand")
            while self._unacknowledged:
                self._put_first(self._unacknowledged.pop())
            self._changed.notify_all()

    def restore(self, events: Sequence[Event]) -> None:
        """Events that an earlier service spooled go before all that is told from now on."""
        with self._changed:
            for event in reversed(events):
                self._put_first(event)
                self._last = max(self._last, event.cursor)
                self._acknowledged = min(self._acknowledged, event.cursor - 1)
            self._changed.notify_all()

    def overdue(self, seconds: float) -> list[Event]:
        """Give the events that nobody has acknowledged and that were not given here before, in their order.

        Args:
          seconds: that the oldest of them must have waited.
        """
        with self._changed:
            now = self._clock()
            if not self._unspooled or now - self._unspooled[0].at.timestamp() < seconds:
                return []
            overdue = list(self._unspooled)
            self._unspooled.clear()
        return overdue

    def not_spooled(self, events: Sequence[Event]) -> None:
        """Give these again: what `overdue` gave could not be written."""
        with self._changed:
            # Meanwhile some may have been kept, or have had to give way.
            after = max(self._acknowledged, self._given_up)
            self._unspooled.extendleft(event for event in reversed(events) if event.cursor > after)

    def refuse(self, one: Taken) -> None:
        """Give something up: it can't be handed on, ever."""
        with self._changed:
            if isinstance(one, ClipTaken):
                self._give_up(one, "it can't be handed on")
                return
            self.lost += 1
            for events in (self._unacknowledged, self._unspooled):
                if isinstance(one, Event) and one in events:
                    events.remove(one)

    def close(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _give_up(self, one: ClipTaken, why: str) -> None:
        self._waiting.pop(one.number, None)
        self.tell("evidence", one.about, not_kept(one.clip.violation_id, why))

    def _listen(self, event: Event) -> None:
        if event.call is None:
            return
        if event.type == "evidence":
            self._clips.pop((event.call, event.fields["violation_id"]), None)
        if event.type == "transcript":
            self._said.setdefault(event.call, Said()).take(event)
        elif event.type == "call.stopped":
            self._said.pop(event.call, None)

    def _put(self, one: Taken) -> int:
        number = self._back = self._back + 1
        self._waiting[number] = one
        if isinstance(one, Event) and not one.kept:
            self._passing.append(self._back)
        if len(self._waiting) + len(self._unacknowledged) > self._most:
            self._drop()
        self._changed.notify_all()
        return number

    def _put_first(self, event: Event) -> None:
        self._front -= 1
        self._waiting[self._front] = event
        self._waiting.move_to_end(self._front, last=False)

    def _drop(self) -> None:
        if self._passing:
            del self._waiting[self._passing.popleft()]
            return
        self.lost += 1
        dropped = self._unacknowledged.popleft() if self._unacknowledged else self._waiting.popitem(last=False)[1]
        if isinstance(dropped, ClipTaken):
            self._clips.pop((dropped.about.call, dropped.clip.violation_id), None)
        if isinstance(dropped, Event):
            self._given_up = dropped.cursor
            if self._unspooled and self._unspooled[0] is dropped:
                self._unspooled.popleft()
