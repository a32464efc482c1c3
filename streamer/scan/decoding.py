"""From a file's bytes to samples, a piece at a time: libsndfile's formats, and by PyAV whatever FFmpeg reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import soundfile
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from streamer.errors import RecordingError
from streamer.recordings import MAX_RATE, MIN_RATE

BLOCK = 10.0
"""Seconds decoded at once."""
TELEPHONE = 8000

RAW = {
    **dict.fromkeys((".ulaw", ".ul", ".mulaw", ".pcmu"), ("ULAW", TELEPHONE)),
    **dict.fromkeys((".alaw", ".al", ".pcma"), ("ALAW", TELEPHONE)),
    ".sln": ("PCM_16", TELEPHONE),
    ".sln16": ("PCM_16", 2 * TELEPHONE),
    ".gsm": ("GSM610", TELEPHONE),
    ".vox": ("VOX_ADPCM", TELEPHONE),
}
"""What telephone exchanges write without a header, by the file's name: subtype and hertz, one channel."""
HEADLESS = {".g722": "g722", ".g729": "g729"}
"""The same of what FFmpeg reads, by its own names."""
SUFFIXES = (
    frozenset(RAW)
    | frozenset(HEADLESS)
    | {
        *(".wav", ".wav49", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".au", ".aif", ".aiff", ".w64", ".rf64", ".caf"),
        *(".amr", ".awb", ".m4a", ".mp4", ".aac", ".webm", ".mka", ".wma", ".3gp"),
    }
)
"""How the names of recordings end."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A recording that is being decoded.

    Attributes:
      blocks: its samples, float32 of shape (samples, channels), full scale 1.0; may raise `RecordingError`.
    """

    sample_rate: int
    channels: int
    blocks: Iterator[NDArray[np.float32]]


@contextmanager
def decoded(file: BinaryIO, name: str) -> Iterator[Decoded]:
    """Decode an open file.

    Args:
      name: tells the form of what has no header, and is what errors call it.

    Raises:
      RecordingError: it is no recording, or holds what a call can't.
    """
    raw = RAW.get(Path(name).suffix.lower())
    form = {"format": "RAW", "subtype": raw[0], "samplerate": raw[1], "channels": 1} if raw else {}
    try:
        sound = soundfile.SoundFile(file, **form)
    except (soundfile.SoundFileError, TypeError) as error:
        file.seek(0)
        with _by_av(file, name, getattr(error, "error_string", str(error)).rstrip(".").lower()) as found:
            yield _sound(found, name)
        return
    with sound:
        step = max(1, round(BLOCK * sound.samplerate))
        yield _sound(Decoded(sound.samplerate, sound.channels, _blocks(sound, step, name)), name)


def _sound(found: Decoded, name: str) -> Decoded:
    if not MIN_RATE <= found.sample_rate <= MAX_RATE:
        reason = f"has a sample rate of {found.sample_rate} Hz; calls have {MIN_RATE} to {MAX_RATE}"
        raise RecordingError(name, reason)
    return found


def _blocks(sound: soundfile.SoundFile, step: int, name: str) -> Iterator[NDArray[np.float32]]:
    while True:
        try:
            block: NDArray[np.float32] = sound.read(step, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            raise RecordingError(name, f"breaks off ({error})") from None
        if not len(block):
            return
        # A float file may hold anything; a recogniser would hear nothing after one NaN.
        yield np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)


@contextmanager
def _by_av(file: BinaryIO, name: str, why: str) -> Iterator[Decoded]:
    try:
        form = HEADLESS.get(Path(name).suffix.lower())
        container = av.open(file, "r", format=form, metadata_errors="ignore")
    except (av.FFmpegError, ValueError):
        raise RecordingError(name, f"is no recording that can be read ({why})") from None
    with container:
        if not container.streams.audio:
            raise RecordingError(name, "holds no sound")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise RecordingError(name, f"is in a codec that is not known here ({why})")
        rate, channels = stream.rate or 0, stream.channels
        yield Decoded(rate, channels, _frames(container, rate, channels, name))


def _frames(
    container: av.container.InputContainer, rate: int, channels: int, name: str
) -> Iterator[NDArray[np.float32]]:
    # To one form, whatever the codec's; the rate stays.
    even = AudioResampler(format="flt", rate=rate)
    try:
        for frame in container.decode(audio=0):
            for piece in even.resample(frame):
                yield piece.to_ndarray().reshape(-1, channels).astype(np.float32)
    except (av.FFmpegError, ValueError) as error:
        raise RecordingError(name, f"breaks off ({error})") from None
