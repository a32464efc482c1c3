"""The whole service, put together: model, lexicon, recogniser, media plane and console."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from lexicon.loader import load, shipped
from streamer.console.app import Health, create_app
from streamer.console.server import ConsoleServer
from streamer.lexicon_store import LexiconStore
from streamer.metrics import Metrics
from streamer.recognition import models
from streamer.recognition.by_language import ByLanguage
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


def load_recognizer(settings: Settings, progress: Callable[[str], None] = lambda _: None) -> Recognizer:
    """Find the models' weights, load them, and make a dry run in every language that has rules.

    Raises:
      LexiconError: a lexicon can't be read.
      ModelError: there are no such weights, or they are damaged.
    """
    # First, since it takes no time: a typing mistake in it should not wait for a model.
    languages = {rule.language for rule in load(settings.lexicon or shipped()).rules}
    others = {
        language: _load(name, settings, [language], progress)
        for language, name in settings.models.items()
        if language in languages
    }
    default = _load(settings.model, settings, sorted(languages - others.keys()), progress)
    return ByLanguage(default, others) if others else default


def _load(
    name: str, settings: Settings, languages: Sequence[str], progress: Callable[[str], None]
) -> WhisperRecognizer:
    directory = models.resolve(name, progress=progress)
    progress(f"Loading {name}")
    compute, _ = models.compute_type(settings.compute_type)
    recognizer = WhisperRecognizer(directory, name=Path(name).name, workers=settings.workers, compute_type=compute)
    recognizer.warm(languages)
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
            self.metrics.tasks.set(len(asyncio.all_tasks()))
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
        scheduler = await stack.enter_async_context(
            Scheduler(recognizer, observe=metrics.count_batch, replace=lambda: load_recognizer(settings))
        )
        media = await stack.enter_async_context(MediaServer(settings, store, scheduler, metrics))
        service = Service(settings, media, metrics)
        app = create_app(service.health, metrics.registry)
        console = stack.enter_context(ConsoleServer(app, settings.host, settings.console_port))
        service.console_url = console.url
        for watching in (service.watch(), store.watch()):
            task = asyncio.create_task(watching)
            stack.callback(task.cancel)
        # All this stays: to look through it for garbage takes 30 ms, and would hold up a block now and then.
        gc.collect()
        gc.freeze()
        yield service
