"""What recordings are called, and how the bytes of those without a header are read. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

TELEPHONE = 8000
"""Hertz at which telephone exchanges write."""


@dataclass(frozen=True, slots=True)
class Raw:
    """How samples without a header are written: one channel.

    Attributes:
      subtype: as libsndfile names it; None where FFmpeg reads it.
      codec: FFmpeg's name, where it does.
    """

    subtype: str | None
    sample_rate: int
    codec: str | None = None


_MULAW, _ALAW = Raw("ULAW", TELEPHONE), Raw("ALAW", TELEPHONE)
HEADERLESS = {
    **dict.fromkeys(("ulaw", "ul", "ulw", "mu", "mulaw", "pcmu"), _MULAW),
    **dict.fromkeys(("alaw", "al", "alw", "pcma"), _ALAW),
    "sln": Raw("PCM_16", TELEPHONE),
    **{f"sln{kilohertz}": Raw("PCM_16", 1000 * kilohertz) for kilohertz in (8, 12, 16, 24, 32, 48, 96, 192)},
    "sln44": Raw("PCM_16", 44_100),
    "gsm": Raw("GSM610", TELEPHONE),
    "vox": Raw("VOX_ADPCM", TELEPHONE),
    "g722": Raw(None, 2 * TELEPHONE, "g722"),
    "g729": Raw(None, TELEPHONE, "g729"),
}
"""What telephone exchanges write without a header, by the ending of the file's name."""
AMBIGUOUS = frozenset({"raw", "pcm"})
"""Endings of files without a header that mean another form to each program; who scans them says which."""
ENDINGS = frozenset(HEADERLESS) | {
    *("wav", "wave", "wav49", "flac", "mp3", "ogg", "oga", "opus", "au", "snd", "aif", "aiff", "aifc", "w64", "rf64"),
    *("caf", "amr", "awb", "m4a", "mp4", "aac", "webm", "mka", "wma", "3gp"),
}
"""How the names of recordings end, in lower case and without the dot."""
BY_HEADER, MENDED, UNKNOWN = "", "mended", "?"
"""Forms that `form` gives beside the endings in `HEADERLESS`: the header says it; it does once it has been put right;
nobody noted it, since it was scanned before forms were."""
LONGEST_MAGIC = 12
"""Bytes at a file's beginning that `has_header` wants."""
_ROTATED = re.compile(r"(\.\d+)+$")
_MAGIC = re.compile(
    rb"(?:RIFF|RIFX|RF64)....WAVE|FORM....AIF[FC]|fLaC|OggS|\.snd|caff|#!AMR|ID3|\x1aE\xdf\xa3|....ftyp", re.DOTALL
)


def ending(name: str) -> str:
    """Give the ending of a name in lower case, without the dot; the number of a rotated file is no ending."""
    own = _ROTATED.sub("", name.replace("\\", "/").rsplit("/", 1)[-1])
    return own.rpartition(".")[2].lower() if "." in own else ""


def has_header(beginning: bytes) -> bool:
    """Whether a file's first bytes are those of a form with a header, whatever the file is called."""
    return bool(_MAGIC.match(beginning))


def form(name: str, beginning: bytes, headerless: str | None = None) -> str:
    """Give how a file is read: a key of `HEADERLESS`, or `BY_HEADER`.

    Args:
      headerless: how files with an ambiguous ending are read.
    """
    if has_header(beginning):
        return BY_HEADER
    found = ending(name)
    if found in AMBIGUOUS and headerless is not None:
        return headerless
    return found if found in HEADERLESS else BY_HEADER


def form_before(name: str) -> str:
    """Give the form of a file that was scanned when forms were not yet noted: it may have had another name since."""
    return UNKNOWN if ending(name) in HEADERLESS else BY_HEADER
