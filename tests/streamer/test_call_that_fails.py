"""A call whose own code fails: it ends with an account of what was not heard, and costs no other call anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from detector.detector import Detector
from detector.policy import ACTIONS, USUAL
from streamer.bus import Bus, CallName
from streamer.call import Call
from streamer.control.carrier import Carrier
from streamer.control.port import Answer, Outcome, Port, Target
from streamer.conversation import Conversation
from streamer.errors import ProtocolError
from streamer.front_end import Portion, Processed
from streamer.listener import Listener
from streamer.metrics import Metrics
from streamer.recognition.scheduler import Scheduler
from streamer.record.chronicle import Chronicle
from streamer.record.event import Event
from streamer.reporter import Reporter
from streamer.settings import Limits
from streamer.types import AudioFrame, CallStarted, Encoding, Outgoing, Started
from tests.faults import FaultyRecognizer
from tests.streamer.calls_in_hand import TABLE, AlwaysSpeech

STARTED = CallStarted("c-1", Encoding.PCM_S16LE, 16_000, ("agent",), "zh")
GREETING = Started("bank@1", "base")
SECOND = AudioFrame("agent", 0, b"\1\0" * 16_000)


class Engine:
    """What the calls share."""

    max_queue_age = 5.0

    def __init__(self, scheduler: Scheduler, listener: Listener) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self.scheduler = scheduler
        self.listener = listener
        self.limits = Limits(drain_timeout=2.0)
        self.bus = Bus(time.time)

    def told(self) -> list[Event]:
        return [one for one in self.bus.take(0.0) if isinstance(one, Event)]


class Peer:
    """A socket that reads nothing until it is let to."""

    address = "192.0.2.1"

    def __init__(self, *, reads: bool = True) -> None:
        self.refused: list[str] = []
        self.reading = asyncio.Event()
        if reads:
            self.reading.set()

    async def tell(self, event: Outgoing) -> bool | None:
        await self.reading.wait()
        return True

    async def say(self, message: str) -> bool:
        return True

    async def refuse(self, error: ProtocolError) -> None:
        self.refused.append(error.code)


class Muting(Port):
    """Takes its time for a mute."""

    hears_muted = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ready(self, target: Target) -> Answer:
        return Answer(Outcome.CONFIRMED)

    async def mute(self, target: Target, channel: str) -> Answer:
        # Longer than a call takes that fails.
        for _ in range(100):
            await asyncio.sleep(0)
        self.asked.append(channel)
        return Answer(Outcome.CONFIRMED)

    async def gone(self, target: Target, channel: str) -> bool:
        return False

    async def aclose(self) -> None:
        pass


@asynccontextmanager
async def sharing() -> AsyncIterator[Engine]:
    async with Scheduler(FaultyRecognizer()) as scheduler, Listener() as listener:
        yield Engine(scheduler, listener)


def begin(engine: Engine, port: Port | None = None) -> Conversation:
    call = Call(
        STARTED,
        language="zh",
        detector=Detector(TABLE, ACTIONS, USUAL),
        speech_models={"agent": AlwaysSpeech()},
        clock=time.perf_counter,
    )
    chronicle = Chronicle(STARTED, GREETING, language="zh", metadata={}, gateway="g")
    reporter = Reporter(engine.bus, CallName("c", "c-1", None), chronicle, None)
    carrier = None if port is None else Carrier(port, Target({}, Peer().say), USUAL, "")
    return Conversation(engine, STARTED, call, GREETING, reporter, carrier)


def break_it(call: Call, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Let whatever a call is told of its audio fail; gives what is set each time that it does."""
    failed = asyncio.Event()

    def take(name: str, processed: Sequence[Processed]) -> list[Outgoing]:
        failed.set()
        raise ArithmeticError("no luck")

    monkeypatch.setattr(call, "take", take)
    return failed


