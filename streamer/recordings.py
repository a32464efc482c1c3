"""Recordings as a telephony platform would send them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from streamer.audio import encode
from streamer.errors import RecordingError
from streamer.types import Encoding

MIN_RATE, MAX_RATE = 8000, 48_000
LEGS = ("agent", "customer")

_ENCODINGS = {"ULAW": Encoding.MULAW, "ALAW": Encoding.ALAW}


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording of a call.

    Attributes:
      encoding: to send it in; as in the file where the file is G.711, else 16-bit PCM.
      channels: the legs, in the order of the samples' columns.
      samples: float32 of shape (samples, channels), full scale 1.0.
    """

    path: Path
    encoding: Encoding
    sample_rate: int
    channels: tuple[str, ...]
    samples: NDArray[np.float32]

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / self.sample_rate

    def frames(self, seconds: float) -> Iterator[bytes]:
        """Cut into frames of so many seconds, encoded and interleaved; the last may be shorter."""
        step = max(1, round(seconds * self.sample_rate))
        for at in range(0, len(self.samples), step):
            yield encode(np.ascontiguousarray(self.samples[at : at + step]).reshape(-1), self.encoding)


def read(path: Path, channels: tuple[str, ...] | None = None) -> Recording:
    """Read a recording of one or two channels.

    Args:
      channels: the legs in the file's order; agent first when None.

    Raises:
      RecordingError: it can't be read, or holds what a call can't.
    """
    try:
        with soundfile.SoundFile(path) as file:
            encoding = _ENCODINGS.get(file.subtype, Encoding.PCM_S16LE)
            rate, samples = file.samplerate, file.read(dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        reason = "no such file" if not path.exists() else f"is no recording that can be read ({error})"
        raise RecordingError(path, reason) from None
    legs = channels or LEGS[: samples.shape[1]]
    if not MIN_RATE <= rate <= MAX_RATE:
        raise RecordingError(path, f"has a sample rate of {rate} Hz; calls have {MIN_RATE} to {MAX_RATE}")
    if samples.shape[1] != len(legs):
        raise RecordingError(path, f"has {samples.shape[1]} channels, not {len(legs)} ({', '.join(legs)})")
    return Recording(path, encoding, rate, legs, samples)
