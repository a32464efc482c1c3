"""What goes between a gateway and the recognisers of a cluster, as bytes. Pure.

A question is a line of JSON and then the samples of its windows, one after the other, as they are in memory: rounded to
16 bits they would be half as long, but of 51 windows 11 were then heard differently, and what is blocked must not
depend on where it is heard. An answer is JSON. Whose call it is stays in the gateway.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.types import Word
from streamer.recognition.recognizer import Abilities, Hypothesis, Scoring, Window

VERSION = 2
"""Of all this: a gateway and a cluster that differ in it don't understand each other."""
SAMPLES = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Introduction:
    """What recognisers say of themselves.

    Attributes:
      model: its name, as reported to platforms.
      abilities: as `Recognizer.abilities` gives them.
    """

    model: str
    abilities: Abilities


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in the windows of a question.

    Attributes:
      busy: seconds that recognition took once the windows' turn had come.
    """

    model: str
    busy: float
    hypotheses: tuple[Hypothesis, ...]


Question = list[Window] | list[Scoring] | None
"""Windows to recognise, or texts to weigh; None asks who is there."""


def pack_introduction_wanted() -> bytes:
    """Ask who is there."""
    return _question("who", [], [])


def pack_windows(windows: Sequence[Window]) -> bytes:
    """Ask what is heard in windows."""
    about = [[window.language, window.start, window.thorough, window.final, window.speech] for window in windows]
    return _question("windows", about, [window.audio for window in windows])


def pack_scorings(scorings: Sequence[Scoring]) -> bytes:
    """Ask how likely texts are; the recogniser listens to their audio again."""
    about = [[scoring.language, list(scoring.texts)] for scoring in scorings]
    return _question("texts", about, [scoring.audio for scoring in scorings])


def unpack_question(body: bytes) -> Question:
    """Read a question.

    Raises:
      ValueError: it is none, or of another version.
    """
    line, _, samples = body.partition(b"\n")
    header = _json(line)
    try:
        if header["version"] != VERSION:
            raise ValueError(f"this is version {VERSION}, not {header['version']}; gateways and cluster must be alike")
        audio = _audio(samples, [int(length) for length in header["samples"]])
        match header["ask"]:
            case "who":
                return None
            case "windows":
                return [
                    Window(
                        "", "", number, heard, float(start), str(language), bool(thorough), bool(final), _spans(speech)
                    )
                    for number, ((language, start, thorough, final, speech), heard) in enumerate(
                        zip(header["about"], audio, strict=True)
                    )
                ]
            case "texts":
                # Which of them were heard is for whoever asks.
                return [
                    Scoring("", "", str(number), heard, str(language), tuple(map(str, texts)), (), 0.0)
                    for number, ((language, texts), heard) in enumerate(zip(header["about"], audio, strict=True))
                ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"a question lacks {error}") from None
    raise ValueError("nobody asks that")


def pack_introduction(introduction: Introduction) -> bytes:
    """Say who is there."""
    able = introduction.abilities
    about = [able.max_batch, able.scores, able.word_times]
    return json.dumps({"version": VERSION, "model": introduction.model, "abilities": about}).encode()


def unpack_introduction(body: bytes) -> Introduction:
    """Read who is there.

    Raises:
      ValueError: that is no recogniser, or one of another version.
    """
    answer = _json(body)
    try:
        if answer["version"] != VERSION:
            raise ValueError(f"speaks version {answer['version']}, not {VERSION}; gateways and cluster must be alike")
        most, scores, word_times = answer["abilities"]
        return Introduction(str(answer["model"]), Abilities(int(most), bool(scores), bool(word_times)))
    except (KeyError, TypeError):
        raise ValueError("does not answer as a recogniser does") from None


def pack_heard(heard: Heard) -> bytes:
    """Say what was heard. What a recogniser keeps of a window stays with it: it is larger than the window."""
    hypotheses = [
        {
            "words": _packed(one.words),
            "no_speech": one.no_speech,
            "rejected": one.rejected,
            "foreign": one.foreign,
            "alternatives": [_packed(words) for words in one.alternatives],
            "whole": one.trace is not None,
            "spoken": one.spoken,
        }
        for one in heard.hypotheses
    ]
    return _answer({"model": heard.model, "busy": heard.busy, "heard": hypotheses})


def unpack_heard(body: bytes) -> Heard:
    """Read what was heard; the trace of a window that texts can be weighed on is True.

    Raises:
      ValueError: the answer is none.
    """
    answer = _json(body)
    try:
        hypotheses = tuple(
            Hypothesis(
                _unpacked(one["words"]),
                float(one["no_speech"]),
                one["rejected"],
                one["foreign"],
                tuple(map(_unpacked, one["alternatives"])),
                trace=one["whole"] or None,
                spoken=one["spoken"],
            )
            for one in answer["heard"]
        )
        return Heard(str(answer["model"]), float(answer["busy"]), hypotheses)
    except (KeyError, TypeError):
        raise ValueError("does not answer as a recogniser does") from None


def pack_likelihoods(likelihoods: Sequence[Sequence[float]]) -> bytes:
    """Say how likely texts are."""
    return _answer({"likelihoods": [list(map(float, some)) for some in likelihoods]})


def unpack_likelihoods(body: bytes) -> list[tuple[float, ...]]:
    """Read how likely texts are.

    Raises:
      ValueError: the answer is none.
    """
    answer = _json(body)
    try:
        return [tuple(map(float, some)) for some in answer["likelihoods"]]
    except (KeyError, TypeError):
        raise ValueError("does not answer as a recogniser does") from None


def _question(ask: str, about: Sequence[object], audio: Sequence[NDArray[np.float32]]) -> bytes:
    header = {"version": VERSION, "ask": ask, "about": about, "samples": [len(one) for one in audio]}
    return b"".join([_answer(header), b"\n", *(one.astype(SAMPLES, copy=False).tobytes() for one in audio)])


def _answer(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _audio(samples: bytes, lengths: Sequence[int]) -> list[NDArray[np.float32]]:
    if min(lengths, default=0) < 0 or SAMPLES.itemsize * sum(lengths) != len(samples):
        raise ValueError(f"{len(samples)} bytes of audio are not {sum(lengths)} samples")
    whole = np.frombuffer(samples, dtype=SAMPLES).astype(np.float32, copy=False)
    if not np.isfinite(whole).all():
        raise ValueError("that is no audio")
    ends = np.cumsum(lengths, dtype=int)
    return [whole[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def _packed(words: Sequence[Word]) -> list[list[object]]:
    return [[word.text, word.start, word.end, word.probability] for word in words]


def _unpacked(words: Sequence[Sequence[Any]]) -> tuple[Word, ...]:
    return tuple(Word(str(text), float(start), float(end), float(sure)) for text, start, end, sure in words)


def _spans(spans: Sequence[Sequence[Any]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(start), float(end)) for start, end in spans)


def _json(text: bytes) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")
    return found
