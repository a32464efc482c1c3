"""Committing: what stays, what waits, and that nothing which stays ever changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from detector.types import TranscriptUpdate, Word
from streamer.recognition.agreement import Agreement


def spoken(text: str, start: float = 0.0) -> list[Word]:
    return [Word(char, start + i * 0.2, start + (i + 1) * 0.2) for i, char in enumerate(text)]


def heard(
    agreement: Agreement, words: list[Word], *, until: float = 60.0, settles: float = 0.0, final: bool = False
) -> TranscriptUpdate:
    return agreement.heard(words, until=until, settles=settles, final=final)


def text(words: tuple[Word, ...]) -> str:
    return "".join(word.text for word in words)


class TestCommitting:
    def test_takes_two_that_agree(self) -> None:
        agreement = Agreement("agent")
        first = heard(agreement, spoken("我们宝"))
        assert (text(first.committed), text(first.tentative)) == ("", "我们宝")
        second = heard(agreement, spoken("我们保本"))
        assert (text(second.committed), text(second.tentative)) == ("我们", "保本")

    def test_ignores_case_and_punctuation(self) -> None:
        agreement = Agreement("agent")
        heard(agreement, [Word("Risk-free,", 0, 0.5)])
        assert len(heard(agreement, [Word("risk free", 0, 0.5)]).committed) == 1

    def test_takes_none_at_a_window_s_edge(self) -> None:
        agreement = Agreement("agent")
        heard(agreement, spoken("我们保本"), until=2.5)
        assert text(heard(agreement, spoken("我们保本"), until=2.6).committed) == "我们保"

    def test_takes_one_when_speech_has_ended(self) -> None:
        update = heard(Agreement("agent"), spoken("保本"), final=True)
        assert text(update.committed) == "保本"
        assert update.final

    def test_takes_one_where_a_window_settles_it(self) -> None:
        update = heard(Agreement("agent"), spoken("保本保收益"), settles=0.5)
        assert (text(update.committed), text(update.tentative)) == ("保本", "保收益")

    def test_waits_for_what_follows(self) -> None:
        agreement = Agreement("agent")
        heard(agreement, spoken("我们保本保收益"), until=2.0)
        assert text(heard(agreement, spoken("我们保本保收益"), until=2.5).committed) == "我们"


class TestTheSeam:
    def test_drops_what_is_committed_even_when_it_is_placed_late(self) -> None:
        agreement = Agreement("agent")
        heard(agreement, spoken("我们保本"), final=True)
        assert text(heard(agreement, spoken("我们保本很好", 0.12), final=True).committed) == "很好"

    def test_drops_what_leads_in_to_a_window_though_a_pause_was_left_out(self) -> None:
        agreement = Agreement("agent")
        heard(agreement, spoken("我们保本"), final=True)
        led_in = [*spoken("我们保本", 9.3), *spoken("很好", 10.1)]
        assert text(agreement.heard(led_in, until=60.0, settles=0.0, final=True, seam=10.0).committed) == "很好"

    def test_keeps_what_follows_even_when_it_is_placed_early(self) -> None:
        agreement = Agreement("agent")
        heard(agreement, spoken("我们保本"), final=True)
        assert text(heard(agreement, spoken("我们保本很好", -0.12), final=True).committed) == "很好"

    def test_keeps_a_word_that_is_said_twice(self) -> None:
        agreement = Agreement("agent")
        heard(agreement, spoken("我对"), final=True)
        assert text(heard(agreement, spoken("我对对对"), final=True).committed) == "对对"


@given(
    st.lists(
        st.tuples(st.text("我们保本收益", max_size=8), st.floats(0, 3), st.floats(0, 4), st.booleans()), max_size=20
    )
)
def test_committed_text_only_ever_grows(hypotheses: list[tuple[str, float, float, bool]]) -> None:
    agreement = Agreement("agent")
    committed: list[Word] = []
    for said, start, settles, final in hypotheses:
        words = spoken(said, start)
        before = agreement.settled
        update = heard(agreement, words, settles=settles, final=final)
        assert (
            list(update.committed + update.tentative) == words[len(words) - len(update.committed + update.tentative) :]
        )
        committed += update.committed
        assert agreement.settled == (committed[-1].end if committed else 0.0)
        assert not update.committed or agreement.settled >= before - 0.2
