"""What crosses the wire comes out as it went in, and garbage is told to be garbage."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detector.types import Word
from streamer.ray import parcels
from streamer.ray.parcels import Heard, Introduction
from streamer.recognition.recognizer import Abilities, Hypothesis, Scoring, Window

finite = st.floats(allow_nan=False, allow_infinity=False)
audio = arrays(np.float32, st.integers(0, 50), elements=st.floats(-1, 1, width=32))
words = st.lists(st.builds(Word, st.text(max_size=5), finite, finite, st.floats(0, 1)), max_size=4).map(tuple)
windows = st.builds(
    Window,
    st.just("call-4711"),
    st.just("agent"),
    st.integers(0, 9),
    audio,
    finite,
    st.sampled_from(["zh", "en"]),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(finite, finite), max_size=3).map(tuple),
)
hypotheses = st.builds(
    Hypothesis,
    words,
    st.floats(0, 1),
    st.none() | st.text(max_size=9),
    st.none() | st.just("en"),
    st.lists(words, max_size=3).map(tuple),
)


class TestWindows:
    @given(st.lists(windows, min_size=1, max_size=4))
    def test_come_out_as_they_went_in(self, sent: list[Window]) -> None:
        came = parcels.unpack_question(parcels.pack_windows(sent))
        assert came is not None
        assert [type(one) for one in came] == [Window] * len(sent)
        for before, after in zip(sent, came, strict=True):
            assert isinstance(after, Window)
            same = ("start", "language", "thorough", "final", "speech")
            assert [getattr(before, name) for name in same] == [getattr(after, name) for name in same]
            np.testing.assert_array_equal(after.audio, before.audio)

    @given(st.lists(windows, min_size=1, max_size=4))
    def test_do_not_say_whose_call_it_is(self, sent: list[Window]) -> None:
        assert b"call-4711" not in parcels.pack_windows(sent)
        assert b"agent" not in parcels.pack_windows(sent)

    def test_are_not_rounded(self) -> None:
        fine = Window("", "", 0, np.array([1.5, np.nextafter(np.float32(0.1), np.float32(1))], np.float32), 0.0, "zh")
        (came,) = parcels.unpack_question(parcels.pack_windows([fine])) or []
        assert came.audio.tolist() == fine.audio.tolist()


class TestAnswers:
    @given(st.lists(hypotheses, max_size=4).map(tuple), st.floats(0, 100))
    def test_come_out_as_they_went_in(self, heard: tuple[Hypothesis, ...], busy: float) -> None:
        answer = Heard("base", busy, heard)
        assert parcels.unpack_heard(parcels.pack_heard(answer)) == answer

    def test_leave_what_the_recogniser_keeps_where_it_is(self) -> None:
        heard = Hypothesis((Word("好", 0.0, 0.2),), trace=np.zeros((500, 512), dtype=np.float32))
        answer = parcels.pack_heard(Heard("base", 0.1, (heard,)))
        assert len(answer) < 200
        (came,) = parcels.unpack_heard(answer).hypotheses
        assert came.trace is True

    def test_say_where_texts_are_better_weighed_on_a_part_of_the_window(self) -> None:
        answer = parcels.pack_heard(Heard("base", 0.1, (Hypothesis((Word("好", 0.0, 0.2),)),)))
        (came,) = parcels.unpack_heard(answer).hypotheses
        assert came.trace is None

    @given(st.lists(st.lists(finite, max_size=4).map(tuple), max_size=4))
    def test_of_likelihood_come_out_as_they_went_in(self, likelihoods: list[tuple[float, ...]]) -> None:
        assert parcels.unpack_likelihoods(parcels.pack_likelihoods(likelihoods)) == likelihoods

    def test_of_who_is_there_come_out_as_they_went_in(self) -> None:
        introduction = Introduction("large-v3", Abilities(16, scores=True, word_times=True))
        assert parcels.unpack_introduction(parcels.pack_introduction(introduction)) == introduction


def test_questions_of_likelihood_come_out_as_they_went_in() -> None:
    heard = np.linspace(-1, 1, 7, dtype=np.float32)
    asked = [
        Scoring("call-4711", "agent", "v-1", heard, "zh", ("保本",), ("报本",), 3.0, trace=object()),
        Scoring("call-4711", "agent", "v-2", heard[:0], "zh", ("保本",), (), 3.0),
    ]
    body = parcels.pack_scorings(asked)
    assert b"call-4711" not in body
    came = parcels.unpack_question(body)
    assert came is not None
    assert [one.texts for one in came if isinstance(one, Scoring)] == [one.texts for one in asked]
    np.testing.assert_array_equal(came[0].audio, heard)
    assert len(came[1].audio) == 0


def test_who_is_there_is_a_question() -> None:
    assert parcels.unpack_question(parcels.pack_introduction_wanted()) is None


class TestGarbage:
    @given(st.binary(max_size=60) | st.builds(lambda line: line.encode() + b"\n\0\0\0\0", st.text(max_size=40)))
    def test_is_an_error_and_nothing_else(self, body: bytes) -> None:
        for unpack in (
            parcels.unpack_question,
            parcels.unpack_heard,
            parcels.unpack_likelihoods,
            parcels.unpack_introduction,
        ):
            with suppress(ValueError):
                unpack(body)

    @pytest.mark.parametrize(
        "header",
        [
            {},
            {"version": 2},
            {"version": 2, "ask": "windows", "samples": [1], "about": []},
            {"version": 2, "ask": "windows", "samples": [-1], "about": [["zh", 0.0, True, True, []]]},
            {"version": 2, "ask": "windows", "samples": [2], "about": [["zh", 0.0, True, True, []]]},
            {"version": 2, "ask": "windows", "samples": [1], "about": [["zh", None, True, True, []]]},
            {"version": 2, "ask": "windows", "samples": "1", "about": [["zh", 0.0]]},
            {"version": 2, "ask": "windows", "samples": [1], "about": [["zh", 0.0, True, True, [1.0]]]},
            {"version": 2, "ask": "windows", "samples": [1], "about": [["zh", 0.0, True, True, [[1.0, "x"]]]]},
            {"version": 2, "ask": "texts", "samples": [1], "about": [["zh", 5]]},
            {"version": 2, "ask": "names", "samples": [], "about": []},
        ],
    )
    def test_that_looks_like_a_question_is_an_error(self, header: dict[str, object]) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - each says something else
            parcels.unpack_question(json.dumps(header).encode() + b"\n\0\0\0\0")

    @pytest.mark.parametrize("answer", [{}, {"heard": [{}], "model": "", "busy": 0}, {"likelihoods": [None]}])
    def test_that_looks_like_an_answer_is_an_error(self, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        for unpack in (parcels.unpack_heard, parcels.unpack_likelihoods, parcels.unpack_introduction):
            with pytest.raises(ValueError, match="does not answer"):
                unpack(body)

    def test_in_place_of_sound_is_an_error(self) -> None:
        silence = Window("", "", 0, np.array([np.nan], np.float32), 0.0, "zh")
        with pytest.raises(ValueError, match="no audio"):
            parcels.unpack_question(parcels.pack_windows([silence]))

    def test_of_another_version_says_so(self) -> None:
        body = parcels.pack_introduction_wanted().replace(b'"version":2', b'"version":1')
        with pytest.raises(ValueError, match="must be alike"):
            parcels.unpack_question(body)
        answer = parcels.pack_introduction(Introduction("base", Abilities())).replace(b'"version": 2', b'"version": 1')
        with pytest.raises(ValueError, match="must be alike"):
            parcels.unpack_introduction(answer)
