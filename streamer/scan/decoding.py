"""From a file's bytes to samples, a piece at a time: libsndfile's formats, and by PyAV whatever FFmpeg reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import av
import numpy as np
import soundfile
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from streamer.errors import RecordingError
from streamer.recordings import MAX_RATE, MIN_RATE
from streamer.scan import forms, headers
from streamer.scan.forms import HEADERLESS, Raw

BLOCK = 10.0
"""Seconds decoded at once."""
SHORT = 0.5
"""Seconds that may be missing of what a header promises without a word: some of them only estimate."""

Blocks = Iterator[NDArray[np.float32]]


@dataclass(slots=True, eq=False)
class Decoded:
    """A recording that is being decoded.

    Attributes:
      blocks: its samples, float32 of shape (samples, channels), full scale 1.0; may raise `RecordingError`.
      notes: what is odd about the file, though it was read; complete when the blocks have been given.
      broken_off: whether some of the file could not be read; known by then, too.
    """

    sample_rate: int
    channels: int
    blocks: Blocks
    notes: list[str] = field(default_factory=list)
    broken_off: bool = False


def form_of(file: BinaryIO, name: str, headerless: str | None = None) -> str:
    """Give what decides how an open file's bytes are read, beside the bytes themselves; see `streamer.scan.forms`.

    Args:
      headerless: the form of files without a header whose name leaves it open; a key of `HEADERLESS`.
    """
    file.seek(0)
    beginning = file.read(forms.LONGEST_MAGIC)
    file.seek(0)
    found = forms.form(name, beginning, headerless)
    return forms.MENDED if found == forms.BY_HEADER and headers.look(file) is not None else found


@contextmanager
def decoded(file: BinaryIO, name: str, form: str = forms.UNKNOWN) -> Iterator[Decoded]:
    """Decode an open file.

    Args:
      name: is what errors call it, and tells the form where that is unknown.
      form: as `form_of` gives it.

    Raises:
      RecordingError: it is no recording, or holds what a call can't.
    """
    raw = HEADERLESS.get(form_of(file, name) if form == forms.UNKNOWN else form)
    with ExitStack() as stack:
        if raw is not None and raw.codec is not None:
            found = stack.enter_context(_by_av(file, name, "", raw.codec))
        else:
            found = stack.enter_context(_by_sndfile(file, name, raw))
        if not MIN_RATE <= found.sample_rate <= MAX_RATE:
            reason = f"has a sample rate of {found.sample_rate} Hz; calls have {MIN_RATE} to {MAX_RATE}"
            raise RecordingError(name, reason)
        yield found


@contextmanager
def _by_sndfile(file: BinaryIO, name: str, raw: Raw | None) -> Iterator[Decoded]:
    options = {} if raw is None else _as_raw(raw)
    wrong = headers.look(file) if raw is None else None
    beginning = file.read(forms.LONGEST_MAGIC)
    file.seek(0)
    if not beginning:
        raise RecordingError(name, "is empty")
    whole = cast("BinaryIO", headers.Patched(file, {} if wrong is None else wrong.patches))
    try:
        sound = soundfile.SoundFile(whole, **options)
    except (soundfile.SoundFileError, TypeError) as error:
        file.seek(0)
        with _by_av(file, name, getattr(error, "error_string", str(error)).rstrip(".").lower()) as found:
            yield found
        return
    with sound:
        if not sound.frames and raw is None and not headers.counts(beginning):
            # A header that promises nothing may be wrong; FFmpeg looks for itself.
            file.seek(0)
            with _by_av(whole, name, "holds no sound") as found:
                yield found
            return
        found = Decoded(sound.samplerate, sound.channels, iter(()))
        if wrong is not None:
            found.notes.append(wrong.note)
        found.blocks = _blocks(sound, found, whole, name)
        yield found


def _as_raw(raw: Raw) -> dict[str, object]:
    return {"format": "RAW", "subtype": raw.subtype, "samplerate": raw.sample_rate, "channels": 1}


def _blocks(sound: soundfile.SoundFile, found: Decoded, file: BinaryIO, name: str) -> Blocks:
    step = max(1, round(BLOCK * sound.samplerate))
    promised, read = sound.frames, 0
    while True:
        try:
            block: NDArray[np.float32] = sound.read(step, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            # It gives up at the first damage; FFmpeg goes on after it.
            yield from _the_rest(found, file, name, read, str(error))
            return
        if not len(block):
            break
        read += len(block)
        # A float file may hold anything; a recogniser would hear nothing after one NaN.
        yield np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)
    if promised - read > SHORT * sound.samplerate:
        seconds, wanted = read / sound.samplerate, promised / sound.samplerate
        found.notes.append(f"the header says {wanted:.1f} s, and there are {seconds:.1f} s: those were read")


def _the_rest(found: Decoded, file: BinaryIO, name: str, read: int, why: str) -> Blocks:
    """Read a file again from where libsndfile gave it up."""
    file.seek(0)
    at = 0
    try:
        with _by_av(file, name, why) as again:
            if (again.sample_rate, again.channels) != (found.sample_rate, found.channels):
                raise RecordingError(name, f"breaks off ({why})")
            for block in again.blocks:
                rest = block[max(0, read - at) :]
                at += len(block)
                if len(rest):
                    yield rest
    except RecordingError:
        if not max(read, at):
            raise
    _break_off(found, max(read, at), why)


def _break_off(found: Decoded, read: int, why: str) -> None:
    seconds = read / found.sample_rate
    found.broken_off = True
    found.notes.append(f"some of it is damaged and could not be read ({why.rstrip('.')}); {seconds:.1f} s were")


@contextmanager
def _by_av(file: BinaryIO, name: str, why: str, codec: str | None = None) -> Iterator[Decoded]:
    try:
        container = _opened(file, codec)
    except (av.FFmpegError, ValueError):
        raise RecordingError(name, f"is no recording that can be read ({why or 'no audio in it'})") from None
    with container:
        if not container.streams.audio:
            raise RecordingError(name, "holds no sound")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise RecordingError(name, f"is in a codec that is not known here ({why})")
        found = Decoded(stream.rate or 0, stream.channels, iter(()))
        found.blocks = _frames(container, found, name)
        yield found


def _opened(file: BinaryIO, codec: str | None) -> av.container.InputContainer:
    try:
        return av.open(file, "r", format=codec, metadata_errors="ignore")
    except (av.FFmpegError, ValueError):
        file.seek(0)
        if file.read(3) != b"ID3":
            raise
        # A tag that says it is longer than the file hides the sound behind it.
        bare = cast("BinaryIO", headers.Patched(file, {0: bytes(10)}))
        bare.seek(0)
        return av.open(bare, "r", format="mp3", metadata_errors="ignore")


def _frames(container: av.container.InputContainer, found: Decoded, name: str) -> Blocks:
    # To one form, whatever the codec's; the rate stays.
    even = AudioResampler(format="flt", rate=found.sample_rate)
    read, why = 0, ""
    packets = container.demux(audio=0)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, ValueError) as error:
            why = str(error)
            break
        if packet is None:
            break
        try:
            pieces = [piece for frame in packet.decode() for piece in even.resample(frame)]
        except (av.FFmpegError, ValueError) as error:
            # A damaged packet costs what is in it, and nothing else.
            why = str(error)
            continue
        for piece in pieces:
            samples = piece.to_ndarray().reshape(-1, found.channels).astype(np.float32)
            read += len(samples)
            yield np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    if why:
        if not read:
            raise RecordingError(name, f"breaks off ({why})")
        _break_off(found, read, why)
