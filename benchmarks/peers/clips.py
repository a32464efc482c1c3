"""What is streamed: the agent's side of a call, brought to what every peer takes, 16-bit samples at 16 kHz."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks.calls import LabelledCall, Mark
from streamer import recordings

RATE = 16_000
FRAME = 640
"""Samples sent at once: 40 ms."""
AFTER = 6.0
"""Seconds of silence that follow each clip, as a line goes on when nobody speaks: a slow peer can still answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One side of a call in which a forbidden term is said.

    Attributes:
      mark: the term, and the second at which its last syllable ends.
      samples: int16, 16 kHz.
      after: seconds of silence sent after them.
    """

    name: str
    language: str
    mark: Mark
    samples: NDArray[np.int16]
    after: float = AFTER

    @property
    def duration(self) -> float:
        """Seconds that streaming it takes, the silence included."""
        return len(self.samples) / RATE + self.after

    def frames(self) -> list[bytes]:
        """Cut the clip and its silence into frames of 40 ms, little-endian."""
        silence = np.zeros(round(self.after * RATE), dtype=np.int16)
        whole = np.concatenate([self.samples, silence]).astype("<i2")
        return [whole[at : at + FRAME].tobytes() for at in range(0, len(whole), FRAME)]


def choose(calls: Sequence[LabelledCall], wanted: int) -> list[Clip]:
    """Take the first calls in Mandarin whose agent says a forbidden term; one more than wanted, to warm up with.

    Raises:
      SystemExit: there are not so many.
    """
    clips = []
    for call in calls:
        marks = [mark for mark in call.marks if mark.violation and mark.channel == "agent"]
        if call.language == "zh" and marks:
            clips.append(_read(call, marks[0]))
        if len(clips) > wanted:
            return clips
    raise SystemExit(
        f"there are {len(clips)} calls to measure with, and {wanted + 1} are needed: --clips {len(clips) - 1}"
    )


def _read(call: LabelledCall, mark: Mark) -> Clip:
    recording = recordings.read(call.path)
    agent = recording.samples[:, recording.channels.index("agent")]
    samples = soxr.resample(agent, recording.sample_rate, RATE)
    return Clip(call.path.stem, call.language, mark, np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16))


async def in_time(clip: Clip, began: float) -> AsyncGenerator[bytes, None]:
    """Give each frame when its last sample would have been spoken; never earlier, so that latencies are true."""
    sent = 0
    for frame in clip.frames():
        sent += len(frame) // 2
        await asyncio.sleep(began + sent / RATE - time.monotonic())
        yield frame
