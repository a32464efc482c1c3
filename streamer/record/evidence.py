"""Evidence: clips as FLAC files in a folder, for as long and as large as they may be."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from streamer.audio import decode
from streamer.errors import HuazhaError
from streamer.record import private
from streamer.record.clips import Clip
from streamer.types import Encoding

PEAKS = 20
"""Of a waveform, a second."""
UNFINISHED = 60.0
"""Seconds after which nobody is writing a clip any more."""
_SAFE = re.compile(r"[A-Za-z0-9-]{1,64}")


class ClipDamaged(HuazhaError):
    """A clip is there, and can't be read."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A clip that was written.

    Attributes:
      start, seconds: where it begins in the call, and its length.
    """

    start: float
    seconds: float
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Waveform:
    """A clip to be drawn: the loudest sample of each twentieth of a second, 0 to 1, by channel."""

    start: float
    seconds: float
    peaks: dict[str, list[float]]


class Evidence:
    """The folder of clips.

    Args:
      folder: made when the first clip comes.
      days: after which a clip is removed.
      most: bytes of all clips together; the oldest go first.
    """

    def __init__(self, folder: Path, *, days: float, most: int) -> None:
        self._folder = folder
        self._days = days
        self._most = most

    def keep(self, call: str, clip: Clip) -> Kept:
        """Write a clip: whole, or not at all.

        Raises:
          OSError: it can't be written.
          ValueError: it holds nothing, or something else than audio.
        """
        if clip.empty:
            raise ValueError("the clip holds no audio")
        samples = _samples(clip)
        packed = io.BytesIO()
        with soundfile.SoundFile(
            packed, "w", clip.sample_rate, len(clip.audio), subtype="PCM_16", format="FLAC"
        ) as file:
            # What is needed to read it again years later, without the journal.
            file.comment = f"huazha {call} {clip.violation_id} {','.join(clip.audio)} {clip.start:.3f}"
            file.write(samples)
        data = packed.getvalue()
        path = self._path(call, clip.violation_id)
        try:
            _write(path, data)
        except FileNotFoundError:
            # Another gateway that shares the folder has just tidied it up.
            _write(path, data)
        return Kept(clip.start, len(samples) / clip.sample_rate, hashlib.sha256(data).hexdigest(), len(data))

    def find(self, call: str, violation_id: str) -> Path | None:
        """Give a clip's file, if there is one."""
        path = self._path(call, violation_id)
        return path if path.is_file() else None

    def waveform(self, call: str, violation_id: str) -> Waveform | None:
        """Give what a clip looks like, if there is one.

        Raises:
          ClipDamaged: its file is not as it was written.
        """
        path = self.find(call, violation_id)
        if path is None:
            return None
        try:
            return _waveform(path)
        except (soundfile.LibsndfileError, OSError, ValueError, IndexError) as error:
            raise ClipDamaged(f"the clip of {violation_id} in call {call} can't be read: {error}") from None

    def expire(self, now: float) -> int:
        """Remove what is too old, and the oldest where there is too much; give the number of clips removed.

        Folders that are left empty go, too, and what was being written when a service died.

        Args:
          now: seconds since 1970.
        """
        clips = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.glob("*/*.flac"))
        total, removed = sum(size for _, size, _ in clips), 0
        for written, size, path in clips:
            if now - written > self._days * 86_400 or total > self._most:
                path.unlink(missing_ok=True)
                total -= size
                removed += 1
        self.tidy(now - UNFINISHED)
        return removed

    def tidy(self, before: float) -> None:
        """Remove what was not written to its end before then, in seconds since 1970, and empty folders."""
        for part in self._folder.glob("*/*.part"):
            with suppress(FileNotFoundError):
                if part.stat().st_mtime < before:
                    part.unlink()
        for folder in self._folder.glob("*/"):
            # Not empty, or gone already.
            with suppress(OSError):
                folder.rmdir()

    def _path(self, call: str, violation_id: str) -> Path:
        """Give a clip's place.

        Raises:
          ValueError: the names are none that the service gives.
        """
        if not all(_SAFE.fullmatch(name) for name in (call, violation_id)):
            raise ValueError("no such clip")
        return self._folder / call / f"{violation_id}.flac"


def _write(path: Path, data: bytes) -> None:
    for folder in (path.parent.parent, path.parent):
        private.folder(folder)
    private.write(path, data)


def _waveform(path: Path) -> Waveform:
    with soundfile.SoundFile(path) as file:
        *_, channels, start = file.comment.split()
        samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    step = rate // PEAKS
    peaks = {
        name: [round(float(np.max(np.abs(samples[at : at + step, i]))), 3) for at in range(0, len(samples), step)]
        for i, name in enumerate(channels.split(","))
    }
    return Waveform(float(start), len(samples) / rate, peaks)


def _samples(clip: Clip) -> NDArray[np.float32]:
    """Give a clip's samples, channels side by side: float32 of shape (samples, channels)."""
    columns = []
    for name, payload in clip.audio.items():
        column = decode(payload, Encoding(clip.encoding)).copy()
        _silence(column, clip, clip.silenced.get(name, ()))
        columns.append(column)
    length = max(len(column) for column in columns)
    return np.stack([np.pad(column, (0, length - len(column))) for column in columns], axis=1)


def _silence(samples: NDArray[np.float32], clip: Clip, spans: Iterable[tuple[float, float]]) -> None:
    for start, end in spans:
        first, last = ((at - clip.start) * clip.sample_rate for at in (start, end))
        samples[max(0, int(first)) : max(0, int(np.ceil(last)))] = 0.0
