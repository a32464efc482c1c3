"""A recogniser's answers in any order, twice, or too late: a call takes each once, and blocks what was said once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from detector.types import Status
from streamer.call import Call, CallState
from streamer.recognition.recognizer import Hypothesis, Scoring, Window
from streamer.types import AudioFrame, Blind, Block, Outgoing, Stopped, Transcript, Unblock, ViolationReport
from tests.streamer.calls_in_hand import begin, hear, kinds, receive, signals, speak, stop, windows, words

LIKELY = (-10.0, -10.5)


class TestAWindowsAnswer:
    def test_counts_once(self) -> None:
        call = begin()
        (first,) = speak(call, 1.5)
        hear(call, first, words("我们的产品"))
        (second,) = speak(call, 1.0)
        assert hear(call, first, words("我们保本的")) == []
        assert call.failed(first) == []
        assert kinds(signals(call, second, words("我们保本的")))[0] is Block

    def test_is_too_late_when_it_was_given_up(self) -> None:
        call = begin()
        (window,) = speak(call, 1.5)
        call.failed(window)
        assert hear(call, window, words("我们保本的")) == []

    def test_is_too_late_when_the_call_was_abandoned(self) -> None:
        call = begin()
        (window,) = speak(call, 1.5)
        assert call.abandon("recognition fell behind")
        assert hear(call, window, words("我们保本的")) == []
        assert call.failed(window) == []


class TestAWindowThatFailsTwice:
    """Nobody hears again what was blocked: it stands as it was heard."""

    def test_takes_no_block_back_and_brings_no_second(self) -> None:
        call = begin()
        (window,) = speak(call, 1.5)
        told = hear(call, window, words("我们保本的"))
        for _ in range(2):
            (window,) = speak(call, 0.5)
            told += call.failed(window)
        assert Blind in kinds(told)
        (window,) = speak(call, 1.0)
        told += hear(call, window, words("我们保本的产品"))
        assert (kinds(told).count(Block), kinds(told).count(Unblock)) == (1, 0)
        reports = [event.violation for event in told if isinstance(event, ViolationReport)]
        assert (reports[-1].id, reports[-1].status) == ("v-1", Status.CONFIRMED)

    def test_settles_the_text_before_it(self) -> None:
        call = begin()
        (window,) = speak(call, 1.5)
        hear(call, window, words("您好"))
        (window,) = speak(call, 0.5)
        call.failed(window)
        (window,) = speak(call, 0.5)
        assert Transcript("agent", "您好", True, 0.0, 0.4) in call.failed(window)
        (window,) = speak(call, 1.0)
        (later,) = hear(call, window, words("您好在吗"))
        assert later == Transcript("agent", "在吗", False, 0.4, 0.8)

    def test_leaves_what_was_fired_when_the_call_is_abandoned(self) -> None:
        call = begin()
        (window,) = speak(call, 1.5)
        hear(call, window, words("我们保本的"))
        told = call.abandon("recognition fell behind")
        account = told[-1]
        assert isinstance(account, Stopped)
        assert (account.violations, Unblock in kinds(told)) == (1, False)


class TestWhatIsGivenUp:
    """Recognition falls behind by more than is kept: what was blocked before that stands."""

    def test_while_no_window_is_in_flight_takes_no_block_back(self) -> None:
        call = begin()
        (window,) = speak(call, 1.5)
        told = hear(call, window, words("我们保本的"))
        call.due(100.0)
        told += receive(call, AudioFrame("agent", 0, b"\1\0" * 16_000 * 40))
        self.goes_on(call, told)

    def test_while_a_window_is_in_flight_takes_no_block_back(self) -> None:
        call = begin()
        (window,) = speak(call, 1.5)
        told = receive(call, AudioFrame("agent", 0, b"\1\0" * 16_000 * 40))
        told += hear(call, window, words("我们保本的"))
        self.goes_on(call, told)

    def goes_on(self, call: Call, told: list[Outgoing]) -> None:
        assert Blind in kinds(told)
        for text in ("下面", "下面说的", "下面说的产品"):
            (window,) = speak(call, 1.0)
            told += hear(call, window, words(text, window.start + 2.5))
        assert (kinds(told).count(Block), kinds(told).count(Unblock)) == (1, 0)


class TestTheCallsEnd:
    def test_waits_for_the_other_readings_of_what_was_heard_last(self) -> None:
        call = begin("agent", "customer")
        (last,), (customer,) = speak(call, 1.5), speak(call, 1.5, "customer")
        assert Stopped not in kinds(stop(call))
        told = call.heard(last, words("我们的产品"))
        # The customer's window settles the call, but for what is yet to be read of the agent's.
        told += call.failed(customer)
        while not isinstance(told[-1], Stopped) and (more := windows(call)):
            told += [event for window in more for event in call.failed(window)]
        assert Stopped not in kinds(told)
        assert kinds(call.reread())[-1] is Stopped


class TestALikelihood:
    def asked(self, call: Call) -> Scoring:
        (window,) = speak(call, 2.0)
        hear(call, window, words("我们宝本的产品"))
        (question,) = call.questions(now=50.0)
        return question

    def test_counts_once(self) -> None:
        call = begin()
        question = self.asked(call)
        assert Block in kinds(call.scored(question, LIKELY))
        assert call.scored(question, LIKELY) == []
        assert call.unscored(question) == []

    def test_that_comes_twice_keeps_no_call_from_its_end(self) -> None:
        call = begin()
        question = self.asked(call)
        call.scored(question, (-10.0, -40.0))
        call.scored(question, (-10.0, -40.0))
        stop(call)
        for window in windows(call):
            hear(call, window, words("我们的产品"))
        assert call.state is CallState.OVER

    def test_is_waited_for_at_the_end(self) -> None:
        call = begin()
        question = self.asked(call)
        stop(call)
        for window in windows(call):
            assert Stopped not in kinds(hear(call, window, words("我们宝本的产品")))
        assert kinds(call.scored(question, LIKELY))[0] is Block
        assert call.questions(now=60.0) == []
        assert call.state is CallState.OVER

    def test_is_too_late_when_the_call_was_abandoned(self) -> None:
        call = begin()
        question = self.asked(call)
        call.abandon("recognition fell behind")
        assert call.scored(question, LIKELY) == []

    def test_that_comes_after_the_term_was_agreed_blocks_it_no_second_time(self) -> None:
        call = begin()
        question = self.asked(call)
        told: list[Outgoing] = []
        for _ in range(2):
            (window,) = speak(call, 1.0)
            told += hear(call, window, words("我们保本的产品"))
        assert kinds(told).count(Block) == 1
        assert call.scored(question, LIKELY) == []


TEXTS = st.sampled_from(
    ["我们的产品", "我们宝本的产品", "我们保本的产品", "我们报本的有内部消息", "我们保本的有内部消息"]
)


@given(st.data())
def test_in_any_order_and_any_number_of_times_no_violation_is_blocked_twice_and_the_call_ends_once(
    data: st.DataObject,
) -> None:
    call = begin()
    told: list[Outgoing] = []
    heard: list[tuple[Window, Hypothesis]] = []
    asked: list[Scoring] = []

    def step() -> None:
        """Give one of the answers that are known: one that is due, or one that was given before."""
        what = data.draw(st.sampled_from(["window", "again", "likelihood"]))
        if what == "window":
            for window in windows(call):
                heard.append((window, words(data.draw(TEXTS))))
                told.extend(hear(call, *heard[-1]))
        elif what == "again" and heard:
            told.extend(hear(call, *data.draw(st.sampled_from(heard))))
        elif what == "likelihood" and asked:
            question = data.draw(st.sampled_from(asked))
            told.extend(call.scored(question, tuple(-10.0 for _ in question.texts)))
        asked.extend(call.questions(0.0))

    for _ in range(data.draw(st.integers(1, 6))):
        heard += [(window, words(data.draw(TEXTS))) for window in speak(call, 1.0)]
        told += hear(call, *heard[-1]) if heard else []
        step()
        step()
    told += stop(call)
    while call.state is not CallState.OVER:
        for window in windows(call):
            told += hear(call, window, words("我们保本的产品"))
        asked += call.questions(0.0)
        for question in asked:
            told += call.scored(question, tuple(-10.0 for _ in question.texts))
    assert kinds(told).count(Stopped) == 1
    blocked = Counter(event.violation.id for event in told if isinstance(event, Block))
    assert set(blocked.values()) <= {1}
