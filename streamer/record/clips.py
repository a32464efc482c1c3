"""Which audio is kept as evidence: some seconds before a violation and after it, as it came in. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Span = tuple[float, float]
"""Seconds of call audio, from and to."""
LATE = 10.0
"""Seconds after it was said by which a violation is told, or its clip begins later than it might."""


SILENT = {"mulaw": b"\xff", "alaw": b"\xd5", "pcm_s16le": b"\0\0"}
"""A sample of silence, by encoding."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Audio around a violation, as it came over the wire.

    Attributes:
      violation_id: what it is evidence of.
      start: seconds of call audio at which it begins.
      encoding, sample_rate: of `audio`, which holds the samples of each channel.
      silenced: spans of call audio that must not be kept, by channel.
    """

    violation_id: str
    start: float
    encoding: str
    sample_rate: int
    audio: Mapping[str, bytes]
    silenced: Mapping[str, tuple[Span, ...]]

    @property
    def empty(self) -> bool:
        """Whether nothing is held of what it should hold."""
        return not any(self.audio.values())


def not_kept(violation_id: str, why: str) -> dict[str, Any]:
    """Give the fields of an `evidence` event that says why there is no clip."""
    return {"violation_id": violation_id, "seconds": 0.0, "from": None, "sha256": None, "bytes": 0, "detail": why}


@dataclass(slots=True)
class _Channel:
    """The last of a channel's samples; `begin` is the index of the first byte since the call's start."""

    data: bytearray = field(default_factory=bytearray)
    begin: int = 0
    silenced: list[Span] = field(default_factory=list)
    unclear: float = 0.0

    @property
    def end(self) -> int:
        return self.begin + len(self.data)


class ClipRecorder:
    """Keeps the last of a call's audio, and cuts clips from it.

    Args:
      encoding, sample_rate: of the audio on the wire.
      width: bytes a sample.
      channels: the legs.
      before, after: seconds around what was said that a clip holds.
      patience: seconds more that a clip waits where it is not clear yet what must be silenced.
    """

    def __init__(
        self,
        encoding: str,
        sample_rate: int,
        width: int,
        channels: Sequence[str],
        *,
        before: float = 10.0,
        after: float = 10.0,
        patience: float = 15.0,
    ) -> None:
        self._encoding = encoding
        self._sample_rate = sample_rate
        self._second = sample_rate * width
        self._width = width
        self._channels = {name: _Channel() for name in channels}
        self._before = before
        self._after = after
        self._patience = patience
        # Bytes of a channel that may be held before any are let go.
        self._most = self._bytes(2 * before + LATE)
        self._wanted: dict[str, Span] = {}
        self._short: list[Clip] = []

    def receive(self, channel: str, payload: bytes) -> None:
        """Take in whole samples of a channel that follow its last ones."""
        one = self._channels[channel]
        one.data += payload
        if len(one.data) <= self._most:
            return
        keep = self._before + LATE
        oldest = min((start for start, _ in self._wanted.values()), default=float("inf"))
        first = min(one.end - self._bytes(keep), self._bytes(oldest))
        # Seldom, since what is left has to be moved.
        if first - one.begin > self._bytes(self._before):
            del one.data[: first - one.begin]
            one.begin = first
            one.silenced = [span for span in one.silenced if self._bytes(span[1]) > first]

    def skip(self, channel: str, samples: int) -> None:
        """Go on after samples that are lost; clips that wait for more than is held of them end here."""
        held = min(samples, self._bytes(self._before + LATE) // self._width)
        if held < samples:
            self._short += [self._cut(name, *self._wanted.pop(name)) for name in [*self._wanted]]
            one = self._channels[channel]
            one.begin = one.end + (samples - held) * self._width
            one.data.clear()
        self.receive(channel, SILENT[self._encoding] * held)

    def silence(self, channel: str, spans: Sequence[Span]) -> None:
        """Keep nothing of these spans of a channel."""
        self._channels[channel].silenced += spans

    def clear(self, channel: str, until: float | None) -> None:
        """What was said on a channel after `until` may have to be silenced, too; nothing more where it is None."""
        self._channels[channel].unclear = float("inf") if until is None else until

    def want(self, violation_id: str, start: float, end: float) -> None:
        """Keep what was said between two seconds of the call, and what was said around it."""
        self._wanted[violation_id] = (max(0.0, start - self._before), end + self._after)

    def due(self, *, over: bool = False) -> list[Clip]:
        """Give the clips that are complete: all of them, once the call is over."""
        received = max(one.end for one in self._channels.values()) / self._second
        ready = [
            name
            for name, (start, end) in self._wanted.items()
            if over or (received >= end and (received >= end + self._patience or not self._unclear(end)))
        ]
        short, self._short = self._short, []
        return [*short, *(self._cut(name, *self._wanted.pop(name)) for name in ready)]

    def _unclear(self, end: float) -> bool:
        return any(one.unclear < end for one in self._channels.values())

    def _cut(self, violation_id: str, start: float, end: float) -> Clip:
        begin = max(self._bytes(start), *(one.begin for one in self._channels.values()))
        audio, silenced = {}, {}
        for name, one in self._channels.items():
            audio[name] = bytes(one.data[begin - one.begin : max(0, self._bytes(end) - one.begin)])
            spans = [span for span in one.silenced if span[1] > start and span[0] < end]
            silenced[name] = tuple(spans + ([(one.unclear, end)] if one.unclear < end else []))
        return Clip(violation_id, begin / self._second, self._encoding, self._sample_rate, audio, silenced)

    def _bytes(self, seconds: float) -> int:
        """Give the index of the sample at `seconds`, in bytes."""
        if seconds == float("inf"):
            return 1 << 62
        return max(0, round(seconds * self._sample_rate)) * self._width
