"""A Whisper model cut to the tokens that one language is written with. Pure.

Every token that is decoded is weighed against every entry of the vocabulary; in Whisper base that is half of the work.
A language needs a part of it, so the others' rows are cut out of the weights, and the text stays the same.
"""

from __future__ import annotations

import json
import math
import struct
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

BINARY_VERSION = 6
EMBEDDINGS = ("decoder/embeddings/", "decoder/projection/")
"""What has a row for each token."""
ID_LISTS = ("lang_ids", "suppress_ids", "suppress_ids_begin")
FOREIGN_LETTERS = 3
"""Latin letters in a row that Mandarin needs as one token; longer words are spelled with several."""


class Unfit(Exception):
    """The weights are in a form that can't be cut; they serve uncut."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A model of fewer tokens.

    Attributes:
      files: the contents of a model directory, by name.
      tokens: for each of its tokens, ascending, the same one's number in the whole vocabulary.
    """

    files: Mapping[str, bytes]
    tokens: NDArray[np.int64]


def cut(files: Mapping[str, bytes], language: str) -> Cut:
    """Cut a model in CTranslate2 form.

    Args:
      files: the contents of its directory, `model.bin`, `config.json`, `tokenizer.json` and the vocabulary among them.

    Raises:
      Unfit: nothing is known of the language's script, or the model is in another form.
    """
    if language not in _SCRIPTS:
        raise Unfit(f"the script of {language} is not known here")
    name = next((name for name in ("vocabulary.json", "vocabulary.txt") if name in files), None)
    if name is None or not {"model.bin", "config.json", "tokenizer.json"} <= files.keys():
        raise Unfit("a file is missing")
    entries = _entries(name, files[name])
    tokens = _needed(Tokenizer.from_str(files["tokenizer.json"].decode()), len(entries), _SCRIPTS[language])
    config = json.loads(files["config.json"])
    numbers = {int(token): number for number, token in enumerate(tokens)}
    for ids in ID_LISTS:
        config[ids] = [numbers[token] for token in config.get(ids, ()) if token in numbers]
    cut_files = {
        "model.bin": _with_rows(files["model.bin"], len(entries), tokens),
        "config.json": json.dumps(config).encode(),
        name: _written(name, [entries[token] for token in tokens]),
    }
    return Cut({**files, **cut_files}, tokens)


def _needed(tokenizer: Tokenizer, size: int, belongs: Callable[[str], bool]) -> NDArray[np.int64]:
    """Give the tokens to keep: a script's, those of no script, parts of characters, and what steers the model."""
    end = tokenizer.token_to_id("<|endoftext|>")
    times = tokenizer.token_to_id("<|notimestamps|>")
    if end is None or times is None or times >= size:
        raise Unfit("the tokens are not Whisper's")
    texts = (tokenizer.decode([token]) for token in range(end))
    kept = [token for token, text in enumerate(texts) if "\ufffd" in text or belongs(text)]
    # No timestamp is ever decoded here: words are timed by their alignment.
    return np.array([*kept, *range(end, times + 1)], dtype=np.int64)


def _han(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    latin = [char for char in letters if char.isascii()]
    return len(latin) <= FOREIGN_LETTERS and all(
        char.isascii() or unicodedata.name(char, "").startswith("CJK") for char in letters
    )


def _latin(text: str) -> bool:
    return all(char.isascii() for char in text if char.isalpha())


_SCRIPTS: Mapping[str, Callable[[str], bool]] = {"zh": _han, "en": _latin}


def _entries(name: str, content: bytes) -> list[str]:
    text = content.decode()
    if name.endswith(".json"):
        return list(json.loads(text))
    # A token may be any character but a line's end; the last line ends too.
    return text.removesuffix("\n").split("\n")


def _written(name: str, entries: list[str]) -> bytes:
    return (json.dumps(entries) if name.endswith(".json") else "\n".join(entries) + "\n").encode()


def _with_rows(model: bytes, size: int, rows: NDArray[np.int64]) -> bytes:
    """Copy a model's variables, of those with a row for each token only some rows."""
    reader = _Reader(model)
    version = reader.number()
    if version != BINARY_VERSION:
        raise Unfit(f"its binary version is {version}, not {BINARY_VERSION}")
    spec = reader.string()
    reader.number()
    count = reader.number()
    if spec != "WhisperSpec":
        raise Unfit(f"it is a {spec}")
    pieces = [model[: reader.at]]
    found = False
    for variable in _variables(reader, count):
        by_token = variable.name.startswith(EMBEDDINGS) and variable.shape[:1] == (size,)
        found = found or by_token
        pieces.append((variable.with_rows(rows) if by_token else variable).written())
    if not found:
        raise Unfit(f"no variable has {size} rows")
    return b"".join([*pieces, model[reader.at :]])


@dataclass(frozen=True, slots=True, eq=False)
class _Variable:
    """One array of weights, as CTranslate2's `model_spec.py` writes it."""

    name: str
    shape: tuple[int, ...]
    kind: int
    values: bytes

    def with_rows(self, rows: NDArray[np.int64]) -> _Variable:
        each = np.frombuffer(self.values, dtype=np.uint8).reshape(self.shape[0], -1)
        return replace(self, shape=(len(rows), *self.shape[1:]), values=each[rows].tobytes())

    def written(self) -> bytes:
        name, rank = self.name.encode() + b"\0", len(self.shape)
        head = struct.pack("<H", len(name)) + name
        return head + struct.pack(f"<B{rank}IBI", rank, *self.shape, self.kind, len(self.values)) + self.values


def _variables(reader: _Reader, count: int) -> Iterator[_Variable]:
    for _ in range(count):
        name = reader.string()
        shape = tuple(reader.number() for _ in range(reader.take(1)[0]))
        kind = reader.take(1)[0]
        values = reader.take(reader.number())
        if math.prod(shape) and len(values) % math.prod(shape):
            raise Unfit(f"{name} has no whole number of bytes to a value")
        yield _Variable(name, shape, kind, values)


class _Reader:
    """Reads a binary piece by piece."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if self.at + count > len(self._data):
            raise Unfit("it ends too soon")
        self.at += count
        return self._data[self.at - count : self.at]

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def string(self) -> str:
        try:
            return self.take(int.from_bytes(self.take(2), "little")).rstrip(b"\0").decode()
        except UnicodeDecodeError:
            raise Unfit("a name in it is no text") from None