async def test_a_call_that_fails_over_and_over_while_its_socket_is_slow_leaves_others_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with sharing() as engine, asyncio.timeout(10):
        broken, other, slow = begin(engine), begin(engine), Peer(reads=False)
        running = [asyncio.create_task(one.run()) for one in (broken, other)]
        await broken.join(slow, STARTED, time.monotonic())
        await other.join(Peer(), STARTED, time.monotonic())
        failed = break_it(broken.call, monkeypatch)
        for _ in range(3):
            await broken.receive(slow, SECOND, time.monotonic())
            await failed.wait()
            failed.clear()
            # Its audio goes on, though all that it is told fails.
            broken.call._channels["agent"]._processing = False
        looked = asyncio.Event()

        def portions() -> list[Portion]:
            looked.set()
            return []

        monkeypatch.setattr(other.call, "portions", portions)
        engine.listener.notify(other)
        await looked.wait()
        monkeypatch.undo()
        slow.reading.set()
        await running[0]
        assert slow.refused == ["internal"]
        other.hang_up()
        await running[1]


async def test_what_was_not_heard_of_a_call_that_failed_is_told_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async with sharing() as engine, asyncio.timeout(10):
        conversation, peer = begin(engine), Peer()
        running = asyncio.create_task(conversation.run())
        await conversation.join(peer, STARTED, time.monotonic())
        await asyncio.sleep(0)
        break_it(conversation.call, monkeypatch)
        await conversation.receive(peer, SECOND, time.monotonic())
        await running
        conversation.reporter.end(conversation.call, conversation.outcome)
        told = engine.told()
        (blind,) = [event.fields for event in told if event.type == "blind"]
        assert (blind["from"], blind["to"]) == (0.0, pytest.approx(1.0, abs=0.1))
        assert told[-1].type == "call.stopped"
        assert told[-1].fields["outcome"] == "failed"
        assert told[-1].fields["legs"]["agent"]["blind"] == pytest.approx(blind["to"])


async def test_a_mute_that_a_call_asked_for_before_it_failed_is_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    port = Muting()
    async with sharing() as engine, asyncio.timeout(10):
        conversation, peer = begin(engine, port), Peer()
        running = asyncio.create_task(conversation.run())
        await conversation.join(peer, STARTED, time.monotonic())
        await asyncio.sleep(0)
        assert await conversation.order("mute", "agent", None, "Li")
        conversation.broken(ArithmeticError("no luck"))
        await running
        assert port.asked == ["agent"]
        assert "block.result" in [event.type for event in engine.told()]


async def test_a_call_in_disorder_lets_its_sockets_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async with sharing() as engine, asyncio.timeout(10):
        conversation, peer = begin(engine), Peer()
        running = asyncio.create_task(conversation.run())
        await conversation.join(peer, STARTED, time.monotonic())
        await asyncio.sleep(0)

        def abandon(reason: str) -> list[Outgoing]:
            raise ArithmeticError("no account either")

        monkeypatch.setattr(conversation.call, "abandon", abandon)
        conversation.broken(ArithmeticError("no luck"))
        await running
        await conversation.leave(peer, stopped=True)
        assert peer.refused == ["internal"]
        assert conversation.outcome == "failed"


async def test_what_was_not_heard_of_a_call_that_broke_the_protocol_is_told() -> None:
    async with sharing() as engine, asyncio.timeout(10):
        conversation, peer = begin(engine), Peer()
        running = asyncio.create_task(conversation.run())
        await conversation.join(peer, STARTED, time.monotonic())
        await asyncio.sleep(0)
        await conversation.receive(peer, SECOND, time.monotonic())
        await conversation.refused(peer, "too_fast")
        await running
        conversation.reporter.end(conversation.call, conversation.outcome)
        told = engine.told()
        assert [event.fields["reason"] for event in told if event.type == "blind"] == ["the call broke off"]
        assert told[-1].fields["outcome"] == "refused"
        assert set(told[-1].fields["legs"]) == {"agent"}
