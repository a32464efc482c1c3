"""Blocks at FreeSWITCH: who hears whom afterwards, whatever becomes of the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from streamer.control.freeswitch import FreeSwitchPort, open_port
from streamer.control.port import Answer, Outcome, Target
from streamer.dialects.freeswitch import FreeSwitchSettings
from tests.platforms.freeswitch import Channel, FreeSwitch

AGENT, CUSTOMER = "7dd5e34e-5db4-4edb-a166-757e5d29b941", "0b1c7a3e-90ab-4f60-8a52-2f1f3c3d9e10"
SOUND = "/sounds/announcement.wav"
PASSWORD = "v3ry-s3cret"


async def say(message: str) -> bool:
    raise AssertionError("the socket of a fork takes no orders")


BY_AGENT = Target({"agent": AGENT}, say)
BY_CUSTOMER = Target({"customer": CUSTOMER}, say)
BY_BOTH = Target({"agent": AGENT, "customer": CUSTOMER}, say)
TARGETS = [BY_AGENT, BY_CUSTOMER, BY_BOTH]


@asynccontextmanager
async def at(switch: FreeSwitch, *, password: str = PASSWORD, limit: float = 5.0) -> AsyncIterator[FreeSwitchPort]:
    async with switch.serving() as number:
        port = open_port(FreeSwitchSettings(esl_port=number, esl_password=SecretStr(password), timeout=limit))
        assert port is not None
        try:
            yield port
        finally:
            await port.aclose()


@pytest.fixture
def switch() -> FreeSwitch:
    switch = FreeSwitch(PASSWORD, files={SOUND})
    switch.bridge(AGENT, CUSTOMER)
    return switch


def confirmed(answer: Answer) -> None:
    assert (answer.outcome, answer.detail) == (Outcome.CONFIRMED, "")
    assert answer.sent is not None
    assert answer.answered is not None
    assert answer.sent <= answer.answered


@pytest.mark.parametrize("target", TARGETS, ids=["by the agent's channel", "by the customer's", "by both"])
class TestABlock:
    async def test_silences_the_agent_and_nobody_else(self, switch: FreeSwitch, target: Target) -> None:
        async with at(switch) as port:
            confirmed(await port.mute(target, "agent"))
            assert not switch.hears(CUSTOMER, AGENT)
            assert switch.hears(AGENT, CUSTOMER)
            confirmed(await port.unmute(target, "agent"))
            assert switch.hears(CUSTOMER, AGENT)

    async def test_of_one_leg_can_be_taken_back_without_the_others(self, switch: FreeSwitch, target: Target) -> None:
        async with at(switch) as port:
            confirmed(await port.mute(target, "agent"))
            confirmed(await port.mute(target, "customer"))
            confirmed(await port.unmute(target, "agent"))
            assert switch.hears(CUSTOMER, AGENT)
            assert not switch.hears(AGENT, CUSTOMER)

    async def test_plays_to_both(self, switch: FreeSwitch, target: Target) -> None:
        async with at(switch) as port:
            confirmed(await port.play(target, SOUND))
        assert [switch.channels[uuid].displaced for uuid in (AGENT, CUSTOMER)] == [{SOUND: False}] * 2

    async def test_whispers_to_one_over_what_it_hears(self, switch: FreeSwitch, target: Target) -> None:
        async with at(switch) as port:
            confirmed(await port.whisper(target, "agent", SOUND))
        assert switch.channels[AGENT].displaced == {SOUND: True}
        assert switch.channels[CUSTOMER].displaced == {}
        assert switch.hears(AGENT, CUSTOMER)

    async def test_hangs_both_up(self, switch: FreeSwitch, target: Target) -> None:
        async with at(switch) as port:
            confirmed(await port.hangup(target))
        assert switch.channels == {}
        assert set(switch.killed.values()) == {"NORMAL_CLEARING"}

    async def test_transfers_the_customer_and_claims_no_more(self, switch: FreeSwitch, target: Target) -> None:
        async with at(switch) as port:
            answer = await port.transfer(target, "5000")
        assert answer.outcome is Outcome.ACCEPTED
        assert switch.transferred == {CUSTOMER: ("5000", "XML", "default")}

    async def test_is_made_ready_by_signing_in_and_looking_at_the_channels(
        self, switch: FreeSwitch, target: Target
    ) -> None:
        async with at(switch) as port:
            confirmed(await port.ready(target))
            confirmed(await port.mute(target, "agent"))
        assert switch.connections == 1


class TestAMute:
    async def test_of_a_leg_whose_channel_is_known_needs_no_other(self, switch: FreeSwitch) -> None:
        async with at(switch) as port:
            await port.mute(BY_AGENT, "agent")
        assert switch.asked == [f"uuid_audio {AGENT} start read mute 1", f"uuid_buglist {AGENT}"]

    async def test_is_taken_back_where_it_was_made_before_the_second_fork_came(self, switch: FreeSwitch) -> None:
        async with at(switch) as port:
            confirmed(await port.mute(BY_CUSTOMER, "agent"))
            confirmed(await port.unmute(BY_BOTH, "agent"))
        assert switch.hears(CUSTOMER, AGENT)

    async def test_that_a_channel_without_media_only_says_to_have_done_is_none(self, switch: FreeSwitch) -> None:
        switch.channels[AGENT].media = False
        async with at(switch) as port:
            answer = await port.mute(BY_AGENT, "agent")
        assert answer.outcome is Outcome.FAILED
        assert "not muted" in answer.detail

    async def test_of_a_channel_that_is_gone_fails_although_it_says_ok_too(self, switch: FreeSwitch) -> None:
        del switch.channels[AGENT]
        async with at(switch) as port:
            answer = await port.mute(BY_AGENT, "agent")
        assert answer.outcome is Outcome.FAILED
        assert "No such channel" in answer.detail

    async def test_whose_answer_is_lost_is_asked_for_again(self, switch: FreeSwitch) -> None:
        switch.manner.loses = 1
        async with at(switch) as port:
            confirmed(await port.mute(BY_AGENT, "agent"))
        assert not switch.hears(CUSTOMER, AGENT)

    async def test_on_a_connection_that_has_died_without_a_word_is_asked_for_on_a_new_one(
        self, switch: FreeSwitch
    ) -> None:
        async with at(switch, limit=0.4) as port:
            await port.ready(BY_AGENT)
            switch.manner.deaf = True
            answer = await port.mute(BY_AGENT, "agent")
        assert answer.outcome is Outcome.FAILED
        assert switch.asked.count(f"uuid_audio {AGENT} start read mute 1") == 2
        assert switch.connections == 2


Act = Callable[[FreeSwitchPort], Awaitable[Answer]]
ACTS: dict[str, Act] = {
    "mute": lambda port: port.mute(BY_AGENT, "agent"),
    "unmute": lambda port: port.unmute(BY_AGENT, "agent"),
    "play": lambda port: port.play(BY_AGENT, SOUND),
    "whisper": lambda port: port.whisper(BY_AGENT, "agent", SOUND),
    "hangup": lambda port: port.hangup(BY_AGENT),
    "transfer": lambda port: port.transfer(BY_AGENT, "5000"),
}
ONCE = {"play", "whisper", "transfer"}


@pytest.mark.parametrize("name", ACTS)
class TestTrouble:
    async def test_of_a_slow_switch_is_waited_for(self, switch: FreeSwitch, name: str) -> None:
        switch.manner.late = 0.1
        async with at(switch) as port:
            answer = await ACTS[name](port)
        assert answer.outcome is (Outcome.ACCEPTED if name == "transfer" else Outcome.CONFIRMED)

    async def test_of_a_refusal_is_told(self, switch: FreeSwitch, name: str) -> None:
        switch.manner.refuses = 403
        async with at(switch) as port:
            answer = await ACTS[name](port)
        assert answer.outcome is Outcome.FAILED
        assert "-ERR Operation Failed" in answer.detail
        assert answer.sent is not None
        assert switch.hears(CUSTOMER, AGENT)

    async def test_of_a_deaf_switch_ends_in_time(self, switch: FreeSwitch, name: str) -> None:
        switch.manner.deaf = True
        async with at(switch, limit=0.2) as port:
            answer = await ACTS[name](port)
        assert answer.outcome is Outcome.FAILED
        assert "no answer" in answer.detail
        assert answer.sent is not None

    async def test_of_a_lost_answer_does_nothing_twice(self, switch: FreeSwitch, name: str) -> None:
        switch.manner.loses = 1
        async with at(switch) as port:
            answer = await ACTS[name](port)
        commands = [command for command in switch.asked if command.startswith(("uuid_displace", "uuid_transfer"))]
        assert len(commands) == len(set(commands))
        assert answer.outcome is (Outcome.FAILED if name in ONCE else Outcome.CONFIRMED)

    async def test_of_a_wrong_password_tells_what_to_set_and_not_the_password(
        self, switch: FreeSwitch, name: str
    ) -> None:
        async with at(switch, password="wr0ng-s3cret") as port:
            answer = await ACTS[name](port)
        assert answer.outcome is Outcome.FAILED
        assert "esl_password" in answer.detail
        assert "s3cret" not in repr((answer, port))
        assert switch.asked == []

    async def test_of_a_switch_that_is_gone_is_told(self, switch: FreeSwitch, name: str) -> None:
        async with switch.serving() as number:
            pass
        port = open_port(FreeSwitchSettings(esl_port=number, esl_password=SecretStr(PASSWORD), timeout=0.3))
        assert port is not None
        answer = await ACTS[name](port)
        await port.aclose()
        assert (answer.outcome, answer.sent) == (Outcome.FAILED, None)
        assert "can't be reached" in answer.detail

    async def test_of_a_call_that_has_ended_is_told(self, switch: FreeSwitch, name: str) -> None:
        switch.channels.clear()
        async with at(switch) as port:
            answer = await ACTS[name](port)
            ready = await port.ready(BY_AGENT)
        assert answer.outcome is ready.outcome is Outcome.FAILED
        assert "-ERR" in answer.detail


class TestWhatCanNotBeDone:
    @pytest.mark.parametrize(
        "names", [{}, {"agent": "a\n\napi shutdown"}, {"agent": "a b"}, {"agent": ""}, {"uuid": AGENT}]
    )
    async def test_is_anything_without_the_uuid_of_a_channel(self, switch: FreeSwitch, names: dict[str, str]) -> None:
        target = Target(names, say)
        async with at(switch) as port:
            answers = [
                await port.ready(target),
                await port.mute(target, "agent"),
                await port.unmute(target, "agent"),
                await port.play(target, SOUND),
                await port.whisper(target, "customer", SOUND),
                await port.hangup(target),
                await port.transfer(target, "5000"),
            ]
        assert {answer.outcome for answer in answers} == {Outcome.UNSUPPORTED}
        assert all("uuid" in answer.detail for answer in answers)
        assert switch.connections == 0

    @pytest.mark.parametrize("word", ["", "a b", "a\n\napi shutdown", "hangup::", "-both", "it's", 'x"', "a\\b"])
    async def test_is_a_sound_or_a_place_that_is_more_than_one_word(self, switch: FreeSwitch, word: str) -> None:
        async with at(switch) as port:
            answers = [
                await port.play(BY_BOTH, word),
                await port.whisper(BY_BOTH, "agent", word),
                await port.transfer(BY_BOTH, word),
            ]
        assert {answer.outcome for answer in answers} == {Outcome.UNSUPPORTED}
        assert switch.asked == []

    async def test_is_anything_to_a_leg_that_there_is_not(self, switch: FreeSwitch) -> None:
        async with at(switch) as port:
            answers = [await port.mute(BY_BOTH, "both"), await port.whisper(BY_BOTH, "both", SOUND)]
        assert {answer.outcome for answer in answers} == {Outcome.UNSUPPORTED}

    def test_is_anything_without_a_password(self) -> None:
        assert open_port(FreeSwitchSettings()) is None


class TestASound:
    async def test_that_there_is_not_is_refused(self, switch: FreeSwitch) -> None:
        async with at(switch) as port:
            answer = await port.play(BY_BOTH, "/sounds/none.wav")
        assert answer.outcome is Outcome.FAILED
        assert "Cannot displace" in answer.detail

    async def test_that_only_one_leg_can_be_played_is_not_confirmed(self, switch: FreeSwitch) -> None:
        switch.channels[AGENT] = Channel()
        async with at(switch) as port:
            answer = await port.play(BY_AGENT, SOUND)
        assert answer.outcome is Outcome.FAILED
        assert switch.channels[AGENT].displaced == {SOUND: False}
