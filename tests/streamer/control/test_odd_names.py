"""No name from a stream leads a control port anywhere but to the call that it names: a table over all ports."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from streamer.control import rest
from streamer.control.audiohook import AudiohookPort
from streamer.control.esl import Esl, Told
from streamer.control.freeswitch import FreeSwitchPort
from streamer.control.jambonz import JambonzPort
from streamer.control.legs import named
from streamer.control.paths import climbs, is_one_segment, segment
from streamer.control.plivo import PlivoPort
from streamer.control.port import Outcome, Port, Target
from streamer.control.rest import Rest
from streamer.control.signalwire import SignalWirePort
from streamer.control.telnyx import TelnyxPort
from streamer.control.twilio import TwilioPort
from streamer.control.vonage import VonagePort
from streamer.dialects.audiohook import AudiohookSettings
from streamer.dialects.freeswitch import FreeSwitchSettings
from streamer.dialects.jambonz import JambonzSettings
from streamer.dialects.plivo import PlivoSettings
from streamer.dialects.signalwire import SignalWireSettings
from streamer.dialects.telnyx import TelnyxSettings
from streamer.dialects.twilio import TwilioSettings
from streamer.dialects.vonage import VonageSettings
from tests.streamer.control.odd_names import ODD_NAMES

NAMES = ("agent", "customer", "call", "account", "conference", "conversation", "session")
HTTP: dict[str, tuple[str, Callable[[httpx.AsyncBaseTransport], Port]]] = {
    "twilio": ("/2010-04-01/", lambda wire: TwilioPort(TwilioSettings(), "AC1", "t", wire)),
    "signalwire": (
        "/api/laml/2010-04-01/",
        lambda wire: SignalWirePort(SignalWireSettings(), "http://port.test", "p", "t", wire),
    ),
    "telnyx": ("/v2/", lambda wire: TelnyxPort(TelnyxSettings(), "k", wire)),
    "plivo": ("/v1/Account/MA1/", lambda wire: PlivoPort(PlivoSettings(), "MA1", "t", wire)),
    "vonage": ("/v1/calls/", lambda wire: VonagePort(VonageSettings(), Rest("http://v", timeout=1, transport=wire))),
    "jambonz": (
        "/v1/Accounts/",
        lambda wire: JambonzPort(JambonzSettings(), Rest("http://j/v1", timeout=1, transport=wire)),
    ),
}


class Everything(httpx.AsyncBaseTransport):
    """A platform that answers whatever it is asked for with what leads elsewhere, too.

    Attributes:
      paths: that were asked for.
    """

    def __init__(self, name: str) -> None:
        self.paths: list[str] = []
        self._answer = {
            "conferences": [{"sid": name, "friendly_name": "c", "status": "in-progress"}],
            "members": [{"member_id": name, "call_uuid": "a", "muted": True}],
            "data": [{"call_control_id": "a", "muted": True}],
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.raw_path.decode())
        return httpx.Response(200, json=self._answer)


async def say(message: str) -> bool:
    raise AssertionError("nothing is said on the socket")


async def everything(port: Port, target: Target) -> list[Outcome]:
    given = [
        await port.ready(target),
        await port.mute(target, "agent"),
        await port.unmute(target, "agent"),
        await port.hangup(target),
        await port.play(target, "https://bank.example/s.mp3"),
        await port.whisper(target, "agent", "https://bank.example/s.mp3"),
        await port.transfer(target, "https://bank.example/x"),
    ]
    await port.gone(target, "agent")
    return [answer.outcome for answer in given]


class TestAnOddName:
    @pytest.mark.parametrize("platform", HTTP)
    async def test_of_everything_is_asked_for_nowhere(self, platform: str) -> None:
        _, opened = HTTP[platform]
        for name in ODD_NAMES:
            wire = Everything("x")
            port = opened(wire)
            assert set(await everything(port, Target(dict.fromkeys(NAMES, name), say))) == {Outcome.UNSUPPORTED}
            assert wire.paths == [], name
            await port.aclose()

    @pytest.mark.parametrize("platform", HTTP)
    @pytest.mark.parametrize("odd", NAMES)
    async def test_of_anything_leads_nowhere_else(
        self, platform: str, odd: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root, opened = HTTP[platform]
        monkeypatch.setattr(rest, "LOOKS", (0.0,))
        for name in ("..", "%2e%2e", "x/../y", ""):
            wire = Everything(name)
            port = opened(wire)
            names = {**dict.fromkeys(NAMES, "c"), "agent": "a", odd: name}
            await everything(port, Target(names, say))
            for path in wire.paths:
                assert path.startswith(root), (name, path)
                assert not climbs(path.partition("?")[0]), (name, path)
            await port.aclose()

    @pytest.mark.parametrize("name", ODD_NAMES)
    async def test_of_a_conversation_is_unsupported_at_genesys_cloud(self, name: str) -> None:
        port = AudiohookPort(AudiohookSettings(address="http://127.0.0.1:1"), "id", SecretStr("secret"))
        answer = await port.mute(Target({"conversation": name}, say), "agent")
        assert (answer.outcome, answer.sent) == (Outcome.UNSUPPORTED, None)
        assert not await port.gone(Target({"conversation": name}, say), "agent")
        await port.aclose()

    @pytest.mark.parametrize("name", [*ODD_NAMES, "u x", "u;x", "u|x", "u\n\napi shutdown", "-u", "u'", "u{x}"])
    async def test_of_a_channel_is_no_command_of_freeswitch(self, name: str) -> None:
        class Silent(Esl):
            async def api(self, command: str, *, within: float, again: bool) -> Told:
                raise AssertionError(command)

        port = FreeSwitchPort(FreeSwitchSettings(), Silent("127.0.0.1", 1, "p"))
        target = Target({"agent": name, "customer": name}, say)
        assert set(await everything(port, target)) == {Outcome.UNSUPPORTED}

    @given(st.text(max_size=20))
    def test_is_never_taken_where_it_climbs(self, name: str) -> None:
        taken = named(Target({"agent": name}, say), "agent")
        assert taken == (name if is_one_segment(name) else None)
        if taken is not None:
            url = httpx.URL("http://port.test/").join(f"/a/{segment(taken)}/b")
            assert url.raw_path.decode() == f"/a/{segment(taken)}/b"
            assert not climbs(f"/a/{segment(taken)}/b")

    @pytest.mark.parametrize(
        "name", ["CA1", "v3:x-_", "7c1b-4", "保本会议 1", "a.b", ".a", "1700000000.12", "x=y", "a+b", "a@b", "50%"]
    )
    def test_is_not_what_platforms_give(self, name: str) -> None:
        target = Target({"conference": name}, say)
        assert named(target, "conference") == name
