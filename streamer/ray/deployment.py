"""Recognisers as an application of Ray Serve: the windows of all gateways, in batches, on as many replicas as it takes.

`huazha ray deploy` puts it on a cluster, as does `serve run streamer.ray.deployment:app model=base max_replicas=8`, or
Serve's own configuration file with that import path and the fields of `Application` as `args`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from ray import serve
from ray.serve.config import BackpressureConfig
from starlette.requests import Request
from starlette.responses import Response

from streamer.dialects.dialect import Section
from streamer.errors import ClusterError, RecognitionFailed
from streamer.ray import parcels
from streamer.ray.parcels import Heard, Introduction
from streamer.recognition.devices import GPU_BATCH, PROCESSOR_BATCH
from streamer.recognition.recognizer import Hypothesis, Recognizer, Scoring, Turn, Window
from streamer.recognition.scheduler import Scheduler
from streamer.service import load_recognizer
from streamer.settings import Settings

AHEAD = 2
"""Full batches of a worker that a replica takes on: the one it has, and the next, which must not be waited for."""
BUSY_AT = 1.5
"""Requests of a worker above which replicas are added: one in hand, and another every second time."""
TOO_MANY, UNREADABLE, UNDONE = 429, 400, 422


class Application(Section):
    """What is deployed.

    Attributes:
      model, models, compute_type, max_batch: as in the settings. A directory must be there on every node.
      workers: processors of a replica, each of which recognises a batch at a time; they share the weights.
      gpus: of a replica; parts of one are shared with others.
      min_replicas, max_replicas: as many as there may be; as many as windows wait for are.
      max_queued: requests that may wait at each node's proxy when all replicas are full; more are turned away.
    """

    model: str = "base"
    models: dict[str, str] = Field(default_factory=dict)
    compute_type: str | None = None
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    max_batch: Annotated[int, Field(ge=1, le=256)] | None = None
    gpus: Annotated[float, Field(ge=0)] = 0.0
    min_replicas: Annotated[int, Field(ge=1)] = 1
    max_replicas: Annotated[int, Field(ge=1)] = 4
    max_queued: Annotated[int, Field(ge=0)] = 16

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("min_replicas must not be more than max_replicas")
        return self

    @property
    def settings(self) -> Settings:
        """What a replica loads its models by."""
        same = self.model_dump(include={"model", "models", "compute_type", "max_batch", "workers"})
        return Settings.model_validate({**same, "device": "auto" if self.gpus else "cpu"})

    @property
    def largest_batch(self) -> int:
        """Windows that a worker recognises together, at most."""
        return self.max_batch or (GPU_BATCH if self.gpus else PROCESSOR_BATCH)


class Recognisers:
    """One replica. A window that it had when it died is asked for again; it knows nothing else.

    Its scheduler is a gateway's: it makes batches of what waits, whichever gateway it came from, and replaces a
    recogniser that hangs.

    Args:
      load: gives the recogniser.
    """

    def __init__(self, load: Callable[[], Recognizer]) -> None:
        self._scheduler = Scheduler(load(), replace=load)
        self._started = False

    async def __call__(self, request: Request) -> Response:
        """Answer a gateway over HTTP."""
        try:
            return Response(await self.answer(await request.body()), media_type="application/json")
        except ValueError as error:
            return Response(f"{error}\n", UNREADABLE)
        except RecognitionFailed as error:
            return Response(f"{error}\n", UNDONE)

    async def answer(self, body: bytes) -> bytes:
        """Answer a question.

        Raises:
          ValueError: it is none.
          RecognitionFailed: it could not be done.
        """
        asked = parcels.unpack_question(body)
        recognizer = self._scheduler.recognizer
        if asked is None:
            return parcels.pack_introduction(Introduction(recognizer.name, recognizer.abilities("")))
        if not self._started:
            # Only now there is the loop that it will run in.
            self._started = True
            await self._scheduler.__aenter__()
        windows = [one for one in asked if isinstance(one, Window)]
        if windows:
            heard = await asyncio.gather(*map(self._hear, windows))
            busy = max(took for _, took in heard)
            return parcels.pack_heard(Heard(recognizer.name, busy, tuple(hypothesis for hypothesis, _ in heard)))
        questions = [one for one in asked if isinstance(one, Scoring)]
        return parcels.pack_likelihoods(await asyncio.gather(*map(self._scheduler.score, questions)))

    def check_health(self) -> None:
        """Let Serve put another in this replica's place if it hears nothing any more."""
        if self._started and not self._scheduler.alive:
            raise RecognitionFailed("the recogniser has stopped")

    async def _hear(self, window: Window) -> tuple[Hypothesis, float]:
        """Give what is heard in a window, and the seconds that it took once its turn had come."""
        asked = began = time.monotonic()

        def cut(_: bool) -> Window:
            nonlocal began
            began = time.monotonic()
            return window

        _, heard = await self._scheduler.recognize(Turn(window.language, asked, cut, window.thorough))
        if not isinstance(heard, Hypothesis):
            raise RecognitionFailed(RecognitionFailed.reason if heard is None else heard.reason)
        return heard, time.monotonic() - began


def app(args: Application) -> Any:
    """Build the application, as `serve run` and Serve's configuration files want it built."""
    deployment = serve.deployment(
        Recognisers,
        name="Recognisers",
        ray_actor_options={"num_cpus": args.workers, "num_gpus": args.gpus},
        max_ongoing_requests=AHEAD * args.workers * args.largest_batch,
        max_queued_requests=args.max_queued,
        backpressure_config=BackpressureConfig(status_code=TOO_MANY),
        autoscaling_config={
            "min_replicas": args.min_replicas,
            "max_replicas": args.max_replicas,
            "target_ongoing_requests": BUSY_AT * args.workers,
            # Calls begin by the dozen when agents' shifts do; and a replica that goes is missed for seconds.
            # Above the 10 seconds at which Serve counts, unless its environment says otherwise.
            "look_back_period_s": 15.0,
            "upscale_delay_s": 3.0,
            "downscale_delay_s": 600.0,
        },
        health_check_period_s=2.0,
        health_check_timeout_s=10.0,
        graceful_shutdown_timeout_s=10.0,
    )
    return deployment.bind(partial(load_recognizer, args.settings))


def deploy(application: Application, name: str, host: str, port: int) -> None:
    """Put the application on the cluster that this process has joined, and wait until it answers.

    Raises:
      ClusterError: it does not come up.
    """
    # Each node that has replicas takes requests, and passes them to its own where they have room.
    serve.start(proxy_location="EveryNode", http_options={"host": host, "port": port})
    try:
        serve.run(app(application), name=name, route_prefix=f"/{name}", blocking=False)
    except RuntimeError as error:
        raise ClusterError(name, f"does not come up: {error}") from None
