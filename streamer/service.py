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
from sqlalchemy import Engine
from threadpoolctl import threadpool_limits

from lexicon.loader import load, shipped
from streamer import budgets, taking_over
from streamer.access.guard import require_tokens
from streamer.access.keyring import Keyring
from streamer.access.remembered import RememberedTokens
from streamer.access.renewing import renew
from streamer.access.seal import Seal
from streamer.access.tls import server_context
from streamer.bus import Bus, CallName
from streamer.control_plane import Ask, ControlPlane
from streamer.errors import HuazhaError
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
from streamer.record.journal import JournalUnavailable
from streamer.record.standing import standing
from streamer.server import MediaServer
from streamer.settings import Settings
from streamer.spool import Spool
from streamer.supervision import Supervisor

log = logging.getLogger(__name__)

T = TypeVar("T")

HEARTBEAT = 0.5
"""Seconds between looks at the media plane's own health."""
RELIEFS = {
    Relief.NOTHING: "everybody is heard",
    Relief.CUSTOMERS: "what customers say is not monitored",
    Relief.NEW_CALLS: "what customers say is not monitored, and new calls are refused",
}
STALLED = budgets.SILENT
"""Seconds without a heartbeat after which the media plane counts as stuck."""
RULES = 250
"""Rules in one answer to the console: encoding them holds up nobody."""


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

    def __init__(
        self, settings: Settings, media: MediaServer, metrics: Metrics, bus: Bus, supervisor: Supervisor
    ) -> None:
        self.media = media
        self.metrics = metrics
        self.bus = bus
        self.supervisor = supervisor
        self.spool = Spool(settings.data / "spool", settings.name)
        self.console = ControlPlane(settings, bus, lambda: asdict(self.health()), self._asks(), supervisor, self.spool)
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._beat: float | None = None
        self._trouble = ""
        self._relief = Relief.NOTHING
        self._told: dict[str, Any] = {}

    @property
    def console_url(self) -> str:
        """Where the console is."""
        return self.console.url

    def health(self) -> Health:
        """Say how the service is; may be asked from any thread."""
        # Until it is watched, which is after the console has started, it has nothing to be late with.
        silence = 0.0 if self._beat is None else time.monotonic() - self._beat
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
            events_lost=self.lost,
            console_restarts=self.console.restarts,
            degraded=self.degraded,
        )

    @property
    def degraded(self) -> str:
        """What fails while calls are heard all the same, or an empty string."""
        spool = self.spool
        spooled = f"{spool.waiting} events are not in the journal yet; they are spooled" if spool.waiting else ""
        console = f"the console can't start: {self.console.trouble}" if self.console.trouble else ""
        return "; ".join(filter(None, [console, spooled, spool.trouble, self.supervisor.trouble]))

    @property
    def lost(self) -> int:
        """Events that could neither be shown nor kept."""
        return self.bus.lost + self.spool.damaged

    async def watch(self) -> None:
        """Look after the media plane's health, from its own event loop, for ever."""
        while True:
            self.look()
            beat = time.monotonic()
            await asyncio.sleep(HEARTBEAT)
            # Audio that nobody could read meanwhile is as late as audio that waits for the recogniser.
            self.media.scheduler.waited(time.monotonic() - beat - HEARTBEAT)

    def look(self) -> None:
        """Look after the media plane's health once; it is stuck when nobody has for too long."""
        scheduler = self.media.scheduler
        age = scheduler.age
        self.metrics.queue_age.set(age)
        self.metrics.calls_blind.set(self.media.deaf)
        self.metrics.audio_late.set(self.media.late)
        self.metrics.tasks.set(len(asyncio.all_tasks()))
        self._note_relief(scheduler.relief)
        self.supervisor.look()
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
            "lexicon_change": store.change,
            "degraded": self.degraded,
            "lost": self.lost,
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
            self._on_loop(store.reload(str(about["by"])), budgets.MEDIA_RELOAD)
            return {"version": store.current.lexicon.version, "trouble": store.trouble}

        def rules(about: Mapping[str, Any]) -> Mapping[str, Any]:
            store = self.media.store
            lexicon, after = store.current.lexicon, int(about["after"])
            first = () if about["known"] == lexicon.version else lexicon.rules[after : after + RULES]
            named = {"name": lexicon.name, "version": lexicon.version, "trouble": store.trouble}
            return {**named, "rules": [asdict(rule) for rule in first]}

        def live(about: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"calls": self.media.names, "ending": self.bus.ending, "service": self._state()}

        def said(about: Mapping[str, Any]) -> Mapping[str, Any]:
            return self.bus.said(about["call"])

        def metrics(about: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"text": generate_latest(self.metrics.registry).decode()}

        return {
            "publish": publish,
            "order": order,
            "reload": reload,
            "rules": rules,
            "live": live,
            "said": said,
            "metrics": metrics,
        }

    def _on_loop(self, work: Coroutine[Any, Any, T], within: float = budgets.MEDIA_ANSWER) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(within)

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
    supervisor = Supervisor(
        lambda name, trouble, restarts: bus.tell("background", None, _failing(name, trouble, restarts)),
        lambda name, _trouble: metrics.background.labels(name).inc(),
    )
    store = LexiconStore(
        settings.lexicon or shipped(), settings.rules, lambda kind, fields: bus.tell(kind, None, fields)
    )
    if settings.tls is not None:
        server_context(settings.tls)
    await asyncio.to_thread(private.tighten, settings.data)
    async with AsyncExitStack() as stack:
        # NumPy's products here are small: more threads only spin, and take a fourth of a core from recognition.
        stack.enter_context(threadpool_limits(1, user_api="blas"))
        engine = database.engine_of(settings.journal)
        stack.callback(engine.dispose)
        keyring = await _known_tokens(engine, settings)
        require_tokens(settings.host, keyring)
        # A cluster that hangs is not mended by another connection to it.
        replace = (lambda: load_recognizer(settings)) if settings.recognizer == LOCAL else None

        def restarted(what: str) -> None:
            metrics.count_restart(what)
            supervisor.failed(f"media.recogniser.{what}", "it was started again; the log says why")

        scheduler = await stack.enter_async_context(
            Scheduler(
                recognizer,
                observe=metrics.count_batch,
                lost=metrics.count_lost,
                restarted=restarted,
                replace=replace,
            )
        )
        bears = await asyncio.to_thread(_bears, settings, recognizer, [*store.current.tables])
        media = MediaServer(settings, store, scheduler, metrics, bus, keyring=keyring, bears=bears)
        service = Service(settings, media, metrics, bus, supervisor)
        # All this stays: to look through it for garbage takes 30 ms, and would hold up a block now and then. Only what
        # is here before the first call: a call that is frozen is never freed.
        gc.collect()
        gc.freeze()
        # Before the first call, and until after the last: what they say is to be kept.
        await asyncio.to_thread(service.console.start)
        stack.push_async_callback(asyncio.to_thread, service.console.stop)
        await stack.enter_async_context(media)
        for name, work in (
            ("media.health", service.watch),
            ("media.lexicon", store.watch),
            ("media.tokens", partial(renew, keyring)),
        ):
            stack.callback(supervisor.task(name, work).cancel)
        left = partial(taking_over.find, partial(standing, engine, settings.name), media.take_over)
        stack.callback(supervisor.task("media.mutes", left, once=True).cancel)
        # The console may have taken its time to start: whoever asks from now on finds the media plane at work.
        service.look()
        yield service


async def _known_tokens(engine: Engine, settings: Settings) -> Keyring:
    """Give the tokens that are good; those of the last time where the database can't be had at present.

    Raises:
      DatabaseError: it can't be had, and no tokens are known from before: nobody could be let in.
    """
    try:
        async with asyncio.timeout(budgets.DATABASE):
            await asyncio.to_thread(database.prepare, engine)
        trouble = ""
    except database.DatabaseError as error:
        trouble = str(error)
    except TimeoutError:
        trouble = f"the journal's database has not answered for {budgets.DATABASE:.0f} s"
    keyring = Keyring(
        RememberedTokens(engine, settings.data), seal=Seal(settings.data, required=settings.tokens == "required")
    )
    try:
        async with asyncio.timeout(budgets.DATABASE):
            await asyncio.to_thread(keyring.refresh)
    except (JournalUnavailable, TimeoutError) as error:
        raise HuazhaError(trouble or f"the tokens can't be read: {error}") from None
    if trouble:
        log.error("%s; the service starts without it, and what happens is spooled until it can be had", trouble)
    return keyring


def _failing(name: str, trouble: str, restarts: int) -> dict[str, Any]:
    return {"name": name, "trouble": trouble, "restarts": restarts}
