"""A service that tells what a test has it tell: the alert feed and the REST interface of `docs/feed.md`."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from streamer.console.bounds import Bounds
from streamer.console.serving import serving as serve
from streamer.settings import Limits

WEB = Path(__file__).parents[3] / "streamer" / "console" / "web"
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TOKEN = "a-token"
PASSING = {"call.state", "transcript", "service"}
RULE = {
    "id": "promise-principal",
    "language": "zh",
    "category": "guarantee",
    "severity": "block",
    "channel": "agent",
    "terms": ["保本", "保本保收益"],
    "allow": ["不保本"],
    "near": None,
    "required": None,
    "say_instead": "本产品不保证本金，理财有风险。",
    "source": "资管新规 第二条",
}
RULES = [
    RULE,
    {**RULE, "id": "absolute-claim", "category": "absolute", "severity": "alert", "terms": ["绝对"], "allow": []},
    {**RULE, "id": "risk-free-en", "language": "en", "terms": ["risk free"], "allow": [], "source": "FINRA 2210"},
]
JUDGED = {"true": 20, "false": 3, "precision": 20 / 23}
NOT_JUDGED = {"true": 0, "false": 0, "precision": None}
STATS = {
    "by_rule": [
        {"rule_id": "promise-principal", "severity": "block", "fired": 41, "retracted": 2, **JUDGED},
        {"rule_id": "absolute-claim", "severity": "alert", "fired": 17, "retracted": 0, **NOT_JUDGED},
    ],
    "precision": [
        {"week": "2025-12-15", "rule_id": "promise-principal", "true": 12, "false": 0},
        {"week": "2025-12-29", "rule_id": "old-rule", "true": 1, "false": 3},
        {"week": "2025-12-29", "rule_id": "promise-principal", "true": 8, "false": 3},
    ],
    "by_day": [
        {"day": f"2026-01-{n:02}", "block": 3 * n % 11, "alert": 5 * n % 7, "review": n % 4} for n in range(2, 9)
    ],
    "blocks": {
        "count": 40,
        "undelivered": 1,
        "p50": 0.62,
        "p95": 1.71,
        "histogram": [[0.25, 2], [0.5, 11], [0.75, 14], [1.0, 6], [1.5, 4], [2.0, 3]],
    },
    "coverage": {"received": 7200.0, "monitored": 7191.4, "blind": 8.6},
}


@dataclass(eq=False)
class Scripted:
    """What the service is, what it was asked, and its mouth.

    Attributes:
      role, tokens: of whoever asks.
      calls, violations, scans: as the REST interface gives them.
      hellos: what sockets said first; followed: the calls they subscribed to.
      posted: what was asked to be done: path and body; asked: every path and query.
      welcoming: set while hellos are answered.
      most: what its health says of how many calls there may be.
      url: of the page.
    """

    role: str = "supervisor"
    tokens: bool = False
    calls: list[dict[str, Any]] = field(default_factory=list)
    violations: list[dict[str, Any]] = field(default_factory=list)
    scans: list[dict[str, Any]] = field(default_factory=list)
    committed: list[dict[str, Any]] = field(default_factory=list)
    tentative: dict[str, str] = field(default_factory=dict)
    hellos: list[dict[str, Any]] = field(default_factory=list)
    followed: list[str] = field(default_factory=list)
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    complete: bool = True
    most: Mapping[str, Any] = field(default_factory=lambda: {"calls_most": 300, "calls_measured": False})
    url: str = ""
    cursor: int = 1000
    kept: list[dict[str, Any]] = field(default_factory=list)
    sockets: set[WebSocket] = field(default_factory=set)
    welcoming: asyncio.Event = field(default_factory=asyncio.Event)

    def event(self, kind: str, call: str | None = "c0ffee", /, **fields: Any) -> dict[str, Any]:
        """Number an event, and keep it where it is one to be kept."""
        self.cursor += 1
        about = {} if call is None else {"call": call, "call_id": f"p-{call}", "agent": "李娜"}
        at = BEGAN + timedelta(seconds=self.cursor - 1000)
        event = {"type": kind, "at": written(at), "cursor": self.cursor, **about, **fields}
        if kind not in PASSING:
            self.kept.append(event)
        return event

    async def tell(self, kind: str, call: str | None = "c0ffee", /, **fields: Any) -> dict[str, Any]:
        """Tell everybody who is connected of an event."""
        event = self.event(kind, call, **fields)
        await self.repeat(event)
        return event

    async def tell_all(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Tell everybody who is connected of events that `event` gave."""
        for event in events:
            await self.repeat(event)

    async def repeat(self, event: Mapping[str, Any]) -> None:
        """Tell an event, be it once more."""
        for client in list(self.sockets):
            await client.send_json(event)

    async def drop(self, code: int) -> None:
        """Close every socket."""
        while self.sockets:
            await self.sockets.pop().close(code)


