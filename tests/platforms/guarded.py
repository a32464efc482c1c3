"""What stand-ins of REST interfaces share: credentials are checked, what would change something is recorded, and the
manner is obeyed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeGuard
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.platforms.ports import Manner

Handle = Callable[[Request], Awaitable[Response]]


class Lost:
    """A response that breaks off."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})


class Guard:
    """Stands before the handlers of a stand-in.

    Args:
      authorization: the header that is wanted.
      refusal: makes the platform's refusal of a status and a message.

    Attributes:
      asked: the requests that would change something, as `METHOD path`, and what was in them.
      manner: how those are answered.
    """

    def __init__(self, authorization: str, refusal: Callable[[int, str], Response]) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.manner = Manner()
        self._authorization = authorization
        self._refusal = refusal

    def __call__(self, handle: Handle) -> Callable[[Request], Awaitable[Response | Lost]]:
        async def answer(request: Request) -> Response | Lost:
            if request.headers.get("authorization") != self._authorization:
                return self._refusal(401, f"no such credentials: {request.headers.get('authorization')}")
            if request.method == "GET":
                return await handle(request)
            content = await form(request) or await sent_object(request) or {}
            self.asked.append((f"{request.method} {request.url.path}", content))
            manner = self.manner
            if manner.deaf:
                while (await request.receive())["type"] != "http.disconnect":
                    pass
            await asyncio.sleep(manner.late)
            if manner.refuses is not None:
                return self._refusal(manner.refuses, "refused")
            done = await handle(request)
            if manner.loses:
                manner.loses -= 1
                return Lost()
            return done

        return answer


async def form(request: Request) -> dict[str, str] | None:
    """Read a form; None where there is none, or a field stands twice."""
    if _type(request) != "application/x-www-form-urlencoded":
        return None
    pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True)
    return dict(pairs) if len(dict(pairs)) == len(pairs) else None


async def sent_object(request: Request) -> dict[str, Any] | None:
    """Read an object of JSON; None where there is none."""
    if _type(request) != "application/json":
        return None
    try:
        read = json.loads(await request.body())
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def is_address(text: object) -> TypeGuard[str]:
    """Tell whether that is an address of something on the web."""
    return isinstance(text, str) and re.fullmatch(r"https?://[^/\s]+(/\S*)?", text) is not None


def _type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0]
