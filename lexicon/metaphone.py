"""Consonants: what English text sounds like, by Philips' Metaphone (1990), which `jellyfish` implements. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import jellyfish
import numpy as np
from numpy.typing import NDArray

LETTERS = "AEIOUBXSKJTFHLMNPR0WY"
ALIKE, DIFFERENT, GAP = 0.4, 1.0, 0.8
"""Costs of a sound that is much alike or not; a sound too many or too few costs as a syllable does."""
_GROUPS = ("AEIOUWYH", "BP", "TD0", "KG", "FV0", "SXJ", "MN", "LR")


def encode(text: str) -> tuple[NDArray[np.int32], Sequence[tuple[int, int]]]:
    """Number the sounds of folded English text, and give for each the span of its word, spaces included."""
    numbers: list[int] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for word in text.split(" "):
        sounds = _sounds(word)
        numbers += sounds
        spans += [(max(0, at - 1), min(len(text), at + len(word) + 1))] * len(sounds)
        at += len(word) + 1
    return np.array(numbers, dtype=np.int32), spans


@lru_cache(maxsize=1 << 14)
def _sounds(word: str) -> tuple[int, ...]:
    return tuple(LETTERS.index(sound) for sound in jellyfish.metaphone(word) if sound in LETTERS)


@lru_cache(maxsize=1)
def classes() -> NDArray[np.int64]:
    """Number each sound's class of those that are much alike; the last is for what has none."""
    return np.array([*(_group(letter) + 1 for letter in LETTERS), 0], dtype=np.int64)


@lru_cache(maxsize=1)
def distances() -> NDArray[np.float32]:
    """Tabulate the cost of hearing one sound for another, by their numbers."""
    table = np.full((len(LETTERS) + 1, len(LETTERS) + 1), DIFFERENT, dtype=np.float32)
    for i, one in enumerate(LETTERS):
        for j, other in enumerate(LETTERS):
            table[i, j] = 0.0 if one == other else ALIKE if _group(one) == _group(other) else DIFFERENT
    return table


def _group(letter: str) -> int:
    return next((number for number, group in enumerate(_GROUPS) if letter in group), len(_GROUPS))
