"""Blocks carried out by jambonz, over its REST API.

`PUT /Accounts/{account}/Calls/{call}` is answered 202 before anything is done; where the call isn't in a `dial` or a
`conference` then, jambonz drops the request, and only its log says so. That a call has ended can be looked up.

- https://docs.jambonz.org/reference/rest-call-control/calls/update-call
- https://github.com/jambonz/jambonz-api-server/blob/main/lib/routes/api/accounts.js
- https://github.com/jambonz/jambonz-feature-server/blob/main/lib/session/call-session.js for what is done of it
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any

import httpx

from streamer.control.legs import named
from streamer.control.paths import segment
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.control.rest import Rest
from streamer.dialects.jambonz import JambonzSettings

ENDED = frozenset({"completed", "failed", "busy", "no-answer"})
"""States of a call that is over."""
LOOKS = (0.05, 0.2, 0.5)
"""Seconds to wait before each look whether a call has ended."""
_HOOK = re.compile(r"(https?|wss?)://\S+|/\S*")
_SOUND = re.compile(r"(https?://|file://|tone_stream://)\S+")


class JambonzPort(Port):
    """The control port of one installation.

    `Target.names` has the account's SID as `account`, that of the call which runs the application as `call`, and each
    leg's by the leg.
    """

    def __init__(self, settings: JambonzSettings, rest: Rest) -> None:
        self._timeout = settings.timeout
        self._rest = rest

    async def ready(self, target: Target) -> Answer:
        """See whether jambonz knows the agent's call, and takes the key."""
        path = _path(target, "agent")
        if path is None:
            return unsupported("ready", _missing(target, "agent"))
        return await self._rest.ask("GET", path, again=True, judge=_running)

    async def mute(self, target: Target, channel: str) -> Answer:
        """Let nobody hear a leg: jambonz has rtpengine block what comes from it."""
        return await self._update("mute", target, channel, {"mute_status": "mute"}, again=True)

    async def unmute(self, target: Target, channel: str) -> Answer:
        """Let a leg be heard again."""
        return await self._update("unmute", target, channel, {"mute_status": "unmute"}, again=True)

    async def play(self, target: Target, sound: str) -> Answer:
        """Play nothing: jambonz takes the legs of a `dial` apart for a sound, and lets one of them hear it."""
        return unsupported("play", "jambonz plays a sound to one leg at a time: whisper it to the one that matters")

    async def whisper(self, target: Target, channel: str, sound: str) -> Answer:
        """Play a sound to one leg; meanwhile the legs don't hear each other."""
        if not _SOUND.fullmatch(sound):
            return unsupported("whisper", "must be the address of a sound that jambonz can fetch")
        # In a list: jambonz would take a single verb with a `url` for the address of verbs.
        verbs = [{"verb": "play", "url": sound}]
        return await self._update("whisper", target, channel, {"whisper": verbs}, again=False)

    async def hangup(self, target: Target) -> Answer:
        """End the call that runs the application, and what it dialled with it."""
        began = time.monotonic()
        answer = await self._update("hangup", target, "call", {"call_status": "completed"}, again=True)
        path = _path(target, "call")
        # One whose answer was lost finds the call ended when it is sent again: that is looked up as well.
        if path is None or answer.sent is None:
            return answer
        if await self._ended(path, began + self._timeout, forgotten=answer.outcome is Outcome.ACCEPTED):
            return Answer(Outcome.CONFIRMED, "the call has ended", answer.sent, time.monotonic())
        return answer

    async def transfer(self, target: Target, to: str) -> Answer:
        """Have the customer's call go on with the verbs that a hook gives; `to` is its address."""
        if not _HOOK.fullmatch(to):
            return unsupported("transfer", "must be the address of a hook that gives the verbs to go on with")
        call = named(target, "call")
        hook = {"url": to, "method": "POST"}
        if call is not None and call == named(target, "customer"):
            return await self._update("transfer", target, "call", {"call_hook": hook}, again=False)
        if call is not None and call == named(target, "agent"):
            return await self._update("transfer", target, "call", {"child_call_hook": hook}, again=False)
        return unsupported("transfer", "neither the agent's nor the customer's call is known to run the application")

    async def gone(self, target: Target, channel: str) -> bool:
        """See whether a leg's call has ended."""
        path = _path(target, channel)
        return path is not None and await self._rest.gone(path, lambda response: _status(response) in ENDED)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._rest.aclose()

    async def _update(self, what: str, target: Target, name: str, body: Mapping[str, Any], *, again: bool) -> Answer:
        path = _path(target, name)
        if path is None:
            return unsupported(what, _missing(target, name))
        return await self._rest.ask("PUT", path, again=again, judge=_taken, json=body)

    async def _ended(self, path: str, until: float, *, forgotten: bool) -> bool:
        """See whether a call has ended, looking some times.

        Args:
          until: second of `time.monotonic` to give up at.
          forgotten: whether a call that jambonz doesn't know is one that has ended, as it did know it before.
        """
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                for wait in LOOKS:
                    await asyncio.sleep(wait)
                    answer = await self._rest.ask("GET", path, again=True, judge=_over)
                    if answer.outcome is Outcome.CONFIRMED or (forgotten and answer.status == 404):
                        return True
        except TimeoutError:
            pass
        return False


def _running(response: httpx.Response) -> Answer:
    """Judge by what jambonz tells of a call whether something could be done about it."""
    status = _status(response)
    if status is None or status in ENDED:
        return Answer(Outcome.FAILED, f"the agent's call is {status or 'of no status'}")
    return Answer(Outcome.CONFIRMED, f"the agent's call is {status}")


def _over(response: httpx.Response) -> Answer:
    """Judge by what jambonz tells of a call whether it has ended."""
    return Answer(Outcome.CONFIRMED if _status(response) in ENDED else Outcome.FAILED)


def _status(response: httpx.Response) -> str | None:
    try:
        status = response.json()["call_status"]
    except (ValueError, KeyError, TypeError):
        return None
    return status if isinstance(status, str) else None


def _taken(response: httpx.Response) -> Answer:
    return Answer(Outcome.ACCEPTED, "jambonz took it, and does not tell what comes of it")


def _path(target: Target, name: str) -> str | None:
    account, call = named(target, "account"), named(target, name)
    if account is None or call is None:
        return None
    return f"Accounts/{segment(account)}/Calls/{segment(call)}"


def _missing(target: Target, name: str) -> str:
    if named(target, "account") is None:
        return "the call came without an accountSid"
    if name == "call":
        return "the call came without a callSid"
    return f"the {name}'s call is not known: nest the listen in the dial, or put {name}_call_sid into its metadata"


def open_port(settings: JambonzSettings) -> JambonzPort | None:
    """Open the control port, where there is an API key."""
    if settings.api_key is None:
        return None
    rest = Rest(
        f"{settings.address.rstrip('/')}/",
        timeout=settings.timeout,
        headers={"Authorization": f"Bearer {settings.api_key.get_secret_value()}"},
    )
    return JambonzPort(settings, rest)
