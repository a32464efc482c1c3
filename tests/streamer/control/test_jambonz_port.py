"""jambonz's control port, over a real socket: which call is asked for what, and when it is believed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streamer.callers.caller import Placed
from streamer.callers.jambonz import JambonzCaller
from streamer.control.jambonz import JambonzPort, open_port
from streamer.control.port import Outcome, Port, Target
from streamer.dialects.jambonz import JambonzSettings
from tests.platforms.jambonz import Call, JambonzStandIn
from tests.platforms.ports import serving
from tests.streamer.control.misbehaving import SOUND, AnyLegPort, act, came_to, say

KEY = "jambonz-secret"
HOOK = "https://bank.example/hooks/compliance"
NAMES = JambonzCaller(Placed("c-1")).names


def target(**names: str | None) -> Target:
    return Target({name: sid for name, sid in {**NAMES, **names}.items() if sid is not None}, say)


@asynccontextmanager
async def opened(stand_in: JambonzStandIn, **section: Any) -> AsyncIterator[JambonzPort]:
    async with serving(stand_in.app) as address:
        settings = {"address": f"{address}/v1", "api_key": KEY, "timeout": 2.0}
        port = open_port(JambonzSettings.model_validate({**settings, **section}))
        assert port is not None
        try:
            yield port
        finally:
            await port.aclose()


@pytest.fixture
def stand_in() -> JambonzStandIn:
    made = JambonzStandIn(api_key=KEY)
    made.place("c-1")
    return made


def leg(stand_in: JambonzStandIn, name: str) -> Call:
    return stand_in.calls[NAMES[name]]


ACTIONS = ["mute", "unmute", "whisper", "transfer", "hangup"]


class TestMute:
    async def test_is_never_called_done_since_jambonz_may_drop_it(self, stand_in: JambonzStandIn) -> None:
        leg(stand_in, "agent").verb = "listen"
        async with opened(stand_in) as port:
            came_to(await port.mute(target(), "agent"), Outcome.ACCEPTED)
        assert stand_in.dropped == ["mute_status"]
        assert not leg(stand_in, "agent").muted

    async def test_of_a_call_that_ended_is_refused(self, stand_in: JambonzStandIn) -> None:
        leg(stand_in, "agent").status = "completed"
        async with opened(stand_in) as port:
            answer = await port.mute(target(), "agent")
        came_to(answer, Outcome.FAILED)
        assert "500" in answer.detail


class TestSounds:
    @pytest.mark.parametrize("name", ["agent", "customer"])
    async def test_are_heard_by_the_leg_that_is_meant(self, stand_in: JambonzStandIn, name: str) -> None:
        async with opened(stand_in) as port:
            came_to(await port.whisper(target(), name, SOUND), Outcome.ACCEPTED)
        assert {sid: call.heard for sid, call in stand_in.calls.items() if call.heard} == {NAMES[name]: [SOUND]}
        assert stand_in.dropped == []

    async def test_are_not_played_to_both(self, stand_in: JambonzStandIn) -> None:
        async with opened(stand_in) as port:
            assert (await port.play(target(), SOUND)).outcome is Outcome.UNSUPPORTED
        assert stand_in.asked == []

    @pytest.mark.parametrize("sound", ["", "notice", "a b", "https://bank.example/a b.wav"])
    async def test_must_have_an_address(self, stand_in: JambonzStandIn, sound: str) -> None:
        async with opened(stand_in) as port:
            assert (await port.whisper(target(), "agent", sound)).outcome is Outcome.UNSUPPORTED
        assert stand_in.asked == []


class TestHangup:
    async def test_is_believed_once_the_call_has_ended(self, stand_in: JambonzStandIn) -> None:
        leg(stand_in, "agent").ends_after = 1
        async with opened(stand_in) as port:
            came_to(await port.hangup(target()), Outcome.CONFIRMED)
        assert stand_in.asked == [("c-1", {"call_status": "completed"})]

    async def test_is_believed_where_jambonz_has_forgotten_the_call(self, stand_in: JambonzStandIn) -> None:
        leg(stand_in, "agent").forgotten = True
        async with opened(stand_in) as port:
            came_to(await port.hangup(target()), Outcome.CONFIRMED)

    async def test_is_only_accepted_while_the_call_goes_on(self, stand_in: JambonzStandIn) -> None:
        leg(stand_in, "agent").ends_after = 100
        async with opened(stand_in) as port:
            came_to(await port.hangup(target()), Outcome.ACCEPTED)

    async def test_of_an_unknown_call_is_no_call_that_has_ended(self, stand_in: JambonzStandIn) -> None:
        async with opened(stand_in) as port:
            came_to(await port.hangup(target(call="nobody")), Outcome.FAILED)


class TestTransfer:
    async def test_sends_the_dialled_customer_to_the_hook(self, stand_in: JambonzStandIn) -> None:
        async with opened(stand_in) as port:
            came_to(await port.transfer(target(), HOOK), Outcome.ACCEPTED)
        assert (leg(stand_in, "customer").hook, leg(stand_in, "agent").hook) == (HOOK, None)

    async def test_sends_the_customer_who_runs_the_application_to_the_hook(self, stand_in: JambonzStandIn) -> None:
        async with opened(stand_in) as port:
            swapped = target(customer=NAMES["agent"], agent=NAMES["customer"])
            came_to(await port.transfer(swapped, HOOK), Outcome.ACCEPTED)
        assert (stand_in.calls["c-1"].hook, stand_in.dropped) == (HOOK, [])

    @pytest.mark.parametrize("to", ["", "+4930123456", "ftp://bank.example/x"])
    async def test_wants_a_hook(self, stand_in: JambonzStandIn, to: str) -> None:
        async with opened(stand_in) as port:
            assert (await port.transfer(target(), to)).outcome is Outcome.UNSUPPORTED
        assert stand_in.asked == []

    async def test_wants_to_know_whose_the_call_is(self, stand_in: JambonzStandIn) -> None:
        async with opened(stand_in) as port:
            answer = await port.transfer(target(agent=None, customer=None), HOOK)
        assert answer.outcome is Outcome.UNSUPPORTED
        assert stand_in.asked == []


class TestReady:
    async def test_fails_for_a_call_that_is_over_or_not_known(self, stand_in: JambonzStandIn) -> None:
        leg(stand_in, "agent").status = "completed"
        async with opened(stand_in) as port:
            came_to(await port.ready(target()), Outcome.FAILED)
            came_to(await port.ready(target(agent="nobody")), Outcome.FAILED)
            assert (await port.ready(target(account="../../x"))).outcome is Outcome.UNSUPPORTED


class TestNames:
    @pytest.mark.parametrize(
        ("action", "missing"),
        [
            *((action, "account") for action in (*ACTIONS, "ready")),
            *((action, "call") for action in ("hangup", "transfer")),
            *((action, "agent") for action in ("mute", "unmute", "whisper", "ready")),
        ],
    )
    async def test_that_are_missing_are_told_and_nothing_is_asked(
        self, stand_in: JambonzStandIn, action: str, missing: str
    ) -> None:
        async with opened(stand_in) as port:
            answer = await act(port, action, target(**{missing: None}), HOOK)
        assert answer.outcome is Outcome.UNSUPPORTED
        assert answer.detail
        assert stand_in.asked == []

    async def test_cannot_lead_elsewhere(self, stand_in: JambonzStandIn) -> None:
        async with opened(stand_in) as port:
            answer = await port.mute(target(agent="../Calls/c-1?x="), "agent")
        assert (answer.outcome, answer.sent) == (Outcome.UNSUPPORTED, None)
        assert stand_in.asked == []
        assert not any(call.muted for call in stand_in.calls.values())


class TestJambonzPort(AnyLegPort):
    names = NAMES
    to = HOOK
    secret = KEY
    actions = ACTIONS
    unseen = frozenset({"mute", "unmute"})

    def placed(self) -> JambonzStandIn:
        made = JambonzStandIn(api_key=KEY)
        made.place("c-1")
        return made

    def port(self, address: str, secret: str, timeout: float) -> Port | None:
        section = {"address": f"{address}/v1", "api_key": secret, "timeout": timeout}
        return open_port(JambonzSettings.model_validate(section))

    def effects(self, stand_in: JambonzStandIn, action: str) -> int:
        if action == "transfer":
            return int(leg(stand_in, "customer").hook is not None)
        return len(leg(stand_in, "agent").heard)


def test_there_is_no_port_without_a_key() -> None:
    assert open_port(JambonzSettings()) is None


def test_the_key_is_not_shown() -> None:
    settings = JambonzSettings.model_validate({"api_key": KEY})
    assert KEY not in repr([settings, open_port(settings)])
