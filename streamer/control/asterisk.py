"""Asterisk's control port: its REST interface (ARI), over HTTP.

Follows https://docs.asterisk.org/Latest_API/API_Documentation/Asterisk_REST_Interface/Channels_REST_API/ and
`res/ari/resource_channels.c`. ARI answers 204 once a command stands in the channel's queue, not once it was carried
out; so what came of it is seen before it is called confirmed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import httpx

from streamer.control.ami_client import Ami
from streamer.control.asterisk_ami import AmiPort
from streamer.control.asterisk_channels import muted_at, nameless, not_ready, nowhere, place_of
from streamer.control.legs import named, worst
from streamer.control.paths import segment
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.control.rest import Rest, trusted
from streamer.dialects.asterisk import AsteriskSettings
from streamer.dialects.dialect import LEGS

LOOKS = (0.01, 0.03, 0.1, 0.2, 0.4)
"""Seconds between looks for what came of a command: a channel in no bridge takes its commands every 0.2 s."""
FENCE = "HUAZHA_FENCE"
"""Channel variable that is set behind a command, in the same queue."""
FENCED = 0.5
"""Seconds to wait until it is set: a sound that plays on the channel holds its queue up for as long as it plays, and
the call's next signal waits meanwhile."""
LATER = "taken, but not seen to be carried out: the channel may be busy with a sound until that ends"
SOUND_SCHEMES = ("sound:", "recording:", "number:", "digits:", "characters:", "tone:")


