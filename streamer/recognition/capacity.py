"""How many calls at once a machine bears: told from how fast it recognises, which is measured when it starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from streamer import recordings
from streamer.audio import SAMPLE_RATE, Resampler
from streamer.recognition.recognizer import Recognizer, Window

LOOKS = 1.3
"""Looks a second that a call takes at least, so that blocks come within about two seconds.

On two cores with Whisper base, 10 to 12 windows a second, eight calls at once have 95 of 100 blocks within 2.0 s.
"""
LOOP = 60
"""Calls that one event loop bears at most, whatever recognises: each takes about a hundredth of its time."""
SECONDS = 5.0
"""Seconds of speech in the windows that are measured."""
ROUNDS = 2


def calls(rate: float) -> int:
    """Tell how many calls a recogniser of `rate` windows a second bears: at least one."""
    return max(1, min(LOOP, int(rate / LOOKS)))


def measure(recognizer: Recognizer, language: str, *, on_processor: bool) -> float:
    """Measure how many windows a second are recognised in a hurry, by all workers at once.

    Args:
      on_processor: whether it is the processor that computes. Then its time is what counts, not the clock's, so that
        a machine which is busy with something else at this moment is not taken for a slow one.
    """
    batch = recognizer.abilities(language).max_batch
    speech = _speech(language)
    windows = [Window("", "agent", 0, piece, 0.0, language, thorough=False) for piece in _pieces(speech, batch)]
    return max(_rate(recognizer, windows, on_processor=on_processor) for _ in range(ROUNDS))


def _rate(recognizer: Recognizer, windows: Sequence[Window], *, on_processor: bool) -> float:
    at_once = recognizer.concurrency
    with ThreadPoolExecutor(at_once, "measure") as pool:
        began, computed = time.monotonic(), time.process_time()
        list(pool.map(recognizer.recognize, [windows] * at_once))
        took = time.monotonic() - began
        computed = time.process_time() - computed
    if on_processor:
        took = min(took, computed / at_once)
    return len(windows) * at_once / max(took, 1e-6)


def _pieces(speech: NDArray[np.float32], count: int) -> list[NDArray[np.float32]]:
    length = int(SECONDS * SAMPLE_RATE)
    starts = np.linspace(0, len(speech) - length, count).astype(int)
    return [speech[start : start + length] for start in starts.tolist()]


def _speech(language: str) -> NDArray[np.float32]:
    """Give the agent's leg of a bundled call: in the language, if there is one."""
    with resources.as_file(resources.files("streamer") / "data") as folder:
        file = folder / f"demo-{language}.wav"
        recording = recordings.read(file if file.exists() else folder / "demo-zh.wav")
    leg = np.ascontiguousarray(recording.samples[:, recording.channels.index("agent")])
    return Resampler(recording.sample_rate).push(leg)
