"""Each platform with its stand-in, ready for a call: settings that lead to it, and a look at what it did."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from streamer.callers import asterisk, audiohook, freeswitch, jambonz, plivo, signalwire, telnyx, twilio, vonage
from streamer.callers.caller import Caller, Placed
from streamer.callers.media_streams import MediaStreamsCaller
from tests.platforms.asterisk import AsteriskStandIn
from tests.platforms.audiohook import AudiohookStandIn
from tests.platforms.freeswitch import FreeSwitch
from tests.platforms.jambonz import JambonzStandIn
from tests.platforms.laml import LamlStandIn
from tests.platforms.plivo import PlivoStandIn
from tests.platforms.ports import Manner, serving
from tests.platforms.signalwire import SignalWireStandIn
from tests.platforms.telnyx import TelnyxStandIn
from tests.platforms.twilio import TwilioStandIn
from tests.platforms.vonage import APPLICATION, VonageStandIn, pem, private_key


@dataclass(frozen=True, slots=True)
class Rig:
    """A platform in whose hands a call is.

    Attributes:
      section: of the settings: where its control port is, and what it wants to know.
      muted: whether nobody hears the agent.
      leave: lets nobody listen at the control port any more.
      end: ends the call, all its legs, at the platform.
      confirms: whether the platform says that a mute was carried out.
    """

    callers: Sequence[Caller]
    section: Mapping[str, Any]
    manner: Manner
    muted: Callable[[], bool]
    leave: Callable[[], Awaitable[None]]
    end: Callable[[], None]
    confirms: bool = True


@asynccontextmanager
async def _asterisk(placed: Placed) -> AsyncIterator[Rig]:
    stand_in = AsteriskStandIn()
    stand_in.place(placed.call_id)
    async with AsyncExitStack() as port:
        address = await port.enter_async_context(serving(stand_in.app))
        section = {"ari": f"{address}/ari", "ari_user": "huazha", "ari_password": "ari-secret", "timeout": 5.0}
        agent = asterisk.channel_id(placed.call_id, "agent")
        yield Rig(
            asterisk.callers(placed),
            section,
            stand_in.manner,
            lambda: bool(stand_in.channels[agent].muted),
            port.aclose,
            stand_in.channels.clear,
        )


@asynccontextmanager
async def _audiohook(placed: Placed) -> AsyncIterator[Rig]:
    stand_in = AudiohookStandIn()
    (caller,) = audiohook.callers(placed)
    stand_in.place(caller.conversation)
    async with AsyncExitStack() as port:
        address = await port.enter_async_context(serving(stand_in.app()))
        section = {
            "address": address,
            "login": address,
            "oauth_client_id": stand_in.client_id,
            "oauth_client_secret": stand_in.client_secret,
            "timeout": 5.0,
        }
        yield Rig(
            [caller],
            section,
            stand_in.manner,
            lambda: bool(stand_in.one(caller.conversation, "agent-1")["muted"]),
            port.aclose,
            lambda: stand_in.end(caller.conversation),
        )


@asynccontextmanager
async def _freeswitch(placed: Placed) -> AsyncIterator[Rig]:
    switch = FreeSwitch()
    switch.bridge(placed.call_id, "11111111-2222-3333-4444-555555555555")
    async with AsyncExitStack() as port:
        number = await port.enter_async_context(switch.serving())
        section = {"esl_port": number, "esl_password": "ClueCon", "timeout": 5.0}
        yield Rig(
            freeswitch.callers(placed),
            section,
            switch.manner,
            lambda: not switch.hears("11111111-2222-3333-4444-555555555555", placed.call_id),
            port.aclose,
            switch.channels.clear,
        )


@asynccontextmanager
async def _jambonz(placed: Placed) -> AsyncIterator[Rig]:
    stand_in = JambonzStandIn()
    stand_in.place(placed.call_id)
    callers = jambonz.callers(placed)
    async with AsyncExitStack() as port:
        address = await port.enter_async_context(serving(stand_in.app))
        section = {"address": f"{address}/v1", "api_key": "jambonz-key", "timeout": 5.0}
        agent = callers[0].names["agent"]
        yield Rig(
            callers,
            section,
            stand_in.manner,
            lambda: stand_in.calls[agent].muted,
            port.aclose,
            stand_in.end,
            confirms=False,
        )


@asynccontextmanager
async def _vonage(placed: Placed) -> AsyncIterator[Rig]:
    stand_in = VonageStandIn()
    stand_in.place(placed.call_id)
    async with AsyncExitStack() as port:
        address = await port.enter_async_context(serving(stand_in.app))
        section = {
            "address": address,
            "application_id": APPLICATION,
            "private_key": pem(private_key()),
            "timeout": 5.0,
        }
        agent = vonage.leg_uuid("agent", placed.call_id)
        yield Rig(
            vonage.callers(placed),
            section,
            stand_in.manner,
            lambda: stand_in.legs[agent].muted,
            port.aclose,
            stand_in.end,
        )


@asynccontextmanager
async def _twilio(placed: Placed) -> AsyncIterator[Rig]:
    # What signs the requests for sockets is what signs in at the control port.
    callers = twilio.callers(replace(placed, secrets={"auth_token": "twilio-auth-token"}))
    section = {"account_sid": "AC" + "0" * 32, "auth_token": "twilio-auth-token"}
    async with _of_media_streams(TwilioStandIn(), callers, section) as rig:
        yield rig


@asynccontextmanager
async def _signalwire(placed: Placed) -> AsyncIterator[Rig]:
    section = {"project": "b08dacad-2f6c-4de1-93d6-cc732e0c69c5", "token": "PT-signalwire-token"}
    async with _of_media_streams(SignalWireStandIn(), signalwire.callers(placed), section) as rig:
        yield rig


@asynccontextmanager
async def _telnyx(placed: Placed) -> AsyncIterator[Rig]:
    section = {"api_key": "KEY-telnyx-secret"}
    async with _of_media_streams(TelnyxStandIn(), telnyx.callers(placed), section) as rig:
        yield rig


@asynccontextmanager
async def _plivo(placed: Placed) -> AsyncIterator[Rig]:
    callers = plivo.callers(replace(placed, secrets={"auth_token": "plivo-auth-token"}))
    section = {"auth_id": "MAXXXXXXXXXXXXXXXXXX", "auth_token": "plivo-auth-token"}
    async with _of_media_streams(PlivoStandIn(), callers, section) as rig:
        yield rig


@asynccontextmanager
async def _of_media_streams(
    stand_in: LamlStandIn | TelnyxStandIn | PlivoStandIn,
    callers: Sequence[MediaStreamsCaller],
    section: Mapping[str, Any],
) -> AsyncIterator[Rig]:
    (caller,) = callers
    stand_in.place(caller.names)
    async with AsyncExitStack() as port:
        address = await port.enter_async_context(serving(stand_in.app))
        yield Rig(
            callers,
            {**section, "address": address, "timeout": 5.0},
            stand_in.manner,
            lambda: caller.names["agent"] in stand_in.muted(),
            port.aclose,
            stand_in.end,
        )


RIGS: Mapping[str, Callable[[Placed], AbstractAsyncContextManager[Rig]]] = {
    "asterisk": _asterisk,
    "audiohook": _audiohook,
    "freeswitch": _freeswitch,
    "jambonz": _jambonz,
    "plivo": _plivo,
    "signalwire": _signalwire,
    "telnyx": _telnyx,
    "twilio": _twilio,
    "vonage": _vonage,
}
