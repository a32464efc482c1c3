"""The REST interface that Twilio and SignalWire share, in small, over HTTP.

Follows, for both, what Twilio's pages and SignalWire's specification have:

- https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource
- https://www.twilio.com/docs/voice/api/conference-resource#update-a-conference-resource
- https://www.twilio.com/docs/voice/api/conference-participant-resource#update-a-participant-resource
- `specs/compatibility-api` of https://github.com/signalwire/docs

It refuses fields that it doesn't know, where the platforms let them pass.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.platforms.guarded import Guard, form, is_address
from tests.platforms.ports import Manner


@dataclass(slots=True)
class Call:
    """A call.

    Attributes:
      instructions: that it was given, one after the other: `Url` or `Twiml`, and what it is.
    """

    status: str = "in-progress"
    instructions: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True)
class Participant:
    """A call in a conference; `heard` are the announcements to it alone."""

    muted: bool = False
    heard: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Conference:
    """A conference; `heard` are the announcements to all."""

    friendly_name: str
    status: str = "in-progress"
    participants: dict[str, Participant] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)


class LamlStandIn:
    """One account: `app` is to be served, and its address is what the settings want.

    Args:
      root: path of the interface, with the version.
      account: its SID.
      secret: its password.
      call_fields: that an update of a call may have.
      owner: the account that this is a subaccount of, and whose password it is.

    Attributes:
      calls, conferences: by SID.
      stuck: whether what is asked for is taken and left undone: the answer shows what there was.
      filters: whether a list holds only what was asked for.
    """

    def __init__(
        self, root: str, account: str, secret: str, call_fields: frozenset[str], owner: str | None = None
    ) -> None:
        self.calls: dict[str, Call] = {}
        self.conferences: dict[str, Conference] = {}
        self.stuck = False
        self.filters = True
        self._account = account
        self._call_fields = call_fields
        basic = base64.b64encode(f"{owner or account}:{secret}".encode()).decode()
        self._guard = guard = Guard(f"Basic {basic}", _refusal)
        base = f"{root}/Accounts/{account}"
        self.app = Starlette(
            routes=[
                Route(f"{base}/Calls/{{call}}.json", guard(self._get_call), methods=["GET"]),
                Route(f"{base}/Calls/{{call}}.json", guard(self._update_call), methods=["POST"]),
                Route(f"{base}/Conferences.json", guard(self._list), methods=["GET"]),
                Route(f"{base}/Conferences/{{conference}}.json", guard(self._get_conference), methods=["GET"]),
                Route(f"{base}/Conferences/{{conference}}.json", guard(self._update_conference), methods=["POST"]),
                Route(
                    f"{base}/Conferences/{{conference}}/Participants/{{call}}.json",
                    guard(self._get_participant),
                    methods=["GET"],
                ),
                Route(
                    f"{base}/Conferences/{{conference}}/Participants/{{call}}.json",
                    guard(self._update_participant),
                    methods=["POST"],
                ),
            ]
        )

    @property
    def asked(self) -> list[tuple[str, Mapping[str, str]]]:
        """The requests that would change something, as `METHOD path`, and their forms."""
        return self._guard.asked

    @property
    def manner(self) -> Manner:
        """How those are answered."""
        return self._guard.manner

    def place(self, names: Mapping[str, str], friendly_name: str = "call-4711") -> None:
        """Set a call up, by the `names` that its caller gives: its legs are in the conference, if it names one."""
        legs = [names[leg] for leg in ("agent", "customer") if leg in names]
        self.calls |= {leg: Call() for leg in legs}
        if "conference" in names:
            participants = {leg: Participant() for leg in legs}
            self.conferences[names["conference"]] = Conference(friendly_name, participants=participants)

    def end(self) -> None:
        """Let everybody hang up: a conference ends with the last who leaves it."""
        for call in self.calls:
            self._end(call)
        for conference in self.conferences.values():
            conference.status = "completed"

    def muted(self) -> set[str]:
        """Tell which calls nobody hears."""
        return {sid for one in self.conferences.values() for sid, who in one.participants.items() if who.muted}

    async def _get_call(self, request: Request) -> Response:
        sid = request.path_params["call"]
        return _missing(request) if sid not in self.calls else self._described_call(sid)

    async def _update_call(self, request: Request) -> Response:
        sid, sent = request.path_params["call"], await form(request)
        call = self.calls.get(sid)
        if call is None:
            return _missing(request)
        if sent is None or not sent or set(sent) - self._call_fields:
            return _refusal(400, "wrong content type, or unknown fields", 20001)
        if len({"Url", "Twiml", "Status"} & set(sent)) != 1:
            return _refusal(400, "one of Url, Twiml and Status is wanted", 21218)
        if call.status != "in-progress":
            return _refusal(400, "Call is not in-progress. Cannot redirect.", 21220)
        if "Status" in sent:
            if sent["Status"] != "completed":
                return _refusal(400, "Invalid status", 21219)
            if not self.stuck:
                self._end(sid)
            return self._described_call(sid)
        ((kind, what),) = sent.items()
        if kind == "Url" and not is_address(what):
            return _refusal(400, "Url is not a valid URL", 21205)
        if kind == "Twiml" and not _is_response(what):
            return _refusal(400, "Twiml is not valid", 12100)
        call.instructions.append((kind, what))
        # Whoever gets new instructions leaves the conference.
        for conference in self.conferences.values():
            conference.participants.pop(sid, None)
        return self._described_call(sid)

    async def _list(self, request: Request) -> Response:
        wanted = request.query_params
        if set(wanted) - {"FriendlyName", "Status", "DateCreated", "DateUpdated", "PageSize"}:
            return _refusal(400, "unknown parameters", 20001)
        found = [
            self._conference(sid)
            for sid, one in self.conferences.items()
            if not self.filters
            or (
                wanted.get("FriendlyName", one.friendly_name) == one.friendly_name
                and wanted.get("Status", one.status) == one.status
            )
        ]
        return JSONResponse({"conferences": found, "page": 0, "page_size": 50, "next_page_uri": None})

    async def _get_conference(self, request: Request) -> Response:
        sid = request.path_params["conference"]
        return _missing(request) if sid not in self.conferences else JSONResponse(self._conference(sid))

    async def _update_conference(self, request: Request) -> Response:
        sid, sent = request.path_params["conference"], await form(request)
        conference = self.conferences.get(sid)
        if conference is None or conference.status == "completed":
            return _missing(request)
        if sent is None or not sent or set(sent) - {"AnnounceUrl", "AnnounceMethod", "Status"}:
            return _refusal(400, "wrong content type, or unknown fields", 20001)
        if sent.get("Status", "completed") != "completed":
            return _refusal(400, "Invalid status", 20001)
        wrong = _announcement(sent, conference.heard)
        if wrong is not None:
            return wrong
        if "Status" in sent and not self.stuck:
            conference.status = "completed"
            for call in list(conference.participants):
                self._end(call)
        return JSONResponse(self._conference(sid))

    def _participant(self, request: Request) -> Participant | None:
        conference = self.conferences.get(request.path_params["conference"])
        return None if conference is None else conference.participants.get(request.path_params["call"])

    async def _get_participant(self, request: Request) -> Response:
        participant = self._participant(request)
        return _missing(request) if participant is None else self._described_participant(request, participant)

    async def _update_participant(self, request: Request) -> Response:
        participant, sent = self._participant(request), await form(request)
        if participant is None:
            return _missing(request)
        known = {"Muted", "AnnounceUrl", "AnnounceMethod", "Hold", "HoldUrl", "HoldMethod"}
        if sent is None or not sent or set(sent) - known:
            return _refusal(400, "wrong content type, or unknown fields", 20001)
        wrong = _announcement(sent, participant.heard)
        if wrong is not None:
            return wrong
        if "Muted" in sent and not self.stuck:
            # Anything but true is taken for false.
            participant.muted = sent["Muted"] == "true"
        return self._described_participant(request, participant)

    def _end(self, call: str) -> None:
        self.calls[call].status = "completed"
        for conference in self.conferences.values():
            conference.participants.pop(call, None)

    def _described_call(self, sid: str) -> Response:
        return JSONResponse({"sid": sid, "account_sid": self._account, "status": self.calls[sid].status})

    def _conference(self, sid: str) -> dict[str, str]:
        one = self.conferences[sid]
        said = {"sid": sid, "account_sid": self._account, "friendly_name": one.friendly_name, "status": one.status}
        return {**said, "api_version": "2010-04-01"}

    def _described_participant(self, request: Request, participant: Participant) -> Response:
        names = {"conference_sid": request.path_params["conference"], "call_sid": request.path_params["call"]}
        state = {"muted": participant.muted, "hold": False, "coaching": False, "status": "connected"}
        return JSONResponse({"account_sid": self._account, **names, **state})


def _announcement(sent: Mapping[str, str], heard: list[str]) -> Response | None:
    if "AnnounceMethod" in sent and (sent["AnnounceMethod"] not in {"GET", "POST"} or "AnnounceUrl" not in sent):
        return _refusal(400, "AnnounceMethod must be GET or POST, and belongs to an AnnounceUrl", 20001)
    if "AnnounceUrl" in sent:
        if not is_address(sent["AnnounceUrl"]):
            return _refusal(400, "AnnounceUrl is not a valid URL", 21205)
        heard.append(sent["AnnounceUrl"])
    return None


def _is_response(twiml: str) -> bool:
    # https://www.twilio.com/docs/voice/api/call-resource has the limit.
    try:
        return len(twiml) <= 4000 and ET.fromstring(twiml).tag == "Response"
    except ET.ParseError:
        return False


def _missing(request: Request) -> Response:
    return _refusal(404, f"The requested resource {request.url.path} was not found", 20404)


def _refusal(status: int, message: str, code: int = 20003) -> Response:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return JSONResponse({"code": code, "message": message, "more_info": more, "status": status}, status)
