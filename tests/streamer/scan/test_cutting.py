"""From speech to windows: all of it, none of it twice, never more than a window holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.types import Word
from streamer.audio import SAMPLE_RATE
from streamer.recognition.vad import FRAME
from streamer.scan.cutting import Cut, CutOptions, Cutter, Piece

OPTIONS = CutOptions()
SECOND = SAMPLE_RATE // FRAME


class Loud:
    """Takes loud frames for speech."""

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = np.clip(np.abs(frames).mean(axis=1), 0, 1).astype(np.float32)
        return found


def spoken(*stretches: tuple[float, float], seconds: float, level: float = 0.9) -> NDArray[np.float32]:
    audio = np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)
    for start, end in stretches:
        audio[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = level
    return audio


def cut(audio: NDArray[np.float32], step: int = SAMPLE_RATE) -> list[Cut]:
    cutter = Cutter("agent", Loud())
    cuts = [one for at in range(0, len(audio), step) for one in cutter.push(audio[at : at + step])]
    return [*cuts, *cutter.finish()]


def pieces(cuts: list[Cut]) -> list[Piece]:
    return [piece for one in cuts for piece in one.pieces]


class TestWindows:
    def test_silence_makes_none(self) -> None:
        assert cut(spoken(seconds=60)) == []

    def test_sentences_are_joined_without_the_pauses_between(self) -> None:
        (only,) = cut(spoken((1, 3), (10, 12), (40, 42), seconds=60))
        assert len(only.pieces) == 3
        assert len(only.audio) / SAMPLE_RATE == pytest.approx(3 * (2 + OPTIONS.lead + OPTIONS.tail), abs=0.2)

    def test_a_sentence_that_has_no_room_begins_the_next(self) -> None:
        first, second = cut(spoken((1, 7), (8, 14), (15, 21), seconds=25))
        assert [len(one.pieces) for one in (first, second)] == [2, 1]
        assert [one.number for one in (first, second)] == [0, 1]

    def test_long_speech_is_cut_where_somebody_pauses(self) -> None:
        # Too short a pause to end speech.
        audio = spoken((1, 12.5), (12.7, 24), seconds=28)
        first, second = cut(audio)
        assert first.pieces[-1].end == pytest.approx(12.6, abs=0.1)
        assert second.pieces[0].start == first.pieces[-1].end

    def test_where_nobody_pauses_the_cut_is_heard_from_both_sides(self) -> None:
        first, second, *_ = cut(spoken((1, 35), seconds=40))
        assert first.pieces[-1].settles == pytest.approx(first.pieces[-1].end - OPTIONS.margin)
        assert second.pieces[0].start == pytest.approx(first.pieces[-1].end - OPTIONS.context)

    def test_the_last_words_are_not_lost_when_the_recording_breaks_off(self) -> None:
        (only,) = cut(spoken((1, 3), seconds=3))
        assert only.pieces[-1].end == pytest.approx(3, abs=0.05)
        assert only.pieces[-1].closes

    @pytest.mark.parametrize("step", [SAMPLE_RATE, 1600])
    def test_speech_that_just_fits_is_still_told_to_have_ended(self, step: int) -> None:
        for length in np.arange(OPTIONS.longest - 1.0, OPTIONS.longest + 1.0, 0.04):
            last = pieces(cut(spoken((1, 1 + float(length)), seconds=20), step))[-1]
            assert last.closes, length

    def test_options_that_get_nowhere_are_refused(self) -> None:
        with pytest.raises(ValueError, match="longest"):
            CutOptions(longest=5.0)


class TestAnySpeech:
    stretches = st.lists(st.tuples(st.floats(0.1, 30), st.floats(0.0, 3)), max_size=5)

    @given(stretches, st.integers(200, 40_000))
    @settings(max_examples=40)
    def test_all_of_it_is_in_some_window_and_counted_once(self, lengths: list[tuple[float, float]], step: int) -> None:
        at, said = 1.0, []
        for length, pause in lengths:
            said.append((at, at + length))
            at += length + pause
        audio = spoken(*said, seconds=at + 1)
        cutter = Cutter("agent", Loud())
        cuts = [one for i in range(0, len(audio), step) for one in cutter.push(audio[i : i + step])]
        cuts += cutter.finish()
        found = pieces(cuts)
        assert all(len(one.audio) <= OPTIONS.longest * SAMPLE_RATE + 2 for one in cuts)
        assert [one.number for one in cuts] == list(range(len(cuts)))
        for start, end in cutter.spans:
            covered = [(p.start, p.end) for p in found if p.start < end and start < p.end]
            reach = start
            for begin, stop in sorted(covered):
                assert begin <= reach + 0.001
                reach = max(reach, stop)
            assert reach >= end - 0.001
        assert sum(one.speech for one in cuts) == pytest.approx(sum(b - a for a, b in cutter.spans), abs=0.01)

    @given(stretches, st.integers(200, 40_000))
    @settings(max_examples=40)
    def test_how_the_audio_comes_in_changes_nothing(self, lengths: list[tuple[float, float]], step: int) -> None:
        at, said = 1.0, []
        for length, pause in lengths:
            said.append((at, at + length))
            at += length + pause
        audio = spoken(*said, seconds=at + 1)
        whole, parts = cut(audio, step=len(audio)), cut(audio, step=step)
        assert [piece.closes for piece in pieces(whole)] == [piece.closes for piece in pieces(parts)]


class TestPlacing:
    def two(self) -> Cut:
        audio = np.arange(3 * SAMPLE_RATE, dtype=np.float32)
        return Cut("agent", 0, (Piece(10, 11, 11, True, 1), Piece(20, 22, 22, True, 2)), audio)

    def test_words_go_back_to_where_they_were_spoken(self) -> None:
        first, second = self.two().placed([Word("a", 0.2, 0.6, 0.9), Word("b", 1.5, 2.0, 0.8)])
        assert [(word.start, word.end) for word in first] == [(10.2, 10.6)]
        assert [(word.start, word.end) for word in second] == [(20.5, 21.0)]

    def test_a_word_across_the_joint_stays_within_its_piece(self) -> None:
        first, second = self.two().placed([Word("a", 0.7, 1.1, 0.9), Word("b", 0.9, 1.4, 0.8)])
        assert [(word.start, word.end) for word in first] == [(10.7, 11.0)]
        assert [(word.start, word.end) for word in second] == [(20.0, 20.4)]

    def test_audio_is_found_by_the_recordings_seconds(self) -> None:
        found = self.two().excerpt(10.5, 20.25)
        assert found[0] == 0.5 * SAMPLE_RATE
        assert found[-1] == 1.25 * SAMPLE_RATE - 1
        assert len(found) == 0.75 * SAMPLE_RATE

    def test_audio_that_is_in_no_piece_is_none(self) -> None:
        assert len(self.two().excerpt(12, 13)) == 0
