"""espeak-ng's voices: a robot with many throats, for breadth. The program is GPL; what it says is not its work."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import soundfile

from streamer.recognition.sounds.training.voices import Random, Samples

NAMES = {"zh": ("cmn",), "en": ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029")}
THROATS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4")
HELD = ("m8", "f5")


def find(language: str, _: Path | None) -> Sequence[Espeak]:
    """Give the program's voices, where it is installed."""
    program = shutil.which("espeak-ng")
    if program is None or language not in NAMES:
        return []
    return [
        Espeak(f"espeak-{language}", language, False, 0.4, THROATS, program),
        Espeak(f"espeak-{language}-held", language, True, 0.1, HELD, program),
    ]


@dataclass(frozen=True)
class Espeak:
    """A family of throats."""

    name: str
    language: str
    held: bool
    share: float
    throats: tuple[str, ...]
    program: str
    licence: str = "output of GPL-3.0 software"

    def say(self, text: str, rng: Random) -> tuple[Samples, int]:
        voice = f"{rng.choice(NAMES[self.language])}+{rng.choice(self.throats)}"
        options = ["-v", voice, "-s", str(rng.integers(130, 200)), "-p", str(rng.integers(20, 80)), "--stdout"]
        spoken = subprocess.run(  # noqa: S603 - the program that was found, and a text that was composed
            [self.program, *options, "--", text], capture_output=True, check=True
        )
        samples, rate = soundfile.read(io.BytesIO(spoken.stdout), dtype="float32")
        return samples, int(rate)
