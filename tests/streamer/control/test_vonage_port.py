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
from streamer.control.port import Outcome, Port, Target
from streamer.control.rest import Rest
from streamer.control.vonage import VonagePort, open_port
from streamer.dialects.vonage import VonageSettings
from tests.platforms.ports import serving
from tests.platforms.vonage import APPLICATION, Leg, VonageStandIn, pem, private_key
from tests.streamer.control.misbehaving import SOUND, AnyLegPort, act, came_to, say

NCCO = "https://bank.example/ncco/compliance"
NAMES = VonageCaller(Placed("c-1"), "agent", 0.0).names


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


class TestMute:
    async def test_of_a_leg_that_ended_is_refused(self, stand_in: VonageStandIn) -> None:
        leg(stand_in, "agent").status = "completed"
        async with opened(stand_in) as port:
            came_to(await port.mute(target(), "agent"), Outcome.FAILED)

    async def test_is_only_accepted_where_the_answer_is_not_the_documented_one(self) -> None:
        rest = Rest("https://x/", timeout=1.0, transport=httpx.MockTransport(lambda request: httpx.Response(202)))
        port = VonagePort(VonageSettings(), rest)
        assert (await port.mute(target(), "agent")).outcome is Outcome.ACCEPTED
        await port.aclose()


class TestSounds:
    @pytest.mark.parametrize("name", ["agent", "customer"])
    async def test_are_whispered_to_the_leg_that_is_meant(self, stand_in: VonageStandIn, name: str) -> None:
        async with opened(stand_in) as port:
            came_to(await port.whisper(target(), name, SOUND), Outcome.CONFIRMED)
        assert {uuid: leg.heard for uuid, leg in stand_in.legs.items() if leg.heard} == {NAMES[name]: [SOUND]}

    async def test_are_played_to_both(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            came_to(await port.play(target(), SOUND), Outcome.CONFIRMED)
        assert [leg.heard for leg in stand_in.legs.values()] == [[SOUND], [SOUND]]

    async def test_that_only_one_leg_hears_are_not_played(self, stand_in: VonageStandIn) -> None:
        leg(stand_in, "customer").status = "completed"
        async with opened(stand_in) as port:
            answer = await port.play(target(), SOUND)
        came_to(answer, Outcome.FAILED)
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
            came_to(await port.hangup(target()), Outcome.CONFIRMED)
        assert [leg.status for leg in stand_in.legs.values()] == ["completed", "completed"]

    async def test_ends_the_leg_that_is_known(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            came_to(await port.hangup(target(customer=None)), Outcome.CONFIRMED)
        assert leg(stand_in, "agent").status == "completed"
        assert leg(stand_in, "customer").status == "answered"

    async def test_of_an_unknown_leg_is_no_leg_that_has_ended(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            came_to(await port.hangup(target(agent="nobody", customer=None)), Outcome.FAILED)


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
            came_to(await port.transfer(target(), to), Outcome.ACCEPTED)
        assert (leg(stand_in, "customer").destination, leg(stand_in, "agent").destination) == (destination, None)

    @pytest.mark.parametrize("to", ["", "compliance", "12", "ftp://bank.example/x", "sip:a b"])
    async def test_wants_to_know_where(self, stand_in: VonageStandIn, to: str) -> None:
        async with opened(stand_in) as port:
            assert (await port.transfer(target(), to)).outcome is Outcome.UNSUPPORTED
        assert stand_in.asked == []


class TestReady:
    async def test_fails_for_a_leg_that_is_over_or_not_known(self, stand_in: VonageStandIn) -> None:
        leg(stand_in, "agent").status = "completed"
        async with opened(stand_in) as port:
            came_to(await port.ready(target()), Outcome.FAILED)
            came_to(await port.ready(target(agent="nobody")), Outcome.FAILED)


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
            answer = await act(port, action, target(**{missing: None}), NCCO)
        assert answer.outcome is Outcome.UNSUPPORTED
        assert f"{missing}_call_uuid" in answer.detail
        assert stand_in.asked == []

    async def test_that_are_all_missing_leave_nothing_to_hang_up(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            answer = await port.hangup(target(agent=None, customer=None))
        assert answer.outcome is Outcome.UNSUPPORTED

    async def test_cannot_lead_elsewhere(self, stand_in: VonageStandIn) -> None:
        async with opened(stand_in) as port:
            answer = await port.mute(target(agent=f"x/../{NAMES['agent']}"), "agent")
        assert (answer.outcome, answer.sent) == (Outcome.UNSUPPORTED, None)
        assert stand_in.asked == []
        assert not any(leg.muted for leg in stand_in.legs.values())


class TestVonagePort(AnyLegPort):
    names = NAMES
    to = NCCO
    secret = pem(private_key())
    wrong = pem(rsa.generate_private_key(public_exponent=65_537, key_size=2048))
    unseen = frozenset({"transfer"})
    both = frozenset({"play", "hangup"})

    def placed(self) -> VonageStandIn:
        made = VonageStandIn()
        made.place("c-1")
        return made

    def port(self, address: str, secret: str, timeout: float) -> Port | None:
        section = {"address": address, "application_id": APPLICATION, "private_key": secret, "timeout": timeout}
        return open_port(VonageSettings.model_validate(section))

    def effects(self, stand_in: VonageStandIn, action: str) -> int:
        if action == "transfer":
            return int(leg(stand_in, "customer").destination is not None)
        return len(leg(stand_in, "agent").heard)

    async def test_of_another_application_changes_nothing(self) -> None:
        stand_in = self.placed()
        async with opened(stand_in, application_id="another") as port:
            answer = await port.mute(target(), "agent")
        came_to(answer, Outcome.FAILED)
        assert "401" in answer.detail
        assert "eyJ" not in answer.detail
        assert stand_in.asked == []


@pytest.mark.parametrize("section", [{}, {"application_id": APPLICATION}, {"private_key": pem(private_key())}])
def test_there_is_no_port_without_application_and_key(section: dict[str, Any]) -> None:
    assert open_port(VonageSettings.model_validate(section)) is None
