"""Frames between the media plane and the console's process: a name, a JSON object, and bytes beside it. Pure."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_LENGTHS = struct.Struct(">II")
LARGEST = 64 * 1024 * 1024
"""Bytes of a frame's parts: evidence of half a minute, at the best quality, is a fifth of it."""


class BrokenLink(Exception):
    """What came is no frame: the other side is not who it should be."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; `what` says of which kind it is, `fields` has what belongs to it."""

    what: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    blob: bytes = b""

    def to_bytes(self) -> bytes:
        """Give the frame as it is sent."""
        header = json.dumps([self.what, self.fields], ensure_ascii=False, separators=(",", ":")).encode()
        return _LENGTHS.pack(len(header), len(self.blob)) + header + self.blob


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def receive(self, data: bytes) -> Iterator[Frame]:
        """Take bytes in; give the frames that they complete.

        Raises:
          BrokenLink: they are none.
        """
        self._waiting += data
        while len(self._waiting) >= _LENGTHS.size:
            header, blob = _LENGTHS.unpack_from(self._waiting)
            if header + blob > LARGEST:
                raise BrokenLink(f"a frame of {header + blob} bytes")
            begin = _LENGTHS.size
            if len(self._waiting) < begin + header + blob:
                return
            text = bytes(self._waiting[begin : begin + header])
            rest = bytes(self._waiting[begin + header : begin + header + blob])
            del self._waiting[: begin + header + blob]
            try:
                what, fields = json.loads(text)
            except (ValueError, TypeError) as error:
                raise BrokenLink(f"a frame that can't be read: {error}") from None
            if not isinstance(what, str) or not isinstance(fields, dict):
                raise BrokenLink("a frame that holds something else")
            yield Frame(what, fields, rest)
