"""Calls that come on more than one socket, over real ones: cut off and taken up again, in halves, and admitted."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from lexicon.loader import shipped
from streamer import dialling, recordings
from streamer.access.keyring import Keyring
from streamer.access.roles import Role
from streamer.access.tokens import Tokens
from streamer.audio import encode
from streamer.bus import Bus
from streamer.callers import audiohook
from streamer.callers.audiohook import AudiohookCaller
from streamer.callers.caller import Caller, Placed
from streamer.dialects.asterisk import SUBPROTOCOL
from streamer.lexicon_store import LexiconStore
from streamer.metrics import Metrics
from streamer.recognition.scheduler import Scheduler
from streamer.record import database
from streamer.record.clips import Clip
from streamer.record.event import Event
from streamer.server import MediaServer
from streamer.settings import Settings
from tests.faults import DATA, Reciter

CALL_ID = "aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb"
SECRET = "12345678901234567890123456789012"
SPEECH = recordings.read(DATA / "demo-zh.wav")
Told = tuple[str, str | None, Mapping[str, Any]]
"""A type of event, the service's name of the call that it is about, and its fields."""


class House:
    """A media plane in which everybody recites the same, and all that it tells."""

    def __init__(self, media: MediaServer, bus: Bus) -> None:
        self.media = media
        self.told: list[Told] = []
        self.clips: list[Clip] = []
        self._more = asyncio.Event()
        tell = bus.tell

        def listen(kind: str, about: Any = None, fields: Mapping[str, Any] | None = None) -> Event:
            self.told.append((kind, about and about.call, dict(fields or {})))
            self._more.set()
            return tell(kind, about, fields)

        count = media.metrics.received.inc

        def received(amount: float = 1) -> None:
            count(amount)
            self._more.set()

        media.metrics.received.inc = received  # type: ignore[method-assign,assignment]
        bus.tell = listen  # type: ignore[method-assign]
        bus.keep = lambda about, clip: self.clips.append(clip)  # type: ignore[method-assign]

    @property
    def address(self) -> str:
        return self.media.url.removesuffix("/v1/calls")

    @property
    def received(self) -> float:
        """Seconds of audio received, of all channels together."""
        return self.media.metrics.value(self.media.metrics.received)

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        return [fields for told, _, fields in self.told if told == kind]

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until what was told makes it so."""
        async with asyncio.timeout(20):
            while not done():
                self._more.clear()
                await self._more.wait()

    async def ended(self, calls: int = 1) -> list[Mapping[str, Any]]:
        """Wait until so many calls are over; give their accounts."""
        await self.until(lambda: len(self.of("call.stopped")) == calls)
        return self.of("call.stopped")


@asynccontextmanager
async def open_house(
    tmp_path: Path, rejoin_timeout: float = 60, keyring: Keyring | None = None, **more: Any
) -> AsyncIterator[House]:
    """Let everybody in, unless there is a keyring.

    Args:
      rejoin_timeout: seconds that a call is waited for; long enough for any test that takes it up again.
    """
    limits = {"rejoin_timeout": rejoin_timeout}
    settings = Settings.model_validate({"media_port": 0, "data": tmp_path, "limits": limits, **more})
    recognizer, bus, metrics = Reciter("这款产品保本保收益您放心"), Bus(time.time), Metrics(CollectorRegistry())
    async with (
        Scheduler(recognizer, observe=metrics.count_batch) as scheduler,
        MediaServer(settings, LexiconStore(shipped(), {}), scheduler, metrics, bus, keyring=keyring) as media,
    ):
        yield House(media, bus)


@asynccontextmanager
async def guarded_house(tmp_path: Path, platforms: Mapping[str, Any]) -> AsyncIterator[House]:
    """Let in whom platforms sign for, and nobody else."""
    engine = database.open_(f"sqlite:///{tmp_path / 'journal.db'}")
    tokens = Tokens(engine)
    tokens.create("somebody else", Role.PLATFORM, None, time.time())
    keyring = Keyring(tokens)
    keyring.refresh()
    async with open_house(tmp_path, keyring=keyring, platforms=platforms) as house:
        yield house
    engine.dispose()


class Line:
    """One socket of a platform, which sends when it is told to."""

    def __init__(self, caller: Caller, socket: ClientConnection) -> None:
        self.caller = caller
        self.socket = socket

    async def say(self, *messages: str | bytes) -> None:
        for message in messages:
            await self.socket.send(message)

    async def speak(self, seconds: float) -> None:
        """Send the beginning of a call in which both speak at once, faster than it was spoken."""
        caller, count = self.caller, round(seconds * self.caller.sample_rate)
        step = SPEECH.sample_rate / caller.sample_rate
        agent = SPEECH.samples[(np.arange(count) * step).astype(int), SPEECH.channels.index("agent")]
        payload = encode(np.repeat(agent, len(caller.channels)), caller.encoding)
        frame = round(caller.frame_seconds * caller.sample_rate) * caller.encoding.width * len(caller.channels)
        for at in range(0, len(payload), frame):
            await self.say(*caller.audio(payload[at : at + frame]))

    async def hear(self) -> None:
        """Take in one message, and answer it."""
        async with asyncio.timeout(20):
            await self.say(*self.caller.receive(await self.socket.recv()))

    def cut(self) -> None:
        """Lose the connection, without a word."""
        self.socket.transport.abort()

    async def hang_up(self) -> None:
        """End the call as the platform does."""
        await self.say(*self.caller.end())
        while not self.caller.over:
            await self.hear()
        await self.socket.close()


@asynccontextmanager
async def line(house: House, caller: Caller) -> AsyncIterator[Line]:
    dial = caller.dial(house.address)
    offered = None if dial.subprotocol is None else [Subprotocol(dial.subprotocol)]
    async with connect(
        dial.url, compression=None, additional_headers=dict(dial.headers), subprotocols=offered
    ) as socket:
        one = Line(caller, socket)
        await one.say(*caller.begin())
        yield one


def callers(platform: str, call_id: str = CALL_ID, **secrets: str) -> list[Caller]:
    return [*dialling.CALLERS[platform](Placed(call_id, language="zh", secrets=secrets))]


def blind(house: House) -> dict[str, set[str]]:
    """Give why each channel was blind."""
    found: dict[str, set[str]] = {}
    for fields in house.of("blind"):
        found.setdefault(fields["channel"], set()).add(fields["reason"])
    return found


def audiohook_caller() -> AudiohookCaller:
    (caller,) = audiohook.callers(Placed(CALL_ID, language="zh"))
    return caller


async def pause_and_cut(house: House) -> None:
    """Speak for three seconds, pause as for a card's number, and lose the connection."""
    caller = audiohook_caller()
    async with line(house, caller) as first:
        await first.hear()
        await first.speak(3.0)
        await house.until(lambda: house.received >= 6.0 and bool(house.of("block")))
        await first.say(*caller.pause(on=True))
        # An answer: what was said before has come in.
        await (await first.socket.ping())
        first.cut()


