"""The whole service, put together: model, lexicon, recogniser, media plane and console."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from threadpoolctl import threadpool_limits

from lexicon.loader import load, shipped
from streamer import taking_over
from streamer.access.guard import require_tokens
from streamer.access.keyring import Keyring
from streamer.access.renewing import renew
from streamer.access.seal import Seal
from streamer.access.tls import server_context
from streamer.access.tokens import Tokens
from streamer.bus import Bus, CallName
from streamer.control_plane import Ask, ControlPlane
from streamer.health import Health
from streamer.lexicon_store import LexiconStore
from streamer.metrics import Metrics
from streamer.ray.addresses import LOCAL
from streamer.ray.recognizer import IN_FLIGHT, connect
from streamer.recognition import capacity, local, models
from streamer.recognition.by_language import ByLanguage
from streamer.recognition.load import Relief
from streamer.recognition.recognizer import Recognizer
from streamer.recognition.scheduler import Scheduler
from streamer.recognition.whisper import WhisperRecognizer
from streamer.record import database, private
from streamer.record.standing import standing
from streamer.server import MediaServer
from streamer.settings import Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

HEARTBEAT = 0.5
"""Seconds between looks at the media plane's own health."""
RELIEFS = {
    Relief.NOTHING: "everybody is heard",
    Relief.CUSTOMERS: "what customers say is not monitored",
    Relief.NEW_CALLS: "what customers say is not monitored, and new calls are refused",
}
STALLED = 5.0
"""Seconds without a heartbeat after which the media plane counts as stuck."""
ANSWER = 8.0
"""Seconds that it has for what the console asks."""


def load_recognizer(settings: Settings, progress: Callable[[str], None] = lambda _: None) -> Recognizer:
    """Find the models' weights, load them, and make a dry run in every language that has rules; or find a cluster's.

    Raises:
      ClusterError: the cluster can't be reached.
      LexiconError: a lexicon can't be read.
      ModelError: there are no such weights, or they are damaged.
      SettingsError: they can't be computed as it is set.
    """
    # First, since it takes no time: a typing mistake in it should not wait for a model.
    languages = {rule.language for rule in load(settings.lexicon or shipped()).rules}
    if settings.recognizer != LOCAL:
        progress(f"Looking for {settings.recognizer}")
        return connect(settings.recognizer, concurrency=settings.workers or IN_FLIGHT)
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
    return local.load(directory, Path(name).name, settings.wanted, languages)


def _bears(settings: Settings, recognizer: Recognizer, languages: Sequence[str]) -> int:
    """Tell how many calls at once this machine bears, in the language of calls that don't say theirs."""
    language = settings.language if settings.language in languages else min(languages)
    one = recognizer.of(language) if isinstance(recognizer, ByLanguage) else recognizer
    if settings.limits.max_calls is not None or not isinstance(one, WhisperRecognizer):
        return capacity.LOOP
    most = capacity.calls(one.rate(language))
    log.info("about %d calls at once can be heard in time on this machine; limits.max_calls sets another bound", most)
    return most


