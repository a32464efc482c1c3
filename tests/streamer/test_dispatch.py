"""A call's events on their way to sockets that are quick, slow, or read nothing, and to supervisors."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from detector.types import Action, MatchKind, Status, Violation
from streamer import sending
from streamer.bus import Bus, CallName
from streamer.dialects.native import NativeDialect
from streamer.dispatch import Dispatch
from streamer.metrics import Metrics
from streamer.record.chronicle import Chronicle
from streamer.record.event import Event
from streamer.reporter import Reporter
from streamer.types import (
    Block,
    CallStarted,
    Encoding,
    Outgoing,
    Started,
    Stopped,
    Transcript,
    Unblock,
    ViolationReport,
)

STARTED = CallStarted("c-1", Encoding.MULAW, 8000, ("agent",), transcripts=True)
GREETING = Started("bank@1", "base")
VIOLATION = Violation(
    "v-1", Status.FIRED, "promise", "c", "block", "保本", "保本", MatchKind.EXACT, 0.9, "agent", 1.0, 2.0
)
BLOCK, REPORT, STOPPED = Block(VIOLATION, Action.MUTE, 3.0, 0.1), ViolationReport(VIOLATION), Stopped(3.0, 1, (), 0.0)
UNBLOCK = Unblock("v-1", "its time is over")


def text(number: int) -> Transcript:
    return Transcript("agent", f"{number}", True, 0.0, 1.0)


class Peer:
    """A platform that reads when it is let to.

    Args:
      reads: whether it reads at once.
      takes: what becomes of a message.
    """

    def __init__(self, *, reads: bool = True, takes: bool | None = True) -> None:
        self.got: list[Outgoing] = []
        self.reading = asyncio.Event()
        self._takes = takes
        if reads:
            self.reading.set()

    async def tell(self, event: Outgoing) -> bool | None:
        await self.reading.wait()
        self.got.append(event)
        return self._takes

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.got]


class Call:
    """A call's outgoing queue, and all that is told of it."""

    def __init__(self, patience: float = 60.0) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self._bus = Bus(time.time)
        chronicle = Chronicle(STARTED, GREETING, language="zh", metadata={}, gateway="g")
        reporter = Reporter(self._bus, CallName("c", "c-1", None), chronicle, None)
        self.out = Dispatch(STARTED, patience, self.metrics, reporter)

    def send(self, *events: Outgoing) -> None:
        for event in events:
            self.out.send(event, None, carried=False)

    @property
    def told(self) -> list[str]:
        """What supervisors were told since the last look, in short."""
        taken = [one for one in self._bus.take(0) if isinstance(one, Event)]
        return [one.fields.get("outcome", one.type) for one in taken if one.type not in {"call.started", "transcript"}]


async def turns(count: int = 5) -> None:
    """Let everybody have a turn who can go on without waiting."""
    for _ in range(count):
        await asyncio.sleep(0)


class TestASocketThatReads:
    async def test_gets_all_in_order_and_supervisors_are_told_behind_it(self) -> None:
        call, peer = Call(), Peer()
        call.out.join(peer, GREETING)
        call.send(BLOCK, REPORT, text(1), STOPPED)
        assert call.told == []
        await turns()
        assert peer.kinds == ["Started", "Block", "ViolationReport", "Transcript", "Stopped"]
        assert call.told == ["block", "delivered", "violation"]

    async def test_that_takes_no_block_is_told_and_counted(self) -> None:
        call, peer = Call(), Peer(takes=False)
        call.out.join(peer, GREETING)
        call.send(BLOCK)
        await turns()
        assert call.told == ["block", "undelivered"]
        assert call.metrics.value(call.metrics.undelivered) == 1

    async def test_gets_no_text_that_it_did_not_ask_for(self) -> None:
        call, peer = Call(), Peer()
        call.out = Dispatch(
            CallStarted("c-1", Encoding.MULAW, 8000, ("agent",)), 60.0, call.metrics, call.out._reporter
        )
        call.out.join(peer, GREETING)
        call.send(text(1), REPORT)
        await turns()
        assert peer.kinds == ["Started", "ViolationReport"]


