"""Other readings of what was heard, and the questions that are asked of the audio."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detector.detector import Detector
from detector.types import Action, Score, ScoreRequest, Status, TranscriptUpdate, Word
from tests.detector.test_detector import detector, fired, words


class TestOtherReadings:
    """Of 这个稳妥的产品 another reading is 这个保本的产品."""

    def update(self, other: str = "这个保本的产品", heard: str = "这个稳妥的产品") -> TranscriptUpdate:
        look = tuple(words(heard))
        return TranscriptUpdate("agent", (), look, False, 2.0, look, (tuple(words(other)),))

    def asked(self, at: Detector, update: TranscriptUpdate) -> list[ScoreRequest]:
        assert at.update(update).requests == ()
        return list(at.reread(update).requests)

    def test_are_weighed_against_the_likelier_one(self) -> None:
        (request,) = self.asked(detector(), self.update())
        assert (*request.heard, *request.instead) == ("这个稳妥的产品", "这个保本的产品", "这个保本的产品")

    def test_block_when_they_are_as_likely(self) -> None:
        at = detector()
        (request,) = self.asked(at, self.update())
        (decision,) = at.scored(Score(request.id, -1.0, -1.5)).decisions
        assert (decision.violation.term, decision.action) == ("保本", Action.MUTE)

    def test_say_nothing_of_what_the_likeliest_allows(self) -> None:
        assert self.asked(detector(), self.update("就承诺保本的", "不承诺保本的")) == []

    def test_say_nothing_of_what_is_committed(self) -> None:
        at = detector()
        at.update(TranscriptUpdate("agent", tuple(words("这个稳妥")), ()))
        look = (*words("这个稳妥"), *words("的产品", 0.8))
        later = TranscriptUpdate(
            "agent", (), tuple(words("的产品", 0.8)), False, 2.0, look, (tuple(words("这个保本的产品")),)
        )
        assert self.asked(at, later) == []

    @pytest.mark.parametrize(("likelihood", "status"), [(-2.0, Status.CONFIRMED), (-900.0, Status.RETRACTED)])
    def test_that_fired_are_weighed_once_more_when_the_text_is_agreed_without_them(
        self, likelihood: float, status: Status
    ) -> None:
        at = detector()
        (request,) = self.asked(at, self.update())
        assert fired(at.scored(Score(request.id, -1.0, -1.0)))
        (again,) = at.update(TranscriptUpdate("agent", tuple(words("这个稳妥的产品")), (), True)).requests
        assert (*again.heard, *again.instead) == ("这个稳妥的产品", "这个保本的产品")
        (decision,) = at.scored(Score(again.id, -1.0, likelihood)).decisions
        assert (decision.violation.status, decision.undo is not None) == (status, status is Status.RETRACTED)

    def test_that_fired_are_weighed_where_they_were_though_its_words_are_placed_otherwise(self) -> None:
        at = detector()
        (request,) = self.asked(at, self.update())
        assert fired(at.scored(Score(request.id, -1.0, -1.0)))
        agreed = (*words("这个"), Word("稳", 0.4, 0.6), Word("妥", 0.6, 1.1), *words("的产品", 1.1))
        (again,) = at.update(TranscriptUpdate("agent", agreed, (), True)).requests
        assert (*again.heard, *again.instead) == ("这个稳妥的产品", "这个保本的产品")


class TestAQuestion:
    def request(self, said: str, term: str) -> ScoreRequest:
        spoken = words(said)
        return ScoreRequest("v-1", "agent", tuple(spoken[:1]), tuple(spoken[1:3]), tuple(spoken[3:]), term, 0.1)

    def test_keeps_the_spaces_and_marks_around_the_term(self) -> None:
        request = self.request("a guarantee return, sir", "guaranteed return")
        assert request.heard == ("a guarantee return, sir",)
        assert request.instead == ("a guaranteed return, sir",)

    def test_leaves_it_to_the_audio_where_a_term_ends_whose_last_word_is_unlike_it(self) -> None:
        spoken = tuple(words("这更深宽意啊,立即还更高。"))
        request = ScoreRequest("v-1", "agent", spoken[:1], spoken[1:7], spoken[7:], "跟存款一样", 0.3, loose=True)
        assert request.instead == ("这跟存款一样即还更高。", "这跟存款一样,立即还更高。")
        assert replace(request, loose=False).instead == request.instead[:1]

    def test_is_asked_of_all_of_a_look_that_holds_what_was_heard(self) -> None:
        again = self.request("这宝本的", "保本").within(words("今天这宝本的产品", -0.5))
        assert again is not None
        assert (*again.heard, *again.instead) == ("今天这宝本的产品", "今天这保本的产品")

    def test_is_not_asked_of_a_look_that_does_not(self) -> None:
        request = self.request("这宝本的", "保本")
        assert request.within(words("这保本的")) is None
        assert request.within(words("这宝本的", 5.0)) is None