def written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def call(name: str = "c0ffee", **fields: Any) -> dict[str, Any]:
    """Give a live call as the service has it."""
    return {
        "call": name,
        "call_id": f"p-{name}",
        "agent": "李娜",
        "language": "zh",
        "channels": ["agent", "customer"],
        "metadata": {},
        "model": "Whisper base",
        "lexicon_version": "bank-sales-zh",
        "started_at": written(BEGAN),
        "ended_at": None,
        "outcome": None,
        "duration": 61.0,
        "monitored": 60.0,
        "blind": 0.0,
        "lag": 0.8,
        "muted": False,
        "violations": 0,
        "worst": None,
        "missing": [],
        "scan": None,
        **fields,
    }


def violation(name: str = "v-1", **fields: Any) -> dict[str, Any]:
    """Give the fields of a violation."""
    return {
        "violation_id": name,
        "status": "fired",
        "rule_id": "promise-principal",
        "category": "guarantee",
        "severity": "block",
        "term": "保本",
        "heard": "保本",
        "match": "exact",
        "confidence": 0.93,
        "channel": "agent",
        "start": 10.0,
        "end": 10.6,
        "say_instead": "本产品不保证本金，理财有风险。",
        "text": "您放心，这款产品保本",
        "lexicon_version": "bank-sales-zh",
        **fields,
    }


def block(name: str = "v-1", **fields: Any) -> dict[str, Any]:
    """Give the fields of a block."""
    return {
        "violation_id": name,
        "action": "mute",
        "channel": "agent",
        "rule_id": "promise-principal",
        "term": "保本",
        "audio_end": 10.6,
        "audio_received": 11.2,
        "match_to_signal_ms": 1.2,
        "say_instead": "本产品不保证本金，理财有风险。",
        "by": "policy",
        **fields,
    }


def stored(number: int, **fields: Any) -> dict[str, Any]:
    """Give a violation as the journal has it, so many seconds old."""
    return {
        "call": f"c{number}",
        "call_id": f"p-c{number}",
        "agent": "李娜",
        "at": written(BEGAN - timedelta(seconds=number)),
        **violation(),
        "verdict": None,
        "verdict_by": None,
        "verdict_reason": None,
        "block": None,
        "evidence": False,
        "scan": None,
        "file": None,
        **fields,
    }


def scanned(number: int = 0, **fields: Any) -> dict[str, Any]:
    """Give a violation of a recording as the journal has it."""
    recording = {"call": f"scan-{number}", "call_id": f"{number}", "file": f"/rec/{number}.wav", "scan": "20260102-a1"}
    return {**stored(number), **recording, "status": "confirmed", "evidence": True, **fields}


