"""The whole service, put together: model, lexicon, recogniser, media plane and console."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from lexicon.loader import shipped
from streamer.console.app import Health, create_app
from streamer.console.server import ConsoleServer
from streamer.lexicon_store import LexiconStore
from streamer.metrics import Metrics
from streamer.recognition import models
from streamer.recognition.load import Relief
from streamer.recognition.recognizer import Recognizer
from streamer.recognition.scheduler import Scheduler
from streamer.recognition.whisper import WhisperRecognizer
from streamer.server import MediaServer
from streamer.settings import Settings

log = logging.getLogger(__name__)

HEARTBEAT = 0.5
"""Seconds between looks at the media plane's own health."""
RELIEFS = {
    Relief.NOTHING: "everybody is heard",
    Relief.CUSTOMERS: "what customers say is not monitored",
    Relief.NEW_CALLS: "what customers say is not monitored, and new calls are refused",
}
STALLED = 5.0
"""Seconds without a heartbeat after which the media plane counts as stuck."""


def load_recognizer(settings: Settings, progress: Callable[[str], None] = lambda _: None) -> WhisperRecognizer:
    """Find the model's weights, load them, and make one dry run.

    Raises:
      ModelError: there are no such weights, or they are damaged.
    """
    directory = models.resolve(settings.model, progress=progress)
    progress(f"Loading {settings.model}")
    name = Path(settings.model).name
    recognizer = WhisperRecognizer(directory, name=name, workers=settings.workers)
    recognizer.warm([settings.language])
    return recognizer


class Service:
    """A running service; made by `running`."""

    def __init__(self, settings: Settings, media: MediaServer, metrics: Metrics) -> None:
        self.media = media
        self.metrics = metrics
        self.console_url = ""
        self._settings = settings
        self._beat = time.monotonic()
        self._trouble = ""
        self._relief = Relief.NOTHING

    def health(self) -> Health:
        """Say how the service is; may be asked from any thread."""
        silence = time.monotonic() - self._beat
        trouble = self._trouble
        if silence > STALLED:
            trouble = f"the media plane has been stuck for {silence:.0f} s"
        value = self.metrics.value
        return Health(
            healthy=not trouble,
            reason=trouble,
            queue_age=value("huazha_recognition_queue_age_seconds"),
            calls_live=self.media.live,
            calls_most=self._settings.limits.max_calls,
            audio_received=value("huazha_audio_received_seconds_total"),
            audio_monitored=value("huazha_audio_monitored_seconds_total"),
            audio_blind=value("huazha_audio_blind_seconds_total"),
            violations=int(value("huazha_violations_total")),
            model=self.media.scheduler.recognizer.name,
            lexicon_version=self.media.store.current.lexicon.version,
            lexicon_trouble=self.media.store.trouble,
        )

    async def watch(self) -> None:
        """Look after the media plane's health, from its own event loop, for ever."""
        scheduler = self.media.scheduler
        while True:
            age = scheduler.age
            self.metrics.queue_age.set(age)
            self._note_relief(scheduler.relief)
            if not scheduler.alive:
                self._trouble = "the recogniser has stopped"
            elif age > self._settings.max_queue_age:
                self._trouble = f"recognition is {age:.0f} s behind"
            else:
                self._trouble = ""
            self._beat = time.monotonic()
            await asyncio.sleep(HEARTBEAT)

    def _note_relief(self, relief: Relief) -> None:
        if relief is not self._relief:
            log.warning("recognition is %s: %s", "behind" if relief else "in time again", RELIEFS[relief])
            self._relief = relief
            self.metrics.relief.set(relief)


@asynccontextmanager
async def running(settings: Settings, recognizer: Recognizer) -> AsyncIterator[Service]:
    """Run the service while the context lasts.

    Raises:
      LexiconError: a lexicon can't be read.
      SettingsError: a port can't be had.
    """
    # What else runs in Python gives way to the event loop this often.
    sys.setswitchinterval(0.001)
    metrics = Metrics(CollectorRegistry())
    store = LexiconStore(settings.lexicon or shipped(), settings.rules)
    async with AsyncExitStack() as stack:
        scheduler = await stack.enter_async_context(Scheduler(recognizer, observe=metrics.count_batch))
        media = await stack.enter_async_context(MediaServer(settings, store, scheduler, metrics))
        service = Service(settings, media, metrics)
        app = create_app(service.health, metrics.registry)
        console = stack.enter_context(ConsoleServer(app, settings.host, settings.console_port))
        service.console_url = console.url
        for watching in (service.watch(), store.watch()):
            task = asyncio.create_task(watching)
            stack.callback(task.cancel)
        yield service
