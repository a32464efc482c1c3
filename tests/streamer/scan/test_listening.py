"""What is found in a recording, by what a recogniser hears in it: no model, no file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from detector.types import MatchKind, Word
from lexicon.compiler import compile_lexicon
from lexicon.loader import parse
from streamer.audio import SAMPLE_RATE
from streamer.recognition.recognizer import Hypothesis, Scoring
from streamer.scan.cutting import Cut
from streamer.scan.listening import Heard, Listening
from tests.streamer.scan.test_cutting import Loud, spoken

TABLE = compile_lexicon(
    parse(
        """
lexicon: test
language: zh
rules:
  - id: promise
    category: guarantee
    severity: block
    terms: [保本保收益]
    allow: [不承诺保本保收益]
    say_instead: 理财有风险
  - {id: risk, category: disclosure, severity: alert, required: {by: end}, terms: [投资有风险]}
  - {id: early, category: disclosure, severity: alert, required: {within: 5}, terms: [通话将被录音]}
""",
        "test.yaml",
    ),
    "zh",
)
PACE = 0.2


class Script:
    """Says texts on channels from certain seconds on, a character each fifth of a second."""

    def __init__(self, *said: tuple[str, float, str]) -> None:
        self.words = [
            (channel, Word(char, at + PACE * i, at + PACE * (i + 1), 0.95))
            for channel, at, text in said
            for i, char in enumerate(text)
        ]
        self.spans = {
            channel: [(at, at + PACE * len(text)) for name, at, text in said if name == channel]
            for channel in ("agent", "customer")
        }

    def heard_in(self, cut: Cut) -> tuple[Word, ...]:
        words, begin = [], 0.0
        for piece in cut.pieces:
            for channel, word in self.words:
                if channel == cut.channel and piece.start <= word.start and word.end <= piece.end + 0.01:
                    shift = begin - piece.start
                    words.append(Word(word.text, word.start + shift, word.end + shift, word.probability))
            begin += piece.end - piece.start
        return tuple(words)


def listen(
    script: Script,
    *,
    seconds: float = 60,
    likely: Sequence[float] = (-1.0, -30.0),
    failing: int | None = None,
    instead: Hypothesis | None = None,
    other: str | None = None,
) -> tuple[Heard, list[Scoring]]:
    """Scan what a script says.

    Args:
      likely: the answer to each question: how likely what was heard is, and the term.
      failing: number of a window of the agent's that can't be recognised.
      instead: what is given for it.
      other: another reading that a recogniser gives beside each.
    """
    columns = [spoken(*script.spans[channel], seconds=seconds) for channel in ("agent", "customer")]
    listening = Listening("a.wav", ("agent", "customer"), SAMPLE_RATE, TABLE, Loud)
    samples, asked = np.stack(columns, axis=1), list[Scoring]()
    cuts = [cut for at in range(0, len(samples), 50_000) for cut in listening.push(samples[at : at + 50_000])]
    for cut in [*cuts, *listening.finish()]:
        words = script.heard_in(cut)
        hypothesis: Hypothesis | None = Hypothesis(words, trace="window")
        if other is not None and words:
            reading = [Word(char, word.start, word.end, 0.5) for char, word in zip(other, words, strict=False)]
            hypothesis = Hypothesis(words, alternatives=(tuple(reading),), trace="window")
        if cut.number == failing and cut.channel == "agent":
            hypothesis = instead
        questions = listening.heard(cut, hypothesis)
        while questions:
            asked += questions
            questions = [more for one in questions for more in listening.scored(one, likely or None)]
    return listening.account(), asked


class TestFinding:
    def test_a_term_is_found_with_where_it_was_said_and_what_was_said_around_it(self) -> None:
        heard, _ = listen(Script(("agent", 1.0, "我们这款产品保本保收益请放心")))
        (found,) = heard.found
        assert (found.rule_id, found.severity, found.term, found.heard) == (
            "promise",
            "block",
            "保本保收益",
            "保本保收益",
        )
        assert (found.start, found.end) == pytest.approx((1 + 6 * PACE, 1 + 11 * PACE), abs=0.01)
        assert (found.text, found.say_instead) == ("我们这款产品保本保收益请放心", "理财有风险")
        assert (found.violation_id, found.match, found.channel) == ("v-1", "exact", "agent")

    def test_the_same_words_allowed_or_the_customers_are_none(self) -> None:
        heard, _ = listen(Script(("agent", 1.0, "我们不承诺保本保收益"), ("customer", 10.0, "保本保收益吗")))
        assert heard.found == ()

    def test_each_time_counts_and_they_are_told_in_order(self) -> None:
        heard, _ = listen(Script(("agent", 1.0, "保本保收益"), ("agent", 30.0, "就是保本保收益")))
        assert [(one.violation_id, round(one.start)) for one in heard.found] == [("v-1", 1), ("v-2", 30)]

    def test_what_sounds_alike_counts_if_it_is_likely(self) -> None:
        script = Script(("agent", 1.0, "这款产品保本宝收益"))
        sure, asked = listen(script, likely=(-8.0, -7.0))
        assert [one.match for one in sure.found] == ["phonetic"]
        assert all(question.trace == "window" for question in asked)
        assert asked[0].texts == ("这款产品保本宝收益", "这款产品保本保收益")
        unsure, _ = listen(script, likely=(-1.0, -60.0))
        assert unsure.found == ()

    def test_the_audio_says_where_a_term_ends_whose_last_syllable_is_another(self) -> None:
        script = Script(("agent", 1.0, "这款产品保本保收大家好"))
        heard, (question, *_) = listen(script, likely=(-9.0, -40.0, -8.0))
        assert question.heard == ("这款产品保本保收大家好",)
        assert question.instead == ("这款产品保本保收益家好", "这款产品保本保收益大家好")
        assert [one.term for one in heard.found] == ["保本保收益"]

    def test_what_cannot_be_weighed_is_left_to_people(self) -> None:
        heard, _ = listen(Script(("agent", 1.0, "这款产品保本宝收益")), likely=())
        assert [one.severity for one in heard.found] == ["alert"]

    def test_what_is_only_in_another_reading_is_weighed(self) -> None:
        script = Script(("agent", 1.0, "这款产品天气好好啊"))
        heard, asked = listen(script, likely=(-9.0, -9.5, -8.0), other="这款产品保本保收益")
        assert [one.term for one in heard.found] == ["保本保收益"]
        assert ("这款产品天气好好啊", "这款产品保本保收益", "这款产品保本保收益") in {
            question.texts for question in asked
        }

    def test_a_term_across_two_windows_is_found(self) -> None:
        text = "嗯" * 66 + "保本保收益" + "嗯" * 66
        heard, _ = listen(Script(("agent", 1.0, text)))
        assert [round(one.start, 1) for one in heard.found] == [14.2]
        whole = "".join(line.text for line in heard.transcript)
        assert whole == text

    def test_nothing_continues_what_was_not_heard(self) -> None:
        script = Script(("agent", 1.0, "我们不承诺"), ("agent", 3.0, "保本保收益"), ("agent", 12.0, "嗯" * 30))
        heard, _ = listen(script)
        # Nobody's sentence goes on over a pause: what was said after it stands by itself.
        assert [one.rule_id for one in heard.found] == ["promise"]


class TestDisclosures:
    def test_what_was_not_said_is_missing(self) -> None:
        heard, _ = listen(Script(("agent", 1.0, "您好")))
        assert {one.rule_id for one in heard.undisclosed} == {"risk", "early"}

    def test_what_was_said_in_time_is_not(self) -> None:
        heard, _ = listen(Script(("agent", 1.0, "本次通话将被录音"), ("agent", 30.0, "投资有风险")))
        assert heard.undisclosed == ()

    def test_what_was_said_too_late_is(self) -> None:
        heard, _ = listen(Script(("agent", 20.0, "本次通话将被录音"), ("agent", 30.0, "投资有风险")))
        assert [(one.rule_id, one.within) for one in heard.undisclosed] == [("early", 5.0)]


class TestAccount:
    def test_speech_is_counted_on_both_channels(self) -> None:
        heard, _ = listen(Script(("agent", 1.0, "嗯" * 20), ("customer", 10.0, "好" * 10)), seconds=25)
        assert heard.duration == 25
        assert heard.speech_seconds == pytest.approx(6.0, abs=0.2)
        assert heard.unheard_seconds == 0

    def test_a_window_that_fails_costs_its_speech_and_no_other(self) -> None:
        script = Script(("agent", 1.0, "嗯" * 66), ("agent", 20.0, "我们保本保收益"))
        heard, _ = listen(script, failing=0)
        assert heard.unheard_seconds == pytest.approx(13.2, abs=0.2)
        assert [one.rule_id for one in heard.found] == ["promise"]

    @pytest.mark.parametrize("instead", [None, Hypothesis((), rejected="repeats itself")])
    def test_what_was_left_to_a_window_that_fails_stands_as_it_was_heard(self, instead: Hypothesis | None) -> None:
        script = Script(("agent", 1.0, "嗯" * 66 + "保本保收益" + "嗯" * 40))
        heard, _ = listen(script, failing=1, instead=instead)
        assert heard.unheard_seconds == pytest.approx(8.1, abs=0.2)
        (found,) = heard.found
        assert (found.match, found.heard) == (MatchKind.EXACT, "保本保收益")
        assert [line.text for line in heard.transcript] == ["嗯" * 66 + "保本保收益嗯"]

    def test_speech_that_gave_no_words_is_not_heard(self) -> None:
        said = "今天天气很好我们去公园走走吧"
        script = Script(("agent", 1.0, said), ("agent", 30.0, said))
        whole, _ = listen(script)
        assert whole.unheard_seconds == 0.0
        # The second of both windows is heard as far as 今天天气.
        del script.words[18:]
        heard, _ = listen(script)
        assert heard.unheard_seconds == pytest.approx(2.0, abs=0.1)
        del script.words[:]
        nothing, _ = listen(script)
        assert nothing.unheard_seconds == pytest.approx(nothing.speech_seconds, abs=0.1)

    def test_speech_in_another_language_is_not_heard(self) -> None:
        listening = Listening("a.wav", ("agent",), SAMPLE_RATE, TABLE, Loud)
        listening.push(spoken((1, 4), seconds=6)[:, None])
        (cut,) = listening.finish()
        listening.heard(cut, Hypothesis((), foreign="ja"))
        assert listening.account().unheard_seconds == pytest.approx(3.0, abs=0.1)

    def test_numbers_of_people_are_masked_in_texts_and_told_to_be_silenced(self) -> None:
        heard, _ = listen(Script(("agent", 1.0, "卡号六二二八四八零四零二五六四八九零保本保收益")))
        (found,) = heard.found
        assert "六二二八" not in found.text
        assert "＊" in found.text
        (span,) = heard.silenced["agent"]
        assert span == pytest.approx((1.4, 4.6), abs=0.1)
        assert all("六二二八" not in line.text for line in heard.transcript)

    def test_lines_of_both_sides_are_in_the_order_of_time(self) -> None:
        script = Script(("agent", 1.0, "您好"), ("customer", 3.0, "你好"), ("agent", 6.0, "介绍一下"))
        heard, _ = listen(script)
        assert [(line.channel, line.text) for line in heard.transcript] == [
            ("agent", "您好"),
            ("customer", "你好"),
            ("agent", "介绍一下"),
        ]
