"""A channel's bytes on their way to samples and speech: however they are cut, and whatever goes wrong with some."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamer import recordings
from streamer.audio import SAMPLE_RATE, encode
from streamer.front_end import BROKEN, PIECE, End, FrontEnd, Input, Lost, Missing, Portion, Processed, Sound
from streamer.recognition.vad import SileroModel, SpeechEnded, SpeechModel, SpeechStarted
from streamer.types import Encoding

RATE = 8000
DATA = Path(recordings.__file__).parent / "data"


class LoudnessModel:
    """Takes whatever isn't digital silence for speech; breaks on samples of full scale."""

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        if np.max(np.abs(frames)) > 0.9:
            raise ArithmeticError("too loud")
        return np.asarray(np.any(frames != 0, axis=1), dtype=np.float32)


class Frames:
    """Counts the frames of each run, and takes them for silence."""

    def __init__(self) -> None:
        self.runs: list[int] = []

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        self.runs.append(len(frames))
        return np.zeros(len(frames), dtype=np.float32)


def front_end(speech: SpeechModel | None = None, encoding: Encoding = Encoding.PCM_S16LE, rate: int = RATE) -> FrontEnd:
    return FrontEnd(encoding, rate, speech or LoudnessModel())


def tone(seconds: float, level: float = 0.1, rate: int = RATE) -> bytes:
    at = np.arange(round(seconds * rate)) / rate
    return encode((level * np.sin(2 * np.pi * 300 * at)).astype(np.float32), Encoding.PCM_S16LE)


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def samples(processed: list[Processed]) -> NDArray[np.float32]:
    """Give the audio, zeros where some is missing."""
    pieces = [one.samples if isinstance(one, Sound) else np.zeros(one.samples, np.float32) for one in processed]
    return np.concatenate([*pieces, np.zeros(0, dtype=np.float32)])


def speech(processed: list[Processed]) -> list[SpeechStarted | SpeechEnded]:
    return [event for one in processed for event in one.speech]


def turns(processed: list[Processed]) -> list[tuple[float, float]]:
    """Give from when to when there is speech."""
    events = speech(processed)
    return [(start.at, end.at) for start, end in zip(events[::2], events[1::2], strict=True)]


@cache
def voices() -> NDArray[np.float32]:
    """Give some seconds of a bundled call, as telephones have them."""
    recording = recordings.read(DATA / "demo-zh.wav")
    assert recording.sample_rate == RATE
    return np.ascontiguousarray(recording.samples[: 8 * RATE, 0])


def cuts(payload: bytes, places: list[int], width: int) -> list[bytes]:
    at = [0, *sorted(place * width for place in places if place * width < len(payload)), len(payload)]
    return [payload[start:end] for start, end in pairwise(at)]


class TestAnyCut:
    @given(
        st.lists(st.integers(0, 48_000), max_size=30),
        st.lists(st.integers(1, 4), min_size=1, max_size=30),
        st.sampled_from(Encoding),
        st.sampled_from([8000, 16_000, 24_000]),
    )
    @settings(max_examples=15, deadline=None)
    def test_of_bytes_and_of_portions_gives_the_same_audio_and_speech(
        self, places: list[int], portions: list[int], encoding: Encoding, rate: int
    ) -> None:
        payload = encode(voices(), encoding)
        whole = front_end(SileroModel(), encoding, rate)
        expected = whole.process([payload, Lost(rate, "lost"), payload, End()])
        one, processed = front_end(SileroModel(), encoding, rate), list[Processed]()
        pieces = cuts(payload, places, encoding.width)
        inputs: list[Input] = [*pieces, Lost(rate, "lost"), *reversed(cuts(payload, [], encoding.width)), End()]
        for size in [*portions, len(inputs)]:
            taken, inputs = inputs[:size], inputs[size:]
            processed += one.process(taken)
        assert np.allclose(samples(processed), samples(expected), atol=1e-6)
        assert speech(processed) == speech(expected)
        assert len(speech(expected)) > 1

    def test_in_portions_takes_one_run_of_the_network_each(self) -> None:
        model = Frames()
        one = front_end(model)
        one.process([silence(0.02)] * 5)
        one.process([silence(0.02)] * 5)
        assert model.runs == [3, 3]

    def test_goes_through_a_second_at_a_time(self) -> None:
        one = front_end()
        processed = one.process([tone(3.5)])
        assert [len(sound.samples) for sound in processed if isinstance(sound, Sound)][1:3] == [SAMPLE_RATE] * 2
        assert len(processed) == 4
        assert PIECE == 1.0


