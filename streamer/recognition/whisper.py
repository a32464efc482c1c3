"""Whisper through CTranslate2, with windows no longer than the speech in them.

`faster_whisper.WhisperModel.transcribe` pads every window to 30 seconds. CTranslate2 takes shorter ones, so
this module calls `encode`, `generate` and `align` itself: 10 seconds of context cost a seventh of 30.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from detector.types import Word
from streamer.audio import SAMPLE_RATE
from streamer.recognition import capacity
from streamer.recognition.coverage import MOST_PARTS, Span, parts, wordless
from streamer.recognition.devices import Placement
from streamer.recognition.engine import FRAME_SAMPLES, PROMPTS, Engine, Loader, on_host, stacked
from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Scoring, Window
from streamer.recognition.sounds.ear import Ear, read
from streamer.recognition.sounds.head import Head
from streamer.recognition.words import TimedToken, placed, to_words

MIN_FRAMES, HURRIED_FRAMES = 1000, 800
"""The shortest context that drifts no further than Whisper's own, and one that errs a little more for less time."""
ENCODED_SECONDS = 0.02
"""Seconds of audio to one encoder state, the unit of alignment."""

# Fast speech makes about seven tokens a second; a decoder that wants more is looping.
TOKENS_PER_SECOND = 9
SPARE_TOKENS = 6
READINGS = 5
"""Readings that a thorough look gives, and its beam: half as much again for the decoder, and far fewer terms missed."""
MAX_NO_SPEECH = 0.85
LANGUAGE_SECONDS, FOREIGN = 2.0, 0.95
"""Seconds of audio from which on a language can be told, and how probable another must be to be said so."""
UNSURE_NO_SPEECH, UNSURE_LOG_PROBABILITY = 0.6, -1.0
"""With that much doubt that it is speech, words must be surer than this in the mean (Whisper's own bounds for both)."""
MAX_COMPRESSION = 2.4
"""Text that zlib shrinks by more than this repeats itself (Whisper's own bound for the same)."""


MARGIN = 0.2
"""Seconds of audio before the start of speech and after its end that are heard with it, as voice activity is late."""
ECHO = 5
"""Characters of the prompt in a row that nobody says by chance."""


@dataclass(frozen=True, slots=True)
class _Decoding:
    prompted: bool
    repetition_penalty: float
    unsure: float = UNSURE_NO_SPEECH


FIRST_TRY = _Decoding(prompted=True, repetition_penalty=1.1)
# What loops or echoes mostly does so because of the prompt.
SECOND_TRY = _Decoding(prompted=False, repetition_penalty=1.3)
# What is said again is said again: a part is too short to loop for long. It is echoed where it is hard to hear, and
# nobody is sure that it holds words.
BY_ITSELF = _Decoding(prompted=False, repetition_penalty=1.0, unsure=0.0)