class TestACallThatIsCutOff:
    @pytest.mark.parametrize("platform", ["twilio", "telnyx"])
    async def test_and_comes_again_is_one_call_with_a_blind_gap(self, platform: str, tmp_path: Path) -> None:
        async with open_house(tmp_path) as house:
            async with line(house, *callers(platform)) as first:
                await first.speak(3.0)
                await house.until(lambda: house.received >= 6.0 and bool(house.of("block")))
                first.cut()
            async with line(house, *callers(platform)) as second:
                await second.speak(3.0)
                await second.hang_up()
            (account,) = await house.ended()
        assert len(house.of("call.started")) == 1
        assert account["outcome"] == "completed"
        assert blind(house) == {channel: {"the connection was lost"} for channel in ("agent", "customer")}
        (gap,) = [fields for fields in house.of("blind") if fields["channel"] == "agent"]
        assert gap["from"] == pytest.approx(3.0, abs=0.01)
        assert account["duration"] == pytest.approx(gap["to"] + 3.0, abs=0.01)

    async def test_while_it_is_paused_and_comes_again_paused_has_missed_nothing(self, tmp_path: Path) -> None:
        async with open_house(tmp_path) as house:
            await pause_and_cut(house)
            caller = audiohook_caller()
            async with line(house, caller) as second:
                await second.hear()
                await second.say(*caller.pause(on=True), *caller.pause(on=False))
                await second.speak(2.0)
                await second.hang_up()
            (account,) = await house.ended()
        assert blind(house) == {}
        assert account["duration"] == pytest.approx(5.0, abs=0.01)

    async def test_while_it_is_paused_and_comes_again_with_audio_is_blind_from_the_loss_on(
        self, tmp_path: Path
    ) -> None:
        async with open_house(tmp_path) as house:
            await pause_and_cut(house)
            async with line(house, audiohook_caller()) as second:
                await second.hear()
                await second.speak(2.0)
                await second.hang_up()
            (account,) = await house.ended()
        assert blind(house) == {channel: {"the connection was lost"} for channel in ("agent", "customer")}
        assert account["duration"] == pytest.approx(5.0 + account["blind_seconds"] / 2, abs=0.01)

    async def test_keeps_evidence_in_its_place(self, tmp_path: Path) -> None:
        async with open_house(tmp_path) as house:
            async with line(house, *callers("twilio")) as first:
                await first.speak(3.0)
                await house.until(lambda: house.received >= 6.0 and bool(house.of("block")))
                first.cut()
            async with line(house, *callers("twilio")) as second:
                await second.speak(3.0)
                await second.hang_up()
            (account,) = await house.ended()
        assert house.clips
        for clip in house.clips:
            ends = [clip.start + len(audio) / clip.sample_rate for audio in clip.audio.values()]
            assert ends == pytest.approx([account["duration"]] * 2, abs=0.01)

    async def test_and_does_not_come_again_is_over(self, tmp_path: Path) -> None:
        async with open_house(tmp_path, rejoin_timeout=0.05) as house:
            async with line(house, *callers("twilio")) as first:
                await first.speak(3.0)
                await house.until(lambda: house.received >= 6.0 and bool(house.of("block")))
                first.cut()
            (account,) = await house.ended()
            assert house.media.live == 0
        assert account["outcome"] == "connection_lost"
        assert blind(house) == {channel: {"the connection was lost"} for channel in ("agent", "customer")}
        assert account["duration"] == pytest.approx(3.0 + account["blind_seconds"] / 2, abs=0.01)

    async def test_comes_from_the_later_socket_where_the_earlier_is_still_there(self, tmp_path: Path) -> None:
        async with (
            open_house(tmp_path) as house,
            line(house, *callers("twilio")) as first,
        ):
            await first.speak(3.0)
            await house.until(lambda: house.received >= 6.0)
            async with line(house, *callers("twilio")) as second:
                await second.speak(1.0)
                await house.until(lambda: house.received >= 8.0)
                await first.speak(1.0)
                await first.hang_up()
                await second.speak(1.0)
                await second.hang_up()
            (account,) = await house.ended()
        assert len(house.of("call.started")) == 1
        # The first brought 3 s of two channels, the second 2 s.
        assert house.received - account["blind_seconds"] == pytest.approx(10.0, abs=0.01)


