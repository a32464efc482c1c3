"""What the console serves: a status page, `/healthz` and `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import resources

from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


@dataclass(frozen=True, slots=True)
class Health:
    """How the service is.

    Attributes:
      healthy: whether it hears what is said.
      reason: why not, or an empty string.
      queue_age: seconds that the oldest window has been waiting for its text.
      calls_live, calls_most: calls going on, and how many there may be.
      lexicon_trouble: why the lexicon could not be renewed, or an empty string; the last good one is kept.
      audio_received, audio_monitored, audio_blind: seconds since the service began, of calls live and past.
    """

    healthy: bool
    reason: str
    queue_age: float
    calls_live: int
    calls_most: int
    audio_received: float
    audio_monitored: float
    audio_blind: float
    violations: int
    model: str
    lexicon_version: str
    lexicon_trouble: str


def create_app(health: Callable[[], Health], registry: CollectorRegistry) -> FastAPI:
    """Build the console.

    Args:
      health: asked on every request, from the console's thread.
      registry: what `/metrics` shows.
    """
    app = FastAPI(title="Huazha", docs_url=None, redoc_url=None, openapi_url=None)
    page = (resources.files("streamer.console") / "status.html").read_text(encoding="utf-8")

    @app.get("/", response_class=HTMLResponse)
    def status() -> str:
        return page

    @app.get("/healthz")
    def healthz() -> JSONResponse:
        """200 while calls are heard, 503 when they are not: for load balancers and for people."""
        now = health()
        return JSONResponse(asdict(now), status_code=200 if now.healthy else 503)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return app