class TestASlowSocket:
    async def test_gets_a_block_before_all_that_waits_and_its_end_last(self) -> None:
        call, slow = Call(), Peer(reads=False)
        call.out.join(slow, GREETING)
        call.send(text(1), text(2))
        call.send(BLOCK, REPORT, STOPPED)
        closing = asyncio.create_task(call.out.close())
        await turns()
        slow.reading.set()
        await closing
        assert slow.kinds == ["Started", "Block", "Transcript", "Transcript", "ViolationReport", "Stopped"]

    async def test_keeps_neither_supervisors_nor_another_socket_waiting(self) -> None:
        call, slow, quick = Call(), Peer(reads=False), Peer()
        call.out.join(slow, GREETING)
        call.out.join(quick, GREETING)
        call.send(BLOCK, REPORT)
        await turns()
        assert quick.kinds == ["Started", "Block", "ViolationReport"]
        assert call.told == ["block", "violation"]
        slow.reading.set()
        await turns()
        assert call.told == ["delivered"]

    async def test_has_until_the_call_s_end_and_no_longer(self) -> None:
        call, deaf = Call(patience=0.0), Peer(reads=False)
        call.out.join(deaf, GREETING)
        call.send(BLOCK, REPORT, text(1), STOPPED)
        await turns()
        async with asyncio.timeout(10):
            await call.out.close()
        assert deaf.got == []
        assert call.told == ["block", "violation", "undelivered"]
        assert call.metrics.value(call.metrics.undelivered) == 1
        # The greeting, too.
        assert call.metrics.value(call.metrics.dropped) == 5

    async def test_loses_the_oldest_of_what_waits_but_no_signal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sending, "MOST", 3)
        call, slow = Call(), Peer(reads=False)
        call.out.join(slow, GREETING)
        call.send(*map(text, range(10)), BLOCK, UNBLOCK, STOPPED)
        slow.reading.set()
        await call.out.close()
        assert slow.got == [GREETING, BLOCK, UNBLOCK, text(8), text(9), STOPPED]
        assert call.metrics.value(call.metrics.dropped) == 8

    async def test_that_leaves_gets_what_was_said_before_and_nothing_after(self) -> None:
        call, slow = Call(), Peer(reads=False)
        call.out.join(slow, GREETING)
        call.send(REPORT)
        leaving = asyncio.create_task(call.out.leave(slow))
        await turns()
        call.send(BLOCK)
        slow.reading.set()
        await leaving
        assert slow.kinds == ["Started", "ViolationReport"]
        await turns()
        # No socket has taken it.
        assert call.told == ["violation", "block", "undelivered"]


class TestWhatFails:
    async def test_of_what_supervisors_are_told_keeps_nothing_else_from_them(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        call, peer = Call(), Peer()
        call.out.join(peer, GREETING)
        note = Chronicle.note

        def failing(self: Chronicle, event: Outgoing, **more: Any) -> Any:
            if isinstance(event, Block):
                raise RuntimeError("no such luck")
            return note(self, event, **more)

        monkeypatch.setattr(Chronicle, "note", failing)
        call.send(BLOCK, REPORT)
        await turns()
        assert call.told == ["violation"]
        assert "could not be told" in caplog.text

    async def test_of_a_socket_keeps_no_other_message_from_it(self, caplog: pytest.LogCaptureFixture) -> None:
        class Failing(Peer):
            async def tell(self, event: Outgoing) -> bool | None:
                if isinstance(event, Block):
                    raise RuntimeError("no such luck")
                return await super().tell(event)

        call, peer = Call(), Failing()
        call.out.join(peer, GREETING)
        call.send(BLOCK, REPORT)
        await call.out.close()
        assert peer.kinds == ["Started", "ViolationReport"]
        assert call.told == ["block", "undelivered", "violation"]


@given(st.lists(st.sampled_from(["text", "report", "block", "unblock", "read", "pause", "turn"]), max_size=40))
def test_however_a_platform_reads_its_messages_are_numbered_without_a_gap_and_the_end_is_last(steps: list[str]) -> None:
    dialect, sent = NativeDialect(1 << 20), list[str]()
    dialect.receive_text('{"type":"start","call_id":"c-1","encoding":"mulaw","sample_rate":8000,"transcripts":true}')

    class Spoken(Peer):
        async def tell(self, event: Outgoing) -> bool | None:
            message = dialect.send(event)
            assert message is not None
            await self.reading.wait()
            sent.append(message)
            return True

    async def play() -> None:
        call, peer = Call(), Spoken()
        call.out.join(peer, GREETING)
        for step in steps:
            match step:
                case "read":
                    peer.reading.set()
                case "pause":
                    peer.reading.clear()
                case "turn":
                    await turns(2)
                case _:
                    which: dict[str, Outgoing] = {"text": text(1), "report": REPORT, "block": BLOCK, "unblock": UNBLOCK}
                    call.send(which[step])
        call.send(STOPPED)
        peer.reading.set()
        await call.out.close()

    asyncio.run(play())
    numbers = [int(message.partition('"seq": ')[2].partition(",")[0]) for message in sent]
    assert numbers == [*range(1, len(sent) + 1)]
    assert len(sent) == 2 + sum(step in {"text", "report", "block", "unblock"} for step in steps)
    assert '"type": "stopped"' in sent[-1]
