"""What the control ports of Twilio and SignalWire must do alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from streamer.control.port import Outcome, Port
from tests.platforms.laml import Conference, LamlStandIn, Participant
from tests.streamer.control.misbehaving import SOUND, AnyConferencePort, accepted, confirmed, target


class AnyLamlPort(AnyConferencePort):
    """The tests; a subclass gives what is the platform's.

    Attributes:
      other: SID of another conference.
      account: path of the account.
    """

    other: ClassVar[str]
    account: ClassVar[str]

    def effects(self, stand_in: LamlStandIn, action: str) -> int:
        conference = stand_in.conferences[self.names["conference"]]
        if action == "play":
            return len(conference.heard)
        if action == "whisper":
            return len(conference.participants[self.names["agent"]].heard)
        return len(stand_in.calls[self.names["customer"]].instructions)

    @asynccontextmanager
    async def up(self) -> AsyncIterator[tuple[LamlStandIn, Port]]:
        stand_in = self.placed()
        async with self.opened(stand_in) as port:
            yield stand_in, port

    def names_but(self, **changed: str | None) -> dict[str, str]:
        return {name: value for name, value in {**self.names, **changed}.items() if value is not None}

    async def test_asks_as_it_is_documented(self) -> None:
        async with self.up() as (stand_in, port):
            await port.mute(target(self.names), "agent")
            await port.unmute(target(self.names), "customer")
            await port.play(target(self.names), SOUND)
            await port.whisper(target(self.names), "agent", SOUND)
            await port.hangup(target(self.names))
            conference = f"{self.account}/Conferences/{self.names['conference']}"
            agent, customer = (f"{conference}/Participants/{self.names[leg]}.json" for leg in ("agent", "customer"))
            announced = {"AnnounceUrl": SOUND, "AnnounceMethod": "GET"}
            assert stand_in.asked == [
                (f"POST {agent}", {"Muted": "true"}),
                (f"POST {customer}", {"Muted": "false"}),
                (f"POST {conference}.json", announced),
                (f"POST {agent}", announced),
                (f"POST {conference}.json", {"Status": "completed"}),
            ]

    async def test_announces_to_all_or_to_one(self) -> None:
        async with self.up() as (stand_in, port):
            conference = stand_in.conferences[self.names["conference"]]
            accepted(await port.play(target(self.names), SOUND))
            assert conference.heard == [SOUND]
            for leg in ("agent", "customer"):
                accepted(await port.whisper(target(self.names), leg, f"{SOUND}?{leg}"))
                assert conference.participants[self.names[leg]].heard == [f"{SOUND}?{leg}"]
            assert conference.heard == [SOUND]

    async def test_takes_nothing_for_muted_or_unmuted_that_the_answer_shows_otherwise(self) -> None:
        async with self.up() as (stand_in, port):
            confirmed(await port.mute(target(self.names), "customer"))
            stand_in.stuck = True
            for answer, muted in (
                (await port.mute(target(self.names), "agent"), False),
                (await port.unmute(target(self.names), "customer"), True),
            ):
                assert (answer.outcome, answer.detail) == (Outcome.FAILED, f"muted: {muted}")
            assert stand_in.muted() == {self.names["customer"]}

    @pytest.mark.parametrize("conference", [True, False])
    async def test_confirms_no_end_that_the_answer_does_not_show(self, conference: bool) -> None:
        async with self.up() as (stand_in, port):
            stand_in.stuck = True
            names = self.names if conference else self.names_but(conference=None)
            answer = await port.hangup(target(names))
            accepted(answer)
            assert answer.detail == "in-progress"

    async def test_plays_nothing_without_a_conference_rather_than_end_the_call(self) -> None:
        async with self.up() as (stand_in, port):
            answer = await port.play(target(self.names_but(conference=None)), SOUND)
            assert answer.outcome is Outcome.UNSUPPORTED
            assert "parameter conference" in answer.detail
            assert stand_in.asked == []

    async def test_hangs_up_all_of_a_conference(self) -> None:
        async with self.up() as (stand_in, port):
            confirmed(await port.hangup(target(self.names)))
            assert {call.status for call in stand_in.calls.values()} == {"completed"}
            assert len(stand_in.asked) == 1

    async def test_hangs_up_every_call_that_is_named_where_there_is_no_conference(self) -> None:
        async with self.up() as (stand_in, port):
            confirmed(await port.hangup(target(self.names_but(conference=None))))
            assert {call.status for call in stand_in.calls.values()} == {"completed"}
            assert len(stand_in.asked) == 2

    async def test_hangs_up_the_calls_where_the_conference_is_over_and_they_are_not(self) -> None:
        async with self.up() as (stand_in, port):
            stand_in.conferences[self.names["conference"]].status = "completed"
            confirmed(await port.hangup(target(self.names)))
            assert {call.status for call in stand_in.calls.values()} == {"completed"}

    async def test_takes_a_call_that_has_ended_already_for_hung_up(self) -> None:
        async with self.up() as (stand_in, port):
            for call in stand_in.calls.values():
                call.status = "completed"
            confirmed(await port.hangup(target(self.names_but(conference=None))))

    async def test_does_not_take_a_call_that_is_not_there_for_hung_up(self) -> None:
        async with self.up() as (stand_in, port):
            del stand_in.calls[self.names["agent"]]
            answer = await port.hangup(target(self.names_but(conference=None)))
            assert answer.outcome is Outcome.FAILED
            assert "answered 404" in answer.detail
            assert stand_in.calls[self.names["customer"]].status == "completed"

    async def test_fails_to_mute_whoever_is_not_in_the_conference(self) -> None:
        async with self.up() as (stand_in, port):
            del stand_in.conferences[self.names["conference"]].participants[self.names["agent"]]
            answer = await port.mute(target(self.names), "agent")
            assert answer.outcome is Outcome.FAILED
            assert "answered 404" in answer.detail
            ready = await port.ready(target(self.names))
            assert ready.outcome is Outcome.ACCEPTED
            assert "not in the conference yet" in ready.detail

    @pytest.mark.parametrize("filters", [True, False])
    async def test_finds_a_conference_by_its_name_and_once(self, filters: bool) -> None:
        async with self.up() as (stand_in, port):
            stand_in.filters = filters
            # Others of the same name are over, and others in progress have other names.
            stand_in.conferences = {
                self.other: Conference("call-4711", status="completed"),
                f"{self.other[:-1]}0": Conference("call-4712"),
                **stand_in.conferences,
            }
            named = target(self.names_but(conference="call-4711"))
            assert (await port.ready(named)).outcome is Outcome.CONFIRMED
            # What is known is not asked for again.
            stand_in.conferences[self.names["conference"]].friendly_name = "renamed"
            confirmed(await port.mute(named, "agent"))
            assert stand_in.muted() == {self.names["agent"]}

    async def test_looks_for_a_conference_again_where_the_one_that_was_known_is_over(self) -> None:
        async with self.up() as (stand_in, port):
            named = target(self.names_but(conference="call-4711"))
            confirmed(await port.mute(named, "agent"))
            over = stand_in.conferences[self.names["conference"]]
            over.status, over.participants = "completed", {}
            stand_in.conferences[self.other] = Conference(
                "call-4711", participants={self.names[leg]: Participant() for leg in ("agent", "customer")}
            )
            assert (await port.mute(named, "agent")).outcome is Outcome.FAILED
            confirmed(await port.mute(named, "agent"))
            assert stand_in.muted() == {self.names["agent"]}
            confirmed(await port.hangup(named))
            assert stand_in.conferences[self.other].status == "completed"

    async def test_hangs_up_the_conference_that_goes_by_the_name_now(self) -> None:
        async with self.up() as (stand_in, port):
            named = target(self.names_but(conference="call-4711"))
            confirmed(await port.mute(named, "agent"))
            stand_in.conferences[self.names["conference"]].status = "completed"
            stand_in.conferences[self.other] = Conference(
                "call-4711", participants={self.names["customer"]: Participant()}
            )
            confirmed(await port.hangup(named))
            assert stand_in.conferences[self.other].status == "completed"

    @pytest.mark.parametrize("action", ["mute", "play", "whisper"])
    async def test_fails_where_no_conference_of_that_name_is_in_progress(self, action: str) -> None:
        async with self.up() as (stand_in, port):
            named = target(self.names_but(conference="call-9"))
            acts: dict[str, Any] = {
                "mute": lambda: port.mute(named, "agent"),
                "play": lambda: port.play(named, SOUND),
                "whisper": lambda: port.whisper(named, "agent", SOUND),
            }
            answer = await acts[action]()
            assert answer.outcome is Outcome.FAILED
            assert "no conference call-9 is in progress" in answer.detail
            ready = await port.ready(named)
            assert (ready.outcome, ready.detail) == (Outcome.ACCEPTED, answer.detail)
            assert stand_in.asked == []

    async def test_hands_the_customers_call_to_what_stands_at_an_address(self) -> None:
        async with self.up() as (stand_in, port):
            accepted(await port.transfer(target(self.names), "https://pbx.bank.example/compliance.xml"))
            assert stand_in.calls[self.names["customer"]].instructions == [
                ("Url", "https://pbx.bank.example/compliance.xml")
            ]
            assert stand_in.calls[self.names["agent"]].instructions == []

    async def test_fails_to_hand_on_a_call_that_has_ended(self) -> None:
        async with self.up() as (stand_in, port):
            stand_in.calls[self.names["customer"]].status = "completed"
            answer = await port.transfer(target(self.names), "https://pbx.bank.example/compliance.xml")
            assert answer.outcome is Outcome.FAILED
            assert "not in-progress" in answer.detail