class AsteriskPort(Port):
    """ARI, for all calls of one Asterisk.

    `names` of a call are the ids of its channels: `agent`, `customer`. Mute, unmute and transfer work only on channels
    in a Stasis application; hanging up and, with `app` set, sounds work on any.

    Args:
      settings: with `ari_user` and `ari_password`.
      transport: instead of the network.
    """

    def __init__(
        self, settings: AsteriskSettings, user: str, password: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._app = settings.app
        self._mute = settings.mute
        self.hears_muted = settings.mute == "ear"
        self._timeout = settings.timeout
        self._rest = Rest(
            settings.ari.rstrip("/"), auth=(user, password), timeout=settings.timeout, transport=transport
        )

    async def ready(self, target: Target) -> Answer:
        """Look up the channel that a block mutes: it is there, and in Stasis, where alone it can be muted."""
        leg, _ = muted_at("agent", self._mute)
        name = named(target, leg)
        if name is None:
            return not_ready(leg)
        return await self._rest.ask("GET", _channel(name), again=True, judge=partial(_in_stasis, leg=leg))

    async def mute(self, target: Target, channel: str) -> Answer:
        """Silence what a leg says: what comes *in* on its channel, or what goes *out* on the other's."""
        return await self._set_mute(target, channel, "POST", "mute")

    async def unmute(self, target: Target, channel: str) -> Answer:
        """Let what a leg says be heard again."""
        return await self._set_mute(target, channel, "DELETE", "unmute")

    async def play(self, target: Target, sound: str) -> Answer:
        """Play to both legs: mixed into the agent's channel both ways, or else on each leg's channel."""
        if self._app is not None:
            return await self._mixed(target, "play", "agent", "both", sound)
        names = {leg: named(target, leg) for leg in LEGS}
        unknown = next((leg for leg, name in names.items() if name is None), None)
        if unknown is not None:
            return nameless("play", unknown)
        return worst(await asyncio.gather(*(self._on_channel(name, sound) for name in names.values() if name)))

    async def whisper(self, target: Target, channel: str, sound: str) -> Answer:
        """Play to one leg: mixed into what goes *out* on its channel, or else on its channel."""
        if self._app is not None:
            return await self._mixed(target, "whisper", channel, "out", sound)
        name = named(target, channel)
        return nameless("whisper", channel) if name is None else await self._on_channel(name, sound)

    async def hangup(self, target: Target) -> Answer:
        """Hang up every leg that is named: in a Stasis application, one leg's end need not be the other's."""
        names = [name for leg in LEGS if (name := named(target, leg)) is not None]
        if not names:
            return nameless("hangup", "agent")
        # Seen before, and not there after: then it was hung up, even if the answer to that got lost.
        seen = await asyncio.gather(*(self._rest.ask("GET", _channel(name), again=True) for name in names))
        if all(answer.outcome is Outcome.FAILED for answer in seen):
            return worst(seen)
        there = [name for name, answer in zip(names, seen, strict=True) if answer.status != 404]
        return worst(await asyncio.gather(*(self._hang_up(name) for name in there)))

    async def transfer(self, target: Target, to: str) -> Answer:
        """Send the customer's channel on: to `CONTEXT,EXTENSION[,PRIORITY]`, or by SIP to `TECHNOLOGY/RESOURCE`."""
        customer = named(target, "customer")
        if customer is None:
            return nameless("transfer", "customer")
        if (place := place_of(to)) is not None:
            return await self._continue(_channel(customer), place, to)
        technology, _, resource = to.partition("/")
        if "," not in to and technology and resource:
            path = f"{_channel(customer)}/redirect"
            return await self._rest.ask("POST", path, again=False, judge=_queued, params={"endpoint": to})
        return unsupported("transfer", "write CONTEXT,EXTENSION or CONTEXT,EXTENSION,PRIORITY or TECHNOLOGY/RESOURCE")

    async def gone(self, target: Target, channel: str) -> bool:
        """See whether there is the channel on which a leg is muted."""
        name = named(target, muted_at(channel, self._mute)[0])
        return name is not None and await self._rest.gone(_channel(name))

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._rest.aclose()

    async def _set_mute(self, target: Target, channel: str, method: str, what: str) -> Answer:
        leg, direction = muted_at(channel, self._mute)
        name = named(target, leg)
        if name is None:
            return nameless(what, leg)
        path = _channel(name)

        async def carried_out() -> bool:
            # Commands of a channel are carried out in turn, and this one is answered only once it was.
            fence = {"variable": FENCE, "value": what}
            passed = await self._rest.ask(
                "POST", f"{path}/variable", again=False, by=time.monotonic() + FENCED, params=fence
            )
            return passed.outcome is Outcome.CONFIRMED

        return await self._confirmed(
            lambda: self._rest.ask(method, f"{path}/mute", again=True, judge=_queued, params={"direction": direction}),
            carried_out,
        )

    async def _continue(self, path: str, place: dict[str, str], to: str) -> Answer:
        wanted = place["context"], place["extension"]
        there_already = False

        def before(response: httpx.Response) -> Answer:
            nonlocal there_already
            there_already = _place(_json(response)) == wanted
            return Answer(Outcome.CONFIRMED)

        async def arrived() -> bool:
            # Who stood there before can't be seen to arrive.
            return not there_already and await self._look(path, lambda said: _place(said) == wanted)

        seen = await self._rest.ask("GET", path, again=True, judge=before)
        if seen.outcome is Outcome.FAILED:
            return seen
        answer = await self._confirmed(
            lambda: self._rest.ask("POST", f"{path}/continue", again=False, judge=_queued, params=place), arrived
        )
        if answer.outcome is Outcome.ACCEPTED and await self._rest.gone(path):
            return replace(answer, outcome=Outcome.FAILED, detail=nowhere(to))
        return answer

    async def _hang_up(self, name: str) -> Answer:
        path = _channel(name)

        async def gone() -> bool:
            for wait in LOOKS:
                asked = await self._rest.ask("GET", path, again=True)
                if asked.status == 404:
                    return True
                await asyncio.sleep(wait)
            return False

        async def hang_up() -> Answer:
            answer = await self._rest.ask("DELETE", path, again=True, judge=_queued, params={"reason": "normal"})
            vanished = answer.status == 404
            return Answer(Outcome.ACCEPTED, "", answer.sent, answer.answered) if vanished else answer

        return await self._confirmed(hang_up, gone)

    async def _mixed(self, target: Target, what: str, leg: str, whisper: str, sound: str) -> Answer:
        """Play on a channel that is mixed into a leg's: one for each leg and direction, for as long as the call."""
        name = named(target, leg)
        if name is None:
            return nameless(what, leg)
        snoop = f"huazha-{whisper}-{name}"
        directions = {"spy": "none", "whisper": whisper, "app": self._app, "appArgs": "huazha"}

        async def play() -> Answer:
            if await self._rest.get(_channel(snoop)) is None:
                path = f"{_channel(name)}/snoop/{segment(snoop)}"
                made = await self._rest.ask("POST", path, again=False, params=directions)
                # Two that begin at once: one makes it, and both play.
                if made.outcome is Outcome.FAILED and await self._rest.get(_channel(snoop)) is None:
                    return made
            return await self._on_channel(snoop, sound, entering=True)

        try:
            async with asyncio.timeout(self._timeout):
                return await play()
        except TimeoutError:
            return Answer(Outcome.FAILED, f"no answer in time ({self._timeout:g} s)", None, time.monotonic())

    async def _on_channel(self, name: str, sound: str, *, entering: bool = False) -> Answer:
        media = sound if sound.startswith(SOUND_SCHEMES) else f"sound:{sound}"
        playback = ""

        def queued(response: httpx.Response) -> Answer:
            nonlocal playback
            playback = str(_json(response).get("id", ""))
            return _queued(response)

        async def ask() -> Answer:
            answer = Answer(Outcome.FAILED)
            for wait in LOOKS:
                answer = await self._rest.ask(
                    "POST", f"{_channel(name)}/play", again=False, judge=queued, params={"media": media}
                )
                # 409 until a new channel has entered its application; nothing was played then.
                if not entering or answer.status != 409:
                    break
                await asyncio.sleep(wait)
            return answer

        async def playing() -> bool:
            path = f"/playbacks/{segment(playback)}"
            return bool(playback) and await self._look(path, lambda said: said.get("state") == "playing")

        return await self._confirmed(ask, playing)

    async def _confirmed(self, ask: Callable[[], Awaitable[Answer]], done: Callable[[], Awaitable[bool]]) -> Answer:
        """Ask, and once that is taken, look for what came of it as long as there is time."""
        deadline = time.monotonic() + self._timeout
        answer = await ask()
        if answer.outcome is not Outcome.ACCEPTED:
            return answer
        confirmed = False
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                confirmed = await done()
        except TimeoutError:
            pass
        if confirmed:
            return Answer(Outcome.CONFIRMED, "", answer.sent, time.monotonic())
        return Answer(Outcome.ACCEPTED, LATER, answer.sent, answer.answered)

    async def _look(self, path: str, good: Callable[[dict[str, Any]], bool]) -> bool:
        for wait in LOOKS:
            response = await self._rest.get(path)
            if response is not None and good(_json(response)):
                return True
            await asyncio.sleep(wait)
        return False


def open_port(settings: AsteriskSettings) -> AsteriskPort | AmiPort | None:
    """Give the port that `control` names, or None where its user and password are not set."""
    if settings.control == "ami":
        if settings.ami_user is None or settings.ami_password is None:
            return None
        secret = settings.ami_password.get_secret_value()
        tls = trusted() if settings.ami_tls else None
        return AmiPort(settings, Ami(settings.ami_host, settings.ami_port, settings.ami_user, secret, tls=tls))
    if settings.ari_user is None or settings.ari_password is None:
        return None
    return AsteriskPort(settings, settings.ari_user, settings.ari_password.get_secret_value())


def _channel(name: str) -> str:
    return f"/channels/{segment(name)}"


def _queued(response: httpx.Response) -> Answer:
    return Answer(Outcome.ACCEPTED)


def _in_stasis(response: httpx.Response, leg: str) -> Answer:
    said = _json(response)
    dialplan = said.get("dialplan")
    application = dialplan.get("app_name") if isinstance(dialplan, dict) else None
    # Asterisk before 16.8 does not tell the application.
    if application not in {None, "Stasis"}:
        return Answer(
            Outcome.FAILED,
            f"the {leg}'s channel is in {application or 'no application'}, not in Stasis, where alone ARI can mute it;"
            " with control set to ami in [platforms.asterisk], any channel can be muted",
        )
    return Answer(Outcome.CONFIRMED)


def _place(said: dict[str, Any]) -> tuple[Any, Any] | None:
    dialplan = said.get("dialplan")
    return (dialplan.get("context"), dialplan.get("exten")) if isinstance(dialplan, dict) else None


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        said = response.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
