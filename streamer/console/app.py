"""The console's web application: the page, the alert feed's socket and the REST interface."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from streamer.access.guard import bearer
from streamer.access.roles import Identity, Role
from streamer.console.bounds import Bounds
from streamer.console.desk import Desk
from streamer.console.feed import FeedError, FeedSocket, Greet, Hello
from streamer.console.media import MediaFailed, MediaGone
from streamer.console.rest import calls, scans, service, violations
from streamer.console.rest.asking import BadRequest, CallOver, Door, ForbiddenRole, NotFound
from streamer.console.rules import NoSuchLanguage
from streamer.errors import AccessDenied, ForbiddenOrigin
from streamer.record.evidence import ClipDamaged
from streamer.record.journal import JournalUnavailable

DESCRIPTION = "What happens in calls, for supervisors' pages and for other programs. The alert feed is at `/v1/alerts`."

REFUSALS: dict[type[Exception], tuple[int, str]] = {
    AccessDenied: (401, "unauthorised"),
    ForbiddenOrigin: (403, "forbidden_origin"),
    ForbiddenRole: (403, "forbidden"),
    NotFound: (404, "not_found"),
    CallOver: (409, "call_over"),
    BadRequest: (400, "bad_request"),
    NoSuchLanguage: (400, "bad_request"),
    MediaFailed: (503, "media_failed"),
    MediaGone: (503, "media_gone"),
    ClipDamaged: (404, "evidence_damaged"),
    JournalUnavailable: (503, "journal_unavailable"),
}


def create_app(desk: Desk) -> FastAPI:
    """Build the console."""
    app = FastAPIOffline(
        redoc_url=None, title="Huazha", description=DESCRIPTION, version="1", static_url="/docs/static"
    )
    app.state.desk, app.state.door = desk, Door(desk)
    web = Path(str(resources.files("streamer.console") / "web"))
    for router in (service.router, calls.router, violations.router, scans.router, service.open_router):
        app.include_router(router)

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(web / "index.html")

    @app.websocket("/v1/alerts")
    async def alerts(socket: WebSocket) -> None:
        greet = _greeter(desk, app.state.door)
        feed = FeedSocket(socket, desk.hub, greet=greet, stands=desk.guard.stands, since=desk.journal.since)
        await feed.run()
        if feed.refused_for == "too_slow":
            desk.metrics.too_slow.inc()

    app.mount("/web", StaticFiles(directory=web), name="web")
    for kind, (status, code) in REFUSALS.items():
        app.add_exception_handler(kind, _refusing(status, code))
    app.add_exception_handler(RequestValidationError, _wrong_field)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(Bounds)
    return app


def _greeter(desk: Desk, door: Door) -> Greet:
    async def greet(socket: WebSocket, hello: Hello) -> Identity:
        try:
            door.check_origin(socket)
            if hello.ticket is not None:
                identity = desk.guard.redeem(hello.ticket)
            else:
                identity = desk.guard.identify(hello.token or bearer(socket.headers.get("authorization")))
        except ForbiddenOrigin as error:
            await door.refused(socket, error)
            raise FeedError(4403, "forbidden_origin", str(error)) from None
        except AccessDenied as error:
            await door.refused(socket, error)
            raise FeedError(4401, "unauthorised", str(error)) from None
        if not identity.role.may(Role.VIEWER):
            raise FeedError(4401, "unauthorised", str(ForbiddenRole(identity, Role.VIEWER)))
        return identity

    return greet


def _refusing(status: int, code: str) -> Callable[[Request, Exception], JSONResponse]:
    headers = {"www-authenticate": "Bearer"} if status == 401 else None

    def refuse(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": {"code": code, "message": str(error)}}, status, headers)

    return refuse


def _wrong_field(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:])
    message = f"{field}: {first['msg']}" if field else first["msg"]
    return JSONResponse({"error": {"code": "bad_field", "message": message}}, 422)


def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "bad_request")
    return JSONResponse({"error": {"code": code, "message": error.detail}}, error.status_code, error.headers)
