"""Genesys Cloud's control port, against a strict stand-in on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from streamer.control.audiohook import AudiohookPort, open_port
from streamer.control.port import Answer, Outcome, Target
from streamer.dialects.audiohook import AudiohookSettings
from tests.platforms.audiohook import AudiohookStandIn
from tests.platforms.ports import Manner, serving

CALL = "090eaa2f-72fa-480a-83e0-8667ff89c0ec"
PATH = f"/api/v2/conversations/calls/{CALL}"
NAMES = {"conversation": CALL, "participant": "customer-1", "organization": "org"}


async def _say(message: str) -> bool:
    raise AssertionError("nothing is said on the socket")


def target(**names: str) -> Target:
    return Target(names or NAMES, _say)


def settings(address: str, stand_in: AudiohookStandIn, **other: Any) -> AudiohookSettings:
    return AudiohookSettings.model_validate(
        {
            "address": address,
            "login": address,
            "oauth_client_id": stand_in.client_id,
            "oauth_client_secret": stand_in.client_secret,
            "timeout": 3,
            **other,
        }
    )


@asynccontextmanager
async def opened(stand_in: AudiohookStandIn, **other: Any) -> AsyncIterator[AudiohookPort]:
    stand_in.place(CALL)
    async with serving(stand_in.app()) as address:
        port = open_port(settings(address, stand_in, **other))
        assert port is not None
        try:
            yield port
        finally:
            await port.aclose()


def check_secrecy(answer: Answer, stand_in: AudiohookStandIn, *others: str) -> None:
    for secret in (stand_in.client_id, stand_in.client_secret, "token-", *others):
        assert secret not in repr(answer)


class TestAMute:
    @pytest.mark.parametrize(("leg", "name"), [("agent", "agent-1"), ("customer", "customer-1")])
    async def test_reaches_its_leg_alone_and_is_confirmed_once_it_shows(self, leg: str, name: str) -> None:
        stand_in = AudiohookStandIn(slow=2)
        async with opened(stand_in) as port:
            answer = await port.mute(target(), leg)
            assert answer.outcome is Outcome.CONFIRMED
            assert answer.sent is not None
            assert answer.answered is not None
            assert answer.sent < answer.answered
            assert [one["id"] for one in stand_in.calls[CALL] if one["muted"]] == [name]
            assert stand_in.writes() == [("PATCH", f"{PATH}/participants/{name}", {"muted": True})]
            answer = await port.unmute(target(), leg)
            assert answer.outcome is Outcome.CONFIRMED
            assert not any(one["muted"] for one in stand_in.calls[CALL])

    async def test_reaches_everybody_who_is_on_the_leg(self) -> None:
        stand_in = AudiohookStandIn()
        async with opened(stand_in) as port:
            stand_in.calls[CALL].append({"id": "agent-2", "purpose": "user", "state": "connected", "muted": None})
            assert (await port.mute(target(), "agent")).outcome is Outcome.CONFIRMED
            assert [one["id"] for one in stand_in.calls[CALL] if one["muted"]] == ["agent-1", "agent-2"]

    async def test_that_never_shows_was_only_taken(self) -> None:
        stand_in = AudiohookStandIn(slow=1000)
        async with opened(stand_in, timeout=0.4) as port:
            answer = await port.mute(target(), "agent")
            assert answer.outcome is Outcome.ACCEPTED
            assert answer.sent is not None

    async def test_of_a_leg_that_nobody_is_on_fails_without_asking(self) -> None:
        stand_in = AudiohookStandIn()
        async with opened(stand_in) as port:
            stand_in.one(CALL, "agent-1")["state"] = "disconnected"
            answer = await port.mute(target(), "agent")
            assert answer.outcome is Outcome.FAILED
            assert "agent" in answer.detail
            assert stand_in.writes() == []

    async def test_that_comes_late_is_confirmed_nonetheless(self) -> None:
        stand_in = AudiohookStandIn(manner=Manner(late=0.1))
        async with opened(stand_in) as port:
            assert (await port.mute(target(), "agent")).outcome is Outcome.CONFIRMED

    @pytest.mark.parametrize("status", [400, 403, 404])
    async def test_that_is_refused_says_why_and_is_not_repeated(self, status: int) -> None:
        stand_in = AudiohookStandIn(manner=Manner(refuses=status))
        async with opened(stand_in) as port:
            answer = await port.mute(target(), "agent")
            assert answer.outcome is Outcome.FAILED
            assert str(status) in answer.detail
            assert "not authorized" in answer.detail
            assert len(stand_in.writes()) == 1

    async def test_whose_answer_is_lost_is_sent_again(self) -> None:
        stand_in = AudiohookStandIn(manner=Manner(loses=1))
        async with opened(stand_in) as port:
            assert (await port.mute(target(), "agent")).outcome is Outcome.CONFIRMED
            assert stand_in.one(CALL, "agent-1")["muted"] is True

    async def test_that_gets_no_answer_is_given_up_in_time(self) -> None:
        stand_in = AudiohookStandIn(manner=Manner(deaf=True))
        async with opened(stand_in, timeout=0.3) as port:
            answer = await port.mute(target(), "agent")
            assert answer.outcome is Outcome.FAILED
            assert "0.3 s" in answer.detail
            assert answer.sent is not None
            assert answer.answered is not None


class TestAHangup:
    async def test_disconnects_everybody_and_is_confirmed(self) -> None:
        stand_in = AudiohookStandIn(slow=2)
        async with opened(stand_in) as port:
            assert (await port.hangup(target())).outcome is Outcome.CONFIRMED
            assert {one["state"] for one in stand_in.calls[CALL]} == {"disconnected"}
            assert stand_in.writes() == [("PATCH", PATH, {"state": "disconnected"})]

    async def test_whose_answer_is_lost_is_told_by_the_conversation(self) -> None:
        stand_in = AudiohookStandIn(slow=0, manner=Manner(loses=1))
        async with opened(stand_in) as port:
            assert (await port.hangup(target())).outcome is Outcome.CONFIRMED

    async def test_of_a_call_that_is_over_by_then_is_no_failure(self) -> None:
        stand_in = AudiohookStandIn()
        async with opened(stand_in) as port:
            assert (await port.hangup(target())).outcome is Outcome.CONFIRMED
            assert (await port.hangup(target())).outcome is Outcome.CONFIRMED


class TestATransfer:
    @pytest.mark.parametrize(
        ("to", "field", "value"),
        [
            ("user:9d1b", "userId", "9d1b"),
            ("queue:77aa", "queueId", "77aa"),
            ("+15551230000", "address", "+15551230000"),
            ("sip:desk@bank.example", "address", "sip:desk@bank.example"),
        ],
    )
    async def test_replaces_the_agent_and_is_confirmed(self, to: str, field: str, value: str) -> None:
        stand_in = AudiohookStandIn()
        async with opened(stand_in) as port:
            assert (await port.transfer(target(), to)).outcome is Outcome.CONFIRMED
            assert stand_in.writes() == [
                ("POST", f"{PATH}/participants/agent-1/replace", {"transferType": "Unattended", field: value})
            ]
            assert stand_in.one(CALL, "customer-1")["state"] == "connected"
            assert stand_in.one(CALL, "agent-1")["disconnectType"] == "transfer"

    async def test_whose_answer_is_lost_is_not_made_twice(self) -> None:
        stand_in = AudiohookStandIn(slow=0, manner=Manner(loses=1))
        async with opened(stand_in) as port:
            assert (await port.transfer(target(), "user:9d1b")).outcome is Outcome.CONFIRMED
            assert len(stand_in.writes()) == 1

    async def test_whose_answer_is_lost_and_that_does_not_show_is_a_failure(self) -> None:
        stand_in = AudiohookStandIn(slow=1000, manner=Manner(loses=1))
        async with opened(stand_in) as port:
            assert (await port.transfer(target(), "user:9d1b")).outcome is Outcome.FAILED
            assert len(stand_in.writes()) == 1


class TestReadiness:
    async def test_fetches_a_token_that_serves_whatever_comes_after(self) -> None:
        stand_in = AudiohookStandIn()
        async with opened(stand_in) as port:
            assert (await port.ready(target())).outcome is Outcome.CONFIRMED
            await port.mute(target(), "agent")
            assert stand_in.issued == 1

    async def test_with_an_unknown_call_says_so(self) -> None:
        stand_in = AudiohookStandIn()
        async with opened(stand_in) as port:
            answer = await port.ready(target(conversation="another"))
            assert answer.outcome is Outcome.FAILED
            assert "404" in answer.detail

    async def test_without_the_conversations_id_asks_nothing(self) -> None:
        stand_in = AudiohookStandIn()
        async with opened(stand_in) as port:
            answer = await port.ready(target(organization="org"))
            assert answer.outcome is Outcome.UNSUPPORTED
            assert "conversation" in answer.detail
            assert answer.sent is None
            assert stand_in.asked == []

    async def test_with_nothing_at_the_address_fails(self) -> None:
        stand_in = AudiohookStandIn()
        async with serving(stand_in.app()) as address:
            pass
        port = open_port(settings(address, stand_in, timeout=0.3))
        assert port is not None
        answer = await port.ready(target())
        assert answer.outcome is Outcome.FAILED
        assert answer.sent is None
        await port.aclose()


class TestCredentials:
    @pytest.mark.parametrize("wrong", ["oauth_client_id", "oauth_client_secret"])
    async def test_that_are_wrong_fail_and_are_not_told(self, wrong: str) -> None:
        stand_in = AudiohookStandIn()
        async with opened(stand_in, **{wrong: "not-the-right-one"}) as port:
            answer = await port.mute(target(), "agent")
            assert answer.outcome is Outcome.FAILED
            assert "invalid_client" in answer.detail
            check_secrecy(answer, stand_in, "not-the-right-one")

    async def test_are_renewed_when_a_token_is_withdrawn(self) -> None:
        stand_in = AudiohookStandIn()
        async with opened(stand_in) as port:
            await port.ready(target())
            stand_in.tokens.clear()
            assert (await port.mute(target(), "agent")).outcome is Outcome.CONFIRMED
            assert stand_in.issued == 2

    async def test_are_renewed_before_a_token_ends(self) -> None:
        stand_in = AudiohookStandIn(expires_in=60)
        async with opened(stand_in) as port:
            await port.ready(target())
            await port.ready(target())
            assert stand_in.issued == 2

    async def test_that_are_refused_after_all_fail_without_an_end_of_tokens(self) -> None:
        stand_in = AudiohookStandIn()
        stand_in.tokens = _None()
        async with opened(stand_in) as port:
            answer = await port.mute(target(), "agent")
            assert answer.outcome is Outcome.FAILED
            assert "401" in answer.detail
            assert stand_in.issued == 2
            check_secrecy(answer, stand_in)

    def test_are_not_in_what_a_port_or_its_settings_show(self) -> None:
        secret = AudiohookSettings.model_validate(
            {"oauth_client_id": "id", "oauth_client_secret": "hidden-1", "api_key": "hidden-2"}
        )
        assert "hidden" not in repr(secret) + str(secret) + repr(open_port(secret))

    @pytest.mark.parametrize("missing", ["oauth_client_id", "oauth_client_secret"])
    def test_that_are_not_set_open_no_port(self, missing: str) -> None:
        both = {"oauth_client_id": "id", "oauth_client_secret": "secret"}
        assert open_port(AudiohookSettings.model_validate({**both, missing: None})) is None


class _None(set[str]):
    """Tokens that are no good, however many there are."""

    def __contains__(self, token: object) -> bool:
        return False


class TestWhatIsNotPossible:
    async def test_is_said_without_asking(self) -> None:
        stand_in = AudiohookStandIn()
        async with opened(stand_in) as port:
            assert (await port.play(target(), "notice.wav")).outcome is Outcome.UNSUPPORTED
            assert (await port.whisper(target(), "agent", "notice.wav")).outcome is Outcome.UNSUPPORTED
            assert stand_in.asked == []
