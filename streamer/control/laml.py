"""What the REST interfaces of Twilio and SignalWire have in common: SignalWire's is made to be asked as Twilio's is.

Calls and conferences are resources that are changed by forms, and answered with what they have become; so a mute and a
hang-up are confirmed by their very answers. A sound is fetched and played later: of that they say no more than that
they took it. A single leg can be muted, or played to, in a conference alone.

- https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource
- https://www.twilio.com/docs/voice/api/conference-resource#update-a-conference-resource
- https://www.twilio.com/docs/voice/api/conference-participant-resource#update-a-participant-resource
- https://signalwire.com/docs/compatibility-api/rest/conference-participants/update-participant
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import httpx

from streamer.control.legs import is_address, legs, named, nameless, no_sound, too_early, worst
from streamer.control.paths import segment
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.control.rest import Judge, Rest, fields

ENDED = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
"""States of a call that has ended."""
REMEMBERED = 4096
"""Conferences whose SIDs are kept, of those that are given by their names."""


class LamlPort(Port):
    """One account's calls.

    `names` of a call are `call`, the one that is streamed, `agent` and `customer`, each leg's own, `conference`, by its
    SID or its name, and `account`, where the call is a subaccount's.

    Args:
      root: of the interface, with the version.
      account: whose calls they are, where the call itself doesn't say.
      secret: its password.
      timeout: seconds for everything that an action takes.
      transport: instead of the network.

    Attributes:
      conference_sid: what a conference's SID looks like; anything else is a name.
    """

    conference_sid: ClassVar[re.Pattern[str]]

    def __init__(
        self, root: str, account: str, secret: str, timeout: float, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._account = account
        self._timeout = timeout
        self._rest = Rest(root, auth=(account, secret), timeout=timeout, transport=transport)
        self._sids: dict[tuple[str, str], str] = {}

    async def ready(self, target: Target) -> Answer:
        """Look the agent up in the conference, where alone they can be muted; or at least the call."""
        by = self._by()
        agent, sid = named(target, "agent"), await self._sid(target, "mute", by)
        if agent is not None and isinstance(sid, str):
            path = self._participant(target, sid, agent)
            return await self._rest.ask("GET", path, again=True, refusal=_not_yet, by=by)
        missing = sid if isinstance(sid, Answer) else nameless("mute", "agent", "call_sid")
        if missing.outcome is not Outcome.UNSUPPORTED:
            return missing
        call = named(target, "call")
        if call is None:
            return missing
        found = await self._rest.ask("GET", self._path(target, "Calls", call), again=True, by=by)
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
        """Announce a sound, by its address, to the whole conference.

        Without one there is no way: new instructions for a call end the `<Dial>` that it is in, and so the other leg.
        """
        if not is_address(sound):
            return no_sound("play")
        return await self._change(target, "play", None, _announced(sound), again=False, judge=_taken)

    async def whisper(self, target: Target, channel: str, sound: str) -> Answer:
        """Announce a sound, by its address, to one participant of the conference."""
        if not is_address(sound):
            return no_sound("whisper")
        return await self._change(target, "whisper", channel, _announced(sound), again=False, judge=_taken)

    async def hangup(self, target: Target) -> Answer:
        """End the conference, and with it all its calls; or else every call that is named."""
        by = self._by()
        if named(target, "conference") is not None:
            # One that goes by a name may have ended, and another begun.
            self._sids.pop(_known_by(target), None)
            sid = await self._sid(target, "hangup", by)
            if isinstance(sid, Answer):
                answer = too_early(sid)
            else:
                answer = await self._complete(self._path(target, "Conferences", sid), by)
            if answer.outcome is not Outcome.FAILED or time.monotonic() >= by:
                return answer
        calls = legs(target)
        if not calls:
            return unsupported("hangup", "the stream names no call")
        return worst(await asyncio.gather(*(self._end(self._path(target, "Calls", call), by) for call in calls)))

    async def transfer(self, target: Target, to: str) -> Answer:
        """Give the customer's call new instructions; what they are is the platform's affair."""
        customer = named(target, "customer")
        if customer is None:
            return nameless("transfer", "customer", "call_sid")
        instructions = self.instructions(to)
        if isinstance(instructions, str):
            return unsupported("transfer", instructions)
        path = self._path(target, "Calls", customer)
        # The new instructions would begin again if they were given twice.
        return await self._rest.ask("POST", path, again=False, judge=_taken, data=instructions)

    async def gone(self, target: Target, channel: str) -> bool:
        """Look for a leg in the conference, where it was muted."""
        by = self._by()
        leg, sid = named(target, channel), await self._sid(target, "unmute", by)
        if leg is None or isinstance(sid, Answer):
            return isinstance(sid, Answer) and sid.outcome is Outcome.ACCEPTED
        return await self._rest.gone(self._participant(target, sid, leg), by=by)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._rest.aclose()

    def instructions(self, to: str) -> Mapping[str, str] | str:
        """Give the fields that hand a call to somebody, or say what `to` must be."""
        raise NotImplementedError

    async def _set_muted(self, target: Target, channel: str, what: str, muted: bool) -> Answer:
        form = {"Muted": "true" if muted else "false"}
        return await self._change(target, what, channel, form, again=True, judge=_so("muted", muted))

    async def _change(
        self, target: Target, what: str, channel: str | None, form: Mapping[str, str], *, again: bool, judge: Judge
    ) -> Answer:
        """Change the conference, or one participant of it."""
        leg = None if channel is None else named(target, channel)
        if channel is not None and leg is None:
            return nameless(what, channel, "call_sid")
        by = self._by()
        sid = await self._sid(target, what, by)
        if isinstance(sid, Answer):
            return too_early(sid)
        path = self._path(target, "Conferences", sid) if leg is None else self._participant(target, sid, leg)
        answer = await self._rest.ask("POST", path, again=again, judge=judge, data=form, by=by)
        if answer.outcome is Outcome.FAILED:
            # A conference that goes by a name may have ended, and another begun.
            self._sids.pop(_known_by(target), None)
        return answer

    async def _end(self, path: str, by: float) -> Answer:
        answer = await self._complete(path, by)
        if answer.outcome is Outcome.FAILED:
            # What has ended can't be ended: it may be that the first answer was lost, or the customer was quicker.
            found = await self._rest.get(path, by=by)
            if found is not None and (status := fields(found).get("status")) in ENDED:
                return replace(answer, outcome=Outcome.CONFIRMED, detail=f"{status}", answered=time.monotonic())
        return answer

    async def _complete(self, path: str, by: float) -> Answer:
        def over(response: httpx.Response) -> Answer:
            status = fields(response).get("status")
            return Answer(Outcome.CONFIRMED if status in ENDED else Outcome.ACCEPTED, f"{status}")

        return await self._rest.ask("POST", path, again=True, judge=over, data={"Status": "completed"}, by=by)

    async def _sid(self, target: Target, what: str, by: float) -> str | Answer:
        """Give the SID of the call's conference, or say why there is none."""
        given = named(target, "conference")
        if given is None:
            return unsupported(
                what, "only in a conference; give the stream its SID or name, as the parameter conference"
            )
        if self.conference_sid.fullmatch(given):
            return given
        known_by = _known_by(target)
        if known_by in self._sids:
            return self._sids[known_by]
        found: list[str] = []

        def listed(response: httpx.Response) -> Answer:
            found.extend(
                str(one["sid"])
                for one in fields(response)["conferences"]
                if one["friendly_name"] == given and one["status"] == "in-progress"
            )
            return Answer(Outcome.ACCEPTED, f"no conference {given} is in progress yet")

        params = {"FriendlyName": given, "Status": "in-progress"}
        answer = await self._rest.ask(
            "GET", self._path(target, "Conferences"), again=True, judge=listed, params=params, by=by
        )
        if not found:
            return answer
        if len(self._sids) == REMEMBERED:
            del self._sids[next(iter(self._sids))]
        self._sids[known_by] = found[0]
        return found[0]

    def _path(self, target: Target, *names: str) -> str:
        account = named(target, "account") or self._account
        return f"/Accounts/{'/'.join(segment(name) for name in (account, *names))}.json"

    def _participant(self, target: Target, conference: str, leg: str) -> str:
        return self._path(target, "Conferences", conference, "Participants", leg)

    def _by(self) -> float:
        return time.monotonic() + self._timeout


def _known_by(target: Target) -> tuple[str, str]:
    return named(target, "call") or "", named(target, "conference") or ""


def _announced(sound: str) -> Mapping[str, str]:
    # They POST by themselves, which what only has files often refuses.
    return {"AnnounceUrl": sound, "AnnounceMethod": "GET"}


def _taken(response: httpx.Response) -> Answer:
    return Answer(Outcome.ACCEPTED)


def _not_yet(response: httpx.Response) -> Answer | None:
    if response.status_code != httpx.codes.NOT_FOUND:
        return None
    return Answer(Outcome.ACCEPTED, "the agent is not in the conference yet")


def _so(name: str, wanted: bool) -> Judge:
    def judge(response: httpx.Response) -> Answer:
        said = fields(response).get(name)
        if said is wanted:
            return Answer(Outcome.CONFIRMED)
        return Answer(Outcome.ACCEPTED if said is None else Outcome.FAILED, f"{name}: {said}")

    return judge
