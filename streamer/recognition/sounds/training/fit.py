"""Stage of fitting: the weights of a head, by CTC, from states and the units that are said in them. Needs JAX.

The network is that of `streamer.recognition.sounds.head`, which computes it without JAX. What is kept is the step that
read best what voices said that are held back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from jax import numpy as jnp
from numpy.typing import NDArray

from streamer.recognition.sounds.form import KERNEL
from streamer.recognition.sounds.head import EPSILON
from streamer.recognition.sounds.training.examples import BUCKET, Example, batches, distance, greedy, stacked

Weights = dict[str, Any]
"""By the names of `streamer.recognition.sounds.form`."""


@dataclass(frozen=True)
class Fitting:
    """How a head is fitted.

    Attributes:
      width, blocks: of the network.
      steps: batches that are learned from.
      states: in a batch.
      rate: of learning, at first; it falls along a cosine.
      decay: of weights.
      dropout: share of numbers that are set to zero.
      masked: states in the longest stretch that is blotted out.
      check: steps from one look at voices that are held back to the next.
    """

    width: int = 256
    blocks: int = 3
    steps: int = 3000
    states: int = 6400
    rate: float = 1.5e-3
    decay: float = 1e-2
    dropout: float = 0.15
    masked: int = 12
    check: int = 250
    seed: int = 1


def fit(
    options: Fitting,
    learned: Sequence[Example],
    held: Sequence[Example],
    start: Mapping[str, NDArray[np.floating]],
    folder: Path,
    told: Callable[[int, float, float], None],
) -> tuple[dict[str, NDArray[np.floating]], float]:
    """Fit a head; goes on from where it was stopped.

    Args:
      held: what voices say that are held back.
      start: weights to begin with, as `initial` or `form.read` gives them.
      folder: where what was learned so far is kept.
      told: each step: its number, the loss, and the best error rate so far.

    Returns:
      the weights that read best, and the share of units that they get wrong of what is held back.
    """
    weights = {name: jnp.asarray(value, dtype=jnp.float32) for name, value in start.items()}
    mean, std = weights.pop("mean"), weights.pop("std")
    schedule = optax.warmup_cosine_decay_schedule(0.0, options.rate, options.steps // 20 + 1, options.steps)
    optimiser = optax.chain(
        optax.clip_by_global_norm(5.0), optax.adamw(schedule, weight_decay=options.decay, mask=_decaying)
    )

    def step(weights: Weights, state: Any, key: Any, *batch: Any) -> Any:
        def loss(weights: Weights) -> Any:
            scores = _scores(weights, batch[0], batch[1], mean, std, options, key)
            units = jnp.sum(1 - batch[3], axis=1)
            return jnp.mean(optax.ctc_loss(scores, batch[1], batch[2], batch[3]) / units)

        value, slopes = jax.value_and_grad(loss)(weights)
        changes, state = optimiser.update(slopes, state, weights)
        return optax.apply_updates(weights, changes), state, value

    def read(weights: Weights, states: Any, beyond: Any) -> Any:
        return _scores(weights, states, beyond, mean, std, options, None)

    learn, reading = jax.jit(step), jax.jit(read)
    kept = _Kept(folder / "checkpoint.npz", (weights, optimiser.init(weights), weights))
    done, rate = kept.done, kept.rate
    weights, state, best = kept.tree
    key = jax.random.PRNGKey(options.seed)
    for number, batch in zip(
        range(done, options.steps), batches(learned, options.states, options.seed, done), strict=False
    ):
        weights, state, loss = learn(
            weights, state, jax.random.fold_in(key, number), batch.states, batch.beyond, batch.units, batch.no_unit
        )
        if (number + 1) % options.check == 0 or number + 1 == options.steps:
            now = error_rate(partial(reading, weights), held)
            if now < rate:
                rate, best = now, weights
            kept.write(number + 1, rate, (weights, state, best))
        told(number + 1, float(loss), rate)
    return {name: np.asarray(value) for name, value in best.items()} | {
        "mean": np.asarray(mean),
        "std": np.asarray(std),
    }, rate


def error_rate(read: Callable[[Any, Any], Any], examples: Sequence[Example]) -> float:
    """Give the share of units that are read wrong, each for itself without any search.

    Args:
      read: gives scores (batch, states, classes) for states, and 1 for each that is beyond an example's end.
    """
    wrong = said = 0
    for start in range(0, len(examples), 32):
        some = examples[start : start + 32]
        length = -(-max(len(states) for _, states in some) // BUCKET) * BUCKET
        batch = stacked(some, length, max(len(row.units) for row, _ in some))
        scores = np.asarray(read(batch.states, batch.beyond))
        for (row, states), each in zip(some, scores, strict=True):
            wrong += distance(row.units, greedy(each[: len(states)]))
            said += len(row.units)
    return wrong / max(said, 1)


def initial(
    options: Fitting, scale: tuple[NDArray[np.float64], NDArray[np.float64]], classes: int
) -> dict[str, NDArray[np.floating]]:
    """Draw weights to begin with.

    Args:
      scale: mean and deviation of states.
      classes: of the head, blank among them.
    """
    rng = np.random.default_rng([options.seed, 4])
    mean, std = scale
    width = len(mean)
    weights: dict[str, NDArray[np.floating]] = {
        "mean": mean,
        "std": std,
        "scale": np.ones(width),
        "shift": np.zeros(width),
    }
    for block in range(options.blocks):
        given = options.width if block else width
        weights[f"conv{block}.weight"] = rng.normal(0, 1 / math.sqrt(KERNEL * given), (KERNEL, given, options.width))
        weights |= {f"{name}.bias": np.zeros(options.width) for name in (f"conv{block}", f"norm{block}")}
        weights[f"norm{block}.gain"] = np.ones(options.width)
    weights["out.weight"] = rng.normal(0, 0.5 / math.sqrt(options.width), (options.width, classes))
    # Most states hold the end of no unit.
    weights["out.bias"] = np.eye(1, classes)[0]
    return weights


def _decaying(weights: Weights) -> dict[str, bool]:
    return {name: name.endswith(".weight") for name in weights}


def _scores(weights: Weights, states: Any, beyond: Any, mean: Any, std: Any, options: Fitting, key: Any | None) -> Any:
    """Compute the network as `Head.read` does, up to the logarithm; with a key, as it is trained."""
    here = (1 - beyond)[..., None]
    rows = ((states - mean) / std * weights["scale"] + weights["shift"]) * here
    if key is not None:
        rows = _blotted(rows, options, key)
    for block in range(options.blocks):
        if key is not None:
            rows = _dropped(rows, options.dropout, jax.random.fold_in(key, block))
        heard = _convolved(rows, weights[f"conv{block}.weight"]) + weights[f"conv{block}.bias"]
        heard -= heard.mean(axis=-1, keepdims=True)
        heard *= jax.lax.rsqrt((heard**2).mean(axis=-1, keepdims=True) + EPSILON)
        heard = jax.nn.gelu(heard * weights[f"norm{block}.gain"] + weights[f"norm{block}.bias"])
        rows = (rows + heard if block else heard) * here
    return rows @ weights["out.weight"] + weights["out.bias"]


def _convolved(rows: Any, weight: Any) -> Any:
    """Convolve as three products: a processor multiplies matrices faster than it convolves."""
    before = jnp.pad(rows, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    after = jnp.pad(rows, ((0, 0), (0, 1), (0, 0)))[:, 1:]
    return before @ weight[0] + rows @ weight[1] + after @ weight[2]


def _dropped(rows: Any, share: float, key: Any) -> Any:
    return rows * jax.random.bernoulli(key, 1 - share, rows.shape) / (1 - share)


def _blotted(rows: Any, options: Fitting, key: Any) -> Any:
    """Blot out two stretches of states, and some numbers of all states of an example."""
    keys = jax.random.split(key, 5)
    batch, length, width = rows.shape
    places = jnp.arange(length)
    for begin, size in ((keys[0], keys[1]), (keys[2], keys[3])):
        first = jax.random.randint(begin, (batch, 1), 0, length)
        states = jax.random.randint(size, (batch, 1), 0, options.masked + 1)
        rows = jnp.where(((places >= first) & (places < first + states))[..., None], 0.0, rows)
    return rows * jax.random.bernoulli(keys[4], 0.95, (batch, 1, width))


class _Kept:
    """What was learned so far, in a file: weights, the optimiser's state and the best weights."""

    def __init__(self, file: Path, tree: Any) -> None:
        self._file = file
        self.done, self.rate, self.tree = 0, math.inf, tree
        if file.exists():
            with np.load(file) as stored:
                self.done, self.rate = int(stored["done"]), float(stored["rate"])
                count = len(jax.tree.leaves(tree))
                leaves = [jnp.asarray(stored[f"leaf{index}"]) for index in range(count)]
            self.tree = jax.tree.unflatten(jax.tree.structure(tree), leaves)

    def write(self, done: int, rate: float, tree: Any) -> None:
        half = self._file.with_suffix(".half.npz")
        leaves = {f"leaf{index}": np.asarray(leaf) for index, leaf in enumerate(jax.tree.leaves(tree))}
        np.savez(half, allow_pickle=False, done=done, rate=rate, **leaves)
        half.rename(self._file)
