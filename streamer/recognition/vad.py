"""Where speech is: Silero VAD, frame by frame, and the segments that its probabilities make."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
from faster_whisper.utils import get_assets_path
from numpy.typing import NDArray

from streamer.audio import SAMPLE_RATE

FRAME = 512
"""Samples to a frame (32 ms at 16 kHz), which is what the model was trained on."""
CONTEXT = 64
"""Samples of the frame before, which the model wants in front of each."""


class SpeechModel(Protocol):
    """Speech probabilities of one channel's audio, frame by frame; keeps its own state between calls."""

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score frames of shape (n, 512); returns n probabilities."""
        ...


class SileroModel:
    """One channel's state over the Silero network that faster-whisper carries."""

    def __init__(self) -> None:
        self._session = _session()
        self._h = np.zeros((1, 1, 128), dtype=np.float32)
        self._c = np.zeros((1, 1, 128), dtype=np.float32)
        self._context = np.zeros(CONTEXT, dtype=np.float32)

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        tails = frames[:, -CONTEXT:]
        contexts = np.vstack([self._context, tails[:-1]])
        self._context = tails[-1].copy()
        scores, self._h, self._c = self._session.run(
            None, {"input": np.hstack([contexts, frames]), "h": self._h, "c": self._c}
        )
        flat: NDArray[np.float32] = np.asarray(scores, dtype=np.float32).reshape(-1)
        return flat


@lru_cache(maxsize=1)
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    path = Path(get_assets_path()) / "silero_vad_v6.onnx"
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"], sess_options=options)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech begins at `at` seconds of call audio."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Speech ended at `at` seconds of call audio; it is known only some silence later."""

    at: float


@dataclass(frozen=True, slots=True)
class VadOptions:
    """Thresholds of speech.

    Attributes:
      onset: a frame this probable begins speech.
      offset: below this a frame is silent; between the two, speech goes on but doesn't begin.
      hangover: seconds of silence that end speech. Shorter gives the last words sooner, and cuts sentences
        at a speaker's pauses.
    """

    onset: float = 0.5
    offset: float = 0.35
    hangover: float = 0.4


class _State(IntEnum):
    SILENT = 0
    SPEAKING = 1


class VoiceActivity:
    """Finds the speech of one channel.

    ```
    SILENT --probability >= onset--> SPEAKING --silent for `hangover`--> SILENT
    ```
    """

    def __init__(self, model: SpeechModel, options: VadOptions = VadOptions()) -> None:
        self._model = model
        self._options = options
        self._state = _State.SILENT
        self._pending = np.zeros(0, dtype=np.float32)
        self._position = 0
        self._silent_since: int | None = None

    @property
    def paused(self) -> float | None:
        """Seconds of call audio since which a speaker has been silent, whose speech has not ended yet."""
        quiet = self._silent_since if self._state is _State.SPEAKING else None
        return None if quiet is None else quiet / SAMPLE_RATE

    def receive(self, samples: NDArray[np.float32]) -> list[SpeechStarted | SpeechEnded]:
        """Take in samples (float32, 16 kHz) that follow the last ones; what they begin and end."""
        audio = np.concatenate([self._pending, samples])
        whole = len(audio) // FRAME * FRAME
        # If the model raises, nothing was taken in.
        scores = self._model.probabilities(audio[:whole].reshape(-1, FRAME)) if whole else ()
        self._pending = audio[whole:]
        events = []
        for score in scores:
            events += self._step(float(score))
            self._position += FRAME
        return events

    def skip(self, samples: int) -> list[SpeechStarted | SpeechEnded]:
        """Go on after so many samples that nobody has: what was still spoken ends before them."""
        ended = self.finish()
        self._position += len(self._pending) + samples
        self._pending = self._pending[:0]
        return ended

    def finish(self) -> list[SpeechStarted | SpeechEnded]:
        """End of audio: what is still spoken ends here."""
        if self._state is _State.SILENT:
            return []
        self._state = _State.SILENT
        return [SpeechEnded((self._position + len(self._pending)) / SAMPLE_RATE)]

    def _step(self, score: float) -> list[SpeechStarted | SpeechEnded]:
        if self._state is _State.SILENT:
            if score < self._options.onset:
                return []
            self._state, self._silent_since = _State.SPEAKING, None
            return [SpeechStarted(self._position / SAMPLE_RATE)]
        if score >= self._options.onset:
            self._silent_since = None
        elif score < self._options.offset and self._silent_since is None:
            self._silent_since = self._position
        silent = 0 if self._silent_since is None else self._position + FRAME - self._silent_since
        if self._silent_since is None or silent < self._options.hangover * SAMPLE_RATE:
            return []
        self._state = _State.SILENT
        return [SpeechEnded(self._silent_since / SAMPLE_RATE)]
