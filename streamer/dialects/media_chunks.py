"""The chunks of a track, in order again: what comes late is waited for, but not for long. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from streamer.dialects.platform_clock import PlatformClock
from streamer.types import AudioFrame, Gap

WINDOW = 10
"""Chunks of a track that wait for one that is missing; 0.2 s of the 20 ms that each has."""
AHEAD, LATE = 3000, 500
"""Chunks that can be lost at once, and by which one can be late; numbers further off are another count, begun anew."""
STRAY = 3
"""Chunks that it takes at a stream's end to believe that many before them were lost; fewer may have a wrong number."""
READINGS, TOLERANCE = 25, 0.1
"""Chunks in a row that must agree on what the platform's clock has jumped by, and seconds that they may differ by."""
RECENT = 200
"""Numbers that are remembered of a stream of which one track came so far, in case that another is counted with it."""


class Counting:
    """Whether a stream's tracks are counted each by itself, or all together, as its messages are.

    Twilio counts each by itself; the others don't say. Where all are counted together, a number that one track lacks is
    on another one, and none is on two. So the first number that is on two tells that each track has its own count.
    """

    def __init__(self) -> None:
        self._apart = False
        self._names: set[str] = set()
        self._tracks: OrderedDict[int, str] = OrderedDict()

    def note(self, track: str, chunk: int) -> None:
        """A chunk has come, on a track that is listened to or not."""
        if self._apart:
            return
        self._names.add(track)
        if self._tracks.setdefault(chunk, track) != track:
            self._apart = True
            self._tracks.clear()
        elif len(self._tracks) > (AHEAD if len(self._names) > 1 else RECENT):
            self._tracks.popitem(last=False)

    def elsewhere(self, track: str, chunk: int) -> bool:
        """Whether a number that a track lacks came on another one, so that nothing is lost by it."""
        return self._tracks.get(chunk, track) != track


@dataclass(slots=True)
class Chunks:
    """One track's.

    Attributes:
      track: what the platform calls it.
      channel: whose voice it is.
      width: bytes a sample.
      counting: of the stream that the track is one of.
      due: number of the chunk that is to be given next; None before any came.
      position: samples given so far, those lost among them.
      samples: of the last chunk given: the measure of those that are lost.
      held: what came before its turn, by number: its time on the platform's clock, in ms, and its samples.
      guessed: the last number that was given to a chunk which had none; the one whose it is may come yet.
      rate: hertz.
      clock: tells what is lost that no number is missing for, as in a stall of the platform.
    """

    track: str
    channel: str
    width: int
    counting: Counting = field(default_factory=Counting)
    due: int | None = None
    position: int = 0
    samples: int = 0
    held: dict[int, tuple[int | None, bytes]] = field(default_factory=dict)
    guessed: int | None = None
    rate: int = 8000
    clock: PlatformClock = field(default_factory=lambda: PlatformClock(READINGS, TOLERANCE))

    def put(self, chunk: int | None, payload: bytes, timestamp: int | None = None) -> list[AudioFrame | Gap]:
        """Take in a chunk, and give what has its turn; one without a number comes after all others."""
        if self.due is None:
            # The first is numbered 0 or 1, and may not be the first to come; a count that is far on began before us.
            self.due = 1 if chunk is None else min(chunk, 1) if chunk <= WINDOW else chunk
        if chunk is None and not payload:
            return []
        if chunk is None:
            chunk = max(self.held, default=self.due - 1) + 1
            self.guessed = chunk
        elif chunk == self.guessed:
            # What had no number was another one, then.
            self.guessed = None
            return self._frame(payload)
        if 0 < self.due - chunk <= LATE or chunk in self.held:
            return []
        given: list[AudioFrame | Gap] = []
        if not self.due - LATE <= chunk <= self.due + AHEAD:
            given = self.flush()
            self.due = chunk
        self.held[chunk] = timestamp, payload
        return given + self._give(WINDOW)

    def due_now(self) -> list[AudioFrame | Gap]:
        """Give what has its turn, once a chunk of another track has come."""
        return self._give(WINDOW)

    def flush(self) -> list[AudioFrame | Gap]:
        """Give all there is; nothing more is waited for."""
        return self._give(0)

    def _give(self, window: int) -> list[AudioFrame | Gap]:
        given: list[AudioFrame | Gap] = []
        while self.held and self.due is not None:
            first = min(self.held)
            lacking = [chunk for chunk in range(self.due, first) if not self.counting.elsewhere(self.track, chunk)]
            if lacking and len(self.held) <= window:
                break
            timestamp, payload = self.held.pop(first)
            self.due = first + 1
            if lacking and (window or len(self.held) >= STRAY - 1 or len(lacking) <= LATE):
                samples = len(lacking) * (self.samples or len(payload) // self.width)
                reason = f"chunks of the {self.track} track never came: {len(lacking)} from {lacking[0]} on"
                given += self._lose(samples, reason)
            if timestamp is not None:
                seconds = self.clock.missing(timestamp / 1000, self.position / self.rate)
                reason = f"{seconds:.1f} s of the {self.track} track never came, by the platform's clock"
                given += self._lose(round(seconds * self.rate), reason)
            given += self._frame(payload)
        return given

    def _frame(self, payload: bytes) -> list[AudioFrame | Gap]:
        if not payload:
            return []
        frame = AudioFrame(self.channel, self.position, payload)
        self.samples = len(payload) // self.width
        self.position += self.samples
        return [frame]

    def _lose(self, samples: int, reason: str) -> list[Gap]:
        self.position += samples
        return [Gap(self.channel, samples, reason)] if samples else []