class Service:
    """A running service; made by `running`."""

    def __init__(self, settings: Settings, media: MediaServer, metrics: Metrics, bus: Bus) -> None:
        self.media = media
        self.metrics = metrics
        self.bus = bus
        self.console = ControlPlane(settings, bus, lambda: asdict(self.health()), self._asks())
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._beat = time.monotonic()
        self._trouble = ""
        self._relief = Relief.NOTHING
        self._told: dict[str, Any] = {}

    @property
    def console_url(self) -> str:
        """Where the console is."""
        return self.console.url

    def health(self) -> Health:
        """Say how the service is; may be asked from any thread."""
        silence = time.monotonic() - self._beat
        trouble = self._trouble
        if silence > STALLED:
            trouble = f"the media plane has been stuck for {silence:.0f} s"
        metrics = self.metrics
        return Health(
            healthy=not trouble,
            reason=trouble,
            queue_age=metrics.value(metrics.queue_age),
            calls_live=self.media.live,
            calls_most=self.media.most,
            calls_measured=self._settings.limits.max_calls is None,
            audio_received=metrics.value(metrics.received),
            audio_monitored=metrics.value(metrics.monitored),
            audio_blind=metrics.value(metrics.blind),
            agents_blind=int(metrics.value(metrics.calls_blind)),
            audio_late=round(metrics.value(metrics.audio_late), 1),
            violations=int(metrics.value(metrics.violations)),
            model=self.media.scheduler.recognizer.name,
            lexicon_version=self.media.store.current.lexicon.version,
            lexicon_trouble=self.media.store.trouble,
            events_lost=self.bus.lost,
            console_restarts=self.console.restarts,
        )

    async def watch(self) -> None:
        """Look after the media plane's health, from its own event loop, for ever."""
        while True:
            self.look()
            await asyncio.sleep(HEARTBEAT)
            # Audio that nobody could read meanwhile is as late as audio that waits for the recogniser.
            self.media.scheduler.waited(time.monotonic() - self._beat - HEARTBEAT)

    def look(self) -> None:
        """Look after the media plane's health once; it is stuck when nobody has for too long."""
        scheduler = self.media.scheduler
        age = scheduler.age
        self.metrics.queue_age.set(age)
        self.metrics.calls_blind.set(self.media.deaf)
        self.metrics.audio_late.set(self.media.late)
        self.metrics.tasks.set(len(asyncio.all_tasks()))
        self._note_relief(scheduler.relief)
        self._tell()
        if not scheduler.alive:
            self._trouble = "the recogniser has stopped"
        elif scheduler.trouble:
            self._trouble = scheduler.trouble
        elif age > self._settings.max_queue_age:
            self._trouble = f"recognition is {age:.0f} s behind"
        else:
            self._trouble = ""
        self._beat = time.monotonic()

    def _state(self) -> dict[str, Any]:
        """Say what supervisors must know of the service."""
        store = self.media.store
        return {
            "relief": int(self._relief),
            "lexicon_version": store.current.lexicon.version,
            "lexicon_trouble": store.trouble,
        }

    def _tell(self) -> None:
        """Tell supervisors what has changed of the service."""
        now = self._state()
        if now != self._told:
            self._told = now
            self.bus.tell("service", None, now)

    def _asks(self) -> dict[str, Ask]:
        """Give what the console may ask; each is answered in a thread of its own."""

        def publish(about: Mapping[str, Any]) -> Mapping[str, Any]:
            named = about["about"] and CallName(**about["about"])
            return {"cursor": self.bus.tell(about["type"], named, about["fields"]).cursor}

        def order(about: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"taken": self._on_loop(self.media.order(**about))}

        def reload(about: Mapping[str, Any]) -> Mapping[str, Any]:
            store = self.media.store
            self._on_loop(store.reload())
            return {"version": store.current.lexicon.version, "trouble": store.trouble}

        def live(about: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"calls": self.media.names, "ending": self.bus.ending, "service": self._state()}

        def said(about: Mapping[str, Any]) -> Mapping[str, Any]:
            return self.bus.said(about["call"])

        def metrics(about: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"text": generate_latest(self.metrics.registry).decode()}

        return {"publish": publish, "order": order, "reload": reload, "live": live, "said": said, "metrics": metrics}

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER)

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
      SettingsError: a port can't be had, a certificate can't be used, or there is no token where there must be one.
      HuazhaError: the database can't be had, or the console doesn't start.
    """
    # What else runs in Python gives way to the event loop this often.
    sys.setswitchinterval(0.001)
    metrics = Metrics(CollectorRegistry())
    bus = Bus(time.time)
    store = LexiconStore(settings.lexicon or shipped(), settings.rules)
    if settings.tls is not None:
        server_context(settings.tls)
    await asyncio.to_thread(private.tighten, settings.data)
    async with AsyncExitStack() as stack:
        # NumPy's products here are small: more threads only spin, and take a fourth of a core from recognition.
        stack.enter_context(threadpool_limits(1, user_api="blas"))
        engine = await asyncio.to_thread(database.open_, settings.journal)
        stack.callback(engine.dispose)
        keyring = Keyring(Tokens(engine), seal=Seal(settings.data, required=settings.tokens == "required"))
        await asyncio.to_thread(keyring.refresh)
        require_tokens(settings.host, keyring)
        # A cluster that hangs is not mended by another connection to it.
        replace = (lambda: load_recognizer(settings)) if settings.recognizer == LOCAL else None
        scheduler = await stack.enter_async_context(
            Scheduler(
                recognizer,
                observe=metrics.count_batch,
                lost=metrics.count_lost,
                restarted=metrics.count_restart,
                replace=replace,
            )
        )
        bears = await asyncio.to_thread(_bears, settings, recognizer, [*store.current.tables])
        media = MediaServer(settings, store, scheduler, metrics, bus, keyring=keyring, bears=bears)
        service = Service(settings, media, metrics, bus)
        # Before the first call, and until after the last: what they say is to be kept.
        await asyncio.to_thread(service.console.start)
        stack.push_async_callback(asyncio.to_thread, service.console.stop)
        await stack.enter_async_context(media)
        left = taking_over.find(partial(standing, engine, settings.name), media.take_over)
        for watching in (service.watch(), store.watch(), renew(keyring), left):
            task = asyncio.create_task(watching)
            stack.callback(task.cancel)
        # All this stays: to look through it for garbage takes 30 ms, and would hold up a block now and then.
        gc.collect()
        gc.freeze()
        # The console may have taken its time to start: whoever asks from now on finds the media plane at work.
        service.look()
        yield service
