"""Vonage's control port, over a real socket: which leg is asked for what, by whom, and when it is believed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from streamer.callers.caller import Placed
from streamer.callers.vonage import VonageCaller
from streamer.control.port import Answer, Outcome, Target
from streamer.control.rest import Rest
from streamer.control.vonage import VonagePort, open_port
from streamer.dialects.vonage import VonageSettings
from tests.platforms.ports import serving
from tests.platforms.vonage import APPLICATION, Leg, VonageStandIn, pem, private_key

SOUND = "https://bank.example/notice.mp3"
NCCO = "https://bank.example/ncco/compliance"
NAMES = VonageCaller(Placed("c-1"), "agent", 0.0).names


async def say(message: str) -> bool:
    raise AssertionError("nothing is said on the socket")


def target(**names: str | None) -> Target:
    return Target({name: uuid for name, uuid in {**NAMES, **names}.items() if uuid is not None}, say)


@asynccontextmanager
async def opened(stand_in: VonageStandIn, **section: Any) -> AsyncIterator[VonagePort]:
    async with serving(stand_in.app) as address:
        settings = {
            "address": address,
            "application_id": APPLICATION,
            "private_key": pem(private_key()),
            "timeout": 2.0,
        }
        port = open_port(VonageSettings.model_validate({**settings, **section}))
        assert port is not None
        try:
            yield port
        finally:
            await port.aclose()


@pytest.fixture
def stand_in() -> VonageStandIn:
    made = VonageStandIn()
    made.place("c-1")
    return made


def leg(stand_in: VonageStandIn, name: str) -> Leg:
    return stand_in.legs[NAMES[name]]


async def act(port: VonagePort, action: str, target: Target) -> Answer:
    match action:
        case "mute" | "unmute":
            return await (port.mute if action == "mute" else port.unmute)(target, "agent")
        case "play":
            return await port.play(target, SOUND)
        case "whisper":
            return await port.whisper(target, "agent", SOUND)
        case "transfer":
            return await port.transfer(target, NCCO)
        case "ready":
            return await port.ready(target)
        case _:
            return await port.hangup(target)


ACTIONS = ["mute", "unmute", "play", "whisper", "hangup", "transfer"]


def timed(answer: Answer, outcome: Outcome) -> None:
    assert answer.outcome is outcome, answer
    assert answer.sent is not None
    assert answer.answered is not None
    assert answer.sent <= answer.answered


class TestMute:
    @pytest.mark.parametrize("name", ["agent", "customer"])
    async def test_reaches_that_leg_and_no_other(self, stand_in: VonageStandIn, name: str) -> None:
        async with opened(stand_in) as port:
            timed(await port.mute(target(), name), Outcome.CONFIRMED)
            assert [uuid for uuid, leg in stand_in.legs.items() if leg.muted] == [NAMES[name]]
            timed(await port.unmute(target(), name), Outcome.CONFIRMED)
            assert not leg(stand_in, name).muted

    async def test_of_a_leg_that_ended_is_refused(self, stand_in: VonageStandIn) -> None:
        leg(stand_in, "agent").status = "completed"
        async with opened(stand_in) as port:
            timed(await port.mute(target(), "agent"), Outcome.FAILED)

    async def test_is_only_accepted_where_the_answer_is_not_the_documented_one(self) -> None:
        rest = Rest("https://x/", timeout=1.0, transport=httpx.MockTransport(lambda request: httpx.Response(202)))
        port = VonagePort(VonageSettings(), rest)
        assert (await port.mute(target(), "agent")).outcome is Outcome.ACCEPTED
        await port.aclose()


class TestSounds:
    @pytest.mark.parametrize("name", ["agent", "customer"])
    async def test_are_whispered_to_the_leg_that_is_meant(self, stand_in: VonageStandIn, name: str) -> None:
        async with opened(stand_in) as port:
            timed(await port.whisper(target(), name, SOUND), Outcome.CONFIRMED)
        assert {uuid: leg.heard for uuid, leg in stand_in.legs.items() if leg.heard} == {NAMES[name]: [SOUND]}

    async def test_are_played_to_both(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            timed(await port.play(target(), SOUND), Outcome.CONFIRMED)
        assert [leg.heard for leg in stand_in.legs.values()] == [[SOUND], [SOUND]]

    async def test_that_only_one_leg_hears_are_not_played(self, stand_in: VonageStandIn) -> None:
        leg(stand_in, "customer").status = "completed"
        async with opened(stand_in) as port:
            answer = await port.play(target(), SOUND)
        timed(answer, Outcome.FAILED)
        assert answer.detail.startswith("customer: ")

    @pytest.mark.parametrize("sound", ["", "notice", "a b", "file:///notice.mp3"])
    async def test_must_have_an_address(self, stand_in: VonageStandIn, sound: str) -> None:
        async with opened(stand_in) as port:
            assert (await port.whisper(target(), "agent", sound)).outcome is Outcome.UNSUPPORTED
            assert (await port.play(target(), sound)).outcome is Outcome.UNSUPPORTED
        assert stand_in.asked == []

    async def test_are_only_accepted_where_vonage_does_not_say_that_they_began(self) -> None:
        for answer in (httpx.Response(200, json={"message": "Queued"}), httpx.Response(200, text="[")):
            transport = httpx.MockTransport(lambda request, answer=answer: answer)
            port = VonagePort(VonageSettings(), Rest("https://x/", timeout=1.0, transport=transport))
            assert (await port.whisper(target(), "agent", SOUND)).outcome is Outcome.ACCEPTED
            await port.aclose()


class TestHangup:
    @pytest.mark.parametrize("together", [False, True])
    async def test_ends_both_legs(self, stand_in: VonageStandIn, together: bool) -> None:
        stand_in.ends_together = together
        async with opened(stand_in) as port:
            timed(await port.hangup(target()), Outcome.CONFIRMED)
        assert [leg.status for leg in stand_in.legs.values()] == ["completed", "completed"]

    async def test_ends_the_leg_that_is_known(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            timed(await port.hangup(target(customer=None)), Outcome.CONFIRMED)
        assert leg(stand_in, "agent").status == "completed"
        assert leg(stand_in, "customer").status == "answered"

    async def test_of_an_unknown_leg_is_no_leg_that_has_ended(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            timed(await port.hangup(target(agent="nobody", customer=None)), Outcome.FAILED)

    async def test_whose_answer_was_lost_is_found_done(self, stand_in: VonageStandIn) -> None:
        stand_in.manner.loses = 1
        async with opened(stand_in) as port:
            timed(await port.hangup(target(customer=None)), Outcome.CONFIRMED)


class TestTransfer:
    @pytest.mark.parametrize(
        ("to", "number", "destination"),
        [
            (NCCO, None, {"url": [NCCO]}),
            (
                "+4930123456",
                None,
                {"ncco": [{"action": "connect", "endpoint": [{"type": "phone", "number": "4930123456"}]}]},
            ),
            (
                "sip:compliance@bank.example",
                "447700900000",
                {
                    "ncco": [
                        {
                            "action": "connect",
                            "from": "447700900000",
                            "endpoint": [{"type": "sip", "uri": "sip:compliance@bank.example"}],
                        }
                    ]
                },
            ),
        ],
    )
    async def test_connects_the_customer(
        self, stand_in: VonageStandIn, to: str, number: str | None, destination: dict[str, Any]
    ) -> None:
        async with opened(stand_in, number=number) as port:
            timed(await port.transfer(target(), to), Outcome.ACCEPTED)
        assert (leg(stand_in, "customer").destination, leg(stand_in, "agent").destination) == (destination, None)

    @pytest.mark.parametrize("to", ["", "compliance", "12", "ftp://bank.example/x", "sip:a b"])
    async def test_wants_to_know_where(self, stand_in: VonageStandIn, to: str) -> None:
        async with opened(stand_in) as port:
            assert (await port.transfer(target(), to)).outcome is Outcome.UNSUPPORTED
        assert stand_in.asked == []


class TestReady:
    async def test_finds_the_agents_leg(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            timed(await port.ready(target()), Outcome.CONFIRMED)

    async def test_fails_for_a_leg_that_is_over_or_not_known(self, stand_in: VonageStandIn) -> None:
        leg(stand_in, "agent").status = "completed"
        async with opened(stand_in) as port:
            timed(await port.ready(target()), Outcome.FAILED)
            timed(await port.ready(target(agent="nobody")), Outcome.FAILED)


class TestNames:
    @pytest.mark.parametrize(
        ("action", "missing"),
        [
            *((action, "agent") for action in ("mute", "unmute", "play", "whisper", "ready")),
            *((action, "customer") for action in ("play", "transfer")),
        ],
    )
    async def test_that_are_missing_are_told_and_nothing_is_asked(
        self, stand_in: VonageStandIn, action: str, missing: str
    ) -> None:
        async with opened(stand_in) as port:
            answer = await act(port, action, target(**{missing: None}))
        assert answer.outcome is Outcome.UNSUPPORTED
        assert f"{missing}_call_uuid" in answer.detail
        assert stand_in.asked == []

    async def test_that_are_all_missing_leave_nothing_to_hang_up(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            answer = await port.hangup(target(agent=None, customer=None))
        assert answer.outcome is Outcome.UNSUPPORTED

    async def test_cannot_lead_elsewhere(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            timed(await port.mute(target(agent=f"x/../{NAMES['agent']}"), "agent"), Outcome.FAILED)
        assert not any(leg.muted for leg in stand_in.legs.values())


class TestTrouble:
    @pytest.mark.parametrize("action", ACTIONS)
    async def test_late_answers_are_waited_for(self, stand_in: VonageStandIn, action: str) -> None:
        stand_in.manner.late = 0.1
        async with opened(stand_in) as port:
            assert (await act(port, action, target())).outcome in {Outcome.ACCEPTED, Outcome.CONFIRMED}

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("status", [400, 403])
    async def test_refusals_are_told_and_not_asked_again(
        self, stand_in: VonageStandIn, action: str, status: int
    ) -> None:
        stand_in.manner.refuses = status
        async with opened(stand_in) as port:
            answer = await act(port, action, target())
        timed(answer, Outcome.FAILED)
        assert str(status) in answer.detail
        assert len(stand_in.asked) == (2 if action in {"play", "hangup"} else 1)

    @pytest.mark.parametrize("action", ACTIONS)
    async def test_no_answer_is_given_up_in_time(self, stand_in: VonageStandIn, action: str) -> None:
        stand_in.manner.deaf = True
        async with opened(stand_in, timeout=0.2) as port:
            timed(await act(port, action, target()), Outcome.FAILED)

    @pytest.mark.parametrize("action", ["whisper", "transfer"])
    async def test_what_must_not_happen_twice_is_not_asked_twice(self, stand_in: VonageStandIn, action: str) -> None:
        stand_in.manner.loses = 1
        async with opened(stand_in) as port:
            timed(await act(port, action, target()), Outcome.FAILED)
        assert len(stand_in.asked) == 1

    @pytest.mark.parametrize("action", ["mute", "unmute"])
    async def test_a_state_is_set_again_where_the_answer_was_lost(self, stand_in: VonageStandIn, action: str) -> None:
        stand_in.manner.loses = 1
        async with opened(stand_in) as port:
            timed(await act(port, action, target()), Outcome.CONFIRMED)
        assert len(stand_in.asked) == 2
        assert leg(stand_in, "agent").muted == (action == "mute")

    @pytest.mark.parametrize("action", [*ACTIONS, "ready"])
    async def test_another_key_or_application_changes_nothing(self, stand_in: VonageStandIn, action: str) -> None:
        other = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        for wrong in ({"private_key": pem(other)}, {"application_id": "another"}):
            async with opened(stand_in, **wrong) as port:
                answer = await act(port, action, target())
            timed(answer, Outcome.FAILED)
            assert "401" in answer.detail
            assert "eyJ" not in answer.detail
        assert stand_in.asked == []

    @pytest.mark.parametrize("action", [*ACTIONS, "ready"])
    async def test_nobody_there_is_told(self, action: str) -> None:
        nowhere = {"address": "http://127.0.0.1:9", "application_id": APPLICATION, "timeout": 0.3}
        port = open_port(VonageSettings.model_validate({**nowhere, "private_key": pem(private_key())}))
        assert port is not None
        answer = await act(port, action, target())
        await port.aclose()
        assert (answer.outcome, answer.sent) == (Outcome.FAILED, None)


@pytest.mark.parametrize("section", [{}, {"application_id": APPLICATION}, {"private_key": pem(private_key())}])
def test_there_is_no_port_without_application_and_key(section: dict[str, Any]) -> None:
    assert open_port(VonageSettings.model_validate(section)) is None
