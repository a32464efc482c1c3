"""What control ports must bear that speak HTTP: one that is slow, refuses, is deaf, loses answers, is gone."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar, Protocol

import pytest
from starlette.types import ASGIApp

from streamer.control import rest
from streamer.control.port import Answer, Outcome, Port, Target
from tests.platforms.ports import Manner, serving

SOUND = "https://sounds.bank.example/notice.wav"
ACTIONS = ["mute", "unmute", "play", "whisper", "transfer", "hangup"]
NO_NAMES = ["", " ", ".", "..", "x/../../y", "x\\y"]


class StandIn(Protocol):
    """What the tests here want of a stand-in."""

    @property
    def app(self) -> ASGIApp: ...

    @property
    def asked(self) -> list[tuple[str, Mapping[str, Any]]]: ...

    @property
    def manner(self) -> Manner: ...

    def muted(self) -> set[str]: ...


async def say(message: str) -> bool:
    raise AssertionError("nothing is said on the socket")


def target(names: Mapping[str, str]) -> Target:
    return Target(names, say)


async def act(port: Port, action: str, of: Target, to: str) -> Answer:
    match action:
        case "mute":
            return await port.mute(of, "agent")
        case "unmute":
            return await port.unmute(of, "agent")
        case "play":
            return await port.play(of, SOUND)
        case "whisper":
            return await port.whisper(of, "agent", SOUND)
        case "transfer":
            return await port.transfer(of, to)
        case "ready":
            return await port.ready(of)
        case _:
            return await port.hangup(of)


def confirmed(answer: Answer) -> None:
    came_to(answer, Outcome.CONFIRMED)


def accepted(answer: Answer) -> None:
    came_to(answer, Outcome.ACCEPTED)


def came_to(answer: Answer, outcome: Outcome) -> None:
    """Expect an answer to what was asked, and that it says when."""
    assert answer.outcome is outcome, answer
    timed(answer)


def timed(answer: Answer) -> None:
    assert answer.sent is not None
    assert answer.answered is not None
    assert answer.sent <= answer.answered


class AnyPort:
    """The tests; a subclass gives what is the platform's.

    Attributes:
      names: of the call that is placed.
      to: whom it is transferred to.
      secret, wrong: the right one, and another.
      actions: that the platform knows.
      unseen: actions of which the platform never says that they were carried out.
      dedupes: actions that are done once though they are sent twice, by the platform's own doing.
    """

    names: ClassVar[Mapping[str, str]]
    to: ClassVar[str]
    secret: ClassVar[str]
    wrong: ClassVar[str] = "wrong-secret-of-ours"
    actions: ClassVar[Sequence[str]] = ACTIONS
    unseen: ClassVar[frozenset[str]] = frozenset()
    dedupes: ClassVar[frozenset[str]] = frozenset()

    def placed(self) -> Any:
        """Make a stand-in on which the call is up."""
        raise NotImplementedError

    def port(self, address: str, secret: str, timeout: float) -> Port | None:
        """Open a port to it."""
        raise NotImplementedError

    def effects(self, stand_in: Any, action: str) -> int:
        """Count how often a sound was played, or a call handed on."""
        raise NotImplementedError

    def serving(self, stand_in: Any) -> AbstractAsyncContextManager[str]:
        """Serve a stand-in; gives the address that `port` takes."""
        return serving(stand_in.app)

    def refused(self, status: int) -> str:
        """Give what is told of a refusal; 401 is that of a wrong secret."""
        return f"answered {status}"

    def done(self, action: str, answer: Answer) -> None:
        """Expect as much as the platform can say."""
        (accepted if action in self.unseen else confirmed)(answer)

    @pytest.fixture(autouse=True)
    def _at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rest, "AGAIN", (0.0, 0.0, 0.0))
        monkeypatch.setattr(rest, "LOOKS", (0.0, 0.0, 0.0))

    @asynccontextmanager
    async def opened(self, stand_in: StandIn, *, secret: str | None = None, within: float = 2.0) -> AsyncIterator[Port]:
        async with self.serving(stand_in) as address:
            port = self.port(address, secret or self.secret, within)
            assert port is not None
            try:
                yield port
            finally:
                await port.aclose()

    async def test_mutes_a_leg_and_nobody_else_and_lets_it_be_heard_again(self) -> None:
        stand_in = self.placed()
        async with self.opened(stand_in) as port:
            for leg in ("agent", "customer"):
                self.done("mute", await port.mute(target(self.names), leg))
                assert stand_in.muted() == {self.names[leg]}
                self.done("unmute", await port.unmute(target(self.names), leg))
                assert stand_in.muted() == set()

    async def test_is_ready_for_a_call_that_is_up_and_changes_nothing(self) -> None:
        stand_in = self.placed()
        async with self.opened(stand_in) as port:
            assert (await port.ready(target(self.names))).outcome is Outcome.CONFIRMED
            assert stand_in.asked == []

    async def test_knows_of_a_leg_whether_it_is_gone(self) -> None:
        stand_in = self.placed()
        async with self.opened(stand_in) as port:
            of = target(self.names)
            self.done("mute", await port.mute(of, "agent"))
            assert not await port.gone(of, "agent")
            stand_in.end()
            assert await port.gone(of, "agent")
            assert not await port.gone(target({}), "agent")

    async def test_takes_nobody_for_gone_where_nothing_is_said(self) -> None:
        stand_in = self.placed()
        stand_in.end()
        async with self.opened(stand_in, secret=self.wrong) as port:
            assert not await port.gone(target(self.names), "agent")
        async with self.serving(stand_in) as address:
            pass
        nowhere = self.port(address, self.secret, 1.0)
        assert nowhere is not None
        assert not await nowhere.gone(target(self.names), "agent")
        await nowhere.aclose()

    async def test_waits_for_a_platform_that_is_slow(self) -> None:
        stand_in = self.placed()
        stand_in.manner.late = 0.05
        async with self.opened(stand_in) as port:
            for action in self.actions:
                answer = await act(port, action, target(self.names), self.to)
                assert answer.outcome in {Outcome.CONFIRMED, Outcome.ACCEPTED}, action
                timed(answer)

    @pytest.mark.parametrize("status", [403, 500, 503])
    async def test_fails_where_the_platform_refuses(self, status: int) -> None:
        stand_in = self.placed()
        stand_in.manner.refuses = status
        async with self.opened(stand_in) as port:
            for action in self.actions:
                answer = await act(port, action, target(self.names), self.to)
                assert answer.outcome is Outcome.FAILED, action
                assert self.refused(status) in answer.detail
                assert stand_in.muted() == set()

    async def test_gives_up_on_a_platform_that_does_not_answer(self) -> None:
        stand_in = self.placed()
        stand_in.manner.deaf = True
        async with self.opened(stand_in, within=0.2) as port:
            for action in self.actions:
                answer = await act(port, action, target(self.names), self.to)
                assert answer.outcome is Outcome.FAILED, action
                assert "no answer in time (0.2 s)" in answer.detail

    @pytest.mark.parametrize("action", ["mute", "unmute", "hangup"])
    async def test_takes_a_lost_answer_for_no_harm_where_there_is_none(self, action: str) -> None:
        stand_in = self.placed()
        stand_in.manner.loses = 1
        async with self.opened(stand_in) as port:
            self.done(action, await act(port, action, target(self.names), self.to))
            assert stand_in.manner.loses == 0
            assert stand_in.muted() == ({self.names["agent"]} if action == "mute" else set())

    @pytest.mark.parametrize("action", ["play", "whisper", "transfer"])
    async def test_does_nothing_twice_when_an_answer_is_lost(self, action: str) -> None:
        if action not in self.actions:
            pytest.skip("the platform does not know it")
        stand_in = self.placed()
        stand_in.manner.loses = 1
        async with self.opened(stand_in) as port:
            answer = await act(port, action, target(self.names), self.to)
            assert answer.outcome is (Outcome.ACCEPTED if action in self.dedupes else Outcome.FAILED)
            assert self.effects(stand_in, action) == 1

    async def test_fails_where_there_is_no_platform(self) -> None:
        async with self.serving(self.placed()) as address:
            pass
        port = self.port(address, self.secret, 2.0)
        assert port is not None
        for action in (*self.actions, "ready"):
            answer = await act(port, action, target(self.names), self.to)
            assert (answer.outcome, answer.sent) == (Outcome.FAILED, None), action
            assert "can't be reached" in answer.detail
            assert self.secret not in repr(answer)
        await port.aclose()

    async def test_fails_with_wrong_credentials_and_tells_nobody_of_them(self) -> None:
        stand_in = self.placed()
        async with self.opened(stand_in, secret=self.wrong) as port:
            for action in (*self.actions, "ready"):
                answer = await act(port, action, target(self.names), self.to)
                assert answer.outcome is Outcome.FAILED, action
                assert self.refused(401) in answer.detail
                assert self.wrong not in answer.detail
            assert self.wrong not in repr(port)
            assert stand_in.asked == []


class AnyLegPort(AnyPort):
    """What they must do alike that ask of each leg by itself, and whose stand-ins note what they refuse, too.

    Attributes:
      both: actions that are asked of both legs.
    """

    both: ClassVar[frozenset[str]] = frozenset()

    @pytest.mark.parametrize("status", [400, 403])
    async def test_is_refused_once(self, status: int) -> None:
        for action in self.actions:
            stand_in = self.placed()
            stand_in.manner.refuses = status
            async with self.opened(stand_in) as port:
                answer = await act(port, action, target(self.names), self.to)
            came_to(answer, Outcome.FAILED)
            assert str(status) in answer.detail
            assert len(stand_in.asked) == (2 if action in self.both else 1), action

    @pytest.mark.parametrize("action", ["mute", "unmute"])
    async def test_sets_a_state_again_where_the_answer_was_lost(self, action: str) -> None:
        stand_in = self.placed()
        stand_in.manner.loses = 1
        async with self.opened(stand_in) as port:
            self.done(action, await act(port, action, target(self.names), self.to))
        assert len(stand_in.asked) == 2

    @pytest.mark.parametrize("action", ["whisper", "transfer"])
    async def test_asks_once_for_what_must_not_happen_twice(self, action: str) -> None:
        stand_in = self.placed()
        stand_in.manner.loses = 1
        async with self.opened(stand_in) as port:
            came_to(await act(port, action, target(self.names), self.to), Outcome.FAILED)
        assert len(stand_in.asked) == 1


class AnyConferencePort(AnyPort):
    """What they must do alike whose calls are conferences, and which say a wrong secret back."""

    async def test_shows_no_secret_that_is_said_back(self) -> None:
        stand_in = self.placed()
        async with self.opened(stand_in, secret=self.wrong) as port:
            for action in (*self.actions, "ready"):
                answer = await act(port, action, target(self.names), self.to)
                assert "***" in answer.detail

    async def test_asks_for_nothing_where_nothing_is_named(self) -> None:
        stand_in = self.placed()
        async with self.opened(stand_in) as port:
            for action, name in itertools.product(ACTIONS, [None, *NO_NAMES]):
                names = {} if name is None else dict.fromkeys(("call", "agent", "customer", "conference"), name)
                answer = await act(port, action, target(names), self.to)
                assert answer.outcome is Outcome.UNSUPPORTED, (action, name)
                assert answer.detail.startswith(f"{action}: ")
                assert answer.sent is None
                assert (await port.ready(target(names))).outcome is Outcome.UNSUPPORTED
            assert stand_in.asked == []

    async def test_says_what_is_missing_without_a_conference(self) -> None:
        stand_in = self.placed()
        names = {name: value for name, value in self.names.items() if name != "conference"}
        async with self.opened(stand_in) as port:
            for action in ("mute", "unmute", "ready"):
                answer = await act(port, action, target(names), self.to)
                assert answer.outcome is Outcome.UNSUPPORTED
                assert "parameter conference" in answer.detail
            assert stand_in.asked == []

    async def test_says_what_is_missing_without_the_agents_leg(self) -> None:
        stand_in = self.placed()
        names = {name: value for name, value in self.names.items() if name != "agent"}
        async with self.opened(stand_in) as port:
            for answer in (await port.mute(target(names), "agent"), await port.ready(target(names))):
                assert answer.outcome is Outcome.UNSUPPORTED
                assert "parameter agent_call_" in answer.detail
            assert stand_in.asked == []

    async def test_says_what_a_sound_must_be(self) -> None:
        stand_in = self.placed()
        of = target(self.names)
        async with self.opened(stand_in) as port:
            for sound in ("", "notice.wav", "file:///etc/passwd", "sound:notice"):
                for answer in (await port.play(of, sound), await port.whisper(of, "agent", sound)):
                    assert answer.outcome is Outcome.UNSUPPORTED, sound
                    assert "https://" in answer.detail
            assert stand_in.asked == []
