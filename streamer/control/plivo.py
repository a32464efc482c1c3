"""Plivo's control port: its voice API, version 1.

Most is answered 202 or 204 once it was taken. Whether it was carried out is read back: of a mute from the conference's
members, of a hang-up from the live calls and conferences, where what has ended can't be found. Members of a conference
have numbers of their own, which are looked up by their calls.

- https://docs.plivo.com/docs/voice/api/conference/member/mute-a-member, play-audio-to-a-member
- https://docs.plivo.com/docs/voice/api/call/hang-up-a-call, transfer-a-call, play-audio-on-a-call
- `plivo/resources/conferences.py`, `calls.py` and `live_calls.py` of https://github.com/plivo/plivo-python
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx

from streamer.control.legs import is_address, legs, named, nameless, no_sound, too_early, worst
from streamer.control.paths import segment
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.control.rest import Rest, fields
from streamer.dialects.plivo import PlivoSettings

LIVE = {"status": "live"}
"""Without it, a call is found long after it ended."""
REMEMBERED = 4096
"""Members of conferences whose numbers are kept."""


class PlivoPort(Port):
    """One account's calls.

    `names` of a call are `call`, the one that is streamed, `agent` and `customer`, each leg's own, all by their UUIDs,
    and `conference`, by its name. Where only one of the legs is known, the other is the one that it is bridged to.

    Args:
      settings: of the platform.
      account: its auth id.
      token: its auth token.
      transport: instead of the network.
    """

    def __init__(
        self, settings: PlivoSettings, account: str, token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._timeout = settings.timeout
        self._rest = Rest(
            f"{settings.address.rstrip('/')}/v1/Account/{segment(account)}",
            auth=(account, token),
            timeout=settings.timeout,
            transport=transport,
        )
        self._members: dict[tuple[str, str], str] = {}

    async def ready(self, target: Target) -> Answer:
        """Look the agent up in the conference, where alone they can be muted; or at least the call."""
        by = self._by()
        agent, conference, call = (named(target, name) for name in ("agent", "conference", "call"))
        if agent is not None and conference is not None:
            self._members.pop((conference, agent), None)
            found = await self._member(conference, agent, by)
            return Answer(Outcome.CONFIRMED) if isinstance(found, str) else found
        missing = nameless("mute", "agent", "call_uuid") if agent is None else _no_conference("mute")
        if call is None:
            return missing
        live = await self._rest.ask("GET", _call(call), again=True, params=LIVE, by=by)
        return live if live.outcome is Outcome.FAILED else replace(live, outcome=missing.outcome, detail=missing.detail)

    async def mute(self, target: Target, channel: str) -> Answer:
        """Let nobody in the conference hear a leg."""
        return await self._set_muted(target, channel, "mute", "POST", True)

    async def unmute(self, target: Target, channel: str) -> Answer:
        """Let a leg be heard again."""
        return await self._set_muted(target, channel, "unmute", "DELETE", False)

    async def play(self, target: Target, sound: str) -> Answer:
        """Play a sound, by its address, to the whole conference, or on both legs of a call without one."""
        conference, call = named(target, "conference"), named(target, "call")
        if not is_address(sound):
            return no_sound("play")
        if conference is not None:
            return await self._once(_conference(conference, "Member", "all", "Play"), {"url": sound})
        if call is None:
            return unsupported("play", "the stream names no call")
        return await self._once(_call(call, "Play"), {"urls": sound, "legs": "both"})

    async def whisper(self, target: Target, channel: str, sound: str) -> Answer:
        """Play a sound, by its address, that only one leg hears."""
        conference, leg, call = (named(target, name) for name in ("conference", channel, "call"))
        if not is_address(sound):
            return no_sound("whisper")
        if conference is None:
            uuid, side = (leg, "aleg") if leg is not None else (call, "bleg")
            if uuid is None:
                return nameless("whisper", channel, "call_uuid")
            return await self._once(_call(uuid, "Play"), {"urls": sound, "legs": side})
        if leg is None:
            return nameless("whisper", channel, "call_uuid")
        by = self._by()
        member = await self._member(conference, leg, by)
        if isinstance(member, Answer):
            return too_early(member)
        return await self._once(_conference(conference, "Member", member, "Play"), {"url": sound}, by)

    async def hangup(self, target: Target) -> Answer:
        """Hang the conference up, and with it all its calls; or else every call that is named."""
        by = self._by()
        conference = named(target, "conference")
        if conference is not None:
            path = _conference(conference)
            answer = await self._rest.ask("DELETE", path, again=True, judge=_taken, by=by)
            answer = await self._read_back(answer, path, _gone, by)
            if answer.outcome is not Outcome.FAILED or time.monotonic() >= by:
                return answer
        calls = legs(target)
        if not calls:
            return unsupported("hangup", "the stream names no call")
        return worst(await asyncio.gather(*(self._hang_up(call, by) for call in calls)))

    async def transfer(self, target: Target, to: str) -> Answer:
        """Let the customer's leg go on with the XML at an address."""
        customer, call = named(target, "customer"), named(target, "call")
        if not is_address(to):
            return unsupported("transfer", "write the address of XML that dials whoever is meant, https://...")
        if customer is not None:
            return await self._once(_call(customer), {"legs": "aleg", "aleg_url": to})
        if call is not None:
            return await self._once(_call(call), {"legs": "bleg", "bleg_url": to})
        return nameless("transfer", "customer", "call_uuid")

    async def gone(self, target: Target, channel: str) -> bool:
        """Look for a leg in the conference, where it was muted."""
        conference, leg = named(target, "conference"), named(target, channel)
        if conference is None or leg is None:
            return False

        def over(response: httpx.Response) -> bool:
            return all(one["call_uuid"] != leg for one in fields(response)["members"])

        return await self._rest.gone(_conference(conference), over)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._rest.aclose()

    async def _set_muted(self, target: Target, channel: str, what: str, method: str, muted: bool) -> Answer:
        conference, leg = named(target, "conference"), named(target, channel)
        if leg is None:
            return nameless(what, channel, "call_uuid")
        if conference is None:
            return _no_conference(what)
        by = self._by()
        known = (conference, leg) in self._members
        answer = await self._mute_member(conference, leg, method, by)
        if known and answer.outcome is Outcome.FAILED and time.monotonic() < by:
            # Who leaves a conference and comes back has another number.
            answer = await self._mute_member(conference, leg, method, by)

        def so(response: httpx.Response) -> bool:
            return any(one["call_uuid"] == leg and one["muted"] is muted for one in fields(response)["members"])

        return await self._read_back(answer, _conference(conference), so, by)

    async def _mute_member(self, conference: str, leg: str, method: str, by: float) -> Answer:
        member = await self._member(conference, leg, by)
        if isinstance(member, Answer):
            return too_early(member)
        path = _conference(conference, "Member", member, "Mute")
        answer = await self._rest.ask(method, path, again=True, judge=_taken, by=by)
        if answer.outcome is Outcome.FAILED:
            self._members.pop((conference, leg), None)
        return answer

    async def _member(self, conference: str, leg: str, by: float) -> str | Answer:
        """Give the number of a leg in the conference, or say why there is none."""
        if (conference, leg) in self._members:
            return self._members[conference, leg]
        found: list[str] = []

        def listed(response: httpx.Response) -> Answer:
            found.extend(str(one["member_id"]) for one in fields(response)["members"] if one["call_uuid"] == leg)
            return Answer(Outcome.ACCEPTED, "" if found else f"the call {leg} is not in the conference yet")

        answer = await self._rest.ask("GET", _conference(conference), again=True, judge=listed, refusal=_not_yet, by=by)
        if not found:
            return answer
        if len(self._members) == REMEMBERED:
            del self._members[next(iter(self._members))]
        self._members[conference, leg] = found[0]
        return found[0]

    async def _hang_up(self, call: str, by: float) -> Answer:
        answer = await self._rest.ask("DELETE", _call(call), again=True, judge=_taken, by=by)
        if answer.outcome is Outcome.FAILED:
            # What has ended can't be ended: it may be that the first answer was lost, or the customer was quicker.
            ended = await self._rest.get(_call(call), by=by)
            if ended is not None and fields(ended).get("call_uuid") == call and fields(ended).get("end_time"):
                return replace(answer, outcome=Outcome.CONFIRMED, detail="had ended already", answered=time.monotonic())
        return await self._read_back(answer, _call(call), _gone, by, LIVE)

    async def _once(self, path: str, what: dict[str, Any], by: float | None = None) -> Answer:
        return await self._rest.ask("POST", path, again=False, judge=_taken, json=what, by=by)

    async def _read_back(
        self,
        answer: Answer,
        path: str,
        so: Callable[[httpx.Response], bool],
        by: float,
        params: dict[str, str] | None = None,
    ) -> Answer:
        if answer.outcome is Outcome.ACCEPTED and await self._rest.became(path, so, by=by, params=params):
            return replace(answer, outcome=Outcome.CONFIRMED, answered=time.monotonic())
        return answer

    def _by(self) -> float:
        return time.monotonic() + self._timeout


def open_port(settings: PlivoSettings) -> PlivoPort | None:
    """Give the port, if there are credentials for it."""
    if settings.auth_id is None or settings.auth_token is None:
        return None
    return PlivoPort(settings, settings.auth_id, settings.auth_token.get_secret_value())


def _call(uuid: str, *rest: str) -> str:
    return f"/{'/'.join(['Call', segment(uuid), *rest])}/"


def _conference(name: str, *rest: str) -> str:
    return f"/{'/'.join(['Conference', segment(name), *(segment(part) for part in rest)])}/"


def _taken(response: httpx.Response) -> Answer:
    return Answer(Outcome.ACCEPTED, str(fields(response).get("message", "")))


def _gone(response: httpx.Response) -> bool:
    return response.status_code == httpx.codes.NOT_FOUND


def _not_yet(response: httpx.Response) -> Answer | None:
    if response.status_code != httpx.codes.NOT_FOUND:
        return None
    return Answer(Outcome.ACCEPTED, "there is no such conference yet")


def _no_conference(what: str) -> Answer:
    return unsupported(what, "only in a conference; give the stream its name, as the parameter conference")
