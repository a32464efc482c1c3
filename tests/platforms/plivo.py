"""Plivo's voice API in small, over HTTP.

- https://docs.plivo.com/docs/voice/api/conference/member/mute-a-member, unmute-a-member, play-audio-to-a-member
- https://docs.plivo.com/docs/voice/api/conference/retrieve-a-conference, hang-up-a-conference
- https://docs.plivo.com/docs/voice/api/call/hang-up-a-call, transfer-a-call, play-audio-on-a-call,
  retrieve-a-live-call
- the answers in `lib/rest/request-test.js` of https://github.com/plivo/plivo-node

What was taken is carried out by the next request that finds it not `stuck`. It refuses fields that it doesn't know,
where Plivo lets them pass.
"""

from __future__ import annotations

import base64
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
class Call:
    """A call.

    Attributes:
      bridged: whether it dialled another leg, its B leg.
      heard: sounds that were played on it, and on which of its legs.
      transferred: where its legs were sent.
    """

    live: bool = True
    bridged: bool = False
    heard: list[tuple[str, str]] = field(default_factory=list)
    transferred: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Member:
    """A call in a conference."""

    call: str
    muted: bool = False
    heard: list[str] = field(default_factory=list)


class PlivoStandIn:
    """One account: `app` is to be served, and its address is what the settings want.

    Attributes:
      calls: by UUID.
      conferences: by name; members by number.
      stuck: whether what was taken is left undone.
      all_hung_up: whether somebody hung up everything that there is.
    """

    def __init__(self, *, account: str = "MAXXXXXXXXXXXXXXXXXX", token: str = "plivo-auth-token") -> None:
        self.calls: dict[str, Call] = {}
        self.conferences: dict[str, dict[str, Member]] = {}
        self.stuck = False
        self.all_hung_up = False
        self._numbers = 10
        self._queue: list[Callable[[], None]] = []
        basic = base64.b64encode(f"{account}:{token}".encode()).decode()
        self._guard = guard = Guard(f"Basic {basic}", _refusal)
        base = f"/v1/Account/{account}"
        member = f"{base}/Conference/{{conference}}/Member/{{member}}"
        self.app = Starlette(
            routes=[
                Route(f"{base}/Call/", guard(self._hang_up_all), methods=["DELETE"]),
                Route(f"{base}/Conference/", guard(self._hang_up_all), methods=["DELETE"]),
                Route(f"{base}/Call/{{call}}/", guard(self._get_call), methods=["GET"]),
                Route(f"{base}/Call/{{call}}/", guard(self._hang_up_call), methods=["DELETE"]),
                Route(f"{base}/Call/{{call}}/", guard(self._transfer), methods=["POST"]),
                Route(f"{base}/Call/{{call}}/Play/", guard(self._play_call), methods=["POST"]),
                Route(f"{base}/Conference/{{conference}}/", guard(self._get_conference), methods=["GET"]),
                Route(f"{base}/Conference/{{conference}}/", guard(self._hang_up_conference), methods=["DELETE"]),
                Route(f"{member}/Mute/", guard(self._mute), methods=["POST", "DELETE"]),
                Route(f"{member}/Play/", guard(self._play_members), methods=["POST"]),
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
        """Set a call up, by the `names` that its caller gives: its legs are in the conference, if it names one.

        Without one, its legs are bridged: the one that is streamed is the A leg.
        """
        legs = [names[leg] for leg in ("agent", "customer") if leg in names]
        self.calls |= {leg: Call(bridged="conference" not in names and leg == names["call"]) for leg in legs}
        if "conference" in names:
            self.conferences[names["conference"]] = {}
            for leg in legs:
                self.join(names["conference"], leg)

    def join(self, conference: str, call: str) -> None:
        """Let a call into a conference, for the first time or again."""
        members = self.conferences[conference]
        for number in [number for number, member in members.items() if member.call == call]:
            del members[number]
        self._numbers += 1
        members[str(self._numbers)] = Member(call)

    def end(self) -> None:
        """Let everybody hang up: a conference is gone with the last who leaves it."""
        for call in self.calls.values():
            call.live = False
        self.conferences.clear()

    def muted(self) -> set[str]:
        """Tell which calls nobody hears."""
        self._go_on()
        return {one.call for members in self.conferences.values() for one in members.values() if one.muted}

    def heard(self, call: str) -> list[str]:
        """Tell what was played to a call in its conference."""
        everybody = [one for members in self.conferences.values() for one in members.values()]
        return [sound for one in everybody if one.call == call for sound in one.heard]

    def _go_on(self) -> None:
        while self._queue and not self.stuck:
            self._queue.pop(0)()

    async def _hang_up_all(self, request: Request) -> Response:
        self.all_hung_up = True
        return Response(status_code=204)

    async def _get_call(self, request: Request) -> Response:
        self._go_on()
        uuid = request.path_params["call"]
        call = self.calls.get(uuid)
        if set(request.query_params) - {"status"}:
            return _refusal(400, "unknown parameters")
        if request.query_params.get("status") == "live":
            if call is None or not call.live:
                return _refusal(404, "call not found")
            return JSONResponse({"call_uuid": uuid, "call_status": "in-progress", "direction": "outbound"})
        if call is None or call.live:
            # A call's record is made when it ends.
            return _refusal(404, "not found")
        return JSONResponse({"call_uuid": uuid, "end_time": "2026-11-24 15:05:16", "hangup_source": "API Request"})

    async def _hang_up_call(self, request: Request) -> Response:
        self._go_on()
        call = self.calls.get(request.path_params["call"])
        if call is None or not call.live:
            return _refusal(404, "call not found")
        self._queue.append(lambda: self._end(request.path_params["call"]))
        return Response(status_code=204)

    async def _transfer(self, request: Request) -> Response:
        call, asked = self._live(request), await sent_object(request)
        if call is None:
            return _refusal(404, "call not found")
        if asked is None or set(asked) - {"legs", "aleg_url", "bleg_url", "aleg_method", "bleg_method"}:
            return _refusal(400, "wrong content type, or unknown fields")
        legs = asked.get("legs")
        if legs not in {"aleg", "bleg"} or not is_address(asked.get(f"{legs}_url")):
            return _refusal(400, "legs, and the address for each of them, are wanted")
        if legs == "bleg" and not call.bridged:
            return _refusal(400, "there is no bleg")
        call.transferred.append((legs, asked[f"{legs}_url"]))
        return JSONResponse({"message": "call transferred", "api_id": "08c94608-58bd-11e1-86da-adf28403fe48"}, 202)

    async def _play_call(self, request: Request) -> Response:
        call, asked = self._live(request), await sent_object(request)
        if call is None:
            return _refusal(404, "call not found")
        if asked is None or set(asked) - {"urls", "legs", "length", "loop", "mix"}:
            return _refusal(400, "wrong content type, or unknown fields")
        if not is_address(asked.get("urls")) or asked.get("legs", "aleg") not in {"aleg", "bleg", "both"}:
            return _refusal(400, "urls or legs is missing or wrong")
        if asked.get("legs") in {"bleg", "both"} and not call.bridged:
            return _refusal(400, "there is no bleg")
        call.heard.append((asked["urls"], asked.get("legs", "aleg")))
        return JSONResponse({"message": "play started", "api_id": "07abfd94-58c0-11e1-86da-adf28403fe48"}, 202)

    async def _get_conference(self, request: Request) -> Response:
        self._go_on()
        name = request.path_params["conference"]
        if name not in self.conferences:
            return _refusal(404, "conference not found")
        members = [
            {"muted": one.muted, "member_id": number, "deaf": False, "call_uuid": one.call, "direction": "outbound"}
            for number, one in self.conferences[name].items()
        ]
        said = {"conference_name": name, "conference_run_time": "590", "conference_member_count": str(len(members))}
        return JSONResponse({**said, "members": members, "api_id": "816e903e-58c4-11e1-86da-adf28403fe48"})

    async def _hang_up_conference(self, request: Request) -> Response:
        self._go_on()
        name = request.path_params["conference"]
        if name not in self.conferences:
            return _refusal(404, "conference not found")

        def hang_up() -> None:
            for member in self.conferences.pop(name).values():
                self.calls[member.call].live = False

        self._queue.append(hang_up)
        return Response(status_code=204)

    async def _mute(self, request: Request) -> Response:
        members = self._members(request)
        if members is None:
            return _refusal(404, "member not found")
        muted = request.method == "POST"

        def change() -> None:
            for one in members:
                one.muted = muted

        self._queue.append(change)
        if not muted:
            return Response(status_code=204)
        number = request.path_params["member"]
        return JSONResponse({"message": "muted", "member_id": number, "api_id": "2867b6e2-58c3-11e1-86da"}, 202)

    async def _play_members(self, request: Request) -> Response:
        members, asked = self._members(request), await sent_object(request)
        if members is None:
            return _refusal(404, "member not found")
        if asked is None or set(asked) != {"url"} or not is_address(asked["url"]):
            return _refusal(400, "wrong content type, or url is missing or wrong")
        for one in members:
            one.heard.append(asked["url"])
        return JSONResponse({"message": "play queued into conference", "api_id": "4e44bd4e-f830-11e6-b886"}, 202)

    def _live(self, request: Request) -> Call | None:
        self._go_on()
        call = self.calls.get(request.path_params["call"])
        return call if call is not None and call.live else None

    def _members(self, request: Request) -> list[Member] | None:
        self._go_on()
        members = self.conferences.get(request.path_params["conference"], {})
        number = request.path_params["member"]
        if number == "all":
            return list(members.values()) or None
        return [members[number]] if number in members else None

    def _end(self, uuid: str) -> None:
        self.calls[uuid].live = False
        for members in self.conferences.values():
            for number in [number for number, one in members.items() if one.call == uuid]:
                del members[number]


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"api_id": "2867b6e2-58c3-11e1-86da-adf28403fe48", "error": message}, status)
