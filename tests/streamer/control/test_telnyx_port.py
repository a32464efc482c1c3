"""Telnyx's control port, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from streamer.callers.caller import Placed
from streamer.callers.telnyx import TelnyxCaller
from streamer.control.port import Outcome, Port
from streamer.control.telnyx import open_port
from streamer.dialects.telnyx import TelnyxSettings
from tests.platforms.telnyx import Leg, TelnyxStandIn
from tests.streamer.control.misbehaving import SOUND, AnyConferencePort, accepted, confirmed, target

NAMES = TelnyxCaller(Placed("ff55a038-6f5d-11ef-9692-02420aeffb1f")).names
BRIDGED = {name: value for name, value in NAMES.items() if name != "conference"}


class TestTelnyxPort(AnyConferencePort):
    names = NAMES
    to = "+442071838750"
    secret = "KEY-telnyx-secret"
    dedupes = frozenset({"transfer"})

    def placed(self) -> TelnyxStandIn:
        stand_in = TelnyxStandIn(key=self.secret)
        stand_in.place(self.names)
        return stand_in

    def port(self, address: str, secret: str, timeout: float) -> Port | None:
        return open_port(TelnyxSettings(api_key=SecretStr(secret), address=f"{address}/", timeout=timeout))

    def effects(self, stand_in: TelnyxStandIn, action: str) -> int:
        if action == "transfer":
            return len(stand_in.legs[NAMES["customer"]].transferred)
        return len(stand_in.conferences[NAMES["conference"]].heard)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[tuple[TelnyxStandIn, Port]]:
        stand_in = self.placed()
        async with self.opened(stand_in) as port:
            yield stand_in, port

    async def test_never_mutes_everybody(self) -> None:
        async with self.up() as (stand_in, port):
            await port.mute(target(self.names), "agent")
            path = f"/v2/conferences/{NAMES['conference']}/actions/mute"
            assert stand_in.asked == [(f"POST {path}", {"call_control_ids": [NAMES["agent"]]})]

    @pytest.mark.parametrize("action", ["mute", "hangup"])
    async def test_confirms_nothing_that_is_not_carried_out_yet(self, action: str) -> None:
        async with self.up() as (stand_in, port):
            stand_in.stuck = True
            of = target(self.names)
            answer = await (port.mute(of, "agent") if action == "mute" else port.hangup(of))
            accepted(answer)
            assert answer.detail == "result: ok"

    async def test_does_not_take_the_others_mute_for_it(self) -> None:
        async with self.up() as (stand_in, port):
            confirmed(await port.mute(target(self.names), "customer"))
            stand_in.stuck = True
            accepted(await port.mute(target(self.names), "agent"))

    async def test_finds_a_leg_among_many(self) -> None:
        async with self.up() as (stand_in, port):
            conference = stand_in.conferences[NAMES["conference"]]
            others = {f"v3:{number}": False for number in range(30)}
            conference.participants = {**others, **conference.participants}
            confirmed(await port.mute(target(self.names), "agent"))
            assert (await port.ready(target(self.names))).outcome is Outcome.CONFIRMED

    async def test_plays_in_the_conference_to_all_or_to_one(self) -> None:
        async with self.up() as (stand_in, port):
            accepted(await port.play(target(self.names), SOUND))
            accepted(await port.whisper(target(self.names), "agent", SOUND))
            accepted(await port.whisper(target(self.names), "customer", SOUND))
            heard = stand_in.conferences[NAMES["conference"]].heard
            assert heard == [(SOUND, ()), (SOUND, (NAMES["agent"],)), (SOUND, (NAMES["customer"],))]

    async def test_plays_on_the_legs_where_there_is_no_conference(self) -> None:
        async with self.up() as (stand_in, port):
            accepted(await port.play(target(BRIDGED), SOUND))
            accepted(await port.whisper(target(BRIDGED), "agent", SOUND))
            assert stand_in.legs[NAMES["customer"]].heard == [(SOUND, "both")]
            assert stand_in.legs[NAMES["agent"]].heard == [(SOUND, "self")]

    @pytest.mark.parametrize("action", ["play", "whisper"])
    async def test_plays_once_on_a_leg_though_an_answer_is_lost(self, action: str) -> None:
        async with self.up() as (stand_in, port):
            stand_in.manner.loses = 1
            of = target(BRIDGED)
            accepted(await (port.play(of, SOUND) if action == "play" else port.whisper(of, "agent", SOUND)))
            assert len(stand_in.asked) == 2
            assert sum(len(leg.heard) for leg in stand_in.legs.values()) == 1

    async def test_gives_every_command_to_a_leg_an_id_of_its_own(self) -> None:
        async with self.up() as (stand_in, port):
            accepted(await port.play(target(BRIDGED), SOUND))
            accepted(await port.play(target(BRIDGED), SOUND))
            assert len(stand_in.legs[NAMES["customer"]].heard) == 2

    async def test_hangs_up_every_leg_that_is_named(self) -> None:
        async with self.up() as (stand_in, port):
            confirmed(await port.hangup(target(self.names)))
            assert not any(leg.alive for leg in stand_in.legs.values())
            assert len(stand_in.asked) == 2

    async def test_takes_a_leg_that_has_ended_already_for_hung_up(self) -> None:
        async with self.up() as (stand_in, port):
            stand_in.legs[NAMES["agent"]].alive = False
            confirmed(await port.hangup(target(self.names)))

    async def test_does_not_take_a_leg_that_is_not_there_for_hung_up(self) -> None:
        async with self.up() as (stand_in, port):
            del stand_in.legs[NAMES["agent"]]
            answer = await port.hangup(target(self.names))
            assert answer.outcome is Outcome.FAILED
            assert "answered 404" in answer.detail
            assert not stand_in.legs[NAMES["customer"]].alive

    async def test_fails_on_a_leg_that_has_ended(self) -> None:
        async with self.up() as (stand_in, port):
            stand_in.legs = {name: Leg("session-1", alive=False) for name in stand_in.legs}
            for answer in (
                await port.transfer(target(self.names), self.to),
                await port.play(target(BRIDGED), SOUND),
            ):
                assert answer.outcome is Outcome.FAILED
                assert "90018" in answer.detail

    async def test_fails_to_mute_whoever_is_not_in_the_conference(self) -> None:
        async with self.up() as (stand_in, port):
            del stand_in.conferences[NAMES["conference"]].participants[NAMES["agent"]]
            assert (await port.mute(target(self.names), "agent")).outcome is Outcome.FAILED
            ready = await port.ready(target(self.names))
            assert (ready.outcome, ready.detail) == (Outcome.ACCEPTED, "the agent is not in the conference yet")
            stand_in.conferences.clear()
            ready = await port.ready(target(self.names))
            assert (ready.outcome, ready.detail) == (Outcome.ACCEPTED, "there is no such conference yet")
            assert (await port.mute(target(self.names), "agent")).outcome is Outcome.FAILED

    @pytest.mark.parametrize("to", ["+442071838750", "sip:compliance@bank.example"])
    async def test_hands_the_customers_leg_on(self, to: str) -> None:
        async with self.up() as (stand_in, port):
            accepted(await port.transfer(target(self.names), to))
            assert stand_in.legs[NAMES["customer"]].transferred == [to]
            assert stand_in.legs[NAMES["agent"]].transferred == []

    @pytest.mark.parametrize("to", ["", "100", "compliance", "https://bank.example"])
    async def test_says_to_whom_a_leg_can_be_handed(self, to: str) -> None:
        async with self.up() as (stand_in, port):
            answer = await port.transfer(target(self.names), to)
            assert answer.outcome is Outcome.UNSUPPORTED
            assert "sip:WHO@WHERE" in answer.detail
            assert stand_in.asked == []


class TestOpenPort:
    def test_needs_a_key(self) -> None:
        assert open_port(TelnyxSettings(api_key=SecretStr("KEY"))) is not None
        assert open_port(TelnyxSettings()) is None
