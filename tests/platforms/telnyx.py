"""Telnyx's Call Control in small, over HTTP.

- https://developers.telnyx.com/api-reference/call-commands/hangup-call, play-audio-url, transfer-call
- https://developers.telnyx.com/api-reference/conference-commands/mute-conference-participants,
  play-audio-to-conference-participants
- https://developers.telnyx.com/api-reference/conference-commands/list-conference-participants
- https://developers.telnyx.com/api-reference/call-information/retrieve-a-call-status

A command is answered once it was taken, and carried out by the next request that finds it not `stuck`. It refuses
fields that it doesn't know, where Telnyx lets them pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.platforms.guarded import Guard, is_address, sent_object
from tests.platforms.ports import Manner


@dataclass(slots=True)
class Leg:
    """A leg.

    Attributes:
      heard: sounds that were played on it, with `target_legs`.
      commands: the `command_id`s that it was sent.
    """

    session: str
    alive: bool = True
    heard: list[tuple[str, str]] = field(default_factory=list)
    transferred: list[str] = field(default_factory=list)
    commands: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Conference:
    """A conference; `heard` are the sounds that were played in it, and to whom, where not to all."""

    participants: dict[str, bool] = field(default_factory=dict)
    heard: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


class TelnyxStandIn:
    """One account: `app` is to be served, and its address is what the settings want.

    Attributes:
      legs: by `call_control_id`.
      conferences: by id; participants with whether they are muted.
      stuck: whether commands stay in their queue.
    """

    def __init__(self, *, key: str = "KEY-telnyx-secret") -> None:
        self.legs: dict[str, Leg] = {}
        self.conferences: dict[str, Conference] = {}
        self.stuck = False
        self._queue: list[Callable[[], None]] = []
        self._guard = guard = Guard(f"Bearer {key}", lambda status, message: _refusal(status, str(status), message))
        leg, conference = "/v2/calls/{leg:str}", "/v2/conferences/{conference:str}"
        self.app = Starlette(
            routes=[
                Route(leg, guard(self._status), methods=["GET"]),
                Route(f"{leg}/actions/{{action}}", guard(self._leg_command), methods=["POST"]),
                Route(f"{conference}/participants", guard(self._participants), methods=["GET"]),
                Route(f"{conference}/actions/{{action}}", guard(self._conference_command), methods=["POST"]),
            ]
        )

    @property
    def asked(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The requests that would change something, as `METHOD path`, and their objects."""
        return self._guard.asked

    @property
    def manner(self) -> Manner:
        """How those are answered."""
        return self._guard.manner

    def place(self, names: Mapping[str, str]) -> None:
        """Set a call up, by the `names` that its caller gives: its legs are in the conference, if it names one."""
        legs = [names[leg] for leg in ("agent", "customer") if leg in names]
        self.legs |= {leg: Leg(names.get("session", "session-1")) for leg in legs}
        if "conference" in names:
            self.conferences[names["conference"]] = Conference(dict.fromkeys(legs, False))

    def end(self) -> None:
        """Let everybody hang up: a conference is gone with the last who leaves it."""
        for leg in self.legs:
            self._end(leg)
        self.conferences.clear()

    def muted(self) -> set[str]:
        """Tell which legs nobody hears."""
        self._go_on()
        return {leg for one in self.conferences.values() for leg, muted in one.participants.items() if muted}

    def _go_on(self) -> None:
        while self._queue and not self.stuck:
            self._queue.pop(0)()

    async def _status(self, request: Request) -> Response:
        self._go_on()
        name = request.path_params["leg"]
        leg = self.legs.get(name)
        if leg is None:
            return _missing()
        said = {
            "record_type": "call",
            "call_control_id": name,
            "call_session_id": leg.session,
            "call_leg_id": name[-8:],
        }
        return JSONResponse({"data": {**said, "is_alive": leg.alive}})

    async def _participants(self, request: Request) -> Response:
        self._go_on()
        conference = self.conferences.get(request.path_params["conference"])
        if conference is None:
            return _missing()
        if set(request.query_params) - {"page[size]", "page[number]", "filter[muted]"}:
            return _refusal(400, "10015", "unknown parameters")
        size = int(request.query_params.get("page[size]", "20"))
        if not 1 <= size <= 250:
            return _refusal(400, "10015", "page[size] must be 1 to 250")
        found = [
            {"record_type": "participant", "call_control_id": leg, "muted": muted, "status": "joined"}
            for leg, muted in conference.participants.items()
        ]
        return JSONResponse({"data": found[:size], "meta": {"total_results": len(found), "page_number": 1}})

    async def _leg_command(self, request: Request) -> Response:
        self._go_on()
        leg, action, asked = (
            self.legs.get(request.path_params["leg"]),
            request.path_params["action"],
            await sent_object(request),
        )
        fields = {
            "hangup": {"command_id"},
            "playback_start": {"command_id", "audio_url", "target_legs"},
            "transfer": {"command_id", "to"},
        }
        if leg is None or action not in fields:
            return _missing()
        if asked is None or set(asked) - fields[action]:
            return _refusal(422, "10015", "wrong content type, or unknown fields")
        if not leg.alive:
            return _refusal(422, "90018", "This call is no longer active and can't receive commands.", ENDED)
        command = asked.pop("command_id", None)
        if command is not None and (not isinstance(command, str) or not command):
            return _refusal(422, "10015", "command_id must be a string")
        if command in leg.commands:
            return _taken()
        if command is not None:
            leg.commands.add(command)
        match action, asked:
            case "hangup", _:
                self._queue.append(lambda: self._end(request.path_params["leg"]))
            case "playback_start", {"audio_url": str(sound), "target_legs": "self" | "opposite" | "both" as target}:
                if not is_address(sound):
                    return _refusal(422, "10015", "audio_url must be an address")
                leg.heard.append((sound, str(target)))
            case "transfer", {"to": str(to)} if re.fullmatch(r"\+[0-9]{2,15}|sips?:[^@\s]+@\S+", to):
                leg.transferred.append(to)
            case _:
                return _refusal(422, "10015", f"a field of {action} is missing or wrong")
        return _taken()

    async def _conference_command(self, request: Request) -> Response:
        self._go_on()
        conference = self.conferences.get(request.path_params["conference"])
        action, asked = request.path_params["action"], await sent_object(request)
        fields = {
            "mute": {"call_control_ids", "region"},
            "unmute": {"call_control_ids", "region"},
            "play": {"call_control_ids", "audio_url", "region"},
        }
        if conference is None or action not in fields:
            return _missing()
        legs = (asked or {}).get("call_control_ids", [])
        if asked is None or set(asked) - fields[action] or not isinstance(legs, list):
            return _refusal(422, "10015", "wrong content type, or unknown fields")
        if not set(legs) <= set(conference.participants):
            return _refusal(422, "90034", "a leg is not in the conference")
        if action == "play":
            sound = asked.get("audio_url")
            if not is_address(sound):
                return _refusal(422, "10015", "audio_url must be an address")
            conference.heard.append((sound, tuple(legs)))
            return _taken()
        # An empty list is everybody.
        whom = legs or list(conference.participants)
        self._queue.append(lambda: conference.participants.update(dict.fromkeys(whom, action == "mute")))
        return _taken()

    def _end(self, leg: str) -> None:
        self.legs[leg].alive = False
        for conference in self.conferences.values():
            conference.participants.pop(leg, None)


ENDED = "Call has already ended"


def _taken() -> Response:
    return JSONResponse({"data": {"result": "ok"}})


def _missing() -> Response:
    return _refusal(404, "10005", "The requested resource or URL could not be found.", "Resource not found")


def _refusal(status: int, code: str, detail: str, title: str = "Refused") -> Response:
    return JSONResponse({"errors": [{"code": code, "title": title, "detail": detail}]}, status)