def scan(name: str = "20260102-a1", **fields: Any) -> dict[str, Any]:
    """Give a scan as the journal has it."""
    return {
        "scan": name,
        "status": "finished",
        "began": written(BEGAN),
        "ended": written(BEGAN + timedelta(minutes=9)),
        "paths": ["/rec"],
        "files": 31,
        "scanned": 24,
        "reused": 5,
        "unreadable": 2,
        "seconds": 7384.0,
        "violations": 12,
        "missing": 3,
        "lexicon_version": "bank-sales-zh",
        "model": "Whisper base",
        **fields,
    }


def clip() -> bytes:
    """Give four seconds of two channels as FLAC."""
    seconds = np.arange(32_000) / 8000
    both = np.stack(
        [np.sin(6.28 * 220 * seconds) * (seconds > 1), np.sin(6.28 * 330 * seconds) * (seconds < 1)], axis=1
    )
    packed = io.BytesIO()
    soundfile.write(packed, both * 0.5, 8000, format="FLAC", subtype="PCM_16")
    return packed.getvalue()


def create_app(script: Scripted) -> FastAPI:
    """Build the service."""
    app = FastAPI()

    @app.middleware("http")
    async def guard(request: Request, answer: Any) -> Response:
        script.asked.append(f"{request.url.path}?{request.url.query}")
        named = request.headers.get("authorization") == f"Bearer {TOKEN}"
        if script.tokens and request.url.path.startswith("/v1/") and not named:
            return _refusal(401, "unauthorised", "no token, or a wrong one")
        response: Response = await answer(request)
        return response

    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(WEB / "index.html")

    app.mount("/web", StaticFiles(directory=WEB))

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        sums = {"audio_received": 7200.0, "audio_monitored": 7191.4, "audio_blind": 8.6}
        return {"healthy": True, "reason": "", "queue_age": 0.1, "calls_live": 1, **script.most, **sums}

    @app.get("/v1/me")
    def me() -> dict[str, Any]:
        return {"name": "Wang Fang", "role": script.role, "tokens": script.tokens}

    @app.post("/v1/tickets")
    def tickets() -> dict[str, Any]:
        return {"ticket": "a-ticket", "expires_in": 30.0}

    # The page must do with what browsers let it do in earnest.
    app.add_middleware(Bounds)
    _reading(app, script)
    _acting(app, script)

    @app.websocket("/v1/alerts")
    async def alerts(client: WebSocket) -> None:
        await _feed(client, script)

    return app


def _reading(app: FastAPI, script: Scripted) -> None:
    @app.get("/v1/calls")
    def calls(call_id: str | None = None, source: str | None = None) -> dict[str, Any]:
        found = [one for one in script.calls if call_id in {None, one["call_id"]}]
        return {"items": _from(source, found), "next": None}

    @app.get("/v1/scans")
    def scans() -> dict[str, Any]:
        return {"items": script.scans, "next": None}

    @app.get("/v1/calls/{name}")
    def one_call(name: str) -> dict[str, Any]:
        events = [event for event in script.kept if event.get("call") == name]
        over = call(name, ended_at=written(BEGAN), outcome="completed")
        found = next((one for one in script.calls if one["call"] == name), over)
        return {**found, "events": events}

    @app.get("/v1/violations")
    def violations(request: Request, before: int = 0, limit: int = 50, source: str | None = None) -> dict[str, Any]:
        wanted = {"rule": "rule_id", "severity": "severity", "agent": "agent", "call": "call", "scan": "scan"}
        asked = {wanted[name]: value for name, value in request.query_params.items() if name in wanted}
        found = [item for item in script.violations if all(item[name] == value for name, value in asked.items())]
        found = _from(source, found)
        following = str(before + limit) if before + limit < len(found) else None
        return {"items": found[before : before + limit], "next": following}

    @app.get("/v1/violations/{name}/{violation_id}")
    def one_violation(name: str, violation_id: str) -> Response:
        steps = [
            event for event in script.kept if (event.get("call"), event.get("violation_id")) == (name, violation_id)
        ]
        kept = [one for one in script.violations if (one["call"], one["violation_id"]) == (name, violation_id)]
        told = [{**stored(0), **event} for event in steps if event["type"] == "violation"]
        found = kept or told
        return JSONResponse({**found[0], "events": steps}) if found else _refusal(404, "unknown", "no such violation")

    @app.get("/v1/violations/{name}/{violation_id}/evidence.flac")
    def evidence(name: str, violation_id: str) -> Response:
        return Response(clip(), media_type="audio/flac")

    @app.get("/v1/violations/{name}/{violation_id}/waveform")
    def waveform(name: str, violation_id: str) -> dict[str, Any]:
        loud, quiet = [0.5] * 60, [0.01] * 20
        return {"seconds": 4.0, "from": 8.0, "peaks": {"agent": quiet + loud, "customer": loud[:20] + quiet * 3}}

    @app.get("/v1/stats")
    def stats() -> dict[str, Any]:
        return STATS

    @app.get("/v1/lexicon")
    def lexicon() -> dict[str, Any]:
        return {"version": "bank-sales-zh", "trouble": "", "rules": RULES}


