"""How a call is led: against a count second by second, live and at once, and with a channel missing."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detector.bounds import Passing
from detector.conduct import BEHIND, LEAST_TALK, Change, Conduct, Voice
from detector.types import CallMetrics, Fastest, Stretch, Word
from lexicon.types import Metric, MetricName, Rule, Scope, Severity

BOTH = ("agent", "customer")
Speech = dict[str, list[tuple[float, float]]]


def rule(name: MetricName, over: float, channel: Scope = Scope.AGENT, language: str = "zh") -> Rule:
    return Rule(name.value, "conduct", Severity.ALERT, (), language, channel, metric=Metric(name, over))


def conduct(*rules: Rule, channels: tuple[str, ...] = BOTH, language: str = "zh") -> Conduct:
    return Conduct(channels, language, rules)


def words(start: float, end: float, rate: float, text: str = "字") -> list[Word]:
    return [Word(text, start + at / rate, start + (at + 1) / rate) for at in range(round((end - start) * rate))]


def whole(speech: Speech, duration: float, *rules: Rule, said: dict[str, list[Word]] | None = None) -> list[Passing]:
    one = conduct(*rules)
    one.whole(speech, said or {}, duration)
    return one.news()


def told(news: Iterable[Passing]) -> list[tuple[str, str, float, float, bool]]:
    return [(one.rule.id, one.channel, one.place.start, one.place.end, one.final) for one in news]


def changes(spans: Iterable[tuple[float, float]]) -> list[Change]:
    return [change for start, end in spans for change in ((start, Voice.SPEAKING), (end, Voice.SILENT))]


def listen(one: Conduct, speech: Speech, duration: float, step: float = 0.25) -> None:
    """Tell of speech as it comes, in steps, a channel after the other."""
    at = 0.0
    while at < duration:
        for channel in BOTH:
            new = [change for change in changes(speech.get(channel, [])) if at <= change[0] < at + step]
            one.take(channel, new, min(at + step, duration))
        at += step


# Whole seconds, so that each is of one kind throughout.
seconds = st.lists(st.integers(0, 40), unique=True, max_size=16).map(sorted)
spells = seconds.map(lambda ends: [(float(a), float(b)) for a, b in zip(ends[::2], ends[1::2], strict=False)])


def counted(speech: Speech, duration: int) -> tuple[dict[str, int], int, int, int]:
    """Count talk, silence, the longest silence and overlap, second by second."""
    on = {name: {at for start, end in spans for at in range(int(start), int(end))} for name, spans in speech.items()}
    speakers = [sum(at in spoken for spoken in on.values()) for at in range(duration)]
    first = next((at for at, count in enumerate(speakers) if count), duration)
    quiet = [count == 0 for count in speakers[first:]]
    runs = [len(list(run)) for silent, run in groupby(quiet) if silent]
    return {name: len(spoken) for name, spoken in on.items()}, sum(quiet), max(runs, default=0), speakers.count(2)


class TestWhatIsMeasured:
    @given(spells, spells)
    @example([(0.0, 40.0)], [(5.0, 6.0), (6.0, 7.0)])
    def test_is_what_counting_every_second_gives(
        self, agent: list[tuple[float, float]], customer: list[tuple[float, float]]
    ) -> None:
        speech = {"agent": agent, "customer": customer}
        metrics = conduct().whole(speech, {}, 45.0)
        talk, silence, longest, overlap = counted(speech, 45)
        assert metrics.talk_seconds == pytest.approx(talk)
        assert (metrics.silence_seconds, metrics.overlap_seconds) == pytest.approx((silence, overlap))
        assert (metrics.longest_silence.seconds if metrics.longest_silence else 0) == pytest.approx(longest)

    @given(spells, spells, st.sampled_from([0.25, 1.0, 4.0]))
    def test_is_the_same_as_it_comes_and_at_once(
        self, agent: list[tuple[float, float]], customer: list[tuple[float, float]], step: float
    ) -> None:
        speech = {"agent": agent, "customer": customer}
        rules = [rule(MetricName.SILENCE, 3), rule(MetricName.OVERLAP, 2), rule(MetricName.TALK_RATIO, 0.7)]
        live, scanned = conduct(*rules), conduct(*rules)
        listen(live, speech, 45.0, step)
        metrics = live.finish(45.0).to_json()
        assert metrics == scanned.whole(speech, {}, 45.0).to_json()
        assert told(one for one in live.news() if one.final) == told(one for one in scanned.news() if one.final)

    def test_is_the_same_in_whatever_order_spells_are_given_and_where_they_touch(self) -> None:
        apart = conduct().whole({"agent": [(5.0, 8.0), (0.0, 3.0), (2.0, 4.0), (8.0, 9.0)]}, {}, 20.0)
        assert apart == conduct().whole({"agent": [(0.0, 4.0), (5.0, 9.0)]}, {}, 20.0)

    def test_shares_talk_out_between_two(self) -> None:
        metrics = conduct().whole({"agent": [(0.0, 30.0)], "customer": [(30.0, 40.0)]}, {}, 40.0)
        assert metrics.talk_ratio == {"agent": 0.75, "customer": 0.25}
        assert conduct().whole({}, {}, 40.0).talk_ratio == {"agent": None, "customer": None}
        assert conduct(channels=("agent",)).whole({"agent": [(0.0, 9.0)]}, {}, 9.0).talk_ratio == {"agent": None}

    def test_has_no_silence_before_anybody_speaks(self) -> None:
        metrics = conduct().whole({"customer": [(25.0, 26.0)]}, {}, 30.0)
        assert (metrics.silence_seconds, metrics.longest_silence) == (4.0, Stretch(26.0, 30.0))
        assert conduct().whole({}, {}, 30.0).silence_seconds == 0.0

    def test_paces_each_channel_in_its_own_speech(self) -> None:
        said = {"agent": words(0.0, 40.0, 5.0), "customer": words(40.0, 52.0, 3.0)}
        metrics = conduct().whole({"agent": [(0.0, 40.0)], "customer": [(40.0, 52.0)]}, said, 60.0)
        assert metrics.pace == pytest.approx({"agent": 300.0, "customer": 180.0}, rel=0.01)
        assert metrics.unit == "characters"
        english = conduct(language="en").whole({"agent": [(0.0, 30.0)]}, {"agent": words(0.0, 30.0, 3.0, " word")}, 30)
        assert english.pace["agent"] == pytest.approx(180.0, rel=0.01)
        assert english.unit == "words"

    def test_becomes_plain_json(self) -> None:
        metrics = CallMetrics(
            talk_seconds={"agent": 1.23456},
            talk_ratio={"agent": None},
            silence_seconds=2.00049,
            longest_silence=Stretch(1.0001, 2.0002),
            overlap_seconds=0.0,
            pace={"agent": 240.00001},
            fastest={"agent": Fastest(250.5, Stretch(0.0, 30.12345)), "customer": None},
            unit="characters",
        )
        assert metrics.to_json() == {
            "talk_seconds": {"agent": 1.235},
            "talk_ratio": {"agent": None},
            "silence_seconds": 2.0,
            "longest_silence": {"seconds": 1.0, "from": 1.0, "to": 2.0},
            "overlap_seconds": 0.0,
            "pace": {"agent": 240.0},
            "fastest": {"agent": {"pace": 250.5, "from": 0.0, "to": 30.123}, "customer": None},
            "unit": "characters",
        }


class TestAChannelThatIsNotHeard:
    def test_is_not_taken_for_silent(self) -> None:
        one = conduct(rule(MetricName.SILENCE, 5))
        one.take("agent", changes([(0.0, 2.0)]), 30.0)
        one.take("customer", [(1.0, Voice.UNHEARD), (22.0, Voice.SILENT)], 30.0)
        metrics = one.finish(30.0)
        assert (metrics.silence_seconds, metrics.longest_silence) == (8.0, Stretch(22.0, 30.0))
        assert told(passing for passing in one.news() if passing.final) == [("silence", "agent", 22.0, 30.0, True)]

    def test_is_waited_for_a_while_and_no_longer(self) -> None:
        one = conduct(rule(MetricName.SILENCE, 5))
        for at in range(100):
            one.take("agent", changes([(0.0, 2.0)]) if at == 0 else [], float(at + 1))
        assert one.news() == []
        # It caught up: what it brings of what was passed already is late, and silence is counted from there on.
        one.take("customer", changes([(3.0, 4.0)]), 100.0)
        one.take("agent", [], 110.0)
        one.take("customer", [], 110.0)
        metrics = one.finish(110.0)
        assert metrics.silence_seconds == pytest.approx(10.0 + BEHIND)
        assert [passing.final for passing in one.news()] == [False, True]

    def test_does_not_stop_the_others_from_being_measured(self) -> None:
        one = conduct()
        one.take("agent", changes([(0.0, 50.0)]), 60.0)
        metrics = one.finish(60.0)
        assert metrics.talk_seconds == {"agent": 50.0, "customer": 0.0}
        assert metrics.silence_seconds == 0.0


class TestABoundToSilence:
    def test_is_told_while_it_lasts_and_with_its_length_when_it_is_over(self) -> None:
        one = conduct(rule(MetricName.SILENCE, 5))
        for channel in BOTH:
            one.take(channel, changes([(0.0, 1.0)]) if channel == "agent" else [], 6.0)
        assert one.news() == []
        for channel in BOTH:
            one.take(channel, [], 6.5)
        assert told(one.news()) == [("silence", "agent", 1.0, 6.5, False)]
        for channel in BOTH:
            one.take(channel, changes([(9.0, 10.0)]) if channel == "customer" else [], 12.0)
        assert told(one.news()) == [("silence", "agent", 1.0, 9.0, True)]

    def test_is_passed_by_each_silence_of_its_own(self) -> None:
        speech: Speech = {"agent": [(0.0, 1.0), (11.0, 12.0), (14.0, 15.0)]}
        final = [one for one in whole(speech, 40.0, rule(MetricName.SILENCE, 5)) if one.final]
        assert [(one.place.start, one.place.end) for one in final] == [(1.0, 11.0), (15.0, 40.0)]

    def test_is_not_passed_by_as_much(self) -> None:
        speech: Speech = {"agent": [(0.0, 1.0), (6.0, 7.0)]}
        assert whole(speech, 8.0, rule(MetricName.SILENCE, 5)) == []

    def test_is_on_a_channel_that_the_call_has(self) -> None:
        one = conduct(rule(MetricName.SILENCE, 5), channels=("customer",))
        one.whole({"customer": [(0.0, 1.0)]}, {}, 20.0)
        assert {passing.channel for passing in one.news()} == {"customer"}


class TestABoundToOverlap:
    def test_is_passed_by_all_of_it_together_where_it_went_too_far(self) -> None:
        speech: Speech = {"agent": [(0.0, 30.0)], "customer": [(1.0, 3.0), (10.0, 13.0), (20.0, 22.0)]}
        first, last = whole(speech, 30.0, rule(MetricName.OVERLAP, 4))
        assert told([first, last]) == [
            ("overlap", "agent", 10.0, 13.0, False),
            ("overlap", "agent", 10.0, 13.0, True),
        ]
        assert last.measured == pytest.approx(7.0)
        assert last.violation("v-1").heard == "7.0 s"


class TestABoundToTheTalkRatio:
    def test_is_judged_at_the_end_of_a_call_in_which_there_was_talk(self) -> None:
        bound = rule(MetricName.TALK_RATIO, 0.8)
        speech: Speech = {"agent": [(0.0, LEAST_TALK)], "customer": [(40.0, 41.0)]}
        fired, final = whole(speech, 50.0, bound)
        assert told([final]) == [("talk_ratio", "agent", 0.0, 50.0, True)]
        assert (final.violation("v-1").term, final.violation("v-1").heard) == ("talk ratio over 0.8", "0.97")
        assert whole({"agent": [(0.0, LEAST_TALK - 5)]}, 50.0, bound) == []
        assert not fired.final

    @pytest.mark.parametrize(
        ("channel", "passed"), [(Scope.AGENT, []), (Scope.CUSTOMER, ["customer"]), (Scope.ANY, ["customer"])]
    )
    def test_is_for_the_channels_of_its_rule(self, channel: Scope, passed: list[str]) -> None:
        speech: Speech = {"agent": [(0.0, 5.0)], "customer": [(5.0, 50.0)]}
        news = whole(speech, 60.0, rule(MetricName.TALK_RATIO, 0.6, channel))
        assert [one.channel for one in news if one.final] == passed


class TestABoundToThePace:
    def test_is_told_when_a_stretch_passes_it_and_at_the_end_with_the_fastest(self) -> None:
        one = conduct(rule(MetricName.PACE, 320))
        one.take("agent", [(0.0, Voice.SPEAKING)], 100.0)
        one.heard("agent", words(0.0, 40.0, 4.0))
        assert one.news() == []
        one.heard("agent", words(40.0, 65.0, 8.0))
        (told_first,) = one.news()
        assert not told_first.final
        one.heard("agent", words(65.0, 100.0, 8.0))
        assert one.news() == []
        one.finish(100.0)
        (last,) = one.news()
        assert last.final
        assert last.measured == 480.0
        assert (last.violation("v-1").term, last.violation("v-1").heard) == (
            "pace over 320 characters a minute",
            "480 characters a minute",
        )

    def test_is_judged_at_the_end_where_less_than_a_stretch_was_said(self) -> None:
        said = {"agent": words(0.0, 15.0, 7.0), "customer": words(20.0, 35.0, 8.0)}
        speech: Speech = {"agent": [(0.0, 15.0)], "customer": [(20.0, 35.0)]}
        news = whole(speech, 40.0, rule(MetricName.PACE, 400), said=said)
        assert [(one.channel, one.final) for one in news] == [("agent", False), ("agent", True)]

    def test_is_in_words_where_the_rule_is_english(self) -> None:
        one = conduct(rule(MetricName.PACE, 200, language="en"), language="en")
        one.whole({"agent": [(0.0, 40.0)]}, {"agent": words(0.0, 40.0, 4.0, " word")}, 40.0)
        assert one.news()[-1].violation("v-1").term == "pace over 200 words a minute"


def test_two_hours_take_no_more_memory_than_twenty_minutes() -> None:
    one = conduct(rule(MetricName.SILENCE, 2), rule(MetricName.OVERLAP, 5), rule(MetricName.PACE, 100))
    early = 0
    for second in range(0, 7200, 4):
        agent, customer = (float(second), second + 2.0), (second + 1.5, second + 1.9)
        one.take("agent", changes([agent]), second + 4.0)
        one.take("customer", changes([customer]), second + 4.0)
        one.heard("agent", words(*agent, 4.0))
        one.news()
        if second == 1200:
            early = len(pickle.dumps(one))
    assert len(pickle.dumps(one)) < early + 2000