class TestLost:
    def test_ends_speech_before_it_and_keeps_time(self) -> None:
        processed = front_end().process([tone(1.0), Lost(2 * RATE, "lost"), tone(0.5), End()])
        _, _, missing, *_ = processed
        assert isinstance(missing, Missing)
        assert (missing.start, missing.end, missing.reason, missing.error) == (1.0, 3.0, "lost", None)
        assert turns(processed) == [(0.0, 1.0), (pytest.approx(3.0, abs=0.05), 3.5)]
        assert len(samples(processed)) == 3.5 * SAMPLE_RATE

    @given(
        st.lists(st.one_of(st.integers(0, 20_000), st.integers(0, 20_000).map(lambda n: Lost(n, None))), max_size=12),
        st.sampled_from([8000, 11_025, 16_000, 44_100, 48_000]),
    )
    @settings(max_examples=60, deadline=None)
    def test_leaves_no_sample_unaccounted_for(self, inputs: list[int | Lost], rate: int) -> None:
        taken = [one if isinstance(one, Lost) else bytes(2 * one) for one in inputs]
        total = sum(one.samples if isinstance(one, Lost) else one for one in inputs)
        given_out = len(samples(front_end(rate=rate).process([*taken, End()])))
        assert abs(given_out - total / rate * SAMPLE_RATE) <= 1


class TestAudioThatCannotBeProcessed:
    def test_is_missing_and_what_follows_is_processed_in_its_place(self) -> None:
        one = front_end()
        processed = one.process([tone(0.5)])
        processed += one.process([tone(0.5, level=1.0)])
        processed += one.process([silence(0.5), tone(0.5), End()])
        _, missing, *_ = processed
        assert isinstance(missing, Missing)
        assert isinstance(missing.error, ArithmeticError)
        assert (missing.start, missing.end, missing.reason) == (0.5, 1.0, BROKEN)
        assert turns(processed) == [(0.0, pytest.approx(0.5, abs=0.01)), (pytest.approx(1.5, abs=0.05), 2.0)]
        assert len(samples(processed)) == 2 * SAMPLE_RATE

    def test_is_missing_where_bytes_are_no_samples(self) -> None:
        (missing,) = front_end().process([b"\0\0\0"])
        assert isinstance(missing, Missing)
        assert isinstance(missing.error, ValueError)


def test_portions_of_many_channels_come_out_as_each_alone() -> None:
    random = np.random.default_rng(7)
    audio = [encode(np.roll(voices(), int(random.integers(len(voices())))), Encoding.MULAW) for _ in range(6)]
    alone = [front_end(SileroModel(), Encoding.MULAW).process([payload, End()]) for payload in audio]
    ends = [front_end(SileroModel(), Encoding.MULAW) for _ in audio]
    mixed: list[list[Processed]] = [[] for _ in audio]
    at = [0] * len(audio)
    while any(place < len(payload) for place, payload in zip(at, audio, strict=True)):
        for index in random.permutation(len(audio)).tolist():
            size = int(random.integers(0, 2000))
            portion = Portion("agent", ends[index], [audio[index][at[index] : at[index] + size]])
            mixed[index] += portion.process()
            at[index] += size
    for one, other, end in zip(mixed, alone, ends, strict=True):
        whole = [*one, *end.process([End()])]
        assert speech(whole) == speech(other)
        assert np.allclose(samples(whole), samples(other), atol=1e-6)