def _from(source: str | None, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in items if source in {None, "live" if one["scan"] is None else "scan"}]


def _acting(app: FastAPI, script: Scripted) -> None:
    @app.post("/v1/lexicon/try")
    async def try_(request: Request) -> dict[str, Any]:
        text = (await request.json())["text"]
        fields = ("rule_id", "category", "severity", "term", "heard", "match")
        fired = violation()
        return {"text": text, "violations": [{name: fired[name] for name in fields}] if "保本" in text else []}

    @app.post("/v1/calls/{name}/actions")
    async def act(name: str, request: Request) -> dict[str, Any]:
        asked = await request.json()
        script.posted.append((request.url.path, asked))
        await script.tell("action", name, **asked, by="Wang Fang", accepted=True, detail="")
        return {"accepted": True, "detail": ""}

    @app.post("/v1/violations/{name}/{violation_id}/review")
    async def review(name: str, violation_id: str, request: Request) -> dict[str, Any]:
        asked = await request.json()
        script.posted.append((request.url.path, asked))
        told = await script.tell("review", name, violation_id=violation_id, **asked, by="Wang Fang")
        return {"cursor": told["cursor"]}


async def _feed(client: WebSocket, script: Scripted) -> None:
    await client.accept()
    try:
        hello = await client.receive_json()
        script.hellos.append(hello)
        await script.welcoming.wait()
        if script.tokens and hello.get("ticket") != "a-ticket":
            await client.send_json({"type": "error", "code": "unauthorised", "message": "no ticket"})
            await client.close(4401)
            return
        service = {
            "durability": "ok",
            "relief": 0,
            "lexicon_version": "bank-sales-zh",
            "lexicon_trouble": "",
            "detail": "",
        }
        greeting = {"role": script.role, "name": "Wang Fang", "calls": script.calls, "service": service}
        missed = [event for event in script.kept if event["cursor"] > hello.get("after", script.cursor)]
        # Whatever happens from here on is sent after the welcome.
        script.sockets.add(client)
        await client.send_json({"type": "welcome", "cursor": script.cursor, **greeting})
        for event in missed:
            await client.send_json(event)
        while True:
            said = json.loads(await client.receive_text())
            if said["type"] == "subscribe":
                script.followed.append(said["call"])
                text = {"committed": script.committed, "tentative": script.tentative, "complete": script.complete}
                await client.send_json({"type": "transcript.snapshot", "call": said["call"], **text})
    except (WebSocketDisconnect, RuntimeError):
        return
    finally:
        script.sockets.discard(client)


def _refusal(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


@asynccontextmanager
async def serving(script: Scripted) -> AsyncIterator[Scripted]:
    """Serve it on a free port of loopback."""
    listening = socket.create_server(("127.0.0.1", 0))
    script.url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    script.welcoming.set()
    async with serve(create_app(script), listening, None, Limits()):
        yield script
        await script.drop(1001)
