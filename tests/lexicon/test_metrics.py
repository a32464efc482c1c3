"""Rules that set a bound to how a call is led, in a lexicon."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import TranscriptUpdate, Word
from lexicon.checks import problems
from lexicon.compiler import compile_lexicon
from lexicon.errors import LexiconError, LexiconInvalid
from lexicon.loader import BOUNDS, parse
from lexicon.switches import NothingToBlock, switched
from lexicon.types import Metric, MetricName, Rule, Scope, Severity

HEAD = "lexicon: x\nlanguage: zh\nrules:\n"
SILENCE = "- {id: long-silence, category: conduct, severity: review, metric: {name: silence, over: 20}}\n"
PACE = "- {id: too-fast, category: conduct, severity: alert, channel: any, metric: {name: pace, over: 320.5}}\n"
TERMS = "- {id: promise, category: c, severity: alert, terms: [保本]}\n"


class TestAMetric:
    def test_is_read_with_its_bound(self) -> None:
        assert parse(HEAD + SILENCE + PACE, "x.yaml").rules == (
            Rule("long-silence", "conduct", Severity.REVIEW, (), "zh", metric=Metric(MetricName.SILENCE, 20.0)),
            Rule("too-fast", "conduct", Severity.ALERT, (), "zh", Scope.ANY, metric=Metric(MetricName.PACE, 320.5)),
        )

    @pytest.mark.parametrize("name", list(MetricName))
    def test_has_bounds_within_reason(self, name: MetricName) -> None:
        least, most = BOUNDS[name]
        for over in (least, most):
            rule = f"- {{id: a, category: c, severity: alert, metric: {{name: {name}, over: {over}}}}}"
            assert parse(HEAD + rule, "x.yaml").rules[0].metric == Metric(name, over)
        for over in (least / 2, most * 2, -least):
            rule = f"- {{id: a, category: c, severity: alert, metric: {{name: {name}, over: {over}}}}}"
            with pytest.raises(LexiconInvalid, match="must be from") as caught:
                parse(HEAD + rule, "x.yaml")
            assert caught.value.field == "rules.0.metric.over"

    @pytest.mark.parametrize(
        ("fields", "field", "problem"),
        [
            ("severity: block", "severity", "nothing is left to stop"),
            ("severity: alert, terms: [保本]", "terms", "two rules"),
            ("severity: alert, near: {any: [收益], within: 3}", "near", "two rules"),
            ("severity: alert, channel: agent", "channel", "the whole call's"),
        ],
    )
    def test_stands_beside_nothing_that_it_has_no_use_for(self, fields: str, field: str, problem: str) -> None:
        rule = f"- {{id: a, category: c, metric: {{name: silence, over: 20}}, {fields}}}"
        with pytest.raises(LexiconInvalid, match=problem) as caught:
            parse(HEAD + rule, "x.yaml")
        assert (caught.value.line, caught.value.field) == (4, f"rules.0.{field}")

    @given(st.text("{}[]:, nameovrsilcptk_0123456789.-~!&*'\"", max_size=60))
    def test_of_anything_is_one_or_a_lexicon_error(self, text: str) -> None:
        try:
            (rule,) = parse(f"{HEAD}- {{id: a, category: c, severity: alert, metric: {text}}}", "fuzz.yaml").rules
        except LexiconError:
            return
        assert rule.metric is not None
        assert rule.terms == ()

    @given(st.sampled_from(list(MetricName)), st.floats())
    def test_of_any_bound_is_one_or_a_lexicon_error(self, name: MetricName, over: float) -> None:
        metric = f"{{name: {name}, over: {over!r}}}"
        try:
            (rule,) = parse(f"{HEAD}- {{id: a, category: c, severity: alert, metric: {metric}}}", "fuzz.yaml").rules
        except LexiconError:
            return
        assert rule.metric == Metric(name, over)


class TestALexiconOfMetrics:
    @pytest.mark.parametrize("language", ["zh", "en"])
    def test_makes_a_table_that_finds_nothing_in_words(self, language: str) -> None:
        table = compile_lexicon(parse(HEAD.replace("zh", language) + SILENCE + PACE, "x.yaml"), language)
        assert [rule.id for rule in table.rules] == ["long-silence", "too-fast"]
        detector = Detector(table, ACTIONS)
        said = tuple(Word(char, at * 0.2, at * 0.2 + 0.2) for at, char in enumerate("我们保本 guaranteed"))
        update = TranscriptUpdate("agent", said, (), True, alternatives=(said,))
        assert detector.update(update).decisions == ()
        assert detector.reread(update).decisions == ()
        assert detector.finish() == []

    def test_leaves_the_terms_beside_it_alone(self) -> None:
        table = compile_lexicon(parse(HEAD + SILENCE + TERMS + PACE, "x.yaml"), "zh")
        update = TranscriptUpdate("agent", tuple(Word(char, 0.0, 1.0) for char in "我们保本"), (), True)
        found = Detector(table, ACTIONS).update(update).decisions
        assert {decision.violation.rule_id for decision in found} == {"promise"}


class TestProblems:
    def test_are_none_of_a_metric_that_can_do_what_it_says(self) -> None:
        twice = SILENCE.replace("long", "longer").replace("20", "60")
        assert list(problems(parse(HEAD + SILENCE + twice + PACE, "x.yaml"))) == []

    def test_are_that_a_bound_is_set_twice(self) -> None:
        (problem,) = problems(parse(HEAD + SILENCE + SILENCE.replace("long", "longer"), "x.yaml"))
        assert problem == "rule longer-silence sets the same bound as long-silence; leave one out"


class TestSwitches:
    LEXICON = parse(HEAD + SILENCE + PACE, "x.yaml")

    def test_turn_metrics_off_and_grade_them(self) -> None:
        changed = switched(self.LEXICON, {"long-silence": "off", "too-fast": "review"})
        assert [(rule.id, rule.severity) for rule in changed.rules] == [("too-fast", Severity.REVIEW)]

    def test_can_not_have_one_block(self) -> None:
        with pytest.raises(NothingToBlock, match="rule too-fast can't block"):
            switched(self.LEXICON, {"too-fast": "block"})
