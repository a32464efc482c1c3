"""Whisper through CTranslate2, with windows no longer than the speech in them.

`faster_whisper.WhisperModel.transcribe` pads every window to 30 seconds. CTranslate2 takes shorter ones, so
this module calls `encode`, `generate` and `align` itself: 10 seconds of context cost a seventh of 30.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from streamer.audio import SAMPLE_RATE
from streamer.recognition.recognizer import Hypothesis, Scoring, Window
from streamer.recognition.words import TimedToken, to_words

FRAME_SAMPLES = 160
"""Samples to a mel frame (10 ms)."""
MIN_FRAMES = 1000
"""The shortest context that drifts no further than Whisper's own; shorter ones lose words or loop."""
ENCODED_SECONDS = 0.02
"""Seconds of audio to one encoder state, the unit of alignment."""

# A Mandarin prompt yields simplified characters and punctuation; English needs none.
PROMPTS = {"zh": "以下是普通话的句子。"}
# Fast speech makes about seven tokens a second; a decoder that wants more is looping.
TOKENS_PER_SECOND = 9
SPARE_TOKENS = 6
MAX_NO_SPEECH = 0.85
MAX_COMPRESSION = 2.4
"""Text that zlib shrinks by more than this repeats itself (Whisper's own bound for the same)."""


@dataclass(frozen=True, slots=True)
class _Decoding:
    prompted: bool
    repetition_penalty: float


FIRST_TRY = _Decoding(prompted=True, repetition_penalty=1.1)
# What loops or echoes mostly does so because of the prompt.
SECOND_TRY = _Decoding(prompted=False, repetition_penalty=1.3)


