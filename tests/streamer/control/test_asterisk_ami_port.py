"""Asterisk's manager interface as a control port, over a real socket: who is silent afterwards, whatever goes wrong."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from streamer.control import ami_client, asterisk, asterisk_ami
from streamer.control.asterisk import open_port
from streamer.control.asterisk_ami import AmiPort
from streamer.control.port import Outcome, Port
from streamer.dialects.asterisk import AsteriskSettings
from tests.certificates import certify
from tests.platforms.asterisk_ami import AmiStandIn
from tests.streamer.control.misbehaving import SOUND, AnyPort, act, confirmed, target

SECRET = "ami-secret"
NAMES = {"agent": "c-1-agent", "customer": "c-1-customer"}
NO_CHANNELS = [
    "",
    " ",
    "/.*/",
    "/",
    "a b",
    "a\r\nAction: Hangup\r\nChannel: x",
    "a\n\nb",
    "a,qW",
    "${SHELL(id)}",
    "x" * 201,
    "\x1b[2J",
    "\ud800",
]


@pytest.fixture
def stand_in() -> AmiStandIn:
    made = AmiStandIn(secret=SECRET)
    made.place("c-1")
    return made


@asynccontextmanager
async def opened(stand_in: AmiStandIn, **section: Any) -> AsyncIterator[AmiPort]:
    async with stand_in.serving() as number:
        port = made(number, **section)
        try:
            yield port
        finally:
            await port.aclose()


def made(number: int, **section: Any) -> AmiPort:
    settings = {"control": "ami", "ami_port": number, "ami_user": "huazha", "ami_password": SECRET, "timeout": 2.0}
    port = open_port(AsteriskSettings.model_validate({**settings, "ami_sounds": "huazha-sounds", **section}))
    assert isinstance(port, AmiPort)
    return port


class TestTheContract(AnyPort):
    names: ClassVar[Mapping[str, str]] = NAMES
    to: ClassVar[str] = "compliance,100"
    secret: ClassVar[str] = SECRET

    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ami_client, "AGAIN", (0.0, 0.0, 0.0))
        monkeypatch.setattr(asterisk_ami, "LOOKS", (0.0, 0.0, 0.0))

    def placed(self) -> AmiStandIn:
        stand_in = AmiStandIn(secret=SECRET)
        stand_in.place("c-1")
        return stand_in

    def port(self, address: str, secret: str, timeout: float) -> Port | None:
        return made(int(address), ami_password=secret, timeout=timeout)

    def effects(self, stand_in: AmiStandIn, action: str) -> int:
        return sum(name == ("Redirect" if action == "transfer" else "Originate") for name, _ in stand_in.asked)

    def refused(self, status: int) -> str:
        return "another ami_user or ami_password" if status == 401 else f"Refused ({status})"

    @asynccontextmanager
    async def serving(self, stand_in: AmiStandIn) -> AsyncIterator[str]:
        async with stand_in.serving() as number:
            yield str(number)


class TestAMute:
    async def test_silences_what_comes_in_on_the_legs_channel(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.mute(target(NAMES), "agent"))
            assert stand_in.channels["c-1-agent"].muted == {"in"}
            assert not stand_in.channels["c-1-customer"].muted

    async def test_at_the_ear_leaves_the_agent_to_be_heard_by_us(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in, mute="ear") as port:
            confirmed(await port.mute(target(NAMES), "agent"))
            assert stand_in.channels["c-1-customer"].muted == {"out"}
            assert not stand_in.channels["c-1-agent"].muted
            assert not await port.gone(target(NAMES), "agent")
            confirmed(await port.unmute(target(NAMES), "agent"))
            assert stand_in.muted() == set()

    async def test_at_the_ear_is_gone_with_the_customer(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in, mute="ear") as port:
            del stand_in.channels["c-1-customer"]
            assert await port.gone(target(NAMES), "agent")

    async def test_of_a_channel_that_is_gone_fails_and_says_so(self, stand_in: AmiStandIn) -> None:
        stand_in.end()
        async with opened(stand_in) as port:
            answer = await port.mute(target(NAMES), "agent")
            assert (answer.outcome, answer.detail) == (Outcome.FAILED, "Asterisk said No such channel")

    async def test_that_the_user_may_not_ask_for_says_what_to_set(self, stand_in: AmiStandIn) -> None:
        stand_in.permitted -= {"MuteAudio"}
        async with opened(stand_in) as port:
            answers = [await port.ready(target(NAMES)), await port.mute(target(NAMES), "agent")]
        for answer in answers:
            assert answer.outcome is Outcome.FAILED
            assert "write = system,call" in answer.detail


class TestReady:
    async def test_waits_for_a_customer_whose_channel_the_other_socket_names(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in, mute="ear") as port:
            answer = await port.ready(target({"agent": "c-1-agent"}))
            assert answer.outcome is Outcome.ACCEPTED
            assert "HUAZHA_CUSTOMER_CHANNEL" in answer.detail

    async def test_asks_once_what_it_may_do(self, stand_in: AmiStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.ready(target(NAMES)))
            stand_in.permitted -= {"ListCommands"}
            confirmed(await port.ready(target(NAMES)))


class TestSounds:
    async def test_are_mixed_into_what_one_leg_or_both_hear(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.whisper(target(NAMES), "customer", "sound:custom/notice"))
            confirmed(await port.play(target(NAMES), SOUND))
        assert stand_in.channels["c-1-customer"].heard == [("custom/notice", "one")]
        assert stand_in.channels["c-1-agent"].heard == [(SOUND, "both")]

    async def test_without_a_context_for_them_say_what_to_set(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in, ami_sounds=None) as port:
            for answer in (await port.whisper(target(NAMES), "agent", "x"), await port.play(target(NAMES), "x")):
                assert answer.outcome is Outcome.UNSUPPORTED
                assert "ami_sounds" in answer.detail
        assert stand_in.asked == []

    @pytest.mark.parametrize("sound", ["", "a,b", "a b", "tone:ring", "x\r\nAction: Hangup", "${X}"])
    async def test_that_are_none_ask_nothing(self, stand_in: AmiStandIn, sound: str) -> None:
        async with opened(stand_in) as port:
            assert (await port.play(target(NAMES), sound)).outcome is Outcome.UNSUPPORTED
        assert stand_in.connections == 0

    async def test_that_the_dialplan_does_not_take_are_not_called_played(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in, ami_sounds="elsewhere") as port:
            answer = await port.play(target(NAMES), "x")
        assert answer.outcome is Outcome.ACCEPTED
        assert "both@elsewhere" in answer.detail


class TestTransfer:
    async def test_sends_the_customer_on(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.transfer(target(NAMES), "compliance, 100"))
        assert stand_in.channels["c-1-customer"].extension == "100"
        assert stand_in.channels["c-1-agent"].extension == "s"

    async def test_to_where_the_dialplan_has_nothing_fails(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in) as port:
            answer = await port.transfer(target(NAMES), "nowhere,100")
        assert answer.outcome is Outcome.FAILED
        assert "nowhere,100" in answer.detail

    @pytest.mark.parametrize("to", ["", "compliance", "PJSIP/x", "a,,1", "a,b,c,d", "a,b\r\nAction: Hangup"])
    async def test_to_what_is_no_place_asks_nothing(self, stand_in: AmiStandIn, to: str) -> None:
        async with opened(stand_in) as port:
            assert (await port.transfer(target(NAMES), to)).outcome is Outcome.UNSUPPORTED
        assert stand_in.connections == 0


class TestHangup:
    async def test_of_a_call_with_one_leg_left_ends_that(self, stand_in: AmiStandIn) -> None:
        del stand_in.channels["c-1-agent"]
        async with opened(stand_in) as port:
            confirmed(await port.hangup(target(NAMES)))
        assert stand_in.channels == {}

    async def test_of_a_call_that_nobody_knows_is_not_called_done(self, stand_in: AmiStandIn) -> None:
        stand_in.end()
        async with opened(stand_in) as port:
            assert (await port.hangup(target(NAMES))).outcome is Outcome.FAILED


class TestAChannelsName:
    @pytest.mark.parametrize("name", NO_CHANNELS)
    async def test_that_could_mean_another_is_taken_for_none(self, stand_in: AmiStandIn, name: str) -> None:
        of = target(dict.fromkeys(NAMES, name))
        async with opened(stand_in) as port:
            for action in ("mute", "unmute", "play", "whisper", "transfer", "hangup", "ready"):
                assert (await act(port, action, of, "compliance,100")).outcome is Outcome.UNSUPPORTED, action
            assert not await port.gone(of, "agent")
        assert stand_in.connections == 0

    async def test_may_be_that_of_any_technology(self, stand_in: AmiStandIn) -> None:
        name = "Local/customer@outbound-00000001;1"
        stand_in.channels[name] = stand_in.channels.pop("c-1-agent")
        async with opened(stand_in) as port:
            confirmed(await port.mute(target({"agent": name}), "agent"))
        assert stand_in.muted() == {name}


class TestTheConnection:
    async def test_is_one_for_all_calls_at_once(self, stand_in: AmiStandIn) -> None:
        for number in range(20):
            stand_in.place(f"c-{number}")
        async with opened(stand_in) as port:
            names = [{"agent": f"c-{number}-agent"} for number in range(20)]
            for answer in await asyncio.gather(*(port.mute(target(one), "agent") for one in names)):
                confirmed(answer)
        assert len(stand_in.muted()) == 20
        assert stand_in.connections == 1

    async def test_that_was_cut_is_made_again(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in) as port:
            confirmed(await port.mute(target(NAMES), "agent"))
            stand_in.cut()
            confirmed(await port.unmute(target(NAMES), "agent"))
        assert (stand_in.connections, stand_in.muted()) == (2, set())

    async def test_that_has_died_without_a_word_is_left_for_a_new_one(
        self, stand_in: AmiStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ami_client, "SILENT", 0.05)
        async with opened(stand_in, timeout=0.4) as port:
            confirmed(await port.ready(target(NAMES)))
            stand_in.silent = True
            asking = asyncio.create_task(port.mute(target(NAMES), "agent"))
            await stand_in.becomes(lambda: stand_in.connections == 2)
            assert (await asking).outcome is Outcome.FAILED

    async def test_outlives_an_action_that_had_no_time(self, stand_in: AmiStandIn) -> None:
        async with opened(stand_in) as port:
            await port.ready(target(NAMES))
            with pytest.raises(ami_client.AmiFailed):
                await port._ami.ask("Status", {"Channel": "c-1-agent"}, within=0.0, again=True)
            confirmed(await port.mute(target(NAMES), "agent"))
        assert stand_in.connections == 1

    async def test_is_kept_alive_by_pings(self, stand_in: AmiStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ami_client, "IDLE", 0.01)
        async with opened(stand_in) as port:
            await port.ready(target(NAMES))
            await stand_in.becomes(lambda: stand_in.pings >= 3)
        assert stand_in.connections == 1

    async def test_that_answers_no_ping_is_given_up_before_a_block_needs_it(
        self, stand_in: AmiStandIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ami_client, "IDLE", 0.01)
        monkeypatch.setattr(ami_client, "LOST", 0.01)
        async with opened(stand_in) as port:
            await port.ready(target(NAMES))
            stand_in.silent = True
            await stand_in.becomes(lambda: not stand_in.open)
            stand_in.silent = False
            monkeypatch.setattr(ami_client, "IDLE", 20.0)
            confirmed(await port.mute(target(NAMES), "agent"))

    async def test_to_what_is_no_manager_interface_fails_and_says_so(self) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = made(server.sockets[0].getsockname()[1], timeout=0.5)
            answer = await port.mute(target(NAMES), "agent")
            await port.aclose()
        assert answer.outcome is Outcome.FAILED
        assert "did not greet as a manager interface" in answer.detail

    async def test_may_be_one_of_tls(
        self, stand_in: AmiStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        tls = certify(tmp_path)
        server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server.load_cert_chain(tls.certificate, tls.key)
        async with stand_in.serving(server) as number:
            distrusting = made(number, ami_tls=True, timeout=0.5)
            answer = await distrusting.mute(target(NAMES), "agent")
            await distrusting.aclose()
            assert answer.outcome is Outcome.FAILED
            assert "certificate" in answer.detail
            monkeypatch.setattr(asterisk, "trusted", lambda: ssl.create_default_context(cafile=str(tls.certificate)))
            trusting = made(number, ami_tls=True)
            confirmed(await trusting.mute(target(NAMES), "agent"))
            await trusting.aclose()


class TestSettings:
    def test_that_leave_it_without_a_way_in_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="needs ami_user and ami_password"):
            AsteriskSettings.model_validate({"control": "ami", "ami_user": "huazha"})

    def test_that_would_be_ignored_are_refused(self) -> None:
        with pytest.raises(ValidationError, match='only used with control = "ami"'):
            AsteriskSettings.model_validate({"ami_user": "huazha", "ami_password": SECRET})

    @pytest.mark.parametrize(
        "wrong",
        [
            {"control": "esl"},
            {"mute": "both"},
            {"ami_user": "a\r\nb"},
            {"ami_sounds": "a b"},
            {"ami_sounds": "a@b/n,x"},
            {"ami_port": 0},
        ],
    )
    def test_that_are_none_are_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            AsteriskSettings.model_validate({"control": "ami", "ami_user": "u", "ami_password": SECRET, **wrong})

    def test_hide_their_secrets(self) -> None:
        section = AsteriskSettings.model_validate({"control": "ami", "ami_user": "u", "ami_password": SECRET})
        assert SECRET not in repr(section)
        assert SECRET not in repr(open_port(section))
