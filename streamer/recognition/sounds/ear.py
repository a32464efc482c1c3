"""The ear: windows of audio in, the probabilities of sounds out; Whisper's encoder and a head, no decoder.

The decoder drifts on windows of less than eight seconds, the encoder doesn't: a window is encoded at its own length,
and three seconds cost a tenth of a thorough look.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamer.recognition.engine import FRAME_SAMPLES, Engine, on_host, stacked
from streamer.recognition.recognizer import Heard, Window
from streamer.recognition.sounds.head import Head

SHORTEST = 100
"""Mel frames that are encoded at least: a second."""
MEL_FRAMES = 2
"""Mel frames to an encoder state.

A window of a second or more is filled up to whole states and no further, as heads are trained: with two seconds of
silence behind three of speech, the states of these differed by a fifth of what other speech would make.
"""


class Ear:
    """Hears sounds in one language. Used from several threads at once.

    Args:
      engine: the language's Whisper.
      head: that belongs to it.
    """

    def __init__(self, engine: Engine, head: Head) -> None:
        self._engine = engine
        self._head = head

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        """Hear windows, those of one length in one batch; at most 30 seconds each.

        Returns:
          for each window the frames that its audio reaches into, and none of what it was filled up with.
        """
        heard: dict[int, Heard] = {}
        frames = [max(SHORTEST, MEL_FRAMES * _states(window)) for window in windows]
        for length in set(frames):
            alike = [i for i, own in enumerate(frames) if own == length]
            heard.update(zip(alike, self._hear([windows[i] for i in alike], length), strict=True))
        return [heard[i] for i in range(len(windows))]

    def _hear(self, windows: Sequence[Window], frames: int) -> list[Heard]:
        mels = stacked([self._engine.features(window.audio, frames) for window in windows])
        return read(self._head, windows, on_host(self._engine.model.encode(mels)))


def read(head: Head, windows: Sequence[Window], states: NDArray[np.float32] | NDArray[np.float16]) -> list[Heard]:
    """Read sounds off the states of windows, which may go on beyond their audio.

    Args:
      states: (windows, states, width).
    """
    lengths = [_states(window) for window in windows]
    posteriors = head.read(states, lengths)
    step = 1 / head.about.rate
    # Copies: whoever keeps one window's shouldn't keep the batch's.
    return [
        Heard(one[:length].copy(), window.start, step)
        for one, length, window in zip(posteriors, lengths, windows, strict=True)
    ]


def _states(window: Window) -> int:
    """Count the encoder states that a window's audio reaches into."""
    return -(-len(window.audio) // (FRAME_SAMPLES * MEL_FRAMES))
