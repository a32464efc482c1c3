"""Headers of recordings that say something else about their length than the file does. Pure.

A recorder that crashes leaves the length at 0 or at its largest, one that was still writing leaves one that is too
short, and a disk that was full cuts off what was promised. The audio is there nevertheless, so the length in the
header is put right before anything reads it: WAV (RIFF, RIFX, RF64, by EBU Tech 3306) and AU. What needs no mending to
be read, but was not finished either, is only noted: AIFF, and Ogg, whose last page says that it is the last (RFC 3533).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TOLERANCE = 0.1
"""Seconds by which a length may be wrong without a word: writers count their padding differently."""
MOST_CHUNKS = 10_000
_UNKNOWN_FROM = 0x7FFF0000
"""Lengths from here on, of 32 bits, are what writes who does not know yet."""
_LARGEST = 0xFFFFFFFF
_WAVE = frozenset({b"RIFF", b"RIFX", b"RF64"})
_LAST_PAGE = 0x04
_LARGEST_PAGE = 27 + 255 + 255 * 255


@dataclass(frozen=True, slots=True)
class Wrong:
    """A header that does not fit its file.

    Attributes:
      patches: bytes that put it right, by their place in the file.
      note: what is wrong, for people.
    """

    patches: Mapping[int, bytes]
    note: str


class Patched(io.RawIOBase):
    """A file with some of its bytes replaced, as a decoder sees it.

    Args:
      file: must be able to seek; is not closed with this.
    """

    def __init__(self, file: BinaryIO, patches: Mapping[int, bytes]) -> None:
        super().__init__()
        self._file = file
        self._patches = patches

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Seek, or stay where that is nowhere: a damaged header may lead anywhere, and libsndfile catches no errors."""
        try:
            return self._file.seek(offset, whence)
        except (ValueError, OverflowError, OSError):
            return self._file.tell()

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read as a file does, with the patches in place."""
        view = memoryview(buffer).cast("B")
        at = self._file.tell()
        data = bytearray(self._file.read(len(view)))
        for place, patch in self._patches.items():
            first, last = max(place, at), min(place + len(patch), at + len(data))
            if first < last:
                data[first - at : last - at] = patch[first - place : last - place]
        view[: len(data)] = data
        return len(data)


def look(file: BinaryIO) -> Wrong | None:
    """Compare a recording's header with its file; None where they agree, or where there is no header known here.

    Args:
      file: is left at its beginning.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        beginning = file.read(12)
        if beginning[:4] == b".snd":
            return _au(file, size)
        if beginning[:4] == b"OggS":
            return _ogg(file, size)
        if beginning[8:] == b"WAVE" and beginning[:4] in _WAVE:
            return _wave(file, size, beginning[:4])
        if beginning[:4] == b"FORM" and struct.unpack(">I", beginning[4:8])[0] > size:
            return Wrong({}, "the file is cut off, and was read to its end")
        return None
    except struct.error:
        # The header itself is cut off: whoever decodes it says so.
        return None
    finally:
        file.seek(0)


@dataclass(frozen=True, slots=True)
class _Data:
    """The chunk of audio in a WAV file.

    Attributes:
      begin: where its audio begins; its length stands before that.
      declared: how many bytes it says that it has.
      rate, block: bytes a second, and of a block that can't be divided.
      wide: where the 64-bit lengths of RF64 stand, or 0.
    """

    begin: int
    declared: int
    rate: int
    block: int
    wide: int


def _wave(file: BinaryIO, size: int, magic: bytes) -> Wrong | None:
    order = ">" if magic == b"RIFX" else "<"
    data = _data(file, order, rf64=magic == b"RF64")
    if data is None:
        return None
    there, declared = size - data.begin, data.declared
    unknown = not declared or (not data.wide and declared >= _UNKNOWN_FROM and declared > there)
    fits = abs(there - declared) <= TOLERANCE * data.rate and not unknown
    read = there - there % max(1, data.block)
    if fits or read <= 0 or (declared < there and _chunks_fill(file, data.begin + declared, size, order)):
        return None
    note = _note(declared, there, data.rate, unknown=unknown)
    if data.wide:
        return Wrong({4: struct.pack("<I", _LARGEST), data.wide: struct.pack("<QQ", size - 8, read)}, note)
    patches = {4: min(size - 8, _LARGEST), data.begin - 4: min(read, _LARGEST - 8)}
    return Wrong({place: struct.pack(f"{order}I", length) for place, length in patches.items()}, note)


def _data(file: BinaryIO, order: str, *, rf64: bool) -> _Data | None:
    at, rate, block, wide = 12, 0, 1, 0
    for _ in range(MOST_CHUNKS):
        file.seek(at)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if name == b"data":
            break
        if name == b"fmt ":
            _, _, _, rate, block = struct.unpack(f"{order}HHIIH", file.read(14))
        elif name == b"ds64" and rf64:
            wide = at + 8
        at += 8 + length + length % 2
    else:
        return None
    if wide:
        file.seek(wide + 8)
        (length,) = struct.unpack("<Q", file.read(8))
    return _Data(at + 8, length, rate, block, wide) if rate else None


def _au(file: BinaryIO, size: int) -> Wrong | None:
    file.seek(4)
    begin, declared, encoding, hertz, channels = struct.unpack(">5I", file.read(20))
    there = size - begin
    # Sun's own sign for a length that nobody knows is a header in order.
    if there <= 0 or declared == _LARGEST:
        return None
    # Bytes of a sample, by encoding: mu-law, 8, 16, 24 and 32 bits, float, double; A-law is 27.
    width = {2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8}.get(encoding, 1)
    rate = hertz * channels * width
    if not rate or (declared and abs(there - declared) <= TOLERANCE * rate):
        return None
    note = _note(declared, there, rate, unknown=not declared)
    return Wrong({8: struct.pack(">I", min(there, _LARGEST - 1))}, note)


def _ogg(file: BinaryIO, size: int) -> Wrong | None:
    file.seek(max(0, size - _LARGEST_PAGE))
    end = file.read(_LARGEST_PAGE)
    last = end.rfind(b"OggS")
    page = end[last:] if last >= 0 else b""
    if len(page) >= 27 and page[5] & _LAST_PAGE and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]]):
        return None
    return Wrong({}, "the recording was cut off or is not finished, and was read to its end")


def counts(beginning: bytes) -> bool:
    """Whether `look` knows for certain how much audio such a file holds, so that none is none."""
    return beginning[:4] in _WAVE or beginning[:4] == b".snd"


def _chunks_fill(file: BinaryIO, at: int, size: int, order: str) -> bool:
    """Whether what follows the audio is chunks up to the file's end; some writers leave padding out."""
    file.seek(at)
    if at % 2 and file.read(1) == b"\0":
        at += 1
    for _ in range(MOST_CHUNKS):
        if size - at < 8:
            return True
        file.seek(at)
        name, length = struct.unpack(f"{order}4sI", file.read(8))
        if not all(0x20 <= byte < 0x7F for byte in name):
            return False
        at += 8 + length + length % 2
        if at > size + 1:
            return False
    return True


def _note(declared: int, there: int, rate: int, *, unknown: bool) -> str:
    if unknown:
        return f"the header does not say how long it is: {there / rate:.1f} s were read, up to the file's end"
    return f"the header says {declared / rate:.1f} s, and there are {there / rate:.1f} s: those were read"
