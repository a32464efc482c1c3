"""A head of sounds: reads the syllables or letters that are spoken off the states of Whisper's encoder.

States x of (frames, width) become the logarithms of each class's probability:

    y = (x - mean) / std * scale + shift
    y = gelu(norm(conv(y)))             the first block
    y = y + gelu(norm(conv(y)))         each other one
    log_softmax(y @ out.weight + out.bias)

    conv(y)[t] = y[t-1] @ weight[0] + y[t] @ weight[1] + y[t+1] @ weight[2] + bias
    norm(y)    = (y - mean of y) / sqrt(variance of y + 1e-5) * gain + bias, over each frame's numbers
    gelu(y)    = y / 2 * (1 + tanh(sqrt(2 / pi) * (y + 0.044715 * y ** 3))), which is what `jax.nn.gelu` gives

A convolution finds zeros before the first frame and after the last one: a window reads the same in any batch. Whoever
trains on padded batches sets what it is given beyond a window's end to zero, before each convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamer.recognition.sounds import form
from streamer.recognition.sounds.form import About, Arrays

EPSILON = 1e-5
"""What keeps a frame without any variance from being divided by nothing."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    weight: Floats
    bias: Floats
    gain: Floats
    shift: Floats

    def __call__(self, rows: Floats) -> Floats:
        """Convolve, norm and bend all rows but the first and the last."""
        frames = rows[1:-1] @ self.weight[1]
        frames += rows[:-2] @ self.weight[0]
        frames += rows[2:] @ self.weight[2]
        frames += self.bias
        frames -= frames.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", frames, frames)[:, None] / frames.shape[1]
        frames /= np.sqrt(variance + EPSILON)
        frames *= self.gain
        frames += self.shift
        return _gelu(frames)


class Head:
    """Computes with the weights of one file, in float32, on the thread that asks; by NumPy's BLAS alone.

    Args:
      arrays, about: as `form.read` gives them.
    """

    def __init__(self, arrays: Arrays, about: About) -> None:
        weights = {name: array.astype(np.float32) for name, array in arrays.items()}
        self.about = about
        self._scale = weights["scale"] / weights["std"]
        self._shift = weights["shift"] - weights["mean"] * self._scale
        self._blocks = [
            _Block(*(weights[f"{name}{i}.{kind}"] for name, kind in _PARTS)) for i in range(form.blocks(arrays))
        ]
        self._out, self._bias = weights["out.weight"], weights["out.bias"]

    @classmethod
    def load(cls, path: Path) -> Head:
        """Read a head's file.

        Raises:
          ModelDamaged: it is no such file, is cut short, or is of another version.
          OSError: it can't be read.
        """
        return cls(*form.read(path))

    def read(self, states: NDArray[np.float32] | NDArray[np.float16], lengths: Sequence[int] | None = None) -> Floats:
        """Read a batch of windows.

        Args:
          states: (batch, frames, width).
          lengths: frames of each window that count; all of them when None.

        Returns:
          the natural logarithm of each class's probability, (batch, frames, classes); what stands there beyond a
          window's length has no meaning.

        Raises:
          ValueError: the states are of another width: another Whisper's.
        """
        batch, frames, width = states.shape
        if width != self.about.width:
            raise ValueError(
                f"states of {width} numbers are not those of {self.about.whisper}, which have {self.about.width}"
            )
        # All windows below one another, each between two rows of zeros.
        until = np.full(batch, frames) if lengths is None else np.asarray(lengths)
        outside = np.arange(-1, frames + 1) >= until[:, None]
        outside[:, 0] = True
        rows = np.zeros((batch, frames + 2, width), dtype=np.float32)
        np.multiply(states, self._scale, out=rows[:, 1:-1])
        rows += self._shift
        rows[outside] = 0.0
        rows = rows.reshape(-1, width)
        between = outside.reshape(-1)
        for i, block in enumerate(self._blocks):
            heard = np.zeros((len(rows), self._out.shape[0]), dtype=np.float32)
            heard[1:-1] = block(rows)
            if i:
                heard += rows
            heard[between] = 0.0
            rows = heard
        scores = rows @ self._out
        scores += self._bias
        return _log_softmax(scores).reshape(batch, frames + 2, -1)[:, 1:-1]


_PARTS = (("conv", "weight"), ("conv", "bias"), ("norm", "gain"), ("norm", "bias"))


def _gelu(x: Floats) -> Floats:
    bent = x * x
    bent *= 0.044715
    bent += 1.0
    bent *= x
    bent *= sqrt(2.0 / pi)
    np.tanh(bent, out=bent)
    bent += 1.0
    bent *= x
    bent *= 0.5
    return bent


def _log_softmax(scores: Floats) -> Floats:
    scores -= scores.max(axis=1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return scores
