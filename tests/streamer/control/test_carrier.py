"""A call's signals on their way to its platform, with a control port that only writes down what it is asked for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from math import inf

import pytest

from detector.policy import USUAL, Measure, Policy
from detector.types import Action, MatchKind, Status, Violation
from streamer.control.carrier import Carried, Carrier, Signal
from streamer.control.port import Answer, Outcome, Port, Target
from streamer.types import Block, Order, Unblock

VIOLATION = Violation(
    "v-1", Status.FIRED, "promise", "c", "block", "保本", "保本", MatchKind.EXACT, 0.9, "agent", 1.0, 2.0
)
MUTE, UNMUTE = ("mute", "agent"), ("unmute", "agent")
DONE = Answer(Outcome.CONFIRMED)
MISSING = "[platforms.test] says nothing"


async def say(message: str) -> bool:
    raise AssertionError("nothing is said on the socket")


class Recorder(Port):
    """Writes down what it is asked for.

    Args:
      answer: to everything; None raises.
    """

    def __init__(self, answer: Answer | None = DONE) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.targets: list[Target] = []
        self._answer = answer

    def _note(self, target: Target, *asked: str) -> Answer:
        self.asked.append(asked)
        self.targets.append(target)
        if self._answer is None:
            raise RuntimeError("no such luck")
        return self._answer

    async def mute(self, target: Target, channel: str) -> Answer:
        return self._note(target, "mute", channel)

    async def unmute(self, target: Target, channel: str) -> Answer:
        return self._note(target, "unmute", channel)

    async def play(self, target: Target, sound: str) -> Answer:
        return self._note(target, "play", sound)

    async def whisper(self, target: Target, channel: str, sound: str) -> Answer:
        return self._note(target, "whisper", channel, sound)

    async def hangup(self, target: Target) -> Answer:
        return self._note(target, "hangup")

    async def transfer(self, target: Target, to: str) -> Answer:
        return self._note(target, "transfer", to)


@asynccontextmanager
async def running(carrier: Carrier) -> AsyncIterator[list[Carried]]:
    """Let it carry; gives what it tells."""
    told: list[Carried] = []
    task = asyncio.create_task(carrier.run(told.append))
    try:
        yield told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def carried(port: Port | None, *signals: Signal, policy: Policy = USUAL) -> list[Carried]:
    """Have signals carried out; give what came of them."""
    carrier = Carrier(port, Target({"call": "c"}, say), policy, MISSING)
    for signal in signals:
        carrier.ask(signal, 0.0)
    async with running(carrier) as told, asyncio.timeout(10):
        await carrier.rest()
    return told


def block(name: str = "v-1", action: Action = Action.MUTE, channel: str = "agent", rule: str = "promise") -> Block:
    return Block(replace(VIOLATION, id=name, channel=channel, rule_id=rule), action, 3.0, 0.1)


def unblock(name: str = "v-1") -> Unblock:
    return Unblock(name, "its time is over")


def order(name: str, action: str, channel: str = "agent", about: str | None = None) -> Order:
    return Order(name, action, channel, about, "Li Na")


def outcomes(told: list[Carried]) -> list[tuple[str, str, Outcome]]:
    return [(one.violation_id, one.action, one.answer.outcome) for one in told]


class TestAMute:
    async def test_is_asked_for_and_lifted_in_this_order(self) -> None:
        port = Recorder()
        told = await carried(port, block(), unblock(), block("v-2"), unblock("v-2"))
        assert port.asked == [MUTE, UNMUTE, MUTE, UNMUTE]
        assert [one[:2] for one in outcomes(told)] == [
            ("v-1", "mute"),
            ("v-1", "unmute"),
            ("v-2", "mute"),
            ("v-2", "unmute"),
        ]

    async def test_is_lifted_only_with_the_last_one(self) -> None:
        port = Recorder()
        told = await carried(port, block("v-1"), block("v-2"), unblock("v-1"), unblock("v-2"))
        assert port.asked == [MUTE, MUTE, UNMUTE]
        assert outcomes(told)[-1] == ("v-2", "unmute", Outcome.CONFIRMED)

    async def test_of_a_supervisor_counts_as_any_other(self) -> None:
        port = Recorder()
        await carried(port, order("o-1", "mute"), block(), unblock(), order("o-2", "unmute", about="o-1"))
        assert port.asked == [MUTE, MUTE, UNMUTE]

    async def test_of_a_leg_has_nothing_to_do_with_the_other_leg(self) -> None:
        port = Recorder()
        await carried(port, order("o-1", "mute", "customer"), block(), unblock(), order("o-2", "unmute", about="o-1"))
        assert port.asked == [("mute", "customer"), MUTE, UNMUTE, ("unmute", "customer")]

    async def test_is_lifted_on_the_leg_that_was_muted(self) -> None:
        port = Recorder()
        await carried(port, block(channel="customer"), unblock())
        assert port.asked == [("mute", "customer"), ("unmute", "customer")]

    async def test_is_lifted_once(self) -> None:
        port = Recorder()
        told = await carried(port, block(), unblock(), unblock())
        assert port.asked == [MUTE, UNMUTE]
        assert len(told) == 2

    async def test_that_nobody_knows_of_is_lifted_when_a_supervisor_wants_it(self) -> None:
        port = Recorder()
        assert outcomes(await carried(port, order("o-1", "unmute"))) == [("o-1", "unmute", Outcome.CONFIRMED)]
        assert port.asked == [UNMUTE]


class TestWhetherALegIsMuted:
    @pytest.mark.parametrize("outcome", list(Outcome))
    async def test_is_known_by_what_the_platform_answered(self, outcome: Outcome) -> None:
        carrier = Carrier(Recorder(Answer(outcome)), Target({}, say), USUAL, MISSING)
        carrier.ask(block(), 0.0)
        async with running(carrier), asyncio.timeout(10):
            assert not carrier.muted
            await carrier.rest()
        assert carrier.muted == (outcome in {Outcome.ACCEPTED, Outcome.CONFIRMED})

    async def test_changes_when_it_is_heard_again_and_not_before(self) -> None:
        class Stuck(Recorder):
            async def unmute(self, target: Target, channel: str) -> Answer:
                return Answer(Outcome.FAILED)

        for port, muted in ((Recorder(), False), (Stuck(), True)):
            carrier = Carrier(port, Target({}, say), USUAL, MISSING)
            carrier.ask(block(), 0.0)
            carrier.ask(unblock(), 0.0)
            async with running(carrier), asyncio.timeout(10):
                await carrier.rest()
            assert carrier.muted is muted


class TestABlockThatIsNoMute:
    @pytest.mark.parametrize("action", sorted(set(Action) - {Action.MUTE}))
    async def test_asks_for_nothing_when_it_is_taken_back(self, action: Action) -> None:
        policy = Policy(Measure(sound="stop.wav", to="8001"))
        port = Recorder()
        told = await carried(port, block(action=action), policy=policy)
        asked = [*port.asked]
        told_again = await carried(port, block(action=action), unblock(), policy=policy)
        assert port.asked == asked * 2
        assert outcomes(told) == outcomes(told_again) == [("v-1", action, Outcome.CONFIRMED)]

    async def test_leaves_a_mute_where_it_is_when_it_is_taken_back(self) -> None:
        port = Recorder()
        await carried(port, block("v-1"), block("v-2", Action.HANGUP), unblock("v-2"))
        assert port.asked == [MUTE, ("hangup",)]

    async def test_asks_for_what_its_rule_s_measure_says(self) -> None:
        rules = {
            "w": Measure(Action.WHISPER, sound="whisper.wav"),
            "p": Measure(Action.PLAY, sound="play.wav"),
            "t": Measure(Action.TRANSFER, to="8001"),
        }
        port = Recorder()
        blocks = [block(action=measure.action, rule=rule) for rule, measure in rules.items()]
        await carried(port, *blocks, policy=Policy(Measure(sound="usual.wav", to="usual"), rules))
        assert port.asked == [("whisper", "agent", "whisper.wav"), ("play", "play.wav"), ("transfer", "8001")]

    async def test_of_a_supervisor_asks_for_what_is_usual(self) -> None:
        policy = Policy(Measure(sound="usual.wav", to="8001"), {"promise": Measure(sound="other.wav", to="1")})
        port = Recorder()
        await carried(port, order("o-1", "play", about="v-1"), order("o-2", "transfer"), policy=policy)
        assert port.asked == [("play", "usual.wav"), ("transfer", "8001")]

    async def test_but_tells_supervisors_is_done_by_that(self) -> None:
        port = Recorder()
        assert outcomes(await carried(port, block(action=Action.ALERT))) == [("v-1", "alert", Outcome.CONFIRMED)]
        assert port.asked == []


class TestWhatCanNotBeDone:
    @pytest.mark.parametrize(
        ("action", "wanted"), [(Action.PLAY, "sound"), (Action.WHISPER, "sound"), (Action.TRANSFER, "to")]
    )
    async def test_says_what_would_have_to_be_set(self, action: Action, wanted: str) -> None:
        port = Recorder()
        (one,) = await carried(port, block(action=action))
        assert one.answer == Answer(Outcome.UNSUPPORTED, f"{action}: [policy] has no {wanted}")
        assert port.asked == []

    @pytest.mark.parametrize("signal", [block(), block(action=Action.ALERT), order("o-1", "hangup")])
    async def test_without_a_port_says_that_it_is_missing(self, signal: Signal) -> None:
        (one,) = await carried(None, signal)
        assert one.answer == Answer(Outcome.UNSUPPORTED, MISSING)
        assert (one.sent, one.took) == (None, None)

    async def test_is_known_before_anything_is_asked_for(self) -> None:
        carrier = Carrier(None, Target({}, say), USUAL, MISSING)
        assert not carrier.able
        assert await carrier.ready() == Answer(Outcome.UNSUPPORTED, MISSING)
        able = Carrier(Recorder(), Target({}, say), USUAL, MISSING)
        assert able.able
        assert (await able.ready()).outcome is Outcome.ACCEPTED


class TestAPortThatFails:
    async def test_by_its_own_fault_has_failed_and_is_asked_again_next_time(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        port = Recorder(answer=None)
        with caplog.at_level(logging.CRITICAL):
            told = await carried(port, block(), unblock())
        assert outcomes(told) == [("v-1", "mute", Outcome.FAILED), ("v-1", "unmute", Outcome.FAILED)]
        assert port.asked == [MUTE, UNMUTE]
        assert "luck" not in told[0].answer.detail

    async def test_by_an_answer_that_is_none_fails_at_that_signal_alone_and_is_tried_again(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Speechless(Recorder):
            async def mute(self, target: Target, channel: str) -> Answer:
                await super().mute(target, channel)
                return None if len(self.asked) < 5 else DONE  # type: ignore[return-value]

        monkeypatch.setattr("streamer.control.carrier.AGAIN", (0.0, 0.0, 0.0))
        port = Speechless()
        carrier = Carrier(port, Target({}, say), USUAL, MISSING)
        with caplog.at_level(logging.CRITICAL):
            async with running(carrier) as told, asyncio.timeout(10):
                carrier.ask(block(), 0.0)
                carrier.ask(order("o-1", "hangup", "customer"), 0.0)
                await carrier.rest(inf)
                assert outcomes(told[:2]) == [("v-1", "mute", Outcome.FAILED), ("o-1", "hangup", Outcome.CONFIRMED)]
                assert not told[0].answer.sent
                carrier.ask(block("v-2"), 0.0)
                while not carrier.muted:  # noqa: ASYNC110 - nobody tells when a try is over
                    await asyncio.sleep(0)
        assert [(one.answer.outcome, one.attempt) for one in told[2:]] == [
            (Outcome.FAILED, 1),
            (Outcome.FAILED, 2),
            (Outcome.CONFIRMED, 3),
        ]

    async def test_tells_its_reason_and_when_that_was_known(self) -> None:
        carrier = Carrier(Recorder(Answer(Outcome.FAILED, "busy", 101.0, 103.0)), Target({}, say), USUAL, MISSING)
        carrier.ask(block(), 100.0)
        async with running(carrier) as told, asyncio.timeout(10):
            await carrier.rest()
        (one,) = told
        assert (one.answer.detail, one.sent, one.took) == ("busy", 1.0, 3.0)


async def test_what_another_socket_calls_the_legs_is_known_from_then_on() -> None:
    async def say_there(message: str) -> bool:
        return True

    port = Recorder()
    carrier = Carrier(port, Target({"call": "c", "agent": "leg-1"}, say), USUAL, MISSING)
    async with running(carrier), asyncio.timeout(10):
        carrier.ask(block(), 0.0)
        await carrier.rest()
        carrier.learn({"agent": "leg-2", "customer": "leg-3"}, say_there)
        carrier.ask(unblock(), 0.0)
        await carrier.rest()
    before, after = port.targets
    assert before == Target({"call": "c", "agent": "leg-1"}, say)
    assert after == Target({"call": "c", "agent": "leg-2", "customer": "leg-3"}, say_there)


class TestWhatWeHear:
    @pytest.mark.parametrize(("hears", "silenced"), [(False, {"agent"}), (True, set())])
    async def test_of_a_muted_leg_is_nothing_unless_the_port_leaves_it_to_us(
        self, hears: bool, silenced: set[str]
    ) -> None:
        port = Recorder()
        port.hears_muted = hears
        carrier = Carrier(port, Target({}, say), USUAL, MISSING)
        assert carrier.silenced == set()
        await carrier.carry(Order("o-1", "mute", "agent", None, "policy"), 0.0)
        assert carrier.muted
        assert carrier.silenced == silenced
        await carrier.carry(Order("o-1", "unmute", "agent", None, "policy"), 0.0)
        assert carrier.silenced == set()

    def test_is_everything_where_nobody_can_be_muted(self) -> None:
        assert Carrier(None, Target({}, say), USUAL, MISSING).silenced == set()
