"""Which head belongs to a Whisper: one that was trained for it and lies beside its weights, or one that ships."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from lexicon.pronunciation import inventory
from streamer.errors import ModelDamaged
from streamer.recognition.sounds.form import AGAIN
from streamer.recognition.sounds.head import Head

SHIPPED = Path(__file__).parent / "weights"
"""Heads as `MODEL.LANGUAGE.npz`."""
SOONER = frozenset({"zh"})
"""Languages in which most terms are sure by their sound. A call then has its text at leisure, and a block that needs it
comes later; where most blocks do, as where letters are read, the text is looked at as soon as without a head."""


def find(directory: Path, language: str, shipped: Path = SHIPPED) -> Head | None:
    """Find the head for a Whisper and a language: `sounds.LANGUAGE.npz` in its directory, else one that ships.

    Args:
      directory: with the Whisper's weights.

    Returns:
      None where there is none: terms are then found in text only.

    Raises:
      ModelDamaged: a head is damaged, or of another version; or the one in the directory belongs to another Whisper.
      OSError: a file can't be read.
    """
    own = directory / f"sounds.{language}.npz"
    files = [own] if own.is_file() else sorted(shipped.glob(f"*.{language}.npz"))
    for file in files:
        head = Head.load(file)
        if head.about.language == language and head.about.sha256 == whisper_sha256(directory):
            if head.about.units != inventory(language):
                raise ModelDamaged(str(file), f"tells other sounds apart than this version of Huazha knows; {AGAIN}")
            return head
        if file == own:
            raise ModelDamaged(
                str(file),
                f"reads {head.about.language} off another model.bin, of {head.about.whisper}; "
                "train it again (huazha model train-sounds), or remove it",
            )
    return None


def find_all(directory: Path, shipped: Path = SHIPPED) -> dict[str, Head]:
    """Find the heads for a Whisper, as `find` does, by language."""
    files = [*directory.glob("sounds.*.npz"), *shipped.glob("*.*.npz")]
    languages = sorted({file.name.split(".")[-2] for file in files})
    return {language: head for language in languages if (head := find(directory, language, shipped)) is not None}


def described(languages: Sequence[str]) -> str:
    """Say in a sentence how terms are found where there are heads for these languages."""
    if not languages:
        return "terms are found in text only, since there is no head that reads sounds"
    named = (name if name in SOONER else f"{name} (in scans)" for name in sorted(languages))
    return f"terms are found by their sound and in text in {', '.join(named)}; elsewhere in text only"


def whisper_sha256(directory: Path) -> str:
    """Give the SHA-256 of a Whisper's `model.bin`, in hexadecimal digits; computed once while the file stays as it is.

    Raises:
      OSError: it can't be read.
    """
    file = directory / "model.bin"
    state = file.stat()
    return _sha256(file, state.st_size, state.st_mtime_ns)


@lru_cache
def _sha256(file: Path, _size: int, _modified: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
