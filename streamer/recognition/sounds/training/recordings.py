"""Recorded speech of people: a folder with `recordings.tsv` and the files that it names.

A line of the table is FILE, TEXT, SPEAKER and LICENCE, parted by tabs; files are relative to the folder. One speaker of
ten is held back. A text with digits or foreign letters is left out: nobody knows how it was said.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from streamer.errors import TrainingError
from streamer.recognition.sounds.training.augment import RATE
from streamer.recognition.sounds.training.shards import Row, Stage
from streamer.recognition.sounds.training.speech import SENTENCES, SHORTEST, trimmed, whole_numbers
from streamer.recognition.sounds.training.texts import labelled

TABLE = "recordings.tsv"
HELD_OF = 10
"""One of so many speakers is held back."""
LONGEST = 10.0
"""Seconds of a recording that is used."""
FEWEST = 4
"""Units in a text that is used: of a shorter one a wrong label is likelier."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One line of the table."""

    file: Path
    text: str
    speaker: str
    licence: str


@dataclass(frozen=True)
class Plan:
    """A folder of recordings as a voice that speaks; of the people in it, those who are held back or the others."""

    root: Path
    language: str
    seed: int
    folder: Path
    held: bool

    @property
    def voice(self) -> str:
        """Name of those who speak."""
        return f"{self.folder.name}{'-held' if self.held else ''}"

    @property
    def stage(self) -> Stage:
        """Its shards."""
        table = hashlib.sha256((self.folder / TABLE).read_bytes()).hexdigest()
        said = {"language": self.language, "seed": self.seed, "table": table, "held": self.held}
        return Stage(self.root, f"speech-{self.voice}", said)

    @property
    def shards(self) -> int:
        """How many shards its recordings make."""
        return -(-len(listed(self)) // SENTENCES)


@cache
def listed(plan: Plan) -> list[Recording]:
    """Read the table: the recordings of a plan, in an order of chance.

    Raises:
      TrainingError: it can't be read, or a line is wrong.
    """
    table = plan.folder / TABLE
    try:
        with table.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except OSError as error:
        raise TrainingError(table, f"can't be read: {error.strerror}") from None
    for number, line in enumerate(lines, 1):
        if len(line) != 4:
            raise TrainingError(
                f"{table}:{number}", f"has {len(line)} columns; file, text, speaker, licence are needed"
            )
    found = [Recording(plan.folder / line[0], *line[1:]) for line in lines]
    order = np.random.default_rng(plan.seed).permutation(len(found))
    return [found[index] for index in order if is_held(found[index].speaker) is plan.held]


def is_held(speaker: str) -> bool:
    """Whether a speaker is held back: the same whatever else is in the table."""
    return int(hashlib.sha256(speaker.encode()).hexdigest(), 16) % HELD_OF == 0


def read(plan: Plan, shard: int) -> None:
    """Make one shard."""
    parts, rows = [], []
    for recording in listed(plan)[shard * SENTENCES : (shard + 1) * SENTENCES]:
        units = _units(recording.text, plan.language)
        if len(units) < FEWEST:
            continue
        try:
            samples, rate = soundfile.read(recording.file, dtype="float32", always_2d=True)
        except (OSError, soundfile.LibsndfileError) as error:
            raise TrainingError(recording.file, f"can't be read: {error}") from None
        speech = trimmed(soxr.resample(samples.mean(axis=1), rate, RATE))
        if SHORTEST <= len(speech) / RATE <= LONGEST:
            parts.append(whole_numbers(speech))
            speaker = f"{plan.folder.name}:{recording.speaker}"
            rows.append(Row(0, 0, recording.text, units, speaker, recording.licence, plan.held))
    plan.stage.write(shard, parts, rows)


def _units(text: str, language: str) -> tuple[int, ...]:
    foreign = any(char.isdigit() or (language != "en" and char.isascii() and char.isalpha()) for char in text)
    return () if foreign else labelled(text, language)
