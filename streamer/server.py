"""The media plane: accepts sockets, picks each one's dialect by its path, and answers the calls on them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from detector.detector import Detector
from detector.policy import ACTIONS
from streamer.call import Call
from streamer.dialects.native import NativeDialect
from streamer.errors import BadField, Overloaded, SettingsError
from streamer.lexicon_store import LexiconStore
from streamer.metrics import Metrics
from streamer.recognition.load import Relief
from streamer.recognition.scheduler import Scheduler
from streamer.recognition.vad import SileroModel
from streamer.session import Dialect, Session
from streamer.settings import Limits, Settings
from streamer.types import CallStarted, Started

log = logging.getLogger(__name__)

DIALECTS: Mapping[str, Callable[[Limits], Dialect]] = {
    "/v1/calls": lambda limits: NativeDialect(limits.max_message_bytes),
}
"""Path to protocol."""


class MediaServer:
    """Listens for calls while its context lasts; on leaving it, the calls still going on are cut off.

    Args:
      settings: the address, the limits and the language of calls that don't say theirs.
      store: the rules that new calls are answered with.
      scheduler: recognises; must be running.
      metrics: counts.

    Raises:
      SettingsError: on entering, when the port can't be had.
    """

    def __init__(self, settings: Settings, store: LexiconStore, scheduler: Scheduler, metrics: Metrics) -> None:
        self.settings = settings
        self.limits = settings.limits
        self.store = store
        self.scheduler = scheduler
        self.metrics = metrics
        self.live = 0

    @property
    def url(self) -> str:
        """Where the native dialect is spoken."""
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"ws://{f'[{host}]' if ':' in host else host}:{port}/v1/calls"

    async def __aenter__(self) -> Self:
        limits, settings = self.limits, self.settings
        try:
            self._server: Server = await serve(
                self._listen,
                settings.host,
                settings.media_port,
                process_request=_refuse_unknown_path,
                # Audio hardly shrinks, and a compressor for each call costs memory and time.
                compression=None,
                # The dialect answers a message over the limit with an error that says so; far beyond, the
                # library cuts it off unread.
                max_size=2 * limits.max_message_bytes,
                open_timeout=limits.start_timeout,
                ping_interval=limits.ping_interval,
                ping_timeout=limits.ping_timeout,
                logger=_library_log(),
            )
        except OSError as error:
            reason = f"can't be had on {settings.host}: {error.strerror}; give another, or 0 for any"
            raise SettingsError(f"port {settings.media_port}", "media_port", reason) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    def answer(self, started: CallStarted) -> tuple[Call, Started]:
        """Begin a call.

        Raises:
          Overloaded: there are as many calls as there may be or as can be heard, or the recogniser is not at work.
          BadField: no rule is in the call's language, so that listening to it would be pretence.
        """
        too_late = self.scheduler.relief >= Relief.NEW_CALLS
        if self.live >= self.limits.max_calls or too_late or not self.scheduler.alive:
            raise Overloaded()
        language = (started.language or self.settings.language).split("-")[0].lower()
        rules = self.store.current
        table = rules.tables.get(language)
        if table is None:
            known = " and ".join(sorted(rules.tables))
            raise BadField("language", f"{language!r} is in no lexicon here; they have {known}")
        call = Call(
            started,
            language=language,
            detector=Detector(table, ACTIONS),
            speech_models={channel: SileroModel() for channel in started.channels},
            clock=time.perf_counter,
            word_times=self.scheduler.recognizer.abilities(language).word_times,
        )
        self.live += 1
        self.metrics.calls_live.set(self.live)
        return call, Started(rules.lexicon.version, self.scheduler.recognizer.name)

    def hung_up(self, call: Call) -> None:
        """A call that was answered is over."""
        self.live -= 1
        self.metrics.calls_live.set(self.live)
        log.info("call %s is over: %.1f s, %.1f s blind", call.id, call.duration, call.blind)

    async def _listen(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        dialect = DIALECTS[_path(connection.request)](self.limits)
        await Session(connection, dialect, self).run()


def _path(request: Request) -> str:
    return request.path.partition("?")[0]


def _refuse_unknown_path(connection: ServerConnection, request: Request) -> Response | None:
    if _path(request) in DIALECTS:
        return None
    return connection.respond(HTTPStatus.NOT_FOUND, f"Calls come in at {', '.join(DIALECTS)}.\n")


def _library_log() -> logging.Logger:
    """Give the websockets library a log in which a stranger's garbage is one line, not a traceback."""
    logger = logging.getLogger("streamer.websockets")
    logger.setLevel(logging.WARNING)
    if not logger.filters:
        logger.addFilter(_without_traceback)
    return logger


def _without_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1]:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]}", ()
        record.exc_info = None
    return True
