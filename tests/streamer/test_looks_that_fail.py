"""Looks at sound that nobody can answer, in a conversation: the call goes on, and is heard by its text."""

from __future__ import annotations

import asyncio
import time

from detector.detector import Detector
from detector.policy import ACTIONS, USUAL
from streamer.bus import CallName
from streamer.call import Call
from streamer.conversation import Conversation
from streamer.listener import Listener
from streamer.recognition.scheduler import Scheduler
from streamer.recognition.sounds.search import search_of
from streamer.record.chronicle import Chronicle
from streamer.reporter import Reporter
from streamer.types import AudioFrame, Block, Outgoing
from tests.faults import Reciter
from tests.streamer.calls_in_hand import TABLE, AlwaysSpeech
from tests.streamer.test_call_that_fails import GREETING, STARTED, Engine, Peer
from tests.streamer.test_sounding_calls import ABOUT


class Noting(Peer):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Outgoing] = []

    async def tell(self, event: Outgoing) -> bool | None:
        self.told.append(event)
        return True


async def test_a_call_whose_recogniser_hears_sounds_no_more_goes_on_and_is_heard_by_its_text() -> None:
    call = Call(
        STARTED,
        language="zh",
        detector=Detector(TABLE, ACTIONS, USUAL),
        speech_models={"agent": AlwaysSpeech()},
        clock=time.perf_counter,
        search=search_of(TABLE, ABOUT),
    )
    # It took the place of one that heard them when the call began.
    recognizer = Reciter("内部消息")
    async with Scheduler(recognizer) as scheduler, Listener() as listener, asyncio.timeout(30):
        engine, peer = Engine(scheduler, listener), Noting()
        chronicle = Chronicle(STARTED, GREETING, language="zh", metadata={}, gateway="g")
        reporter = Reporter(engine.bus, CallName("c", "c-1", None), chronicle, None)
        conversation = Conversation(engine, STARTED, call, GREETING, reporter, None)
        running = asyncio.create_task(conversation.run())
        await conversation.join(peer, STARTED, time.monotonic())
        await conversation.receive(peer, AudioFrame("agent", 0, b"\1\0" * 32_000), time.monotonic())
        left = asyncio.create_task(conversation.leave(peer, stopped=True))
        await asyncio.gather(running, left)
    assert (conversation.outcome, peer.refused) == ("completed", [])
    assert [event.violation.term for event in peer.told if isinstance(event, Block)] == ["内部消息"]