class TestALegThatNobodyHears:
    """Told as it happens, with no word and no sound of the platform to start from."""

    async def test_brings_no_audio(self, tmp_path: Path) -> None:
        async with open_house(tmp_path, policy={"blind_after": 1}) as house:
            (caller,) = callers("twilio")
            async with line(house, caller) as one:
                for message in caller.audio(b"\x40" * 2 * 8000):
                    if isinstance(message, str) and '"inbound"' in message:
                        await one.say(message)
                await house.until(lambda: bool(house.of("blind")))
                await house.until(lambda: house.media.deaf == 1)
                await one.hang_up()
            (account,) = await house.ended()
        assert blind(house)["agent"] == {"no audio arrived"}
        assert account["legs"]["agent"]["blind"] >= 1.0

    async def test_lost_its_socket_while_the_other_goes_on(self, tmp_path: Path) -> None:
        async with open_house(tmp_path, rejoin_timeout=0.05) as house:
            agent, customer = callers("asterisk")
            async with line(house, customer) as other:
                async with line(house, agent) as one:
                    await one.speak(1.0)
                    await other.speak(1.0)
                    await house.until(lambda: house.received >= 2.0)
                    one.cut()
                await house.until(lambda: bool(house.of("blind")))
                assert [(told["channel"], told["alert"]) for told in house.of("blind")] == [("agent", True)]
                await other.hang_up()
            (account,) = await house.ended()
        assert account["legs"]["agent"]["blind"] >= 1.0

    async def test_has_not_come(self, tmp_path: Path) -> None:
        async with open_house(tmp_path, policy={"blind_after": 1}, rejoin_timeout=0.05) as house:
            async with line(house, callers("asterisk")[1]) as other:
                await other.speak(1.0)
                await house.until(lambda: bool(house.of("blind")))
                await other.hang_up()
            (account,) = await house.ended()
        assert blind(house)["agent"] == {"this leg has not come"}
        assert account["legs"]["agent"]["blind"] >= 1.0