class WhisperRecognizer:
    """A Whisper model in CTranslate2 form.

    On a processor one thread a worker: a token decodes as fast with one thread as with two, so on two cores two workers
    of one thread do twice the work of one worker with two.

    Args:
      directory: as `streamer.recognition.models.resolve` returns it.
      name: the model's name for people.
      placement: where it is computed, and how many windows and batches at once.
      heads: that read sounds off its states, by language.
    """

    def __init__(
        self, directory: Path, *, name: str, placement: Placement, heads: Mapping[str, Head] | None = None
    ) -> None:
        self.name = name
        self.concurrency = placement.workers
        self.placement = placement
        self._heads = heads or {}
        self._abilities = Abilities(placement.max_batch, scores=True, word_times=True)
        self._loader = Loader(directory, placement)
        self._engines: dict[str, Engine] = {}
        self._building = threading.Lock()
        self._rates: dict[str, float] = {}

    def warm(self, languages: Sequence[str]) -> None:
        """Recognise a second of silence in each language, so that the first call finds everything loaded."""
        silence = np.zeros(SAMPLE_RATE, dtype=np.float32)
        for language in languages:
            window = Window("", "", 0, silence, 0.0, language)
            self.recognize([window])
            if language in self._heads:
                self.hear([window])

    def rate(self, language: str) -> float:
        """Give how many windows a second are recognised in a hurry; measured once, when it is first asked for."""
        if language not in self._rates:
            on_processor = self.placement.device == "cpu"
            self._rates[language] = capacity.measure(self, language, on_processor=on_processor)
        return self._rates[language]

    def abilities(self, language: str) -> Abilities:
        """Say what can be done: the same in every language, but that sounds are heard only where there is a head."""
        head = self._heads.get(language)
        return self._abilities if head is None else replace(self._abilities, sounds=head.about)

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        """Recognise windows of one language, those of a kind in one batch.

        Where speech that no other window will hear gave no words, it is heard again by itself, cut at its pauses.

        Raises:
          ValueError: the windows are of several languages, or of one that the model doesn't know.
        """
        engine = self.engine(_language(windows))
        hypotheses = self._by_kind(windows, engine, FIRST_TRY)
        again = [i for i, hypothesis in enumerate(hypotheses) if hypothesis.rejected]
        if again:
            second = self._by_kind([windows[i] for i in again], engine, SECOND_TRY)
            for i, hypothesis in zip(again, second, strict=True):
                hypotheses[i] = hypothesis
        return [self._completed(*both, engine) for both in zip(windows, hypotheses, strict=True)]

    def _by_kind(self, windows: Sequence[Window], engine: Engine, options: _Decoding) -> list[Hypothesis]:
        """Decode windows; no hasty look makes a thorough one hasty."""
        heard: dict[int, Hypothesis] = {}
        for thorough in (True, False):
            alike = [i for i, window in enumerate(windows) if window.thorough is thorough]
            if alike:
                heard.update(zip(alike, self._decode([windows[i] for i in alike], engine, options), strict=True))
        return [heard[i] for i in range(len(windows))]

    def _completed(self, window: Window, hypothesis: Hypothesis, engine: Engine) -> Hypothesis:
        """Hear again by itself, in parts, what gave no words."""
        gaps = [] if hypothesis.foreign else wordless(window.speech, hypothesis.words)
        cut = [part for gap in gaps for part in parts(window.audio, window.start, gap)][:MOST_PARTS]
        heard: list[Word] = []
        most = self._abilities.max_batch
        for at in range(0, len(cut), most):
            windows = [_part(window, start, end) for start, end in cut[at : at + most]]
            heard += [word for part in self._decode(windows, engine, BY_ITSELF) for word in part.words]
        if not heard:
            return hypothesis
        first, *others = (_filled(words, gaps, heard) for words in (hypothesis.words, *hypothesis.alternatives))
        return replace(hypothesis, words=first, rejected=None, alternatives=tuple(others), trace=None)

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        """Weigh texts by what the decoder gives to their tokens when it is made to write them."""
        return [self._weigh(question, self.engine(question.language)) for question in questions]

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        """Hear the sounds of windows of one language that there is a head for.

        Raises:
          ValueError: the windows are of several languages.
        """
        language = _language(windows)
        return Ear(self.engine(language), self._heads[language]).hear(windows)

    def _weigh(self, question: Scoring, engine: Engine) -> tuple[float, ...]:
        encoded = question.trace
        if not isinstance(encoded, np.ndarray):
            frames = max(MIN_FRAMES, -(-len(question.audio) // FRAME_SAMPLES))
            encoded = on_host(engine.model.encode(stacked([engine.features(question.audio, frames)])))[0]
        alignments = engine.model.align(
            stacked([encoded] * len(question.texts)),
            engine.start,
            [engine.spell(text) for text in question.texts],
            [max(1, len(question.audio) // FRAME_SAMPLES)] * len(question.texts),
        )
        return tuple(
            float(np.log(np.maximum(np.array(alignment.text_token_probs), 1e-12)).sum()) for alignment in alignments
        )

    def _decode(self, windows: Sequence[Window], engine: Engine, options: _Decoding) -> list[Hypothesis]:
        thorough = all(window.thorough for window in windows)
        shortest = MIN_FRAMES if thorough else HURRIED_FRAMES
        frames = max(shortest, *(-(-len(window.audio) // FRAME_SAMPLES) for window in windows))
        encoded = engine.model.encode(stacked([engine.features(window.audio, frames) for window in windows]))
        prompt = engine.prompt if options.prompted else engine.unprompted
        longest = max(len(window.audio) for window in windows) / SAMPLE_RATE
        results = engine.model.generate(
            encoded,
            [prompt] * len(windows),
            beam_size=READINGS if thorough else 1,
            num_hypotheses=READINGS if thorough else 1,
            repetition_penalty=options.repetition_penalty,
            max_length=len(prompt) + SPARE_TOKENS + int(TOKENS_PER_SECOND * longest),
            return_no_speech_prob=True,
        )
        # Each is bound by its own length: how long the others are is no reason to loop.
        bounds = [SPARE_TOKENS + int(TOKENS_PER_SECOND * len(window.audio) / SAMPLE_RATE) for window in windows]
        texts = [engine.text_of(result.sequences_ids[0][:bound]) for result, bound in zip(results, bounds, strict=True)]
        alignments = engine.model.align(
            encoded,
            engine.start,
            [numbers for numbers, _ in texts],
            [max(1, len(window.audio) // FRAME_SAMPLES) for window in windows],
        )
        spoken, states = _spoken(engine, encoded, windows), on_host(encoded)
        sounds = self._sounds(windows, states)
        hypotheses: list[Hypothesis] = []
        for window, (_, tokens), alignment, result, trace in zip(
            windows, texts, alignments, results, states, strict=True
        ):
            first = _hypothesis(window, engine.tokenizer, tokens, alignment, result.no_speech_prob, options)
            heard = spoken[len(hypotheses)]
            first = replace(first, spoken=heard, foreign=None if heard == window.language else heard)
            others = [engine.tokenizer.decode(engine.text_of(ids)[1]) for ids in result.sequences_ids[1:]]
            alternatives, sound = _alternatives(first, others), sounds[len(hypotheses)]
            hypotheses.append(replace(first, alternatives=alternatives, trace=trace.copy(), sounds=sound))
        return hypotheses

    def _sounds(
        self, windows: Sequence[Window], states: NDArray[np.float32] | NDArray[np.float16]
    ) -> Sequence[Heard | None]:
        """Read sounds off states that were computed for the words, where they are wanted."""
        head = self._heads.get(windows[0].language)
        if head is None or not any(window.sounds for window in windows):
            return [None] * len(windows)
        return read(head, windows, states)

    def engine(self, language: str) -> Engine:
        """Give a language's model, which is loaded when it is first asked for."""
        engine = self._engines.get(language)
        if engine is None:
            with self._building:
                if language not in self._engines:
                    self._engines[language] = self._loader.engine(language)
                engine = self._engines[language]
        return engine


def _language(windows: Sequence[Window]) -> str:
    languages = {window.language for window in windows}
    if len(languages) != 1:
        raise ValueError(f"a batch is of one language, not {sorted(languages)}")
    return languages.pop()


def _hypothesis(
    window: Window,
    tokenizer: Tokenizer,
    ids: list[int],
    alignment: Any,
    no_speech: float,
    options: _Decoding,
) -> Hypothesis:
    if no_speech > MAX_NO_SPEECH:
        return Hypothesis((), no_speech)
    if rejected := _reject(tokenizer.decode(ids), tokenizer.language_code, prompted=options.prompted):
        return Hypothesis((), no_speech, rejected)
    if no_speech > options.unsure and _log_probability(alignment) < UNSURE_LOG_PROBABILITY:
        return Hypothesis((), no_speech)
    return Hypothesis(to_words(_timed(tokenizer, ids, alignment), window.start, window.end), no_speech)


def _log_probability(alignment: Any) -> float:
    probabilities = np.maximum(np.array(alignment.text_token_probs), 1e-12)
    return float(np.log(probabilities).mean()) if len(probabilities) else 0.0


def _spoken(engine: Engine, encoded: Any, windows: Sequence[Window]) -> list[str | None]:
    """Tell which language is spoken, where that is beyond doubt: once at the end of speech, from all there is of it."""
    if not any(window.final and len(window.audio) >= LANGUAGE_SECONDS * SAMPLE_RATE for window in windows):
        return [None] * len(windows)
    spoken: list[str | None] = []
    for window, guesses in zip(windows, engine.model.detect_language(encoded), strict=True):
        likely = {token.strip("<|>"): probability for token, probability in guesses}
        best = max(likely, key=lambda code: likely[code])
        enough = window.final and len(window.audio) >= LANGUAGE_SECONDS * SAMPLE_RATE
        spoken.append(best if enough and likely[best] >= FOREIGN else None)
    return spoken


def _alternatives(first: Hypothesis, texts: Sequence[str]) -> tuple[tuple[Word, ...], ...]:
    """Keep the other readings that differ in more than their marks."""
    if not first.words:
        return ()
    known = {_letters("".join(word.text for word in first.words))}
    kept = []
    for text in texts:
        if text.strip() and (letters := _letters(text)) not in known:
            known.add(letters)
            kept.append(placed(text, first.words))
    return tuple(kept)


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _part(window: Window, start: float, end: float) -> Window:
    """Cut a part out of a window; not more of it than that: a piece of what is beside it would be heard twice."""
    edges = {at for span in window.speech for at in span}
    start, end = start - MARGIN * (start in edges), end + MARGIN * (end in edges)
    first = max(0, round((start - window.start) * SAMPLE_RATE))
    audio = window.audio[first : round((end - window.start) * SAMPLE_RATE)]
    return replace(window, audio=audio, start=window.start + first / SAMPLE_RATE, final=False, speech=())


def _filled(words: Sequence[Word], gaps: Sequence[Span], heard: Sequence[Word]) -> tuple[Word, ...]:
    """Put words where there were none; a word before them was no longer than that."""
    kept = [replace(word, end=min([word.end, *(start for start, _ in gaps if word.start < start)])) for word in words]
    return tuple(sorted([*kept, *heard], key=lambda word: word.start))


def _reject(text: str, language: str, *, prompted: bool = True) -> str | None:
    """Say why a text is none that anybody spoke."""
    raw = text.encode()
    # zlib adds about 11 bytes to anything, which keeps short sentences clear of the bound.
    if len(raw) / len(zlib.compress(raw)) > MAX_COMPRESSION:
        return "repeats itself"
    prompt = PROMPTS.get(language, "") if prompted else ""
    if any(prompt[at : at + ECHO] in text for at in range(len(prompt) - ECHO + 1)):
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
