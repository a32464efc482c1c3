"""What a scan comes to, counted."""

from __future__ import annotations

from dataclasses import replace

from streamer.scan.report.summary import summarise
from streamer.scan.results import About, Unreadable
from tests.streamer.scan.invented import BEGAN, KEY, found, result

LI = About("1", "Li Na", BEGAN.isoformat())
WANG = About("2", "Wang Qiang", BEGAN.isoformat())
NOBODY = About("3", None, BEGAN.isoformat())


class TestASummary:
    def test_counts_calls_violations_and_what_is_missing(self) -> None:
        clean = result("b.wav", found=(), undisclosed=(), unheard_seconds=0.0)
        summary = summarise([result("a.wav"), clean, Unreadable("c.wav", "is empty")], None)
        assert (summary.calls, summary.unreadable, summary.seconds) == (2, 1, 120.0)
        assert (summary.violations, summary.total, summary.bad_calls) == ({"block": 1, "alert": 1}, 2, 1)
        assert (summary.undisclosed, summary.undisclosed_calls) == (1, 1)
        assert summary.heard == 1 - 1.5 / 100

    def test_of_calls_without_speech_says_nothing_of_what_was_heard(self) -> None:
        assert summarise([result(speech_seconds=0.0, unheard_seconds=0.0)], None).heard is None
        assert summarise([], None).heard is None

    def test_names_all_that_calls_were_scanned_with(self) -> None:
        other = replace(KEY, model="large-v3", lexicon_version="bank-2")
        summary = summarise([result("a.wav"), result("b.wav", key=other), result("c.wav")], None)
        assert (summary.models, summary.lexicons) == (["Whisper base", "large-v3"], ["bank-1", "bank-2"])

    def test_counts_violations_of_a_rule_and_the_calls_that_hold_them(self) -> None:
        twice = result("a.wav", found=(found(), found("v-2")))
        rules = summarise([twice, result("b.wav", found=(found(),))], None).rules
        assert [(rule.rule_id, rule.category, rule.total, rule.calls) for rule in rules] == [
            ("promise", "guarantee", 3, 2)
        ]

    def test_has_the_worst_rules_first_and_the_graver_of_as_many(self) -> None:
        heard = (
            found("v-1", rule_id="often", severity="review"),
            found("v-2", rule_id="often", severity="review"),
            found("v-3", rule_id="mild", severity="alert"),
            found("v-4", rule_id="grave", severity="block"),
        )
        assert [rule.rule_id for rule in summarise([result(found=heard)], None).rules] == ["often", "grave", "mild"]

    def test_has_the_worst_agents_first_and_those_that_are_not_known_as_one(self) -> None:
        calls = [
            result("a.wav", about=LI, found=(), undisclosed=()),
            result("b.wav", about=WANG, found=(found(), found("v-2"), found("v-3"))),
            result("c.wav", about=NOBODY),
            result("d.wav", about=replace(NOBODY, agent="")),
        ]
        agents = summarise(calls, None).agents
        assert [(one.agent, one.calls, one.total, one.undisclosed) for one in agents] == [
            (None, 2, 4, 2),
            ("Wang Qiang", 1, 3, 1),
            ("Li Na", 1, 0, 0),
        ]

    def test_counts_calls_that_lack_a_disclosure(self) -> None:
        (one,) = summarise([result("a.wav"), result("b.wav"), result("c.wav", undisclosed=())], None).disclosures
        assert (one.rule_id, one.calls) == ("risk", 2)
