"""Asterisk's control port, over a real socket: what reaches which channel, and when it is believed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streamer.control.asterisk import AsteriskPort, open_port
from streamer.control.port import Answer, Outcome, Target
from streamer.dialects.asterisk import AsteriskSettings
from tests.platforms.asterisk import AsteriskStandIn
from tests.platforms.ports import serving
from tests.streamer.control.odd_names import ODD_NAMES

SECRET = "ari-secret"


async def say(message: str) -> bool:
    raise AssertionError("nothing is said on the socket")


TARGET = Target({"agent": "c-1-agent", "customer": "c-1-customer"}, say)


@asynccontextmanager
async def opened(stand_in: AsteriskStandIn, **section: Any) -> AsyncIterator[AsteriskPort]:
    async with serving(stand_in.app) as address:
        settings = {"ari": f"{address}/ari", "ari_user": "huazha", "ari_password": SECRET, "timeout": 2.0}
        port = open_port(AsteriskSettings.model_validate({**settings, **section}))
        assert isinstance(port, AsteriskPort)
        try:
            yield port
        finally:
            await port.aclose()


@pytest.fixture
def stand_in() -> AsteriskStandIn:
    made = AsteriskStandIn(password=SECRET)
    made.place("c-1")
    return made


def act(port: AsteriskPort, action: str, target: Target = TARGET) -> Any:
    match action:
        case "mute" | "unmute":
            return getattr(port, action)(target, "agent")
        case "play":
            return port.play(target, "notice")
        case "whisper":
            return port.whisper(target, "agent", "reminder")
        case "transfer":
            return port.transfer(target, "compliance,100,1")
        case _:
            return getattr(port, action)(target)


ACTIONS = ["mute", "unmute", "play", "whisper", "hangup", "transfer"]


def confirmed(answer: Answer) -> None:
    assert answer.outcome is Outcome.CONFIRMED, answer
    assert answer.sent is not None
    assert answer.answered is not None
    assert answer.sent <= answer.answered


class TestMute:
    @pytest.mark.parametrize("leg", ["agent", "customer"])
    async def test_silences_what_that_leg_says_and_nothing_else(self, stand_in: AsteriskStandIn, leg: str) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.mute(TARGET, leg))
            assert {name: channel.muted for name, channel in stand_in.channels.items() if channel.muted} == {
                f"c-1-{leg}": {"in"}
            }
            confirmed(await port.unmute(TARGET, leg))
            assert not stand_in.channels[f"c-1-{leg}"].muted

    async def test_that_waits_in_the_channels_queue_is_not_called_done(self, stand_in: AsteriskStandIn) -> None:
        stand_in.channels["c-1-agent"].stuck = True
        async with opened(stand_in) as port:
            answer = await port.mute(TARGET, "agent")
            assert answer.outcome is Outcome.ACCEPTED
            assert not stand_in.channels["c-1-agent"].muted

    async def test_is_not_taken_for_done_by_an_older_fence(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.mute(TARGET, "agent"))
            stand_in.channels["c-1-agent"].stuck = True
            assert (await port.unmute(TARGET, "agent")).outcome is Outcome.ACCEPTED

    async def test_of_a_channel_in_the_dialplan_fails_and_says_why(self, stand_in: AsteriskStandIn) -> None:
        stand_in.place("c-1", app=None)
        async with opened(stand_in) as port:
            answer = await port.mute(TARGET, "agent")
            assert answer.outcome is Outcome.FAILED
            assert "409" in answer.detail
            assert "not in Stasis" in answer.detail

    async def test_of_a_call_that_has_ended_fails(self, stand_in: AsteriskStandIn) -> None:
        stand_in.channels.clear()
        async with opened(stand_in) as port:
            answer = await port.mute(TARGET, "agent")
            assert answer.outcome is Outcome.FAILED
            assert "404" in answer.detail

    async def test_of_a_channel_that_is_not_up_fails(self, stand_in: AsteriskStandIn) -> None:
        stand_in.channels["c-1-agent"].state = "Ringing"
        async with opened(stand_in) as port:
            assert "412" in (await port.mute(TARGET, "agent")).detail

    async def test_at_the_ear_silences_what_the_other_hears_and_leaves_the_leg_to_us(
        self, stand_in: AsteriskStandIn
    ) -> None:
        async with opened(stand_in, mute="ear") as port:
            confirmed(await port.ready(TARGET))
            confirmed(await port.mute(TARGET, "agent"))
            assert stand_in.channels["c-1-customer"].muted == {"out"}
            assert not stand_in.channels["c-1-agent"].muted
            confirmed(await port.unmute(TARGET, "agent"))
            assert not stand_in.channels["c-1-customer"].muted
            del stand_in.channels["c-1-customer"]
            assert await port.gone(TARGET, "agent")

    async def test_that_waits_for_a_sound_to_end_holds_nothing_else_up(self, stand_in: AsteriskStandIn) -> None:
        stand_in.channels["c-1-agent"].stuck = True
        async with opened(stand_in, timeout=600.0) as port:
            began = asyncio.get_running_loop().time()
            answer = await port.mute(TARGET, "agent")
            assert asyncio.get_running_loop().time() - began < 60.0
            assert "sound" in answer.detail
            stand_in.channels["c-1-agent"].stuck = False
            confirmed(await port.unmute(TARGET, "agent"))


class TestSounds:
    async def test_for_both_are_mixed_into_the_agents_channel_both_ways(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in, app="dialer") as port:
            confirmed(await port.play(TARGET, "notice"))
            confirmed(await port.play(TARGET, "recording:goodbye"))
            assert stand_in.whispered("c-1-agent", "both") == ["sound:notice", "recording:goodbye"]
            assert len([asked for asked in stand_in.asked if "/snoop/" in asked]) == 1

    @pytest.mark.parametrize("leg", ["agent", "customer"])
    async def test_for_one_are_mixed_into_what_it_hears(self, stand_in: AsteriskStandIn, leg: str) -> None:
        async with opened(stand_in, app="dialer") as port:
            confirmed(await port.whisper(TARGET, leg, "reminder"))
            assert stand_in.whispered(f"c-1-{leg}", "out") == ["sound:reminder"]
            assert not any(channel.heard for channel in stand_in.channels.values() if channel.snoops is None)

    async def test_are_mixed_into_a_call_of_the_dialplan_as_well(self, stand_in: AsteriskStandIn) -> None:
        stand_in.place("c-1", app=None)
        async with opened(stand_in, app="dialer") as port:
            confirmed(await port.whisper(TARGET, "agent", "reminder"))

    async def test_that_begin_at_once_share_a_channel(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in, app="dialer") as port:
            answers = await asyncio.gather(*(port.whisper(TARGET, "agent", sound) for sound in ("a", "b")))
            assert [answer.outcome for answer in answers] == [Outcome.CONFIRMED] * 2
            assert sorted(stand_in.whispered("c-1-agent", "out")) == ["sound:a", "sound:b"]

    async def test_without_an_application_are_played_on_the_channels(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.play(TARGET, "notice"))
            confirmed(await port.whisper(TARGET, "agent", "reminder"))
            assert stand_in.channels["c-1-agent"].heard == ["sound:notice", "sound:reminder"]
            assert stand_in.channels["c-1-customer"].heard == ["sound:notice"]

    async def test_of_an_application_that_nobody_runs_fail(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in, app="nobody") as port:
            answer = await port.whisper(TARGET, "agent", "reminder")
            assert answer.outcome is Outcome.FAILED
            assert "404" in answer.detail

    async def test_that_wait_for_another_are_not_called_done(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in, app="dialer") as port:
            confirmed(await port.whisper(TARGET, "agent", "first"))
            (snoop,) = [channel for channel in stand_in.channels.values() if channel.snoops]
            snoop.stuck = True
            assert (await port.whisper(TARGET, "agent", "second")).outcome is Outcome.ACCEPTED


class TestHangup:
    async def test_ends_both_legs(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.hangup(TARGET))
            assert stand_in.channels == {}

    async def test_of_a_call_with_one_leg_left_ends_that(self, stand_in: AsteriskStandIn) -> None:
        del stand_in.channels["c-1-agent"]
        async with opened(stand_in) as port:
            confirmed(await port.hangup(TARGET))
            assert stand_in.channels == {}

    async def test_of_a_call_that_nobody_knows_is_not_called_done(self, stand_in: AsteriskStandIn) -> None:
        stand_in.channels.clear()
        async with opened(stand_in) as port:
            answer = await port.hangup(TARGET)
            assert answer.outcome is Outcome.FAILED
            assert stand_in.asked == []

    async def test_needs_no_application(self, stand_in: AsteriskStandIn) -> None:
        stand_in.place("c-1", app=None)
        async with opened(stand_in) as port:
            confirmed(await port.hangup(TARGET))

    async def test_whose_answer_got_lost_is_seen_to_be_done(self, stand_in: AsteriskStandIn) -> None:
        stand_in.manner.loses = 1
        async with opened(stand_in) as port:
            confirmed(await port.hangup(Target({"agent": "c-1-agent"}, say)))
            assert list(stand_in.channels) == ["c-1-customer"]


class TestTransfer:
    @pytest.mark.parametrize("to", ["compliance,100,1", "compliance, 100"])
    async def test_sends_the_customer_on_in_the_dialplan(self, stand_in: AsteriskStandIn, to: str) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.transfer(TARGET, to))
            customer, agent = stand_in.channels["c-1-customer"], stand_in.channels["c-1-agent"]
            assert (customer.context, customer.extension, customer.app) == ("compliance", "100", None)
            assert agent.app == "dialer"

    async def test_to_where_the_customer_is_already_cannot_be_seen(self, stand_in: AsteriskStandIn) -> None:
        customer = stand_in.channels["c-1-customer"]
        customer.context, customer.extension = "compliance", "100"
        async with opened(stand_in) as port:
            assert (await port.transfer(TARGET, "compliance,100")).outcome is Outcome.ACCEPTED

    async def test_of_a_call_that_has_ended_fails(self, stand_in: AsteriskStandIn) -> None:
        stand_in.channels.clear()
        async with opened(stand_in) as port:
            answer = await port.transfer(TARGET, "compliance,100")
            assert answer.outcome is Outcome.FAILED
            assert stand_in.asked == []

    async def test_to_an_endpoint_is_only_taken(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in) as port:
            assert (await port.transfer(TARGET, "PJSIP/compliance")).outcome is Outcome.ACCEPTED
            refused = await port.transfer(TARGET, "IAX2/compliance")
            assert refused.outcome is Outcome.FAILED
            assert "422" in refused.detail

    @pytest.mark.parametrize("to", ["", "compliance", "a,b,c,d", "a,,1", "/x", "PJSIP/"])
    async def test_to_what_is_no_place_asks_nothing(self, stand_in: AsteriskStandIn, to: str) -> None:
        async with opened(stand_in) as port:
            assert (await port.transfer(TARGET, to)).outcome is Outcome.UNSUPPORTED
            assert stand_in.asked == []


class TestReady:
    async def test_sees_the_agents_channel(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.ready(TARGET))

    async def test_warns_of_a_channel_that_cannot_be_muted(self, stand_in: AsteriskStandIn) -> None:
        stand_in.place("c-1", app=None)
        async with opened(stand_in) as port:
            answer = await port.ready(TARGET)
            assert answer.outcome is Outcome.FAILED
            assert "Dial" in answer.detail

    async def test_warns_of_a_wrong_password_without_telling_it(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in, ari_password="other-secret") as port:
            answer = await port.ready(TARGET)
            assert answer.outcome is Outcome.FAILED
            assert "401" in answer.detail

    async def test_warns_of_an_exchange_that_is_not_there(self) -> None:
        section = {"ari": "http://127.0.0.1:1/ari", "ari_user": "huazha", "ari_password": SECRET, "timeout": 0.3}
        port = open_port(AsteriskSettings.model_validate(section))
        assert port is not None
        answer = await port.ready(TARGET)
        assert answer.outcome is Outcome.FAILED
        assert SECRET not in answer.detail
        await port.aclose()

    async def test_warns_of_a_channel_that_is_not_named(self, stand_in: AsteriskStandIn) -> None:
        async with opened(stand_in) as port:
            answer = await port.ready(Target({}, say))
            assert answer.outcome is Outcome.UNSUPPORTED
            assert "agent_channel=" in answer.detail


class TestAnyAction:
    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("name", ODD_NAMES)
    async def test_of_a_channel_whose_id_leads_elsewhere_asks_nothing(
        self, stand_in: AsteriskStandIn, action: str, name: str
    ) -> None:
        target = Target({"agent": name, "customer": name}, say)
        async with opened(stand_in, app="dialer") as port:
            assert (await act(port, action, target)).outcome is Outcome.UNSUPPORTED
            assert (await port.ready(target)).outcome is Outcome.UNSUPPORTED
            assert not await port.gone(target, "agent")
        assert stand_in.asked == []

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("app", [None, "dialer"])
    async def test_without_names_says_what_is_missing_and_asks_nothing(
        self, stand_in: AsteriskStandIn, action: str, app: str | None
    ) -> None:
        async with opened(stand_in, app=app) as port:
            answer = await act(port, action, Target({}, say))
            assert answer.outcome is Outcome.UNSUPPORTED
            assert "_channel=" in answer.detail
            assert stand_in.asked == []

    @pytest.mark.parametrize("action", ACTIONS)
    async def test_of_a_slow_exchange_is_confirmed(self, stand_in: AsteriskStandIn, action: str) -> None:
        stand_in.manner.late = 0.05
        async with opened(stand_in, app="dialer") as port:
            confirmed(await act(port, action))

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("status", [400, 403, 500])
    async def test_that_is_refused_fails_without_a_credential(
        self, stand_in: AsteriskStandIn, action: str, status: int
    ) -> None:
        stand_in.manner.refuses = status
        async with opened(stand_in, app="dialer", timeout=0.3) as port:
            answer = await act(port, action)
            assert answer.outcome is Outcome.FAILED
            assert SECRET not in repr(answer) + repr(port) + repr(TARGET)
            assert not any(channel.muted or channel.heard for channel in stand_in.channels.values())

    @pytest.mark.parametrize("action", ACTIONS)
    async def test_of_a_deaf_exchange_gives_up(self, stand_in: AsteriskStandIn, action: str) -> None:
        stand_in.manner.deaf = True
        async with opened(stand_in, app="dialer", timeout=0.2) as port:
            assert (await act(port, action)).outcome is Outcome.FAILED

    @pytest.mark.parametrize("action", ["mute", "unmute", "hangup"])
    async def test_that_sets_a_state_is_asked_again_when_its_answer_got_lost(
        self, stand_in: AsteriskStandIn, action: str
    ) -> None:
        stand_in.manner.loses = 1
        async with opened(stand_in) as port:
            confirmed(await act(port, action))

    @pytest.mark.parametrize("app", [None, "dialer"])
    async def test_that_can_be_heard_is_not_done_twice_when_its_answer_got_lost(
        self, stand_in: AsteriskStandIn, app: str | None
    ) -> None:
        async with opened(stand_in, app=app) as port:
            confirmed(await port.whisper(TARGET, "agent", "first"))
            stand_in.manner.loses = 1
            assert (await port.whisper(TARGET, "agent", "second")).outcome is Outcome.FAILED
            await port.ready(TARGET)
            heard = [sound for channel in stand_in.channels.values() for sound in channel.heard]
            assert heard == ["sound:first", "sound:second"]

    async def test_that_moves_the_customer_is_not_done_twice_when_its_answer_got_lost(
        self, stand_in: AsteriskStandIn
    ) -> None:
        stand_in.manner.loses = 1
        async with opened(stand_in) as port:
            assert (await port.transfer(TARGET, "compliance,100")).outcome is Outcome.FAILED
            assert len(stand_in.asked) == 1


class TestThePort:
    @pytest.mark.parametrize("section", [{}, {"ari_user": "huazha"}, {"ari_password": SECRET}])
    def test_is_not_there_without_credentials(self, section: dict[str, str]) -> None:
        assert open_port(AsteriskSettings.model_validate(section)) is None

    def test_settings_hide_their_secrets(self) -> None:
        section = AsteriskSettings.model_validate({"password": "media-secret", "ari_password": SECRET})
        assert "secret" not in repr(section)
