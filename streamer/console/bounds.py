"""What every answer says to browsers, and how much every request may send."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST = 64 * 1024
"""Bytes of a request's body."""
POLICY = (
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""The page gets nothing from elsewhere, and runs nothing that isn't a file of ours (CSP level 3)."""
DOCS_POLICY = POLICY + "; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
"""Swagger UI begins with a script in its page."""


class Bounds:
    """Middleware: refuses bodies that are too large, and adds the headers that keep browsers careful.

    Args:
      app: what is called.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > LARGEST:
                raise HTTPException(413, f"a request may have {LARGEST} bytes")
            return message

        async def careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await self._app(scope, bounded, careful)


def _add(headers: MutableHeaders, path: str) -> None:
    docs = path.startswith("/docs")
    headers["content-security-policy"] = DOCS_POLICY if docs else POLICY
    headers["x-content-type-options"] = "nosniff"
    headers["referrer-policy"] = "no-referrer"
    headers["cross-origin-opener-policy"] = "same-origin"
    headers["cross-origin-resource-policy"] = "same-origin"
    # The page's modules change together with the service.
    headers["cache-control"] = "no-cache" if path == "/" or path.startswith(("/web/", "/docs")) else "no-store"
