"""What a violation sounds like: a clip that a page can hold, and its waveform. Pure."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from streamer.scan.results import Scanned

AudioOf = Callable[[str, float, float], tuple[NDArray[np.float32], int] | None]
"""Gives the samples (samples, channels) of a file between two seconds, and their rate in hertz; what must not be heard
is silent in them. None where the file is gone, or is not what was scanned."""

AROUND = 5.0
"""Seconds of a clip before the term and after it."""
LONGEST = 30.0
"""Seconds of what was said, at most: a rule about silence may span a whole call."""
RATE = 16_000
"""Hertz of clips: the lowest rate that every browser's MP3 decoder takes, and more than a telephone carries."""
PEAKS = 20
"""Of a waveform, a second."""
QUIETEST = 0.05
"""Of full scale: a clip in which nothing is louder is drawn small, so that noise does not look like speech."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A few seconds of a recording.

    Attributes:
      start, end: seconds of the recording.
      mp3: the clip as a `data:` address.
      peaks: the loudest sample of each twentieth of a second, by channel; 1 is the loudest of the clip.
    """

    start: float
    end: float
    mp3: str
    peaks: tuple[tuple[float, ...], ...]


def span(start: float, end: float, duration: float) -> tuple[float, float]:
    """Give the seconds of a recording that a clip of what was said from `start` to `end` holds."""
    return max(0.0, start - AROUND), min(duration, end + AROUND, start + LONGEST)


def clipped(call: Scanned) -> list[tuple[float, float]]:
    """Give the seconds of a recording that its clips hold, if each of its violations has one."""
    return [span(found.start, found.end, call.duration) for found in call.found]


def clip(audio: AudioOf, file: str, start: float, end: float, duration: float) -> Clip | None:
    """Cut a clip around what was said, or give None where the audio is gone.

    Args:
      start, end: seconds, of what was said.
      duration: seconds, of the recording.
    """
    begin, stop = span(start, end, duration)
    got = audio(file, begin, stop) if stop > begin else None
    if got is None or got[0].size == 0:
        return None
    samples, rate = got
    samples = np.clip(np.nan_to_num(samples.astype(np.float32)), -1.0, 1.0)
    return Clip(begin, begin + len(samples) / rate, _mp3(samples, rate), _peaks(samples, rate))


def _mp3(samples: NDArray[np.float32], rate: int) -> str:
    packed = io.BytesIO()
    resampled = samples if rate == RATE else soxr.resample(samples, rate, RATE)
    # The least of its scale that is still easily understood: about 4 KB a second of two speakers.
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": "VARIABLE", "compression_level": 0.9}
    soundfile.write(packed, resampled, RATE, **options)
    return "data:audio/mpeg;base64," + base64.b64encode(packed.getvalue()).decode()


def _peaks(samples: NDArray[np.float32], rate: int) -> tuple[tuple[float, ...], ...]:
    step = max(1, rate // PEAKS)
    loud = np.abs(samples)
    blocks = [loud[at : at + step].max(axis=0) for at in range(0, len(loud), step)]
    peaks = np.stack(blocks) / max(QUIETEST, float(loud.max()))
    return tuple(tuple(round(float(peak), 2) for peak in channel) for channel in peaks.T)
