"""The life of a mute: tried again while it is wanted, lifted if it may be there, and over with its leg."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.policy import USUAL
from detector.types import Action
from streamer.control import carrier as carrying
from streamer.control.carrier import GONE, INSIDE, LEFT_UNDONE, Carried, Carrier, Signal
from streamer.control.mutes import Heard, MuteLedger
from streamer.control.port import Answer, Outcome, Port, Target
from tests.streamer.control.test_carrier import block, order, say, unblock

DONE, REFUSED = Answer(Outcome.CONFIRMED), Answer(Outcome.FAILED, "answered 500")
UNANSWERED = Answer(Outcome.FAILED, "no answer in time", unsure=True)


class Platform(Port):
    """Answers as it is told to; the last answer holds.

    Args:
      mutes, unmutes: its answers.
      gone: whether the leg is.
    """

    def __init__(self, *mutes: Answer, unmutes: tuple[Answer, ...] = (DONE,), gone: bool = False) -> None:
        self.asked: list[str] = []
        self.is_gone = gone
        self.looked = asyncio.Event()
        self._mutes, self._unmutes = [*(mutes or (DONE,))], [*unmutes]

    async def mute(self, target: Target, channel: str) -> Answer:
        self.asked.append(f"mute {channel}")
        return self._mutes.pop(0) if len(self._mutes) > 1 else self._mutes[0]

    async def unmute(self, target: Target, channel: str) -> Answer:
        self.asked.append(f"unmute {channel}")
        return self._unmutes.pop(0) if len(self._unmutes) > 1 else self._unmutes[0]

    async def hangup(self, target: Target) -> Answer:
        self.asked.append("hangup")
        return DONE

    async def gone(self, target: Target, channel: str) -> bool:
        self.looked.set()
        return self.is_gone


class Line:
    """A carrier at work, and what it tells."""

    def __init__(self, port: Port) -> None:
        self.carrier = Carrier(port, Target({"call": "c"}, say), USUAL, "")
        self.told: list[Carried] = []
        self._more = asyncio.Event()

    def tell(self, carried: Carried) -> None:
        self.told.append(carried)
        self._more.set()

    async def ask(self, *signals: Signal) -> None:
        for signal in signals:
            self.carrier.ask(signal, 0.0)
        await self.carrier.rest()

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not done():
                self._more.clear()
                await self._more.wait()

    @property
    def outcomes(self) -> list[tuple[str, str, int]]:
        return [(one.action, one.answer.outcome.value, one.attempt) for one in self.told]


@asynccontextmanager
async def line(port: Port) -> AsyncIterator[Line]:
    one = Line(port)
    task = asyncio.create_task(one.carrier.run(one.tell))
    try:
        async with asyncio.timeout(20):
            yield one
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "AGAIN", (0.0, 0.0, 0.0))


@pytest.mark.usefixtures("at_once")
class TestAMuteThatFailed:
    async def test_is_tried_again_and_late_success_is_told_as_such(self) -> None:
        async with line(Platform(REFUSED, REFUSED, DONE)) as one:
            await one.ask(block())
            await one.until(lambda: len(one.told) == 3)
            assert one.outcomes == [("mute", "failed", 1), ("mute", "failed", 2), ("mute", "confirmed", 3)]
            assert one.carrier.muted
            await one.ask(unblock())
        assert one.outcomes[3:] == [("unmute", "confirmed", 1)]

    async def test_is_given_up_in_the_end(self) -> None:
        port = Platform(REFUSED)
        async with line(port) as one:
            await one.ask(block())
            await one.until(lambda: len(one.told) == 4)
            # Whatever comes next comes without a fifth try.
            await one.ask(order("o-1", "mute", "customer"))
        assert port.asked == ["mute agent"] * 4 + ["mute customer"]

    @pytest.mark.parametrize("unasked", [unblock(), order("o-1", "unmute", about="v-1")])
    async def test_is_not_tried_any_more_once_it_is_taken_back(
        self, unasked: Signal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(carrying, "AGAIN", (0.1,))
        port = Platform(REFUSED)
        async with line(port) as one:
            await one.ask(block(), unasked)
            assert await one.carrier.try_again("agent") is None
        assert "mute agent" not in port.asked[1:]

    async def test_is_not_tried_any_more_once_its_leg_is_gone(self) -> None:
        port = Platform(REFUSED, gone=True)
        async with line(port) as one:
            await one.ask(block())
            await port.looked.wait()
            await one.ask(order("o-1", "hangup"))
        assert port.asked == ["mute agent", "hangup"]

    async def test_is_not_lifted_and_so_fails_once(self) -> None:
        port = Platform(REFUSED)
        async with line(port) as one:
            one.carrier.ask(block(), 0.0)
            one.carrier.ask(unblock(), 0.0)
            await one.carrier.rest()
        assert (port.asked, one.outcomes) == (["mute agent"], [("mute", "failed", 1)])

    async def test_is_lifted_all_the_same_where_it_may_have_been_carried_out(self) -> None:
        port = Platform(UNANSWERED)
        async with line(port) as one:
            one.carrier.ask(block(), 0.0)
            one.carrier.ask(unblock(), 0.0)
            await one.carrier.rest()
        assert port.asked == ["mute agent", "unmute agent"]

    async def test_that_a_supervisor_asked_for_is_tried_again_like_any_other(self) -> None:
        async with line(Platform(REFUSED, DONE)) as one:
            await one.ask(order("o-1", "mute"))
            await one.until(lambda: len(one.told) == 2)
        assert one.outcomes == [("mute", "failed", 1), ("mute", "confirmed", 2)]

    async def test_gives_way_to_the_next_signal_and_is_tried_again_after_it(self) -> None:
        class Hanging(Platform):
            def __init__(self) -> None:
                super().__init__(REFUSED)
                self.hangs = asyncio.Event()

            async def mute(self, target: Target, channel: str) -> Answer:
                answer = await super().mute(target, channel)
                if len(self.asked) == 2:
                    self.hangs.set()
                    await asyncio.Event().wait()
                return answer if len(self.asked) < 3 else DONE

            async def play(self, target: Target, sound: str) -> Answer:
                return DONE

        port = Hanging()
        async with line(port) as one:
            await one.ask(block())
            await port.hangs.wait()
            await one.ask(order("o-1", "alert"))
            await one.until(lambda: one.carrier.muted)
        assert [action for action, _, _ in one.outcomes] == ["mute", "alert", "mute"]


class TestAnUnmuteThatFindsTheLegGone:
    async def test_is_done(self) -> None:
        port = Platform(unmutes=(REFUSED,))
        async with line(port) as one:
            await one.ask(block())
            port.is_gone = True
            await one.ask(unblock())
            assert not one.carrier.muted
        assert one.outcomes == [("mute", "confirmed", 1), ("unmute", "confirmed", 1)]
        assert one.told[-1].answer.detail == GONE

    @pytest.mark.usefixtures("at_once")
    async def test_is_done_even_if_it_went_after_the_first_try(self) -> None:
        port = Platform(unmutes=(REFUSED,))
        async with line(port) as one:
            await one.ask(block(), unblock())
            port.is_gone = True
            await one.until(lambda: one.outcomes[-1][:2] == ("unmute", "confirmed"))
        assert port.asked.count("unmute agent") >= 1

    async def test_needs_none_where_the_call_was_hung_up(self) -> None:
        port = Platform()
        async with line(port) as one:
            await one.ask(block(), order("o-1", "hangup"), unblock())
            assert not one.carrier.muted
        assert port.asked == ["mute agent", "hangup"]


@pytest.mark.usefixtures("at_once")
class TestAnUnmuteThatFailed:
    async def test_is_tried_again(self) -> None:
        async with line(Platform(unmutes=(REFUSED, DONE))) as one:
            await one.ask(block(), unblock())
            await one.until(lambda: len(one.told) == 3)
            assert not one.carrier.muted
        assert one.outcomes[1:] == [("unmute", "failed", 1), ("unmute", "confirmed", 2)]

    async def test_is_not_where_the_leg_is_to_be_muted_again(self) -> None:
        port = Platform(unmutes=(REFUSED,))
        async with line(port) as one:
            for signal in (block(), unblock(), block("v-2")):
                one.carrier.ask(signal, 0.0)
            await one.carrier.rest()
            assert await one.carrier.try_again("agent") is None
        assert port.asked == ["mute agent", "unmute agent", "mute agent"]


class TestASupervisor:
    async def test_who_mutes_keeps_a_leg_muted_when_a_violation_s_time_is_over(self) -> None:
        port = Platform()
        async with line(port) as one:
            await one.ask(block(), order("o-1", "mute"), unblock())
            assert one.carrier.muting == {"o-1": "agent"}
        assert port.asked == ["mute agent", "mute agent"]

    async def test_who_unmutes_is_taken_at_their_word_even_where_no_mute_is_known(self) -> None:
        port = Platform(REFUSED)
        async with line(port) as one:
            await one.ask(block(), order("o-1", "unmute", about="v-1"))
        assert port.asked[-1] == "unmute agent"


class TestWhatFailsInside:
    async def test_of_what_is_told_keeps_nothing_from_being_carried_out(self, caplog: pytest.LogCaptureFixture) -> None:
        port = Platform()
        carrier = Carrier(port, Target({}, say), USUAL, "")

        def told(carried: Carried) -> None:
            raise RuntimeError("no such luck")

        task = asyncio.create_task(carrier.run(told))
        for signal in (block(), unblock()):
            carrier.ask(signal, 0.0)
        with caplog.at_level(logging.CRITICAL):
            async with asyncio.timeout(10):
                await carrier.rest()
        assert not task.done()
        task.cancel()
        assert port.asked == ["mute agent", "unmute agent"]

    @pytest.mark.parametrize("trouble", [RuntimeError("no such luck"), asyncio.CancelledError(), KeyError("x")])
    async def test_of_a_port_is_a_failure_of_that_signal_alone(
        self, trouble: BaseException, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Raising(Platform):
            async def hangup(self, target: Target) -> Answer:
                raise trouble

            async def ready(self, target: Target) -> Answer:
                raise trouble

        with caplog.at_level(logging.CRITICAL):
            async with line(Raising()) as one:
                await one.ask(order("o-1", "hangup"), block())
                assert (await one.carrier.ready()).outcome is Outcome.FAILED
        assert one.outcomes == [("hangup", "failed", 1), ("mute", "confirmed", 1)]
        assert one.told[0].answer.detail == INSIDE

    async def test_for_ever_holds_up_no_call_s_end(self) -> None:
        class Hanging(Platform):
            async def mute(self, target: Target, channel: str) -> Answer:
                await asyncio.Event().wait()
                raise AssertionError

        async with line(Hanging()) as one:
            for signal in (block(), order("o-1", "hangup")):
                one.carrier.ask(signal, 0.0)
            await asyncio.sleep(0)
            await one.carrier.rest(0.05)
        assert [(one.action, one.answer.detail) for one in one.told] == [("mute", LEFT_UNDONE), ("hangup", LEFT_UNDONE)]
        # It may have been carried out: whoever sees to what is left must see to it.
        assert one.carrier.muting == {"v-1": "agent"}


def answers() -> Any:
    return st.sampled_from([DONE, Answer(Outcome.ACCEPTED), REFUSED, UNANSWERED, Answer(Outcome.UNSUPPORTED)])


STEP = st.tuples(st.sampled_from(["ask", "drop"]), st.sampled_from(["v-1", "v-2", "o-1"]), answers())


@given(st.lists(STEP, max_size=30))
def test_a_leg_counts_as_muted_by_the_last_answer_that_changed_anything(steps: list[tuple[str, str, Answer]]) -> None:
    ledger, asking, muted = MuteLedger(), set[str](), Heard.HEARD
    for step, name, answer in steps:
        changed = answer.outcome in {Outcome.CONFIRMED, Outcome.ACCEPTED}
        if step == "ask":
            asking.add(name)
            ledger.ask(name, "agent")
            ledger.muted("agent", answer)
            muted = Heard.MUTED if changed else max(muted, Heard.UNSURE) if answer.unsure else muted
        else:
            asking.discard(name)
            ledger.drop(name)
            if not asking:
                ledger.unmuted("agent", answer)
                muted = Heard.HEARD if changed else muted
        assert ledger.wanted("agent") == bool(asking)
        assert ledger.standing("agent") is muted
        assert ledger.silent == ({"agent"} if muted is Heard.MUTED else set())
        assert set(ledger.holding) == (asking if muted else set())
        assert [*ledger.stuck()] == (["agent"] if muted and not asking else [])


def test_a_block_that_is_no_mute_mutes_nobody() -> None:
    async def play() -> None:
        port = Platform()
        async with line(port) as one:
            await one.ask(block(action=Action.ALERT), unblock())
        assert port.asked == []

    asyncio.run(play())
