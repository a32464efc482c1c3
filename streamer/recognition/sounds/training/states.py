"""Stage of states: utterances, disturbed in several ways, go through the encoder as windows do at run time.

At first whole utterances are encoded. Once a head was fitted to these, it tells where each unit is said, and windows
are cut out of the utterances as they are at run time: of a few seconds, beginning and ending amid speech. Utterances
are dropped whose text that head doesn't find in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from streamer.recognition.engine import FRAME_SAMPLES, features_for, on_host, stacked
from streamer.recognition.sounds.head import Head
from streamer.recognition.sounds.training import recordings, speech
from streamer.recognition.sounds.training.align import aligned
from streamer.recognition.sounds.training.augment import RATE, Samples, disturbed
from streamer.recognition.sounds.training.shards import Row, Stage
from streamer.recognition.sounds.training.speech import varied

FORM = 2
"""Of what is made here: another one is not mixed with what was made before."""
PAUSES = (0.0, 0.7)
"""Seconds of silence before and after an utterance in its window."""
STEP = 2 * FRAME_SAMPLES
"""Samples to a state (20 ms)."""
WINDOWS = (1.5, 4.5)
"""Seconds of windows that are cut."""
WORST = -2.0
"""Score (nats lost per unit) of an utterance's text below which the text is not trusted."""

Random = np.random.Generator


@dataclass(frozen=True)
class Plan:
    """What decides what is encoded.

    Attributes:
      directory: with the weights of Whisper.
      sha256: of its `model.bin`.
      versions: of each utterance; of one that is held back there is one.
      head: a head's file by which windows are cut; whole utterances without.
      digest: of that file.
    """

    speech: speech.Plan | recordings.Plan
    directory: Path
    sha256: str
    compute_type: str
    versions: int
    head: Path | None = None
    digest: str = ""

    @property
    def stage(self) -> Stage:
        """Its shards: one to a shard of speech."""
        options = {
            "speech": self.speech.stage.folder.name,
            "whisper": self.sha256,
            "compute_type": self.compute_type,
            "versions": self.versions,
            "head": self.digest,
            "form": FORM,
        }
        return Stage(self.speech.root, f"{'windows' if self.head else 'states'}-{self.speech.voice}", options)


def encode(plan: Plan, shard: int) -> None:
    """Make one shard."""
    rng = np.random.default_rng([plan.speech.seed, 2, shard, *plan.speech.voice.encode()])
    spoken = [(row, samples.astype(np.float32) / np.float32(32768)) for row, samples in plan.speech.stage.read(shard)]
    crowd = [samples for _, samples in spoken]
    encoder, head = _encoder(plan.directory, plan.compute_type), _head(plan.head) if plan.head else None
    parts: list[NDArray[np.float16]] = []
    rows: list[Row] = []
    for row, samples in spoken:
        for _ in range(1 if row.held else plan.versions):
            # Those who are held back stay as they are: they are measured by.
            said = samples if row.held else varied(samples, RATE, rng)
            for part, window in windows(row, said, rng, encoder, head):
                parts.append(encoder(disturbed(window, rng, crowd)))
                rows.append(part)
    plan.stage.write(shard, parts, rows)


def windows(
    row: Row, samples: Samples, rng: Random, encoder: Encoder, head: Head | None
) -> Iterator[tuple[Row, Samples]]:
    """Give windows of an utterance with the units in them: one with all of it, or what a head lets be cut out of it."""
    whole = padded(samples, rng)
    if head is None:
        yield row, whole
        return
    middles, score = aligned(head.read(encoder(whole)[None])[0], row.units)
    if score < WORST:
        return
    # Units are parted half way between their middles; before the first one and after the last is as much as there is.
    between = [0, *((middles[:-1] + middles[1:] + 1) // 2).tolist(), len(whole) // STEP]
    for start, end in spans(between, rng):
        window = whole[between[start] * STEP : between[end] * STEP]
        yield replace(row, units=row.units[start:end]), window


def spans(between: list[int], rng: Random) -> Iterator[tuple[int, int]]:
    """Cut an utterance into windows, all of it, at places of chance.

    Args:
      between: states that part its units, the first before the first unit, the last after the last.

    Returns:
      for each window its first unit, and the one after its last.
    """
    start = 0
    while start < len(between) - 1:
        until = between[start] + rng.uniform(*WINDOWS) * RATE / STEP
        end = max(start + 1, int(np.searchsorted(between, until, side="right")) - 1)
        yield start, end
        start = end


def padded(samples: Samples, rng: Random) -> Samples:
    """Put silence around an utterance, so that it begins anywhere: a whole number of states."""
    before, after = (int(rng.uniform(*PAUSES) * RATE) for _ in range(2))
    after += -(before + len(samples) + after) % STEP
    return np.pad(samples, (before, after))


class Encoder:
    """Whisper's encoder, on one thread.

    Args:
      directory: with the weights.
    """

    def __init__(self, directory: Path, compute_type: str) -> None:
        whisper = WhisperModel(str(directory), device="cpu", compute_type=compute_type, cpu_threads=1)
        self._model, self._features = whisper.model, features_for(whisper)

    def __call__(self, window: Samples) -> NDArray[np.float16]:
        """Give the states of a window at 16 kHz: (states, width), one for each 20 ms."""
        frames = len(window) // STEP * 2
        mel: NDArray[np.float32] = self._features(window, padding=0)[:, :frames]
        states: Any = self._model.encode(stacked([mel]))
        halved: NDArray[np.float16] = on_host(states)[0].astype(np.float16)
        return halved


@cache
def _encoder(directory: Path, compute_type: str) -> Encoder:
    return Encoder(directory, compute_type)


@cache
def _head(file: Path) -> Head:
    return Head.load(file)
