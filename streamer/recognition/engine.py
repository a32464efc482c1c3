"""One language's Whisper: a model in CTranslate2 form, and the way from text to its tokens and back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from streamer.recognition.devices import Placement
from streamer.recognition.vocabulary import Unfit, cut

log = logging.getLogger(__name__)

FRAME_SAMPLES = 160
"""Samples to a mel frame (10 ms)."""
LARGEST_CUT = 1 << 30
"""Bytes of weights up to which a model is cut to a language: of larger ones, the vocabulary is a small part."""

# A Mandarin prompt yields simplified characters and punctuation; English needs none.
PROMPTS = {"zh": "以下是普通话的句子。"}


class Loader:
    """Loads a model: once for each language where it can be cut to that, else once for all that it can't be cut to.

    Args:
      directory: with weights in CTranslate2 form.
      placement: where it is computed, and by how many threads at once.
    """

    def __init__(self, directory: Path, placement: Placement) -> None:
        self._directory = directory
        self._placement = placement
        self._whole: WhisperModel | None = None

    def engine(self, language: str) -> Engine:
        """Load what serves a language. Not to be called by two threads at once."""
        files, tokens = _cut(self._directory, language)
        if tokens is not None:
            return Engine(self._load(files), language, tokens)
        if self._whole is None:
            self._whole = self._load(None)
        return Engine(self._whole, language, None)

    def _load(self, files: dict[str, bytes] | None) -> WhisperModel:
        return WhisperModel(
            str(self._directory),
            device=self._placement.device,
            device_index=self._placement.index,
            compute_type=self._placement.compute_type,
            cpu_threads=1,
            num_workers=self._placement.workers,
            files=files,
        )


class Engine:
    """A model that knows one language's tokens only, where its form allows that; made by a `Loader`.

    Args:
      tokens: those that it knows, by its own numbers; None where it knows all.

    Attributes:
      model: as CTranslate2 runs it; its tokens are numbered as it likes.
      tokenizer: of the whole vocabulary, for the language.
      start, prompt, unprompted: the model's tokens before a text: to align, and to decode with a prompt and without.
    """

    def __init__(self, whisper: WhisperModel, language: str, tokens: NDArray[np.int64] | None) -> None:
        self.model = whisper.model
        self.vocabulary = len(tokens) if tokens is not None else whisper.hf_tokenizer.get_vocab_size()
        self.tokenizer = Tokenizer(
            whisper.hf_tokenizer, self.model.is_multilingual, task="transcribe", language=language
        )
        self._features = features_for(whisper)
        self._tokens = tokens
        self._numbers = {int(token): number for number, token in enumerate(tokens)} if tokens is not None else None
        self.start = self._numbered(self.tokenizer.sot_sequence)
        self.unprompted = [*self.start, *self._numbered([self.tokenizer.no_timestamps])]
        prompt = PROMPTS.get(language)
        before = [*self._numbered([self.tokenizer.sot_prev]), *self.spell(prompt)] if prompt else []
        self.prompt = [*before, *self.unprompted]

    def features(self, audio: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Give the log-mel spectrum of audio padded with silence: (mel bands, frames)."""
        padded = np.pad(audio, (0, frames * FRAME_SAMPLES - len(audio)))
        mel: NDArray[np.float32] = self._features(padded, padding=0)[:, :frames]
        return mel

    def spell(self, text: str) -> list[int]:
        """Give the model's tokens for a text: of words that it has none for, those of their letters."""
        tokens = self.tokenizer.encode(text)
        numbers = self._numbers
        if numbers is None or all(token in numbers for token in tokens):
            return self._numbered(tokens)
        spelled = [self.tokenizer.encode(char) for char in text]
        return [numbers[token] for tokens in spelled for token in tokens if token in numbers]

    def text_of(self, numbers: Sequence[int]) -> tuple[list[int], list[int]]:
        """Give those of the model's tokens that are text, and the whole vocabulary's for them."""
        tokens = numbers if self._tokens is None else self._tokens[list(numbers)].tolist()
        text = [(number, token) for number, token in zip(numbers, tokens, strict=True) if token < self.tokenizer.eot]
        return [number for number, _ in text], [token for _, token in text]

    def _numbered(self, tokens: Sequence[int]) -> list[int]:
        return list(tokens) if self._numbers is None else [self._numbers[token] for token in tokens]


def stacked(mels: Sequence[NDArray[np.float32]]) -> ctranslate2.StorageView:
    """Put arrays of one shape into a batch."""
    return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.stack(mels), dtype=np.float32))


def on_host(states: Any) -> NDArray[np.float32] | NDArray[np.float16]:
    """Copy what a model gives into memory that NumPy reads, from wherever it was computed: (batch, states, width)."""
    if states.device != "cpu":
        states = states.to_device(ctranslate2.Device.cpu)
    # NumPy has no type for it.
    if states.dtype == ctranslate2.DataType.bfloat16:
        states = states.to(ctranslate2.DataType.float32)
    return np.array(states)


def features_for(whisper: WhisperModel) -> FeatureExtractor:
    """Give what makes spectra of as many bands as the model was trained on: 80, and 128 since large-v3.

    They stand in `preprocessor_config.json`, which not every directory has; the weights know it as well.
    """
    extractor, bands = whisper.feature_extractor, whisper.model.n_mels
    return extractor if len(extractor.mel_filters) == bands else FeatureExtractor(feature_size=bands)


def _cut(directory: Path, language: str) -> tuple[dict[str, bytes] | None, NDArray[np.int64] | None]:
    if (directory / "model.bin").stat().st_size > LARGEST_CUT:
        return None, None
    files = {file.name: file.read_bytes() for file in directory.iterdir() if file.is_file()}
    try:
        smaller = cut(files, language)
    except Unfit as reason:
        log.info("%s serves %s with its whole vocabulary: %s", directory, language, reason)
        return None, None
    return dict(smaller.files), smaller.tokens
