"""Stage of speech: sentences are composed and spoken, and varied into more speakers. Each voice has its own shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from lexicon.pronunciation import pronounce
from streamer.recognition.sounds.training import texts, voices
from streamer.recognition.sounds.training.augment import QUIETEST, RATE, Samples
from streamer.recognition.sounds.training.shards import Row, Stage
from streamer.recognition.sounds.training.voices import Voice, espeak, kokoro

SENTENCES = 40
"""In a shard."""
SHORTEST, LONGEST = 0.8, 5.4
"""Seconds of an utterance that is kept: a window holds it as a whole."""
ENGINES: tuple[voices.Engine, ...] = (kokoro.find, espeak.find)

Random = np.random.Generator


@dataclass(frozen=True)
class Plan:
    """What one voice is to speak.

    Attributes:
      folder: of voices.
      voice: by its name.
    """

    root: Path
    language: str
    seed: int
    folder: Path | None
    voice: str

    @property
    def speaker(self) -> Voice:
        """The voice itself."""
        return next(voice for voice in found(self.language, self.folder) if voice.name == self.voice)

    @property
    def held(self) -> bool:
        """Whether nothing of it is trained on."""
        return self.speaker.held

    @property
    def stage(self) -> Stage:
        """Its shards."""
        said = {"language": self.language, "seed": self.seed, "sentences": SENTENCES, "voice": self.voice}
        return Stage(self.root, f"speech-{self.voice}", said)


@cache
def found(language: str, folder: Path | None) -> Sequence[Voice]:
    """Find the voices of a language."""
    return [voice for engine in ENGINES for voice in engine(language, folder)]


def speak(plan: Plan, shard: int) -> None:
    """Make one shard."""
    rng = np.random.default_rng([plan.seed, 1, shard, *plan.voice.encode()])
    voice = plan.speaker
    parts, rows = [], []
    for text in texts.sentences(vocabulary(plan.language), SENTENCES, rng):
        said = texts.labelled(text, plan.language)
        speech = trimmed(varied(*voice.say(text, rng), rng))
        if said and SHORTEST <= len(speech) / RATE <= LONGEST:
            parts.append(whole_numbers(speech))
            rows.append(Row(0, 0, text, said, voice.name, voice.licence, voice.held))
    plan.stage.write(shard, parts, rows)


@cache
def vocabulary(language: str) -> texts.Vocabulary:
    """Give the words of a language, and what is to be said often enough of them."""

    def units(word: str) -> Sequence[int]:
        said = pronounce(word, language)
        return said[0] if said else ()

    return texts.chinese(units) if language == "zh" else texts.english(units)


def varied(samples: Samples, rate: int, rng: Random) -> Samples:
    """Give another speaker's: played faster or slower, so that pitch and formants move; at 16 kHz."""
    factor = float(np.exp(np.clip(rng.normal(0, 0.08), -0.17, 0.17)))
    other: Samples = soxr.resample(samples, rate * factor, RATE).astype(np.float32)
    return other


def trimmed(samples: Samples, floor: float = 0.01) -> Samples:
    """Cut off silence at both ends, but for 30 ms."""
    loud = np.flatnonzero(np.abs(samples) > floor * max(float(np.abs(samples).max(initial=0.0)), QUIETEST))
    if not len(loud):
        return samples[:0]
    margin = RATE * 30 // 1000
    return samples[max(0, loud[0] - margin) : loud[-1] + margin]


def whole_numbers(samples: Samples) -> NDArray[Any]:
    """Give samples as 16-bit numbers, the loudest near full scale."""
    return (samples / max(float(np.abs(samples).max()), QUIETEST) * 32_000).astype(np.int16)
