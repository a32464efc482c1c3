"""Plivo's control port, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from streamer.callers.caller import Placed
from streamer.callers.plivo import PlivoCaller
from streamer.control.plivo import open_port
from streamer.control.port import Outcome, Port
from streamer.dialects.plivo import PlivoSettings
from tests.platforms.plivo import PlivoStandIn
from tests.streamer.control.misbehaving import NO_NAMES, SOUND, AnyConferencePort, accepted, confirmed, target

ACCOUNT = "MAXXXXXXXXXXXXXXXXXX"
NAMES = PlivoCaller(Placed("12345678-1234-1234-1234-123456789abc"), 0.0, "nonce").names
BRIDGED = {name: value for name, value in NAMES.items() if name != "conference"}
CONFERENCE = f"/v1/Account/{ACCOUNT}/Conference/{NAMES['conference']}/"


class TestPlivoPort(AnyConferencePort):
    names = NAMES
    to = "https://pbx.bank.example/compliance.xml"
    secret = "plivo-auth-token"

    def placed(self) -> PlivoStandIn:
        stand_in = PlivoStandIn(token=self.secret)
        stand_in.place(self.names)
        return stand_in

    def port(self, address: str, secret: str, timeout: float) -> Port | None:
        return open_port(
            PlivoSettings(auth_id=ACCOUNT, auth_token=SecretStr(secret), address=f"{address}/", timeout=timeout)
        )

    def effects(self, stand_in: PlivoStandIn, action: str) -> int:
        if action == "transfer":
            return len(stand_in.calls[NAMES["customer"]].transferred)
        return len(stand_in.heard(NAMES["agent"]))

    @asynccontextmanager
    async def up(self, *, bridged: bool = False) -> AsyncIterator[tuple[PlivoStandIn, Port]]:
        stand_in = PlivoStandIn(token=self.secret)
        stand_in.place(BRIDGED if bridged else NAMES)
        async with self.opened(stand_in) as port:
            yield stand_in, port

    async def test_looks_a_member_up_once(self) -> None:
        async with self.up() as (stand_in, port):
            await port.ready(target(NAMES))
            confirmed(await port.mute(target(NAMES), "agent"))
            confirmed(await port.unmute(target(NAMES), "agent"))
            member = next(
                number
                for number, one in stand_in.conferences[NAMES["conference"]].items()
                if one.call == NAMES["agent"]
            )
            path = f"{CONFERENCE}Member/{member}/Mute/"
            assert stand_in.asked == [(f"POST {path}", {}), (f"DELETE {path}", {})]

    async def test_mutes_whoever_left_the_conference_and_came_back(self) -> None:
        async with self.up() as (stand_in, port):
            await port.ready(target(NAMES))
            stand_in.join(NAMES["conference"], NAMES["agent"])
            confirmed(await port.mute(target(NAMES), "agent"))
            assert stand_in.muted() == {NAMES["agent"]}

    @pytest.mark.parametrize("action", ["mute", "hangup"])
    async def test_confirms_nothing_that_is_not_carried_out_yet(self, action: str) -> None:
        async with self.up() as (stand_in, port):
            stand_in.stuck = True
            of = target(NAMES)
            accepted(await (port.mute(of, "agent") if action == "mute" else port.hangup(of)))

    async def test_does_not_take_the_others_mute_for_it(self) -> None:
        async with self.up() as (stand_in, port):
            confirmed(await port.mute(target(NAMES), "customer"))
            stand_in.stuck = True
            accepted(await port.mute(target(NAMES), "agent"))

    async def test_plays_in_the_conference_to_all_or_to_one(self) -> None:
        async with self.up() as (stand_in, port):
            accepted(await port.play(target(NAMES), SOUND))
            accepted(await port.whisper(target(NAMES), "agent", f"{SOUND}?a"))
            assert stand_in.heard(NAMES["agent"]) == [SOUND, f"{SOUND}?a"]
            assert stand_in.heard(NAMES["customer"]) == [SOUND]

    async def test_plays_on_the_legs_where_they_are_bridged(self) -> None:
        async with self.up(bridged=True) as (stand_in, port):
            accepted(await port.play(target(BRIDGED), SOUND))
            accepted(await port.whisper(target(BRIDGED), "customer", SOUND))
            assert stand_in.calls[NAMES["customer"]].heard == [(SOUND, "both"), (SOUND, "aleg")]
            accepted(await port.whisper(target(BRIDGED), "agent", SOUND))
            assert stand_in.calls[NAMES["agent"]].heard == [(SOUND, "aleg")]

    async def test_reaches_the_leg_that_has_no_name_across_the_bridge(self) -> None:
        async with self.up(bridged=True) as (stand_in, port):
            streamed = {"call": NAMES["customer"], "customer": NAMES["customer"]}
            accepted(await port.whisper(target(streamed), "agent", SOUND))
            assert stand_in.calls[NAMES["customer"]].heard == [(SOUND, "bleg")]
            the_agents = {"call": NAMES["customer"], "agent": NAMES["customer"]}
            accepted(await port.transfer(target(the_agents), self.to))
            assert stand_in.calls[NAMES["customer"]].transferred == [("bleg", self.to)]

    async def test_hangs_up_all_of_a_conference(self) -> None:
        async with self.up() as (stand_in, port):
            confirmed(await port.hangup(target(NAMES)))
            assert not any(call.live for call in stand_in.calls.values())
            assert stand_in.asked == [(f"DELETE {CONFERENCE}", {})]

    async def test_hangs_up_every_call_that_is_named_where_there_is_no_conference(self) -> None:
        async with self.up(bridged=True) as (stand_in, port):
            confirmed(await port.hangup(target(BRIDGED)))
            assert not any(call.live for call in stand_in.calls.values())
            assert len(stand_in.asked) == 2

    async def test_hangs_up_the_calls_where_the_conference_is_over_and_they_are_not(self) -> None:
        async with self.up() as (stand_in, port):
            stand_in.conferences.clear()
            confirmed(await port.hangup(target(NAMES)))
            assert not any(call.live for call in stand_in.calls.values())

    async def test_takes_a_call_that_has_ended_already_for_hung_up(self) -> None:
        async with self.up(bridged=True) as (stand_in, port):
            stand_in.calls[NAMES["agent"]].live = False
            confirmed(await port.hangup(target(BRIDGED)))

    async def test_does_not_take_a_call_that_is_not_there_for_hung_up(self) -> None:
        async with self.up(bridged=True) as (stand_in, port):
            del stand_in.calls[NAMES["agent"]]
            answer = await port.hangup(target(BRIDGED))
            assert answer.outcome is Outcome.FAILED
            assert "answered 404" in answer.detail
            assert not stand_in.calls[NAMES["customer"]].live

    async def test_never_hangs_up_everything_that_there_is(self) -> None:
        async with self.up() as (stand_in, port):
            for name in NO_NAMES:
                for names in ({"call": name}, {"conference": name}, {"call": name, "conference": name, "agent": name}):
                    assert (await port.hangup(target(names))).outcome is Outcome.UNSUPPORTED
            assert not stand_in.all_hung_up
            assert all(call.live for call in stand_in.calls.values())

    async def test_fails_to_mute_whoever_is_not_in_the_conference(self) -> None:
        async with self.up() as (stand_in, port):
            stand_in.conferences[NAMES["conference"]].clear()
            answer = await port.mute(target(NAMES), "agent")
            assert answer.outcome is Outcome.FAILED
            assert "not in the conference" in answer.detail
            assert (await port.whisper(target(NAMES), "agent", SOUND)).outcome is Outcome.FAILED
            assert (await port.ready(target(NAMES))).outcome is Outcome.ACCEPTED
            stand_in.conferences.clear()
            ready = await port.ready(target(NAMES))
            assert (ready.outcome, ready.detail) == (Outcome.ACCEPTED, "there is no such conference yet")
            assert (await port.mute(target(NAMES), "agent")).outcome is Outcome.FAILED

    async def test_hands_the_customers_call_on(self) -> None:
        async with self.up() as (stand_in, port):
            accepted(await port.transfer(target(NAMES), self.to))
            assert stand_in.calls[NAMES["customer"]].transferred == [("aleg", self.to)]
            assert stand_in.calls[NAMES["agent"]].transferred == []

    @pytest.mark.parametrize("to", ["", "+442071838750", "sip:a@bank.example"])
    async def test_says_that_a_call_can_be_handed_to_an_address_alone(self, to: str) -> None:
        async with self.up() as (stand_in, port):
            answer = await port.transfer(target(NAMES), to)
            assert answer.outcome is Outcome.UNSUPPORTED
            assert "the address of XML" in answer.detail
            assert stand_in.asked == []


class TestOpenPort:
    @pytest.mark.parametrize("missing", ["auth_id", "auth_token"])
    def test_needs_credentials(self, missing: str) -> None:
        section = {"auth_id": ACCOUNT, "auth_token": SecretStr("s")}
        assert open_port(PlivoSettings.model_validate(section)) is not None
        assert open_port(PlivoSettings.model_validate({**section, missing: None})) is None
