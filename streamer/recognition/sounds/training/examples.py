"""Examples to fit a head to: encoder states with the units that are said in them, in batches of like length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.recognition.sounds.training.shards import Row, Stage

BUCKET = 100
"""States by which lengths are rounded up: a batch is padded by less."""

Example = tuple[Row, NDArray[np.float16]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples side by side.

    Attributes:
      states: (batch, states, width) float32, zero beyond an example's end.
      beyond: (batch, states), 1 beyond an example's end, else 0.
      units: (batch, most units), class numbers, 0 beyond an example's last.
      no_unit: (batch, most units), 1 beyond an example's last unit, else 0.
    """

    states: NDArray[np.float32]
    beyond: NDArray[np.float32]
    units: NDArray[np.int32]
    no_unit: NDArray[np.float32]


def load(stage: Stage, shard: int) -> list[Example]:
    """Give the examples of a shard; their states stay in the files until they are used.

    Those are left out whose units don't fit into their states: one state each, and one between equal ones.
    """
    return [(row, states) for row, states in stage.read(shard) if _needed(row.units) <= len(states)]


def batches(examples: Sequence[Example], states: int, seed: int, start: int = 0) -> Iterator[Batch]:
    """Draw batches for ever: the `n`-th is the same whenever it is drawn.

    Args:
      states: in a batch, about.
      start: the number of the first one.
    """
    buckets: dict[int, list[int]] = defaultdict(list)
    for index, (_, array) in enumerate(examples):
        buckets[-(-len(array) // BUCKET) * BUCKET].append(index)
    lengths = sorted(buckets)
    chances = np.array([length * len(buckets[length]) for length in lengths], dtype=float)
    most = max(len(row.units) for row, _ in examples)
    number = start
    while True:
        rng = np.random.default_rng([seed, 3, number])
        length = lengths[int(rng.choice(len(lengths), p=chances / chances.sum()))]
        chosen = rng.choice(buckets[length], size=max(1, states // length))
        yield stacked([examples[index] for index in chosen], length, most)
        number += 1


def stacked(examples: Sequence[Example], length: int, most: int) -> Batch:
    """Put examples side by side, padded to a length and a number of units."""
    width = examples[0][1].shape[1]
    batch = Batch(
        np.zeros((len(examples), length, width), dtype=np.float32),
        np.ones((len(examples), length), dtype=np.float32),
        np.zeros((len(examples), most), dtype=np.int32),
        np.ones((len(examples), most), dtype=np.float32),
    )
    for index, (row, states) in enumerate(examples):
        batch.states[index, : len(states)] = states
        batch.beyond[index, : len(states)] = 0
        batch.units[index, : len(row.units)] = row.units
        batch.no_unit[index, : len(row.units)] = 0
    return batch


def measure(examples: Sequence[Example]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give mean and standard deviation of each number of a state."""
    some = np.concatenate([states for _, states in examples[:: max(1, len(examples) // 500)]]).astype(np.float64)
    return some.mean(axis=0), some.std(axis=0) + 1e-3


def greedy(posteriors: NDArray[Any]) -> list[int]:
    """Read the best class of each state (states, classes): repeats once, blanks not at all."""
    best = posteriors.argmax(axis=-1)
    changed = np.flatnonzero(np.diff(best, prepend=-1))
    return [int(unit) for unit in best[changed] if unit]


def distance(said: Sequence[int], heard: Sequence[int]) -> int:
    """Count the insertions, deletions and substitutions that part two sequences (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for number, unit in enumerate(said, 1):
        above, row = row, [number]
        for at, other in enumerate(heard):
            row.append(min(row[at] + 1, above[at + 1] + 1, above[at] + (unit != other)))
    return row[-1]


def _needed(units: Sequence[int]) -> int:
    return len(units) + sum(one == two for one, two in pairwise(units))
