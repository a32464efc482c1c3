"""One channel against a recogniser that hears perfectly, apart from what real ones get wrong at a window's edges."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.types import Word
from streamer.audio import SAMPLE_RATE
from streamer.channel import BUFFER, LEAD_IN, REMEMBERED, ROOM, SLIVER, Channel, Excerpt
from streamer.front_end import BROKEN
from streamer.recognition.recognizer import Hypothesis
from streamer.types import Blind, Encoding

FRAME = SAMPLE_RATE // 50


class LoudnessModel:
    """Takes whatever isn't digital silence for speech."""

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.any(frames != 0, axis=1), dtype=np.float32)


@dataclass
class FickleModel(LoudnessModel):
    """Breaks when it is told to."""

    broken: bool = False

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.broken:
            raise ArithmeticError
        return super().probabilities(frames)


@dataclass(frozen=True)
class Speech:
    """Audio in which word i is a stretch of samples of the value i + 1."""

    audio: NDArray[np.int16]
    lengths: dict[int, int]

    @classmethod
    def of(cls, words: list[tuple[float, float]], after: Speech | None = None) -> Speech:
        """Make words of (pause before, length), in seconds; they are numbered on from those of other speech."""
        pieces, lengths = [], {} if after is None else {**after.lengths}
        for i, (pause, length) in enumerate(words, len(lengths)):
            lengths[i] = int(length * SAMPLE_RATE)
            pieces += [np.zeros(int(pause * SAMPLE_RATE), np.int16), np.full(lengths[i], i + 1, np.int16)]
        return cls(np.concatenate([*pieces, np.zeros(SAMPLE_RATE // 4, np.int16)]), lengths)

    def hear(self, audio: NDArray[np.float32], start: float, late: float = 0.0, mark: str = "") -> Hypothesis:
        """Read the words from samples; one that is cut comes out garbled, and all are placed `late`."""
        levels = np.rint(audio * 32768).astype(int)
        edges = np.flatnonzero(np.diff(levels, prepend=0, append=0))
        words = []
        for begin, end in pairwise(edges):
            if levels[begin]:
                word = int(levels[begin]) - 1
                whole = end - begin >= self.lengths[word]
                text = f" w{word}{mark}" if whole else f" w{word}cut{end - begin}"
                at = start + begin / SAMPLE_RATE + late
                words.append(Word(text, at, at + (end - begin) / SAMPLE_RATE))
        return Hypothesis(tuple(words))


@dataclass
class Listener:
    """Feeds a channel frame by frame; an answer comes `delay` frames after its window was planned."""

    channel: Channel
    speech: Speech
    delay: int = 0
    jitter: float = 0.0
    fail: frozenset[int] = frozenset()
    fickle: bool = False

    def __post_init__(self) -> None:
        self.committed: list[str] = []
        self.blind: list[Blind] = []
        self._answer: tuple[int, Excerpt] | None = None

    def listen(self) -> None:
        audio = self.speech.audio
        for clock, at in enumerate(range(0, len(audio), FRAME)):
            self.blind += receive(self.channel, audio[at : at + FRAME].tobytes())
            self._turn(clock)
        self.blind += finish(self.channel)
        for clock in range(len(audio) // FRAME, len(audio)):
            self._turn(clock)
            if self.channel.idle:
                return
        raise AssertionError("the channel never comes to an end")

    def _turn(self, clock: int) -> None:
        if self._answer is not None and clock >= self._answer[0]:
            _, excerpt = self._answer
            self._answer = None
            if self.channel.windows in self.fail:
                self.blind += self.channel.failed()
            else:
                late = self.jitter if self.channel.windows % 2 else -self.jitter
                mark = "x" if self.fickle and self.channel.windows % 2 else ""
                update, lost = self.channel.heard(self.speech.hear(excerpt.audio, excerpt.start, late, mark))
                self.committed += [word.text.strip(" x") for word in update.committed]
                self.blind += lost
        if self._answer is None and (due := self.channel.next()) is not None:
            self._answer = (clock + self.delay, due)


def channel() -> Channel:
    return Channel("agent", Encoding.PCM_S16LE, SAMPLE_RATE, LoudnessModel())


def process(one: Channel) -> list[Blind]:
    """Process what has come in, here and now."""
    portion = one.portion()
    if portion is None:
        return []
    given_up, missing = one.take(portion.process())
    return [*given_up, *missing]


def receive(one: Channel, payload: bytes) -> list[Blind]:
    one.receive(payload)
    return process(one)


def skip(one: Channel, samples: int, reason: str | None) -> list[Blind]:
    one.skip(samples, reason)
    return process(one)


def finish(one: Channel) -> list[Blind]:
    one.finish()
    return process(one)


spoken = st.lists(
    st.tuples(st.sampled_from([0.0, 0.0, 0.0, 0.2, 0.45, 0.55, 1.0, 3.0]), st.floats(0.15, 0.6)),
    min_size=1,
    max_size=60,
)


class TestNothingIsLostOrSaidTwice:
    @given(spoken, st.integers(0, 30), st.sampled_from([0.0, 0.06]))
    @settings(max_examples=60)
    def test_each_word_is_committed_once_and_in_order(
        self, words: list[tuple[float, float]], delay: int, jitter: float
    ) -> None:
        listener = Listener(channel(), Speech.of(words), delay, jitter)
        listener.listen()
        assert listener.committed == [f"w{i}" for i in range(len(words))]

    @pytest.mark.parametrize("length", [0.17, 0.29, 0.41, 0.53])
    @pytest.mark.parametrize("delay", [0, 10, 60])
    def test_speech_without_a_pause_outlasts_any_window(self, length: float, delay: int) -> None:
        listener = Listener(channel(), Speech.of([(0.0, length)] * 120), delay, jitter=0.08)
        listener.listen()
        assert listener.committed == [f"w{i}" for i in range(120)]

    @pytest.mark.parametrize("length", [0.17, 0.29, 0.41, 0.53])
    def test_a_recogniser_that_never_agrees_with_itself_fills_its_windows(self, length: float) -> None:
        listener = Listener(channel(), Speech.of([(0.0, length)] * 120), fickle=True)
        listener.listen()
        assert listener.committed == [f"w{i}" for i in range(120)]

    @given(spoken, st.frozensets(st.integers(1, 20), max_size=6))
    @settings(max_examples=40)
    def test_every_second_is_monitored_or_blind(self, words: list[tuple[float, float]], fail: frozenset[int]) -> None:
        listener = Listener(channel(), Speech.of(words), fail=fail)
        listener.listen()
        heard = listener.channel
        assert abs(heard.monitored + heard.blind - heard.received) < 0.001
        assert abs(heard.blind - sum(span.end - span.start for span in listener.blind)) < 0.001

    def test_a_window_that_fails_once_costs_nothing(self) -> None:
        listener = Listener(channel(), Speech.of([(0.0, 0.3)] * 20), fail=frozenset({3, 7}))
        listener.listen()
        assert listener.committed == [f"w{i}" for i in range(20)]
        assert listener.blind == []

    def test_a_window_that_fails_twice_is_blind_and_the_rest_is_heard(self) -> None:
        listener = Listener(channel(), Speech.of([(0.0, 0.3)] * 20), fail=frozenset({3, 4}))
        listener.listen()
        assert listener.committed[-1] == "w19"
        assert [span.reason for span in listener.blind] == ["recognition failed"]


class TestSpeechThatGivesNoWords:
    """Somebody speaks for some seconds, and the recogniser hears what it likes of it."""

    def listen(self, seconds: float, *heard: list[tuple[float, float]]) -> tuple[Channel, list[Blind], list[str]]:
        """Look at speech from 0.5 s on, first while it lasts where two looks are given.

        Args:
          heard: for each look, from and to when it has words.
        """
        channel = Channel("agent", Encoding.PCM_S16LE, SAMPLE_RATE, LoudnessModel())
        speech = Speech.of([(0.5, seconds), (1.0, 0.0)])
        blind: list[Blind] = []
        committed: list[str] = []
        for number, words in enumerate(heard, 1):
            if number == 1:
                receive(channel, speech.audio[: int((0.5 + seconds) * SAMPLE_RATE)].tobytes())
            if number == len(heard):
                receive(channel, speech.audio[int((0.5 + seconds) * SAMPLE_RATE) :].tobytes())
                finish(channel)
            excerpt = channel.next()
            assert excerpt is not None
            assert bool(excerpt.speech) == (number == len(heard))
            update, lost = channel.heard(Hypothesis(tuple(Word(" so", start, end) for start, end in words)))
            blind += lost
            committed += [word.text for word in update.committed]
        return channel, blind, committed

    def test_is_blind(self) -> None:
        channel, blind, _ = self.listen(4.0, [])
        ((start, end),) = [(one.start, one.end) for one in blind]
        assert (start, end) == pytest.approx((0.5, 4.5), abs=0.05)
        assert {one.reason for one in blind} == {"speech gave no words"}
        assert channel.monitored == pytest.approx(channel.received - 4.0, abs=0.05)

    def test_is_blind_where_it_is_only_some_of_it(self) -> None:
        _, blind, committed = self.listen(6.0, [(0.6, 0.9), (0.9, 1.2), (5.0, 5.4), (5.4, 6.4)])
        ((start, end),) = [(one.start, one.end) for one in blind]
        assert (start, end) == pytest.approx((1.2, 5.0), abs=0.05)
        assert len(committed) == 4

    def test_is_blind_under_a_word_that_is_stretched_over_it(self) -> None:
        _, blind, _ = self.listen(6.0, [(0.6, 0.9), (0.9, 6.4)])
        ((start, end),) = [(one.start, one.end) for one in blind]
        assert (start, end) == pytest.approx((1.5, 5.8), abs=0.05)

    @pytest.mark.parametrize("seconds", [0.3, 0.9])
    def test_is_not_where_it_may_have_been_a_cough(self, seconds: float) -> None:
        assert self.listen(seconds, [])[1] == []

    def test_leaves_what_was_heard_of_it_before(self) -> None:
        _, blind, committed = self.listen(4.0, [(1.0, 1.3), (1.3, 1.6)], [])
        assert committed == [" so", " so"]
        ((start, end),) = [(one.start, one.end) for one in blind]
        assert (start, end) == pytest.approx((1.6, 4.5), abs=0.05)


class TestFallingBehind:
    def test_the_oldest_speech_is_given_up_in_one_piece_and_reported(self) -> None:
        words = [(0.0, 0.5)] * int(BUFFER * 2 + 40)
        listener = Listener(channel(), Speech.of(words), delay=50 * (BUFFER + 10))
        listener.listen()
        assert {span.reason for span in listener.blind} == {"recognition fell behind"}
        assert all(span.end - span.start > 1 for span in listener.blind)
        assert listener.channel.blind > 0
        assert listener.committed[-1] == f"w{len(words) - 1}"

    def test_the_last_seconds_are_held_to_weigh_terms_against_whatever_was_heard_of_them(self) -> None:
        one = channel()
        for _ in range(200):
            receive(one, b"\0\0" * (SAMPLE_RATE // 10))
        assert len(one.audio(20.0 - REMEMBERED, 20.0)) == REMEMBERED * SAMPLE_RATE
        assert len(one.audio(0.0, 20.0)) == REMEMBERED * SAMPLE_RATE

    def test_long_silence_is_no_backlog(self) -> None:
        listener = Listener(channel(), Speech.of([(2.0 * BUFFER, 0.4), (2.0 * BUFFER, 0.4)]))
        listener.listen()
        assert listener.committed == ["w0", "w1"]
        assert listener.blind == []

    def test_what_is_asked_for_too_late_is_held_no_more(self) -> None:
        late = channel()
        receive(late, b"\1\0" * int(SAMPLE_RATE * (BUFFER + 10)))
        assert len(late.audio(1.0, 2.0)) == 0
        assert len(late.audio(BUFFER + 8.0, BUFFER + 9.0)) == SAMPLE_RATE


class TestWhatWaitsToBeProcessed:
    def test_is_received_and_not_idle(self) -> None:
        one = channel()
        one.receive(b"\0\0" * SAMPLE_RATE)
        assert (one.received, one.processed, one.idle) == (1.0, 0.0, False)
        process(one)
        assert (one.received, one.processed, one.idle) == (1.0, 1.0, True)

    def test_is_handed_out_in_one_portion_at_a_time(self) -> None:
        one = channel()
        one.receive(b"\1\0" * SAMPLE_RATE)
        portion = one.portion()
        assert portion is not None
        one.receive(b"\2\0" * SAMPLE_RATE)
        one.finish()
        assert one.portion() is None
        one.take(portion.process())
        assert not one.idle
        process(one)
        assert np.unique(one.audio(0.0, 1.0)).tolist() == [1 / 32_768]
        assert np.unique(one.audio(1.0, 2.0)).tolist() == [2 / 32_768]

    def test_is_blind_when_the_call_is_abandoned(self) -> None:
        one = channel()
        receive(one, b"\0\0" * SAMPLE_RATE)
        one.receive(b"\0\0" * SAMPLE_RATE)
        assert one.abandon("the call broke off") == [Blind("agent", 1.0, 2.0, "the call broke off")]
        assert one.portion() is None

    def test_is_let_fall_when_it_gets_too_long(self) -> None:
        one = channel()
        one.receive(b"\1\0" * SAMPLE_RATE * BUFFER)
        one.skip(SAMPLE_RATE, "lost")
        one.receive(b"\1\0" * SAMPLE_RATE)
        one.receive(b"\2\0" * SAMPLE_RATE)
        lost = process(one)
        assert [span.reason for span in lost] == ["lost", "processing fell behind"]
        assert (one.received, one.processed, one.blind) == (BUFFER + 3.0, BUFFER + 3.0, BUFFER + 2.0)
        assert np.unique(one.audio(BUFFER + 2.0, BUFFER + 3.0)).tolist() == [2 / 32_768]

    def test_comes_a_second_at_a_time_once_some_could_not_be_processed(self) -> None:
        model = FickleModel(broken=True)
        one = Channel("agent", Encoding.PCM_S16LE, SAMPLE_RATE, model)
        lost = receive(one, b"\1\0" * (SAMPLE_RATE // 10))
        model.broken = False
        assert [(span.start, span.end, span.reason) for span in lost] == [(0.0, 0.1, BROKEN)]
        portions = 0
        for _ in range(19):
            one.receive(b"\1\0" * (SAMPLE_RATE // 10))
            if (portion := one.portion()) is not None:
                portions += 1
                one.take(portion.process())
        assert portions == 10
        assert (one.processed, one.blind) == (2.0, 0.1)

    def test_is_processed_at_the_end_whatever_went_wrong_before(self) -> None:
        model = FickleModel(broken=True)
        one = Channel("agent", Encoding.PCM_S16LE, SAMPLE_RATE, model)
        receive(one, b"\1\0" * (SAMPLE_RATE // 10))
        model.broken = False
        receive(one, b"\0\0" * (SAMPLE_RATE // 10))
        finish(one)
        assert one.idle
        assert (one.processed, one.blind) == (0.2, 0.1)
        assert one.monitored == pytest.approx(0.1)


class TestFrameSizes:
    @given(st.lists(st.integers(1, 5000), min_size=1, max_size=40))
    @settings(max_examples=25)
    def test_any_cut_of_the_audio_is_the_same_call(self, sizes: list[int]) -> None:
        audio = Speech.of([(0.3, 0.4), (0.0, 0.3), (1.0, 0.5)]).audio.tobytes()
        whole, cut = channel(), channel()
        receive(whole, audio)
        at = 0
        for size in sizes:
            receive(cut, audio[at : at + 2 * size])
            at += 2 * size
        receive(cut, audio[at:])
        assert whole.received == cut.received
        finish(whole)
        finish(cut)
        one, other = whole.next(), cut.next()
        assert one is not None
        assert other is not None
        assert one.plan == other.plan
        assert np.array_equal(one.audio, other.audio)


class TestLeadIn:
    """What was said before leads in to a window that begins with speech."""

    def listen(self, words: list[tuple[float, float]], *, in_time: bool = True) -> list[Excerpt]:
        """Hear words out in as few looks as can be."""
        speech, one, excerpts = Speech.of(words), channel(), []
        for frame in np.array_split(speech.audio, len(speech.audio) // FRAME):
            receive(one, frame.tobytes())
            if one.ending and (excerpt := one.next(in_time=in_time)) is not None:
                one.heard(speech.hear(excerpt.audio, excerpt.start))
                excerpts.append(excerpt)
        return excerpts

    def test_is_joined_without_the_pause_between(self) -> None:
        first, second = self.listen([(0.5, 1.0), (2.0, 1.0), (1.0, 0.0)])
        assert first.start == first.plan.start
        levels = second.audio[second.audio != 0]
        assert {round(level * 32768) for level in levels.tolist()} == {1, 2}
        assert second.plan.start - second.start == pytest.approx(len(first.audio) / SAMPLE_RATE)

    def test_is_bounded(self) -> None:
        *_, last = self.listen([(0.5, 5.0), (2.0, 1.0), (1.0, 0.0)])
        assert last.plan.start - last.start == LEAD_IN
        *_, full = self.listen([(0.5, 5.0), (2.0, 8.0), (1.0, 0.0)])
        assert len(full.audio) <= ROOM * SAMPLE_RATE

    def test_is_left_out_when_there_is_no_time(self) -> None:
        _, second = self.listen([(0.5, 1.0), (2.0, 1.0), (1.0, 0.0)], in_time=False)
        assert second.start == second.plan.start


class TestWhatIsLost:
    """Samples that never came: nothing is heard across them, and every second is accounted for."""

    @given(spoken, spoken, st.integers(0, 40 * SAMPLE_RATE), st.sampled_from(["lost", None]))
    @settings(max_examples=20)
    def test_is_blind_where_there_was_something_and_nothing_around_it_is(
        self, before: list[tuple[float, float]], after: list[tuple[float, float]], samples: int, reason: str | None
    ) -> None:
        one = channel()
        first = Listener(one, Speech.of(before))
        second = Listener(one, Speech.of(after, first.speech))
        first.listen()
        at = one.received
        blind = skip(one, samples, reason)
        told = reason and samples >= SLIVER * SAMPLE_RATE
        assert blind == ([Blind("agent", at, one.received, "lost")] if told else [])
        assert one.received == pytest.approx(at + samples / SAMPLE_RATE)
        second.listen()
        assert first.committed == [f"w{i}" for i in range(len(before))]
        assert second.committed == [f"w{i}" for i in range(len(before), len(before) + len(after))]
        assert first.blind == second.blind == []
        assert one.monitored + one.blind == pytest.approx(one.received, abs=0.001)

    def test_ends_a_word_in_the_middle(self) -> None:
        one = channel()
        receive(one, b"\1\0" * SAMPLE_RATE)
        skip(one, SAMPLE_RATE, "lost")
        excerpt = one.next()
        assert excerpt is not None
        assert excerpt.plan.final
        assert excerpt.plan.end < 2.0

    def test_of_no_length_ends_it_just_as_well(self) -> None:
        one = channel()
        receive(one, b"\1\0" * SAMPLE_RATE)
        assert skip(one, 0, None) == []
        excerpt = one.next()
        assert excerpt is not None
        assert (excerpt.plan.final, excerpt.plan.end, one.received) == (True, 1.0, 1.0)

    def test_over_more_than_is_held_gives_up_what_no_window_heard(self) -> None:
        one = channel()
        receive(one, b"\1\0" * SAMPLE_RATE)
        given_up, lost = skip(one, (BUFFER + 1) * SAMPLE_RATE, "lost")
        assert (given_up.reason, given_up.end) == ("recognition fell behind", 1.0)
        assert lost == Blind("agent", 1.0, BUFFER + 2.0, "lost")
        assert one.blind == BUFFER + 2.0

    @pytest.mark.parametrize("rate", [8000, 44_100])
    def test_keeps_times_right_at_any_rate(self, rate: int) -> None:
        one = Channel("agent", Encoding.PCM_S16LE, rate, LoudnessModel())
        receive(one, b"\0\0" * (rate // 2))
        skip(one, 3 * rate, "lost")
        receive(one, b"\0\1" * rate)
        finish(one)
        excerpt = one.next()
        assert excerpt is not None
        loud = excerpt.start + np.flatnonzero(np.abs(excerpt.audio) > 1 / 256)[0] / SAMPLE_RATE
        assert loud == pytest.approx(3.5, abs=0.01)