class WhisperRecognizer:
    """A Whisper model in CTranslate2 form.

    One thread a worker: a token decodes as fast with one thread as with two, so on two cores two workers of
    one thread do twice the work of one worker with two.

    Args:
      directory: as `streamer.recognition.models.resolve` returns it.
      name: the model's name for people.
      workers: batches recognised at once.
      max_batch: windows decoded together.
    """

    def __init__(
        self, directory: Path, *, name: str, workers: int = 2, max_batch: int = 4, compute_type: str = "int8"
    ) -> None:
        self.name = name
        self.concurrency = workers
        self.max_batch = max_batch
        self._whisper = WhisperModel(
            str(directory), device="cpu", compute_type=compute_type, cpu_threads=1, num_workers=workers
        )
        self._model = self._whisper.model
        self._tokenizers: dict[str, Tokenizer] = {}

    def warm(self, languages: Sequence[str]) -> None:
        """Recognise a second of silence in each language, so that the first call finds everything loaded."""
        silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
        for language in languages:
            self.recognize([Window("", "", 0, silence, 0.0, language, 0.0)])

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        """Recognise windows of one language in one batch.

        Raises:
          ValueError: the windows are of several languages, or of one that the model doesn't know.
        """
        languages = {window.language for window in windows}
        if len(languages) != 1:
            raise ValueError(f"a batch is of one language, not {sorted(languages)}")
        tokenizer = self._tokenizer(languages.pop())
        hypotheses = self._decode(windows, tokenizer, FIRST_TRY)
        again = [i for i, hypothesis in enumerate(hypotheses) if hypothesis.rejected]
        if again:
            second = self._decode([windows[i] for i in again], tokenizer, SECOND_TRY)
            for i, hypothesis in zip(again, second, strict=True):
                hypotheses[i] = hypothesis
        return hypotheses

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        """Weigh texts by what the decoder gives to their tokens when it is made to write them."""
        tokenizer = self._tokenizer(questions[0].language)
        encoded = self._model.encode(self._features([question.audio for question in questions]))
        scores: list[list[float]] = [[] for _ in questions]
        # The alignment takes one text for each window at a time.
        for number in range(max(len(question.texts) for question in questions)):
            texts = [question.texts[min(number, len(question.texts) - 1)] for question in questions]
            alignments = self._model.align(
                encoded,
                tokenizer.sot_sequence,
                [tokenizer.encode(text) for text in texts],
                [max(1, len(question.audio) // FRAME_SAMPLES) for question in questions],
            )
            for score, alignment in zip(scores, alignments, strict=True):
                probabilities = np.maximum(np.array(alignment.text_token_probs), 1e-12)
                score.append(float(np.log(probabilities).sum()))
        return [tuple(score[: len(question.texts)]) for score, question in zip(scores, questions, strict=True)]

    def _decode(self, windows: Sequence[Window], tokenizer: Tokenizer, options: _Decoding) -> list[Hypothesis]:
        encoded = self._model.encode(self._features([window.audio for window in windows]))
        prompt = _prompt(tokenizer, PROMPTS.get(tokenizer.language_code) if options.prompted else None)
        longest = max(len(window.audio) for window in windows) / SAMPLE_RATE
        results = self._model.generate(
            encoded,
            [prompt] * len(windows),
            beam_size=1,
            repetition_penalty=options.repetition_penalty,
            max_length=len(prompt) + SPARE_TOKENS + int(TOKENS_PER_SECOND * longest),
            return_no_speech_prob=True,
        )
        tokens = [[t for t in result.sequences_ids[0] if t < tokenizer.eot] for result in results]
        alignments = self._model.align(
            encoded,
            tokenizer.sot_sequence,
            tokens,
            [max(1, len(window.audio) // FRAME_SAMPLES) for window in windows],
        )
        return [
            _hypothesis(window, tokenizer, ids, alignment, result.no_speech_prob)
            for window, ids, alignment, result in zip(windows, tokens, alignments, results, strict=True)
        ]

    def _features(self, audios: Sequence[NDArray[np.float32]]) -> ctranslate2.StorageView:
        frames = max(MIN_FRAMES, *(-(-len(audio) // FRAME_SAMPLES) for audio in audios))
        mels = np.stack([self._mel(audio, frames) for audio in audios])
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(mels, dtype=np.float32))

    def _mel(self, audio: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        padded = np.pad(audio, (0, frames * FRAME_SAMPLES - len(audio)))
        mel: NDArray[np.float32] = self._whisper.feature_extractor(padded, padding=0)[:, :frames]
        return mel

    def _tokenizer(self, language: str) -> Tokenizer:
        # Two threads may both build one; the second replaces an equal.
        tokenizer = self._tokenizers.get(language)
        if tokenizer is None:
            tokenizer = Tokenizer(
                self._whisper.hf_tokenizer, self._model.is_multilingual, task="transcribe", language=language
            )
            self._tokenizers[language] = tokenizer
        return tokenizer


def _prompt(tokenizer: Tokenizer, text: str | None) -> list[int]:
    before = [tokenizer.sot_prev, *tokenizer.encode(text)] if text else []
    return [*before, *tokenizer.sot_sequence, tokenizer.no_timestamps]


def _hypothesis(window: Window, tokenizer: Tokenizer, ids: list[int], alignment: Any, no_speech: float) -> Hypothesis:
    if no_speech > MAX_NO_SPEECH:
        return Hypothesis((), no_speech)
    if rejected := _reject(tokenizer.decode(ids), tokenizer.language_code):
        return Hypothesis((), no_speech, rejected)
    return Hypothesis(to_words(_timed(tokenizer, ids, alignment), window.start, window.end), no_speech)


def _reject(text: str, language: str) -> str | None:
    """Say why a text is none that anybody spoke."""
    raw = text.encode()
    # zlib adds about 11 bytes to anything, which keeps short sentences clear of the bound.
    if len(raw) / len(zlib.compress(raw)) > MAX_COMPRESSION:
        return "repeats itself"
    prompt = PROMPTS.get(language)
    if prompt and prompt.rstrip("。") in text:
        return "echoes the prompt"
    return None


def _timed(tokenizer: Tokenizer, ids: list[int], alignment: Any) -> list[TimedToken]:
    """Join tokens that only together are characters, each group with its place in the window.

    The alignment is a path of (token, encoder state) pairs that grows in both; a token begins where the path
    first reaches it. The end of text counts as one more token, so that the last has an end.
    """
    path = np.array(alignment.alignments)
    states, first = np.unique(path[:, 0], return_index=True)
    begins = np.interp(np.arange(len(ids) + 1), states, path[first, 1]) * ENCODED_SECONDS
    texts, groups = tokenizer.split_tokens_on_unicode([*ids, tokenizer.eot])
    timed, at = [], 0
    for text, group in zip(texts[:-1], groups[:-1], strict=True):
        last = at + len(group)
        probability = float(np.mean(alignment.text_token_probs[at:last]))
        timed.append(TimedToken(text, float(begins[at]), float(begins[last]), probability))
        at = last
    return timed
