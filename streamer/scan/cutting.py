"""From a channel's audio to the windows that are recognised: speech only, packed until they are full. Pure.

A recogniser's cost is by the window, and it hears a sentence better that follows on another: so stretches of speech
are joined, without the pauses between, up to the length of a window. Speech that goes on for longer is cut where it is
quietest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.types import Word
from streamer.audio import SAMPLE_RATE, RingBuffer
from streamer.recognition.vad import FRAME, SpeechEnded, SpeechModel, SpeechStarted, VadOptions, VoiceActivity

FRAME_SECONDS = FRAME / SAMPLE_RATE
SILENT = VadOptions().offset
"""Probability of speech below which nobody speaks."""
STEP = SAMPLE_RATE
"""Samples that are looked at together."""


@dataclass(frozen=True, slots=True)
class CutOptions:
    """The shape of windows, all in seconds.

    Attributes:
      longest: a window never holds more. A second of 15 costs as much as one of 10, and is heard a little better.
      lead, tail: audio before the start of speech that goes in with it, and after its end.
      quiet: the last part of a full window, in which the quietest moment is looked for.
      context: audio before a cut that is heard again after it, where nobody paused there.
      margin: of speech cut where nobody paused, so much before the cut is left to the next window.
    """

    longest: float = 14.9
    lead: float = 0.3
    tail: float = 0.2
    quiet: float = 4.0
    context: float = 1.5
    margin: float = 0.5

    def __post_init__(self) -> None:
        if self.context + self.margin + self.quiet >= self.longest:
            raise ValueError(f"longest must be over {self.context + self.margin + self.quiet} s")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a window, in seconds from the recording's start.

    Attributes:
      settles: what ends by then stays; what comes later is heard better in the next piece.
      closes: speech ends in it.
      speech: seconds of it that no other piece holds.
      begins: where those begin.
    """

    start: float
    end: float
    settles: float
    closes: bool
    speech: float
    begins: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A window of one channel.

    Attributes:
      number: counts up from 0 within the channel.
      audio: float32 at 16 kHz, all pieces one after the other.
    """

    channel: str
    number: int
    pieces: tuple[Piece, ...]
    audio: NDArray[np.float32]

    @property
    def speech(self) -> float:
        """Seconds of speech that no other window holds."""
        return sum(piece.speech for piece in self.pieces)

    @property
    def spoken(self) -> tuple[tuple[float, float], ...]:
        """From and to when somebody speaks whom no other window holds, in seconds from the window's start."""
        begins = zip(self.pieces, self._begins(), strict=True)
        return tuple(
            (piece.begins - piece.start + begin, piece.begins - piece.start + begin + piece.speech)
            for piece, begin in begins
            if piece.speech
        )

    def placed(self, words: Sequence[Word]) -> list[tuple[Word, ...]]:
        """Give each piece's words where they were spoken.

        Args:
          words: with times in seconds from the window's start.
        """
        given: list[list[Word]] = [[] for _ in self.pieces]
        bounds = self._begins()
        for word in words:
            middle = (word.start + word.end) / 2
            at = max(0, sum(begin <= middle for begin in bounds) - 1)
            piece, shift = self.pieces[at], self.pieces[at].start - bounds[at]
            start, end = (min(max(time + shift, piece.start), piece.end) for time in (word.start, word.end))
            given[at].append(Word(word.text, start, end, word.probability))
        return [tuple(one) for one in given]

    def located(self, start: float, end: float) -> tuple[float, float] | None:
        """Give where in the recording a span of the window is; None where it goes over a seam between pieces.

        Args:
          start, end: seconds from the window's start.
        """
        begins = self._begins()
        first, last = (max(0, sum(begin <= time for begin in begins) - 1) for time in (start, end))
        shift = self.pieces[first].start - begins[first]
        return (start + shift, end + shift) if first == last else None

    def excerpt(self, start: float, end: float) -> NDArray[np.float32]:
        """Give the audio from `start` to `end` seconds of the recording, as far as the window holds it."""
        parts = []
        for piece, begin in zip(self.pieces, self._begins(), strict=True):
            first, last = max(start, piece.start), min(end, piece.end)
            if first < last:
                shift = begin - piece.start
                parts.append(self.audio[round((first + shift) * SAMPLE_RATE) : round((last + shift) * SAMPLE_RATE)])
        return np.concatenate(parts) if parts else self.audio[:0]

    def _begins(self) -> list[float]:
        """Seconds of the window at which each piece begins."""
        begins, at = [], 0.0
        for piece in self.pieces:
            begins.append(at)
            at += piece.end - piece.start
        return begins


@dataclass(slots=True)
class _Pack:
    pieces: list[Piece] = field(default_factory=list)
    audio: list[NDArray[np.float32]] = field(default_factory=list)
    length: float = 0.0


