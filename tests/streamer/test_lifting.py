"""What is done about mutes that a call leaves behind, with a control port that only writes down what it is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from detector.policy import Measure, Policy
from detector.types import Action
from streamer import lifting
from streamer.bus import Bus, CallName
from streamer.call import Call
from streamer.control.carrier import Carrier
from streamer.control.port import Answer, Outcome, Port, Target
from streamer.lifting import Aftermath
from streamer.metrics import Metrics
from streamer.outcomes import Outcomes
from streamer.record.chronicle import Chronicle
from streamer.reporter import Reporter
from streamer.types import Block, CallStarted, Encoding, Order, Started
from tests.streamer.calls_in_hand import begin, hear, speak, words

HOUR = Policy(usual=Measure(Action.MUTE, seconds=3600.0))
FOR_GOOD = Policy(usual=Measure(Action.MUTE))


DONE, REFUSED = Answer(Outcome.CONFIRMED), Answer(Outcome.FAILED, "answered 500")
UNMUTE = ["unmute agent"]


async def _say(message: str) -> bool:
    raise AssertionError("nothing is said on the socket")


class Recorder(Port):
    """Takes everything, or what it is told to answer.

    Args:
      unmutes: the answer to an unmute.
      gone: whether the leg is, at each look; None raises. The last holds.
    """

    def __init__(self, *gone: bool | None, unmutes: Answer = DONE) -> None:
        self.asked: list[str] = []
        self.unmutes = unmutes
        self._gone = [*gone]

    async def mute(self, target: Target, channel: str) -> Answer:
        return Answer(Outcome.CONFIRMED)

    async def unmute(self, target: Target, channel: str) -> Answer:
        self.asked.append(f"unmute {channel}")
        return self.unmutes

    async def gone(self, target: Target, channel: str) -> bool:
        gone = self._gone.pop(0) if len(self._gone) > 1 else self._gone[0]
        if gone is None:
            raise RuntimeError("no such luck")
        return gone


class Left:
    """A call that is over, and has muted the agent."""

    def __init__(self, policy: Policy, port: Recorder, *, held: bool = False) -> None:
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        bus = Bus(time.time)

        def tell(kind: str, about: CallName | None = None, fields: Mapping[str, Any] | None = None) -> Any:
            self.told.append((kind, fields or {}))

        bus.tell = tell  # type: ignore[method-assign]
        started = CallStarted("c-1", Encoding.PCM_S16LE, 16_000, ("agent",), platform="test")
        chronicle = Chronicle(started, Started("bank@1", "base"), language="zh", metadata={}, gateway="g")
        reporter = Reporter(bus, CallName("c", "c-1", None), chronicle, None)
        self.told.clear()
        self.call: Call = begin(policy=policy)
        outcomes = Outcomes("c-1", "test", Metrics(CollectorRegistry()), reporter)
        self.carrier = Carrier(port, Target({}, _say), policy, "")
        self._aftermath = Aftermath(self.call, self.carrier, outcomes, reporter, lambda: held)

    async def run(self, *, stopping: bool = True) -> list[tuple[str, Any]]:
        """Mute the agent, end the call, and see to what is left; gives what was told, in short."""
        (window,) = speak(self.call, 1.5)
        (block,) = [event for event in hear(self.call, window, words("我们保本的")) if isinstance(event, Block)]
        await self.carrier.carry(block, time.monotonic())
        self.call.abandon("the call broke off")
        return await self.see_to(stopping=stopping)

    async def see_to(self, *, stopping: bool = True) -> list[tuple[str, Any]]:
        event = asyncio.Event()
        if stopping:
            event.set()
        async with asyncio.timeout(10):
            await self._aftermath.run(event)
        return [(kind, fields.get("outcome", fields.get("reason"))) for kind, fields in self.told]


class TestAMuteWithATime:
    async def test_is_lifted_when_the_service_stops_before(self) -> None:
        port = Recorder(False)
        left = Left(HOUR, port)
        assert await left.run() == [("unblock", "its time is over"), ("block.result", "confirmed")]
        assert port.asked == UNMUTE
        assert not left.carrier.muted

    async def test_is_over_with_its_leg_and_nobody_is_told(self) -> None:
        port = Recorder(True)
        assert await Left(HOUR, port).run() == []
        assert port.asked == []

    async def test_that_cannot_be_lifted_is_told(self) -> None:
        port = Recorder(False, unmutes=REFUSED)
        assert await Left(HOUR, port).run() == [("unblock", "its time is over"), ("block.result", "failed")]

    async def test_that_cannot_be_lifted_since_the_leg_went_just_then_is_not_told(self) -> None:
        port = Recorder(False, True, unmutes=REFUSED)
        assert await Left(HOUR, port).run() == []
        assert port.asked == UNMUTE

    async def test_is_left_to_the_same_call_where_that_came_again_and_muted_anew(self) -> None:
        port = Recorder(False)
        assert await Left(HOUR, port, held=True).run() == []
        assert port.asked == []

    async def test_stays_where_somebody_muted_the_leg_without_a_time_too(self) -> None:
        port = Recorder(False)
        left = Left(HOUR, port)
        (order,) = left.call.order("mute", "agent", None, "Li Na")
        assert isinstance(order, Order)
        await left.carrier.carry(order, time.monotonic())
        assert await left.run() == [("block.result", "unsupported")]
        assert port.asked == []
        assert left.carrier.muted


class TestAMuteThatCouldNotBeLifted:
    @pytest.mark.parametrize(("gone", "told"), [(False, [("block.result", "confirmed")]), (True, [])])
    async def test_is_tried_again_when_the_call_is_over_unless_its_leg_is_gone(
        self, gone: bool, told: list[tuple[str, Any]]
    ) -> None:
        port = Recorder(False, gone, unmutes=REFUSED)
        left = Left(HOUR, port)
        mute, unmute = left.call.order("mute", "agent", None, "Li Na") + left.call.order("unmute", "agent", None, "")
        for order in (mute, unmute):
            assert isinstance(order, Order)
            await left.carrier.carry(order, time.monotonic())
        port.unmutes = DONE
        port.asked.clear()
        left.call.abandon("the call broke off")
        assert await left.see_to() == told
        assert port.asked == ([] if gone else UNMUTE)


class TestAMuteWithoutATime:
    async def test_is_told_and_stays(self) -> None:
        port = Recorder(False)
        left = Left(FOR_GOOD, port)
        assert await left.run() == [("block.result", "unsupported")]
        assert left.told[0][1]["action"] == "unmute"
        assert "agent's leg" in left.told[0][1]["detail"]
        assert port.asked == []

    async def test_is_over_with_its_leg_even_if_that_goes_after_the_stream(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lifting, "LOOKS", (0.0, 0.0, 0.0))
        assert await Left(FOR_GOOD, Recorder(False, False, True)).run(stopping=False) == []

    async def test_is_told_where_a_look_fails(self) -> None:
        assert await Left(FOR_GOOD, Recorder(None)).run() == [("block.result", "unsupported")]


async def test_a_mute_that_the_platform_refused_leaves_nothing_to_do() -> None:
    class Refusing(Recorder):
        async def mute(self, target: Target, channel: str) -> Answer:
            return REFUSED

    for policy in (HOUR, FOR_GOOD):
        port = Refusing(False)
        assert await Left(policy, port).run() == []
        assert port.asked == []
