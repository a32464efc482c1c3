"""Telnyx's control port: Call Control, version 2.

A command is answered `{"data": {"result": "ok"}}` once it was taken. Whether it was carried out is read back: of a
mute from the conference's participants, of a hang-up from the leg. A command to a leg has a `command_id`, and is
carried out once, however often it comes; those to a conference have none, but for muting that makes no difference.

- https://developers.telnyx.com/api-reference/call-commands/hangup-call, play-audio-url, transfer-call
- https://developers.telnyx.com/api-reference/conference-commands/mute-conference-participants
- https://developers.telnyx.com/api-reference/conference-commands/list-conference-participants
- https://developers.telnyx.com/docs/voice/programmable-voice/sending-commands
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx

from streamer.control.legs import is_address, legs, named, nameless, no_sound, worst
from streamer.control.paths import segment
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.control.rest import Rest, fields
from streamer.dialects.telnyx import TelnyxSettings

ENDED = "90018"
"""Code of the refusal of a command to a leg that has ended."""
PAGE = {"page[size]": "250"}
"""All participants of a conference at once, but for huge ones."""

_NUMBER = re.compile(r"\+[0-9]{2,15}")


class TelnyxPort(Port):
    """One account's calls.

    `names` of a call are `call`, the leg that is streamed, `agent` and `customer`, each by its `call_control_id`, and
    `conference`, by its id.

    Args:
      settings: of the platform.
      key: of its API.
      transport: instead of the network.
    """

    def __init__(self, settings: TelnyxSettings, key: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._timeout = settings.timeout
        self._rest = Rest(
            f"{settings.address.rstrip('/')}/v2",
            headers={"Authorization": f"Bearer {key}"},
            timeout=settings.timeout,
            transport=transport,
        )

    async def ready(self, target: Target) -> Answer:
        """Look the agent up in the conference, where alone they can be muted; or at least the streamed leg."""
        agent, conference = named(target, "agent"), named(target, "conference")
        if agent is not None and conference is not None:

            def there(response: httpx.Response) -> Answer:
                if any(one["call_control_id"] == agent for one in fields(response)["data"]):
                    return Answer(Outcome.CONFIRMED)
                return Answer(Outcome.ACCEPTED, "the agent is not in the conference yet")

            path = _conference(conference, "participants")
            return await self._rest.ask("GET", path, again=True, judge=there, refusal=_not_yet, params=PAGE)
        missing = nameless("mute", "agent", "call_control_id") if agent is None else _no_conference("mute")
        leg = named(target, "call") or agent
        if leg is None:
            return missing
        found = await self._rest.ask("GET", f"/calls/{segment(leg)}", again=True)
        return (
            found if found.outcome is Outcome.FAILED else replace(found, outcome=missing.outcome, detail=missing.detail)
        )

    async def mute(self, target: Target, channel: str) -> Answer:
        """Let nobody in the conference hear a leg."""
        return await self._set_muted(target, channel, "mute", True)

    async def unmute(self, target: Target, channel: str) -> Answer:
        """Let a leg be heard again."""
        return await self._set_muted(target, channel, "unmute", False)

    async def play(self, target: Target, sound: str) -> Answer:
        """Play a sound, by its address, to the whole conference, or on both legs of a call without one."""
        conference, call = named(target, "conference"), named(target, "call")
        if not is_address(sound):
            return no_sound("play")
        if conference is not None:
            return await self._command(_conference(conference, "actions/play"), {"audio_url": sound}, again=False)
        if call is None:
            return unsupported("play", "the stream names no call")
        return await self._to_leg(call, "playback_start", {"audio_url": sound, "target_legs": "both"})

    async def whisper(self, target: Target, channel: str, sound: str) -> Answer:
        """Play a sound, by its address, that only one leg hears."""
        conference, leg = named(target, "conference"), named(target, channel)
        if not is_address(sound):
            return no_sound("whisper")
        if leg is None:
            return nameless("whisper", channel, "call_control_id")
        if conference is not None:
            what = {"audio_url": sound, "call_control_ids": [leg]}
            return await self._command(_conference(conference, "actions/play"), what, again=False)
        return await self._to_leg(leg, "playback_start", {"audio_url": sound, "target_legs": "self"})

    async def hangup(self, target: Target) -> Answer:
        """Hang up every leg that is named: in a conference, one leg's end need not be the other's."""
        known = legs(target)
        if not known:
            return unsupported("hangup", "the stream names no leg")
        return worst(await asyncio.gather(*(self._hang_up(leg) for leg in known)))

    async def transfer(self, target: Target, to: str) -> Answer:
        """Connect the customer's leg to a number, `+...`, or to `sip:...`."""
        customer = named(target, "customer")
        if customer is None:
            return nameless("transfer", "customer", "call_control_id")
        if not (_NUMBER.fullmatch(to) or to.startswith(("sip:", "sips:"))):
            return unsupported("transfer", "write a number with its country, +..., or sip:WHO@WHERE")
        return await self._to_leg(customer, "transfer", {"to": to})

    async def gone(self, target: Target, channel: str) -> bool:
        """Look for a leg in the conference, where it was muted."""
        conference, leg = named(target, "conference"), named(target, channel)
        if conference is None or leg is None:
            return False

        def over(response: httpx.Response) -> bool:
            return all(one["call_control_id"] != leg for one in fields(response)["data"])

        return await self._rest.gone(_conference(conference, "participants"), over, params=PAGE)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._rest.aclose()

    async def _set_muted(self, target: Target, channel: str, what: str, muted: bool) -> Answer:
        conference, leg = named(target, "conference"), named(target, channel)
        if leg is None:
            return nameless(what, channel, "call_control_id")
        if conference is None:
            return _no_conference(what)
        by = time.monotonic() + self._timeout
        # Of an empty list, Telnyx would make everybody.
        path = _conference(conference, f"actions/{what}")
        answer = await self._command(path, {"call_control_ids": [leg]}, again=True, by=by)

        def so(response: httpx.Response) -> bool:
            return any(one["call_control_id"] == leg and one["muted"] is muted for one in fields(response)["data"])

        return await self._read_back(answer, _conference(conference, "participants"), so, by, PAGE)

    async def _hang_up(self, leg: str) -> Answer:
        by = time.monotonic() + self._timeout
        answer = await self._to_leg(leg, "hangup", {}, by=by)
        return await self._read_back(
            answer, f"/calls/{segment(leg)}", lambda said: fields(said)["data"]["is_alive"] is False, by
        )

    async def _to_leg(self, leg: str, action: str, what: dict[str, Any], by: float | None = None) -> Answer:
        return await self._command(
            f"/calls/{segment(leg)}/actions/{action}",
            {**what, "command_id": str(uuid.uuid4())},
            again=True,
            by=by,
            ends=action == "hangup",
        )

    async def _command(
        self, path: str, what: dict[str, Any], *, again: bool, by: float | None = None, ends: bool = False
    ) -> Answer:
        return await self._rest.ask(
            "POST", path, again=again, judge=_taken, refusal=_ended if ends else None, json=what, by=by
        )

    async def _read_back(
        self,
        answer: Answer,
        path: str,
        so: Callable[[httpx.Response], bool],
        by: float,
        params: dict[str, str] | None = None,
    ) -> Answer:
        if answer.outcome is Outcome.ACCEPTED and await self._rest.became(path, so, by=by, params=params):
            return replace(answer, outcome=Outcome.CONFIRMED, detail="", answered=time.monotonic())
        return answer


def open_port(settings: TelnyxSettings) -> TelnyxPort | None:
    """Give the port, if there is a key for it."""
    return None if settings.api_key is None else TelnyxPort(settings, settings.api_key.get_secret_value())


def _conference(name: str, rest: str) -> str:
    return f"/conferences/{segment(name)}/{rest}"


def _taken(response: httpx.Response) -> Answer:
    result = fields(response)["data"]["result"]
    return Answer(Outcome.ACCEPTED if result == "ok" else Outcome.FAILED, f"result: {result}")


def _ended(response: httpx.Response) -> Answer | None:
    errors = fields(response).get("errors")
    if isinstance(errors, list) and any(isinstance(one, dict) and str(one.get("code")) == ENDED for one in errors):
        return Answer(Outcome.CONFIRMED, "had ended already")
    return None


def _not_yet(response: httpx.Response) -> Answer | None:
    if response.status_code != httpx.codes.NOT_FOUND:
        return None
    return Answer(Outcome.ACCEPTED, "there is no such conference yet")


def _no_conference(what: str) -> Answer:
    return unsupported(what, "only in a conference; give the stream its id, as the parameter conference")
