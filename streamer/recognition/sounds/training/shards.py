"""Shards of a stage: what it made so far, one pair of files a shard, so that a stage goes on where it was stopped.

`NNNNN.npy` holds what was made of many utterances, one after another; `NNNNN.json` says what each of them is. The
second is written last, and both are renamed into place: a shard is there as a whole, or it is made again. A shard
depends on the options, which name the folder, and on its number: more of them add to those that are there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Row:
    """One utterance in a shard.

    Attributes:
      start, length: of its part of the array, along the first axis.
      text: what is said.
      units: what a head is to read: class numbers.
      voice: who speaks; the same name is the same speaker.
      licence: of the voice.
      held: whether the voice is held back from training.
    """

    start: int
    length: int
    text: str
    units: tuple[int, ...]
    voice: str
    licence: str
    held: bool


class Stage:
    """A folder of shards.

    Args:
      root: of all stages.
      name: of the stage, for people.
      options: all that decides what a shard holds. They stand in `manifest.json`; others have another folder.
    """

    def __init__(self, root: Path, name: str, options: Mapping[str, Any]) -> None:
        text = json.dumps(options, ensure_ascii=False, indent=1, sort_keys=True)
        self.folder = root / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
        self.folder.mkdir(parents=True, exist_ok=True)
        _put(self.folder / "manifest.json", text.encode())

    def has(self, number: int) -> bool:
        """Whether a shard is there."""
        return self._file(number, "json").exists()

    def write(self, number: int, parts: Sequence[NDArray[Any]], rows: Sequence[Row]) -> None:
        """Write a shard; `rows` are in the order of `parts`, their places are set here."""
        starts = np.cumsum([0, *map(len, parts)])
        said = [
            asdict(row) | {"start": int(at), "length": len(part)}
            for row, at, part in zip(rows, starts, parts, strict=False)
        ]
        array = self._file(number, "npy")
        half = array.with_suffix(".half.npy")
        np.save(half, np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16))
        half.rename(array)
        _put(self._file(number, "json"), json.dumps(said, ensure_ascii=False).encode())

    def rows(self, number: int) -> list[Row]:
        """Read what a shard holds.

        Raises:
          TrainingError: it is not there, or damaged.
        """
        file = self._file(number, "json")
        try:
            return [Row(**row | {"units": tuple(row["units"])}) for row in json.loads(file.read_bytes())]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise TrainingError(file, f"can't be read ({error}); remove it, and run the same command again") from None

    def read(self, number: int) -> Iterator[tuple[Row, NDArray[Any]]]:
        """Give each utterance of a shard with its part of the array, which stays in the file until it is touched."""
        rows = self.rows(number)
        array = np.load(self._file(number, "npy"), mmap_mode="r")
        for row in rows:
            yield row, array[row.start : row.start + row.length]

    def _file(self, number: int, ending: str) -> Path:
        return self.folder / f"{number:05}.{ending}"


def _put(file: Path, content: bytes) -> None:
    # Processes may write the same manifest at the same time.
    half = file.with_name(f"{file.name}.{os.getpid()}")
    half.write_bytes(content)
    half.rename(file)
