"""Labelled calls: recordings with what was said in them and what should be found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lexicon.normalize import fold

LANGUAGES = ("zh", "en")
LABELS = "labels.json"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something in a call that must, or must not, be blocked.

    Attributes:
      violation: whether it must be; else it is a look-alike.
      end: second at which its last syllable ends.
    """

    violation: bool
    term: str
    channel: str
    end: float

    def met_by(self, start: float, end: float, channel: str) -> bool:
        """Whether something found at `start` to `end` seconds is this: labels and alignments differ by a little."""
        return channel == self.channel and start - 0.5 <= self.end <= end + 1.5


@dataclass(frozen=True, slots=True)
class LabelledCall:
    """A recording, its marks, and all that was said in it, by channel.

    Attributes:
      style: how it was spoken, as in `read` and `talk`; empty where nobody said.
      voice: whose it is.
    """

    path: Path
    language: str
    duration: float
    marks: tuple[Mark, ...]
    said: Mapping[str, str]
    style: str = ""
    voice: str = ""

    def holds(self, term: str, channel: str) -> bool:
        """Whether a term was said on a channel, wherever that was."""
        return fold(term, self.language).text in fold(self.said[channel], self.language).text


def read(folder: Path) -> list[LabelledCall]:
    """Read the calls of `folder/zh` and `folder/en`, each with its `labels.json`.

    Raises:
      SystemExit: the folder holds none.
    """
    calls = []
    for language in LANGUAGES:
        if (folder / language / LABELS).exists():
            calls += read_set(folder / language)
    if not calls:
        raise SystemExit(f"{folder} holds no zh/labels.json or en/labels.json")
    return calls


def read_set(folder: Path) -> list[LabelledCall]:
    """Read the calls of one folder, which its `labels.json` names.

    Raises:
      SystemExit: there is none.
    """
    labels = folder / LABELS
    if not labels.exists():
        raise SystemExit(f"{folder} holds no {LABELS}")
    return [_call(folder, entry) for entry in json.loads(labels.read_text(encoding="utf-8"))]


def _call(folder: Path, entry: dict[str, object]) -> LabelledCall:
    marks = entry["marks"]
    transcript = entry["transcript"]
    assert isinstance(marks, list)
    assert isinstance(transcript, list)
    return LabelledCall(
        folder / Path(str(entry["file"])).with_suffix(".wav").name,
        str(entry["language"]),
        float(str(entry["duration"])),
        tuple(Mark(mark["kind"] == "violation", mark["term"], mark["channel"], float(mark["end"])) for mark in marks),
        {
            channel: "，".join(turn["text"] for turn in transcript if turn["channel"] == channel)
            for channel in ("agent", "customer")
        },
        str(entry.get("style", "")),
        str(entry.get("voice", "")),
    )
