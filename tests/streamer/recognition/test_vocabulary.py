"""Cutting a model to a language: what is kept, what is refused, and that the text stays the same."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from streamer.recognition import models as weights
from streamer.recognition.vocabulary import Unfit, cut

TEXTS = ["保", "risk", "ж", ",", "ris", "7", "é"]
SPECIAL = ["<|endoftext|>", "<|startoftranscript|>", "<|zh|>", "<|notimestamps|>", "<|0.00|>"]
ENTRIES = [*TEXTS, *SPECIAL]


def variable(name: str, shape: tuple[int, ...], kind: int, values: bytes) -> bytes:
    raw = name.encode() + b"\0"
    head = struct.pack("<H", len(raw)) + raw + struct.pack(f"<B{len(shape)}I", len(shape), *shape)
    return head + struct.pack("<BI", kind, len(values)) + values


def binary(rows: int = len(ENTRIES)) -> bytes:
    """Write a model of two variables, as CTranslate2 does; row i of the embeddings is i, twice."""
    embeddings = np.repeat(np.arange(rows, dtype=np.float16), 2)
    return b"".join(
        [
            struct.pack("<I", 6),
            struct.pack("<H", 12) + b"WhisperSpec\0",
            struct.pack("<II", 3, 2),
            variable("decoder/embeddings/weight", (rows, 2), 4, embeddings.tobytes()),
            variable("encoder/weight", (1,), 1, b"\7"),
            struct.pack("<I", 0),
        ]
    )


def files(**others: bytes) -> dict[str, bytes]:
    tokenizer = Tokenizer(models.WordLevel({entry: number for number, entry in enumerate(ENTRIES)}, unk_token="7"))
    tokenizer.add_special_tokens(SPECIAL)
    config = {"lang_ids": [9], "suppress_ids": [1, 3], "suppress_ids_begin": [0, 7]}
    return {
        "model.bin": binary(),
        "config.json": json.dumps(config).encode(),
        "vocabulary.json": json.dumps(ENTRIES).encode(),
        "tokenizer.json": tokenizer.to_str().encode(),
        **others,
    }


def kept(language: str) -> list[str]:
    return [ENTRIES[token] for token in cut(files(), language).tokens]


class TestACut:
    def test_keeps_the_language_what_is_no_word_and_what_steers_but_no_timestamps(self) -> None:
        assert kept("zh") == ["保", ",", "ris", "7", *SPECIAL[:-1]]
        assert kept("en") == ["risk", ",", "ris", "7", *SPECIAL[:-1]]

    def test_numbers_everything_anew(self) -> None:
        smaller = cut(files(), "zh")
        config = json.loads(smaller.files["config.json"])
        assert config == {"lang_ids": [6], "suppress_ids": [1], "suppress_ids_begin": [0, 4]}
        assert json.loads(smaller.files["vocabulary.json"]) == kept("zh")
        rows = np.array(smaller.tokens)
        assert np.repeat(rows.astype(np.float16), 2).tobytes() in smaller.files["model.bin"]
        assert smaller.files["model.bin"].endswith(variable("encoder/weight", (1,), 1, b"\7") + b"\0\0\0\0")

    @pytest.mark.parametrize(
        ("language", "others"),
        [
            ("fr", {}),
            ("zh", {"model.bin": b""}),
            ("zh", {"model.bin": binary(rows=3)}),
            ("zh", {"model.bin": b"\7" + binary()[1:]}),
            ("zh", {"model.bin": binary().replace(b"WhisperSpec", b"WhiskerSpec")}),
            ("zh", {"vocabulary.json": json.dumps(ENTRIES[:4]).encode()}),
        ],
    )
    def test_is_refused_where_the_form_is_not_known(self, language: str, others: Mapping[str, bytes]) -> None:
        with pytest.raises(Unfit):
            cut(files(**others), language)

    @given(st.integers(0, len(binary()) - 1), st.binary(max_size=4))
    @settings(max_examples=100)
    def test_of_a_damaged_model_is_refused_or_is_a_model(self, at: int, noise: bytes) -> None:
        damaged = binary()[:at] + noise
        try:
            smaller = cut(files(**{"model.bin": damaged}), "zh")
        except Unfit:
            return
        assert len(smaller.tokens) == len(kept("zh"))


def test_whisper_base_is_cut_to_a_fifth_for_mandarin_with_every_character_s_bytes_kept() -> None:
    directory: Path = weights.resolve()
    whole = {file.name: file.read_bytes() for file in directory.iterdir()}
    smaller = cut(whole, "zh")
    assert len(smaller.tokens) < 51865 / 4
    numbers = set(smaller.tokens.tolist())
    tokenizer = Tokenizer.from_str(whole["tokenizer.json"].decode())
    for text in ("保本保收益，稳赚不赔。", "躉繳龘", "ETF 7%", "risk"):
        for char in text:
            assert set(tokenizer.encode(char, add_special_tokens=False).ids) <= numbers