class _Remembering:
    """A speech model that remembers what it said of the last frames.

    Attributes:
      first: number of the first frame remembered.
    """

    def __init__(self, model: SpeechModel) -> None:
        self.first = 0
        self.scores = np.zeros(0, dtype=np.float32)
        self._model = model

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = self._model.probabilities(frames)
        self.scores = np.concatenate([self.scores, scores])
        return scores

    def forget(self, before: int) -> None:
        """Forget the frames before a number."""
        spent = min(max(0, before - self.first), len(self.scores))
        self.scores, self.first = self.scores[spent:], self.first + spent


class Cutter:
    """Cuts one channel's audio into windows.

    Args:
      channel: its name.
      model: tells speech from silence; this channel's own.

    Attributes:
      spans: stretches of speech that have ended, in seconds; whoever reads them takes them away.
    """

    def __init__(self, channel: str, model: SpeechModel, options: CutOptions = CutOptions()) -> None:
        self.spans: list[tuple[float, float]] = []
        self._channel = channel
        self._options = options
        self._heard = _Remembering(model)
        self._activity = VoiceActivity(self._heard)
        self._buffer = RingBuffer(round((options.longest + options.lead + 5) * SAMPLE_RATE))
        self._pack = _Pack()
        self._speaking: float | None = None
        # Where the next piece of what is being said begins, and what of it is new.
        self._begin = self._new = 0.0
        self._done = 0.0
        self._cuts = 0

    def push(self, samples: NDArray[np.float32]) -> list[Cut]:
        """Take in samples (float32, 16 kHz) that follow the last ones; give the windows that are full."""
        cuts: list[Cut] = []
        for at in range(0, len(samples), STEP):
            piece = samples[at : at + STEP]
            self._buffer.append(piece)
            cuts += self._note(self._activity.receive(piece))
            cuts += self._bounded()
            if self._speaking is None:
                self._heard.forget(round(self._received / FRAME_SECONDS))
        return cuts

    def finish(self) -> list[Cut]:
        """The audio has ended: give what is left."""
        return [*self._note(self._activity.finish()), *self._flush()]

    @property
    def _received(self) -> float:
        return self._buffer.end / SAMPLE_RATE

    def _note(self, events: Sequence[SpeechStarted | SpeechEnded]) -> list[Cut]:
        cuts: list[Cut] = []
        for event in events:
            if isinstance(event, SpeechStarted):
                self._speaking = event.at
                self._begin, self._new = max(self._done, event.at - self._options.lead), event.at
            else:
                assert self._speaking is not None
                self.spans.append((self._speaking, event.at))
                cuts += self._bounded(event.at)
                end = min(self._received, event.at + self._options.tail)
                cuts += self._add(Piece(self._begin, end, end, True, max(0.0, event.at - self._new), self._new))
                self._speaking, self._done = None, end
        return cuts

    def _bounded(self, ended: float | None = None) -> list[Cut]:
        """Cut what has been going on for longer than a window holds."""
        cuts: list[Cut] = []
        options = self._options
        # What has paused may have ended, too: that is known only later, and its end must be left to be told.
        quiet = self._activity.paused if ended is None else ended
        until = self._received if quiet is None else min(self._received, quiet + options.tail)
        while self._speaking is not None and until - self._begin > options.longest:
            at, paused = self._quietest(self._begin + options.longest - options.quiet, self._begin + options.longest)
            settles = at if paused else at - options.margin
            said = settles if quiet is None else min(settles, quiet)
            cuts += self._add(Piece(self._begin, at, settles, False, max(0.0, said - self._new), self._new))
            self._begin, self._new = at if paused else at - options.context, max(self._new, said)
        return cuts

    def _quietest(self, start: float, end: float) -> tuple[float, bool]:
        """Find the moment between two seconds that is least like speech, and tell whether nobody speaks there."""
        first = max(0, round(start / FRAME_SECONDS) - self._heard.first)
        last = min(len(self._heard.scores), int(end / FRAME_SECONDS) - self._heard.first)
        scores = self._heard.scores[first:last]
        if not len(scores):
            return end, False
        around = np.convolve(scores, np.ones(3, dtype=np.float32) / 3, mode="same")
        # Of moments that are as quiet, the last: a window's cost is the same however full it is.
        at = len(around) - 1 - int(np.argmin(around[::-1]))
        moment = min(end, (self._heard.first + first + at + 0.5) * FRAME_SECONDS)
        return moment, float(around[at]) < SILENT

    def _add(self, piece: Piece) -> list[Cut]:
        if piece.end <= piece.start:
            return []
        length = piece.end - piece.start
        cuts = self._flush() if self._pack.length + length > self._options.longest else []
        pack = self._pack
        pack.pieces.append(piece)
        pack.audio.append(self._buffer.read(round(piece.start * SAMPLE_RATE), round(piece.end * SAMPLE_RATE)))
        pack.length += length
        return cuts

    def _flush(self) -> list[Cut]:
        pack, self._pack = self._pack, _Pack()
        if not pack.pieces:
            return []
        cut = Cut(self._channel, self._cuts, tuple(pack.pieces), np.concatenate(pack.audio))
        self._cuts += 1
        return [cut]
