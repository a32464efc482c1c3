"""Audio around what was found, read from the recordings again: for the journal's evidence and the report's clips."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamer.audio import encode
from streamer.errors import RecordingError
from streamer.record.clips import Clip
from streamer.reporter import MOMENT
from streamer.scan.decoding import decoded
from streamer.scan.results import Result, Scanned
from streamer.scan.sources import Source, digest
from streamer.types import Encoding

HELD, FILES = 600.0, 4
"""Seconds of a recording that is held in memory at once, at most, and how many."""
Span = tuple[float, float]
"""Seconds from the recording's start, from and to."""


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """A part of a recording.

    Attributes:
      start: seconds from the recording's start.
      samples: float32 of shape (samples, channels), full scale 1.0; what must not be kept is silent.
    """

    start: float
    sample_rate: int
    samples: NDArray[np.float32]


def excerpts(source: Source, result: Scanned, spans: Sequence[Span]) -> list[Excerpt]:
    """Read parts of a recording that was scanned, as far as it goes.

    Raises:
      RecordingError: it can't be read, or is another than it was.
    """
    with source.open() as file:
        if digest(file) != result.key.sha256:
            raise RecordingError(source.name, "is another recording than was scanned")
        with decoded(file, source.name, result.key.form) as sound:
            rate = sound.sample_rate
            bounds = [(max(0, round(start * rate)), round(end * rate)) for start, end in spans]
            parts = _parts(sound.blocks, bounds)
    found = []
    for (first, _), pieces in zip(bounds, parts, strict=True):
        samples = np.concatenate(pieces) if pieces else np.zeros((0, len(result.channels)), dtype=np.float32)
        _silence(samples, first, rate, result.silenced, result.channels)
        found.append(Excerpt(first / rate, rate, samples))
    return found


def clips(source: Source, result: Scanned, *, before: float, after: float) -> list[Clip]:
    """Give the evidence of what was found; what goes on for long is no moment that a clip could show.

    Raises:
      RecordingError: as `excerpts`.
    """
    moments = [one for one in result.found if one.end - one.start <= MOMENT]
    if not moments:
        return []
    spans = [(max(0.0, one.start - before), one.end + after) for one in moments]
    return [
        Clip(
            one.violation_id,
            excerpt.start,
            Encoding.PCM_S16LE,
            excerpt.sample_rate,
            {
                channel: encode(np.ascontiguousarray(excerpt.samples[:, column]), Encoding.PCM_S16LE)
                for column, channel in enumerate(result.channels)
            },
            {},
        )
        for one, excerpt in zip(moments, excerpts(source, result, spans), strict=True)
    ]


class Player:
    """Gives parts of recordings that were scanned, for as long as they are what they were.

    A short recording is held whole. A long one would have to be decoded from its beginning for each part: so it is read
    once for all parts that will be asked for.

    Args:
      results: that may be asked about.
      wanted: gives the parts of a recording that will be asked for.
    """

    def __init__(self, results: Iterable[Result], wanted: Callable[[Scanned], Sequence[Span]] = lambda _: ()) -> None:
        self._results = {result.file: result for result in results if isinstance(result, Scanned)}
        self._wanted = wanted
        self._held: OrderedDict[str, list[tuple[Span, Excerpt]]] = OrderedDict()

    def audio(self, file: str, start: float, end: float) -> tuple[NDArray[np.float32], int] | None:
        """Give the samples between two seconds, of shape (samples, channels), and their rate in hertz.

        Returns:
          None where the recording is gone, or is another by now.
        """
        part = self._part(file, start, end)
        if part is None:
            try:
                self._hold(file, start, end)
            except RecordingError:
                return None
            part = self._part(file, start, end)
            assert part is not None
        rate = part.sample_rate
        first = round(part.start * rate)
        return part.samples[max(0, round(start * rate) - first) : max(0, round(end * rate) - first)], rate

    def _part(self, file: str, start: float, end: float) -> Excerpt | None:
        held = self._held.get(file, ())
        return next((part for (first, last), part in held if first <= start and end <= last), None)

    def _hold(self, file: str, start: float, end: float) -> None:
        """Read what is asked for, and with it what will be, as far as there is room: first what comes after it."""
        result = self._results[file]
        spans = [(start, end)]
        if max(end, result.duration) <= HELD:
            spans = [(0.0, max(end, result.duration))]
        else:
            room = HELD - (end - start)
            for span in sorted(self._wanted(result), key=lambda span: (span[0] < start, span)):
                room -= span[1] - span[0]
                if room < 0:
                    break
                spans.append(span)
        self._held.pop(file, None)
        self._held[file] = [*zip(spans, excerpts(Source(file, 0, None), result, spans), strict=True)]
        if len(self._held) > FILES:
            self._held.popitem(last=False)


def _parts(blocks: Iterable[NDArray[np.float32]], bounds: Sequence[tuple[int, int]]) -> list[list[NDArray[np.float32]]]:
    parts: list[list[NDArray[np.float32]]] = [[] for _ in bounds]
    last = max((end for _, end in bounds), default=0)
    at = 0
    for block in blocks:
        for (first, end), pieces in zip(bounds, parts, strict=True):
            piece = block[max(0, first - at) : max(0, end - at)]
            if len(piece):
                pieces.append(piece.copy())
        at += len(block)
        if at >= last:
            break
    return parts


def _silence(
    samples: NDArray[np.float32],
    first: int,
    rate: int,
    silenced: Mapping[str, Sequence[Span]],
    channels: Sequence[str],
) -> None:
    for column, channel in enumerate(channels):
        for start, end in silenced.get(channel, ()):
            samples[max(0, int(start * rate) - first) : max(0, int(np.ceil(end * rate)) - first), column] = 0.0