class TestACallInHalves:
    @pytest.mark.parametrize("platform", ["asterisk", "vonage"])
    async def test_is_one_call(self, platform: str, tmp_path: Path) -> None:
        async with open_house(tmp_path, rejoin_timeout=0.2) as house:
            agent, customer = callers(platform)
            async with line(house, agent) as one, line(house, customer) as other:
                await one.speak(3.0)
                await other.speak(3.0)
                await house.until(lambda: bool(house.of("block")))
                await one.hang_up()
                await other.hang_up()
            (account,) = await house.ended()
        (started,) = house.of("call.started")
        assert (started["platform"], set(started["channels"])) == (platform, {"agent", "customer"})
        assert account["outcome"] == "completed"
        assert house.received >= 6.0
        assert blind(house) == {}

    async def test_goes_on_with_one_while_the_other_is_lost(self, tmp_path: Path) -> None:
        async with open_house(tmp_path, rejoin_timeout=0.2) as house:
            agent, customer = callers("asterisk")
            async with line(house, agent) as one:
                async with line(house, customer) as other:
                    await house.until(lambda: bool(house.of("call.started")))
                    await other.speak(1.0)
                    await house.until(lambda: house.received >= 1.0)
                    other.cut()
                await one.speak(3.0)
                await house.until(lambda: bool(house.of("block")))
                async with line(house, callers("asterisk")[1]) as again:
                    await again.speak(1.0)
                    await again.hang_up()
                await one.hang_up()
            await house.ended()
        assert len(house.of("call.started")) == 1
        assert blind(house).get("customer") == {"the connection was lost"}

    async def test_of_another_platform_is_another_call(self, tmp_path: Path) -> None:
        async with open_house(tmp_path) as house:
            async with line(house, *callers("twilio")) as one, line(house, *callers("telnyx")) as other:
                await house.until(lambda: len(house.of("call.started")) == 2)
                await one.speak(1.0)
                await other.speak(2.0)
                await one.hang_up()
                await other.hang_up()
            accounts = await house.ended(2)
        assert {fields["platform"] for fields in house.of("call.started")} == {"twilio", "telnyx"}
        assert sorted(fields["duration"] for fields in accounts) == [1.0, 2.0]
        assert len({call for kind, call, _ in house.told if kind == "call.stopped"}) == 2


async def test_what_is_not_streamed_while_a_platform_pauses_is_neither_heard_nor_blind(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        caller = audiohook_caller()
        async with line(house, caller) as one:
            await one.hear()
            await one.speak(3.0)
            await one.say(*caller.pause(on=True), b"\0" * 16_000, *caller.pause(on=False))
            await one.speak(2.0)
            await one.hang_up()
        (account,) = await house.ended()
        assert house.received == 10.0
    assert (account["outcome"], account["duration"], account["blind_seconds"]) == ("completed", 5.0, 0.0)
    assert house.of("blind") == []


def wrong(secrets: Mapping[str, str]) -> dict[str, str]:
    """Change the last one of them."""
    *_, last = secrets
    return {**secrets, last: base64.b64encode(b"another secret, as long as the first").decode()}


class TestAPlatformThatSigns:
    secrets: Mapping[str, Mapping[str, str]] = {
        "twilio": {"auth_token": SECRET},
        "telnyx": {"stream_auth_token": SECRET},
        "asterisk": {"username": "huazha", "password": SECRET},
        "audiohook": {"api_key": "key", "signature_secret": base64.b64encode(SECRET.encode()).decode()},
    }

    @pytest.mark.parametrize("platform", secrets)
    async def test_needs_no_token_of_ours(self, platform: str, tmp_path: Path) -> None:
        secrets = self.secrets[platform]
        async with (
            guarded_house(tmp_path, {platform: secrets}) as house,
            line(house, callers(platform, **secrets)[0]),
        ):
            await house.until(lambda: bool(house.of("call.started")))
        assert house.of("access") == []

    @pytest.mark.parametrize("platform", secrets)
    async def test_wrongly_is_refused_and_on_the_record(self, platform: str, tmp_path: Path) -> None:
        secrets = self.secrets[platform]
        async with guarded_house(tmp_path, {platform: secrets}) as house:
            with pytest.raises(InvalidStatus) as refused:
                async with line(house, callers(platform, **wrong(secrets))[0]):
                    pass
            assert refused.value.response.status_code == 401
        (access,) = house.of("access")
        assert (access["what"], access["by"]) == ("refused", "127.0.0.1")
        assert f"{platform}: " in access["detail"]
        assert not [one for secret in (secrets, wrong(secrets)) if (one := [*secret.values()][-1]) in access["detail"]]
        assert house.of("call.started") == []


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        ([SUBPROTOCOL], SUBPROTOCOL),
        (["other", SUBPROTOCOL], SUBPROTOCOL),
        (["other"], None),
        (None, None),
    ],
)
async def test_a_platform_s_own_subprotocol_is_taken_and_it_is_served_without(
    offered: list[str] | None, taken: str | None, tmp_path: Path
) -> None:
    caller = callers("asterisk")[0]
    subprotocols = None if offered is None else [Subprotocol(one) for one in offered]
    async with open_house(tmp_path, rejoin_timeout=0.05) as house:
        async with connect(caller.dial(house.address).url, subprotocols=subprotocols) as socket:
            assert socket.subprotocol == taken
            one = Line(caller, socket)
            await one.say(*caller.begin())
            await one.speak(1.0)
            await one.hang_up()
        (account,) = await house.ended()
    assert account["duration"] == 1.0
