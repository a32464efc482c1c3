"""Heads of sounds with random weights: what they read means nothing, but everything else of them is real."""

from __future__ import annotations

import numpy as np

from streamer.recognition.sounds import form
from streamer.recognition.sounds.form import About, Arrays
from streamer.recognition.sounds.head import Head

UNITS = ("bao", "ben", "li", "shou", "yi")
WIDTH = 512
"""Of a state of Whisper base."""


def about(language: str = "zh", sha256: str = "0" * 64, width: int = WIDTH, units: tuple[str, ...] = UNITS) -> About:
    return About(language, units, "base", sha256, width, {"sure": (-0.5, -1.0, -2.0)})


def arrays(width: int = WIDTH, inner: int = 8, blocks: int = 2, units: tuple[str, ...] = UNITS) -> Arrays:
    dice = np.random.default_rng(1)
    classes = len(units) + 1
    made = {
        "mean": dice.normal(0.0, 1.0, width),
        "std": dice.uniform(0.5, 2.0, width),
        "scale": dice.uniform(0.5, 2.0, width),
        "shift": dice.normal(0.0, 1.0, width),
        "out.weight": dice.normal(0.0, 1.0, (inner, classes)),
        "out.bias": dice.normal(0.0, 1.0, classes),
    }
    for i in range(blocks):
        before = inner if i else width
        made[f"conv{i}.weight"] = dice.normal(0.0, (form.KERNEL * before) ** -0.5, (form.KERNEL, before, inner))
        made |= {f"conv{i}.bias": dice.normal(0.0, 1.0, inner), f"norm{i}.bias": dice.normal(0.0, 1.0, inner)}
        made[f"norm{i}.gain"] = dice.uniform(0.5, 2.0, inner)
    return {name: array.astype(np.float16) for name, array in made.items()}


def head(language: str = "zh") -> Head:
    return Head(arrays(), about(language))
