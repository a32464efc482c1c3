"""The media plane: accepts sockets, picks each one's dialect by its path, and answers the calls on them."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Coroutine, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from detector.detector import Detector
from detector.masking import mask_json
from detector.policy import ACTIONS, OnBlind
from streamer import budgets
from streamer.access.gate import Gate
from streamer.access.guard import Guard, bearer
from streamer.access.keyring import Keyring
from streamer.access.tls import server_context
from streamer.bus import Bus, CallName
from streamer.call import AGENT, Call
from streamer.connections import listening
from streamer.control.carrier import Carrier
from streamer.control.port import Port, Target
from streamer.conversation import Conversation
from streamer.dialects.dialect import LEGS, Platform, Upgrade
from streamer.dialects.media_fields import agent_of
from streamer.errors import (
    AccessDenied,
    BadField,
    ForbiddenOrigin,
    OtherCredentials,
    Overloaded,
    SettingsError,
    Unauthorised,
)
from streamer.languages import NotALanguage, language_of, told
from streamer.lexicon_store import LexiconStore
from streamer.listener import Listener
from streamer.metrics import Metrics
from streamer.platforms import KNOWN, section_of
from streamer.recognition.capacity import LOOP
from streamer.recognition.load import Relief
from streamer.recognition.scheduler import Scheduler
from streamer.recognition.sounds.search import live_search_of
from streamer.recognition.vad import SileroModel
from streamer.record.chronicle import Chronicle
from streamer.record.clips import ClipRecorder
from streamer.record.standing import StandingMute
from streamer.refused_calls import PERIOD, Refusal, RefusedCalls, offered_id
from streamer.reporter import Reporter
from streamer.session import Session, address
from streamer.settings import Limits, Settings
from streamer.taking_over import see_to
from streamer.types import CallStarted, Remark, Started

log = logging.getLogger(__name__)

RETRY_AFTER = 5
"""Seconds after which a platform that found no room may ask again."""

AT_THE_UPGRADE: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "unauthorised",
    HTTPStatus.FORBIDDEN: "forbidden_origin",
    HTTPStatus.NOT_FOUND: "no_such_path",
    HTTPStatus.INTERNAL_SERVER_ERROR: "internal",
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded",
}
"""Why a socket was refused, by the status that said so."""


class MediaServer:
    """Listens for calls while its context lasts; on leaving it, the calls still going on are cut off.

    Args:
      settings: the address, the limits and the language of calls that don't say theirs.
      store: the rules that new calls are answered with.
      scheduler: recognises; must be running.
      metrics: counts.
      bus: what happens is told to it.
      keyring: whom it lets in; None asks nobody for a token.
      bears: calls at once that the machine bears, for settings that don't say how many there may be.

    Raises:
      SettingsError: an origin is none, or a measure is for no rule; on entering, when the port or the certificate
        can't be had.
    """

    def __init__(
        self,
        settings: Settings,
        store: LexiconStore,
        scheduler: Scheduler,
        metrics: Metrics,
        bus: Bus,
        *,
        keyring: Keyring | None = None,
        bears: int = LOOP,
    ) -> None:
        self.settings = settings
        self.most = settings.limits.max_calls or bears
        self.limits = settings.limits
        self.store = store
        self.scheduler = scheduler
        self.metrics = metrics
        self.listener = Listener()
        self._bus = bus
        self._calls: dict[str, Conversation] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._trusted: WeakSet[ServerConnection] = WeakSet()
        self._policy = settings.policy.policy
        known = {rule.id for rule in store.current.lexicon.rules}
        for unknown in sorted(set(settings.policy.rules) - known):
            raise SettingsError("policy.rules", unknown, "is no rule of any lexicon here")
        self._ports: dict[str, Port | None] = {}
        self._refused_calls = RefusedCalls()
        self._summing: asyncio.TimerHandle | None = None
        self._gate: Gate | None = None
        if keyring is not None:
            guard = Guard(keyring, settings.host, settings.origins, time.time)
            self._gate = Gate(guard, self._refused, time.monotonic)

    @property
    def live(self) -> int:
        """Calls going on."""
        return len(self._calls)

    @property
    def max_queue_age(self) -> float:
        """Seconds that a window may wait for the recogniser before its channel counts as not monitored."""
        return self.settings.max_queue_age

    @property
    def deaf(self) -> int:
        """Calls going on in which the agent is not monitored at present."""
        return sum(AGENT in one.call.legs.deaf for one in self._calls.values())

    @property
    def late(self) -> float:
        """Seconds of audio that have not come in time, in the call that lacks the most."""
        return max((one.late for one in self._calls.values()), default=0.0)

    @property
    def _full(self) -> bool:
        """Whether another call could not be heard."""
        too_late = self.scheduler.relief >= Relief.NEW_CALLS
        return self.live >= self.most or too_late or not self.scheduler.alive

    @property
    def names(self) -> list[str]:
        """The calls going on, as the service names them."""
        return list(self._calls)

    @property
    def url(self) -> str:
        """Where Huazha's own dialect is spoken."""
        host, port = self._server.sockets[0].getsockname()[:2]
        scheme = "ws" if self.settings.tls is None else "wss"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/v1/calls"

    async def __aenter__(self) -> Self:
        limits, settings = self.limits, self.settings
        for known in KNOWN.values():
            if known.open_port is not None:
                section = section_of(known.platform, settings.platforms)
                self._ports[known.platform.name] = known.open_port(section)
        context = None if settings.tls is None else server_context(settings.tls)
        # The first loads the network, which should not wait for a call.
        await asyncio.to_thread(SileroModel)
        try:
            self._server: Server = await serve(
                self._listen,
                sock=listening(
                    settings.host, settings.media_port, limits.max_connections, limits.max_connections_per_address
                ),
                process_request=self._admit,
                process_response=self._answered,
                select_subprotocol=_subprotocol,
                ssl=context,
                # Audio hardly shrinks, and a compressor for each call costs memory and time.
                compression=None,
                # The dialect answers a message over the limit with an error that says so; far beyond, the
                # library cuts it off unread.
                max_size=2 * limits.max_message_bytes,
                open_timeout=limits.start_timeout,
                ping_interval=limits.ping_interval,
                ping_timeout=limits.ping_timeout,
                close_timeout=budgets.CLOSE,
                logger=_library_log(),
            )
        except OSError as error:
            reason = f"can't be had on {settings.host}: {error.strerror}; give another, or 0 for any"
            raise SettingsError(f"port {settings.media_port}", "media_port", reason) from None
        await self.listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Accept no more, and close the sockets that are open: their peers have `budgets.CLOSE` seconds to answer.
        self._server.close()
        # Drain all calls at once: what was said last is recognised, signals that are on their way are waited for.
        self.limits = _hurried(self.limits)
        for conversation in [*self._calls.values()]:
            conversation.hang_up()
        # Mutes wait for their time no more: they are lifted now.
        self._stopping.set()
        await _over_within(budgets.CALLS, self._running)
        # What sockets still say is of no call any more.
        await _carefully("the media port", budgets.CLOSE + 1.0, self._server.wait_closed())
        # Tell how many calls were refused, and why.
        self._sum_up(over=True)
        # Close what calls shared, each part whatever becomes of another.
        await _carefully("the listener", budgets.PORTS, self.listener.__aexit__(kind, error, trace))
        ports = {name: port for name, port in self._ports.items() if port is not None}
        await asyncio.gather(
            *(_carefully(f"the control port of {name}", budgets.PORTS, port.aclose()) for name, port in ports.items())
        )

    def answer(self, started: CallStarted, session: Session) -> Conversation:
        """Begin a call, or find the one that this is another socket of.

        Raises:
          Unauthorised: the platform has no token that is good for this; `OtherCredentials` where the call goes on, and
            is somebody else's.
          Overloaded: there are as many calls as there may be or as can be heard, or the recogniser is not at work.
          BadField: no rule is in the call's language, so that listening to it would be pretence.
        """
        owner = self._owner(started.platform, session)
        if (joined := self._same(started, owner)) is not None:
            return joined
        if self._full:
            raise Overloaded()
        language, started = self._language(started)
        rules = self.store.current
        table = rules.tables.get(language)
        if table is None:
            known = " and ".join(sorted(rules.tables))
            raise BadField("language", f"{told(language)} is in no lexicon here; they have {known}")
        if started.joins:
            # Its other leg may come on a socket of its own.
            started = replace(started, channels=LEGS)
        abilities = self.scheduler.recognizer.abilities(language)
        call = Call(
            started,
            language=language,
            detector=Detector(table, ACTIONS, self._policy),
            speech_models={channel: SileroModel() for channel in started.channels},
            clock=time.perf_counter,
            word_times=abilities.word_times,
            policy=self._policy,
            search=live_search_of(table, abilities.sounds),
        )
        greeting = Started(rules.lexicon.version, self.scheduler.recognizer.name)
        reporter = self._report(started, greeting, language)
        carrier = None
        if started.platform in self._ports:
            port = self._ports[started.platform]
            missing = f"no control port: [platforms.{started.platform}] does not say how to reach it"
            carrier = Carrier(port, Target(started.names, session.say), self._policy, missing)
        conversation = Conversation(self, started, call, greeting, reporter, carrier, owner)
        for remark in started.remarks:
            conversation.remark(remark)
        self._calls[reporter.name.call] = conversation
        self.metrics.calls_live.set(self.live)
        self._run(self._go_on(conversation))
        return conversation

    def _language(self, started: CallStarted) -> tuple[str, CallStarted]:
        """Give the language that a call is heard in; one that is not understood is the service's own, and a remark."""
        own = self.settings.language
        try:
            return language_of(started.language) or own, started
        except NotALanguage:
            detail = f"its language, {started.language!r:.80}, is not understood; it is heard as {own}"
            return own, replace(started, remarks=(*started.remarks, Remark("language", detail)))

    def _owner(self, platform: str, session: Session) -> str:
        """Sign a socket in, and name the credentials that it came with.

        A call belongs to what began it: the name of a token, so that a renewed one may go on with it; the platform
        that signs; where nobody is asked for either, the address.

        Raises:
          Unauthorised: there are no credentials that are good for this.
        """
        if session.trusted:
            return f"signed by {platform}"
        try:
            identity = None if self._gate is None else self._gate.sign_in(session.address, session.token)
        except AccessDenied as denied:
            raise Unauthorised(denied.message) from None
        return f"address {session.address}" if identity is None else f"token {identity.name}"

    def _same(self, started: CallStarted, owner: str) -> Conversation | None:
        """Find the call if another socket brings it, or brought it.

        Raises:
          OtherCredentials: it is somebody else's.
        """
        if not started.joins:
            return None
        same = [one for one in self._calls.values() if one.is_named(started)]
        if any(one.owner != owner for one in same):
            raise OtherCredentials()
        return next((one for one in same if one.listening and one.is_of(started)), None)

    async def _go_on(self, conversation: Conversation) -> None:
        """Take a call to its end."""
        call, reporter = conversation.call, conversation.reporter
        try:
            await conversation.run()
        finally:
            # Whatever became of it, its end is told, and others may have its place.
            try:
                reporter.end(call, conversation.outcome)
            finally:
                del self._calls[reporter.name.call]
                self.metrics.calls_live.set(self.live)
        log.info("call %s is over: %.1f s, %.1f s blind", call.id, call.duration, call.blind)
        await conversation.aftermath(self._stopping, lambda: self._muted_anew(conversation))

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a call did not end as it should", exc_info=error)

    def _muted_anew(self, over: Conversation) -> bool:
        """Whether a call that was over has come again, and somebody in it was muted since."""
        return any(one.is_of(over.started) and one.muted for one in self._calls.values())

    def take_over(self, left: Sequence[StandingMute]) -> None:
        """See to the mutes of a service that died before this one, while calls are answered."""
        for mute in left:
            held = partial(self._mutes, mute.platform, mute.call_id)
            port = self._ports.get(mute.platform)
            self._run(see_to(mute, port, self._policy, self._bus, self.metrics, held, self._stopping))

    def _mutes(self, platform: str, call_id: str) -> bool:
        """Whether a call goes on that is named so on the record, and somebody in it is muted."""
        return any(
            one.muted and (one.started.platform, one.reporter.name.call_id) == (platform, call_id)
            for one in self._calls.values()
        )

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what the service's end waits for."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._gone)

    async def order(self, call: str, action: str, channel: str, violation_id: str | None, by: str) -> bool | None:
        """Ask a call's platform for what a supervisor wants.

        Returns:
          whether it took the message; None when there is no such call any more.
        """
        conversation = self._calls.get(call)
        return None if conversation is None else await conversation.order(action, channel, violation_id, by)

    def _report(self, started: CallStarted, greeting: Started, language: str) -> Reporter:
        # What platforms and agents are called by may hold a number of somebody's; platforms are answered by their own.
        name = CallName(uuid.uuid4().hex, mask_json(started.call_id), mask_json(agent_of(started.metadata)))
        kept, clips = self.settings.evidence, None
        if kept.keep:
            clips = ClipRecorder(
                started.encoding,
                started.sample_rate,
                started.encoding.width,
                started.channels,
                before=kept.before,
                after=kept.after,
            )
        metadata = mask_json(dict(started.metadata))
        chronicle = Chronicle(
            started,
            greeting,
            language=language,
            metadata=metadata,
            gateway=self.settings.name,
            alerts=self._policy.on_blind is not OnBlind.NOTHING,
        )
        return Reporter(self._bus, name, chronicle, clips)

    async def _listen(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        upgrade = self._upgrade(connection.request)
        platform = KNOWN[upgrade.path].platform
        section = section_of(platform, self.settings.platforms)
        dialect = platform.dialect(upgrade, section, self.limits.max_message_bytes)
        token = bearer(_header(connection.request, "Authorization"))
        await Session(
            connection,
            dialect,
            self,
            token,
            trusted=connection in self._trusted,
            platform=platform.name,
            offered=offered_id(upgrade.query) or offered_id(upgrade.headers),
        ).run()

    def _upgrade(self, request: Request) -> Upgrade:
        query = dict(parse_qsl(request.path.partition("?")[2], keep_blank_values=True))
        headers = {name.lower(): _header(request, name) or "" for name in request.headers}
        known = tuple(sorted(self.store.current.tables))
        return Upgrade(request.path, query, headers, secure=self.settings.tls is not None, languages=known)

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a socket before it is one."""
        upgrade = self._upgrade(request)
        if upgrade.path not in KNOWN:
            return connection.respond(HTTPStatus.NOT_FOUND, f"Calls come in at {', '.join(KNOWN)}.\n")
        platform = KNOWN[upgrade.path].platform
        section = section_of(platform, self.settings.platforms)
        signs = platform.signs(section)
        refusal = platform.admit(upgrade, section, time.time())
        if refusal is not None:
            if self._gate is not None:
                self._gate.refuse(address(connection), AccessDenied("wrong", f"{platform.name}: {refusal}"))
            return connection.respond(HTTPStatus.UNAUTHORIZED, f"{refusal}\n")
        if signs:
            self._trusted.add(connection)
        if self._gate is None:
            return self._make_room(connection, platform, upgrade)
        try:
            self._gate.knock(
                address(connection),
                origin=None if signs and not _may_be_a_browsers(request) else _header(request, "Origin"),
                host=_header(request, "Host"),
                # What it holds is the platform's own, and was looked at.
                authorization=None if signs else _header(request, "Authorization"),
            )
        except ForbiddenOrigin as forbidden:
            return connection.respond(HTTPStatus.FORBIDDEN, f"{forbidden.message}\n")
        except AccessDenied as denied:
            response = connection.respond(HTTPStatus.UNAUTHORIZED, f"{denied.message}\n")
            # RFC 9110, section 15.5.2, wants to be told what would do.
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        return self._make_room(connection, platform, upgrade)

    def _make_room(self, connection: ServerConnection, platform: Platform, upgrade: Upgrade) -> Response | None:
        """Refuse a socket whose call could not be heard, where its platform makes something of that.

        Others are refused once they have said which call they bring: it may be one that goes on.
        """
        if not platform.redials or not self._full:
            return None
        if platform.joins:
            call_id = offered_id(upgrade.query)
            live = {one.started.call_id for one in self._calls.values() if one.started.platform == platform.name}
            if call_id is None or call_id in live:
                return None
        response = connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{Overloaded().message}\n")
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response

    def _answered(self, connection: ServerConnection, request: Request, response: Response) -> None:
        """Put on the record that a socket was asked for and not had, whoever refused it: us or the library."""
        stopping = response.status_code == HTTPStatus.SWITCHING_PROTOCOLS and not connection.server.is_serving()
        if (response.status_code == HTTPStatus.SWITCHING_PROTOCOLS and not stopping) or not _for_a_socket(request):
            return
        upgrade = self._upgrade(request)
        known = KNOWN.get(upgrade.path)
        reason = "stopping" if stopping else AT_THE_UPGRADE.get(response.status_code, "bad_upgrade")
        detail = "the service is stopping" if stopping else (response.body or b"").decode(errors="replace").strip()
        self.refused(
            "" if known is None else known.platform.name,
            address(connection),
            offered_id(upgrade.query) or offered_id(upgrade.headers),
            reason,
            detail,
        )

    def refused(self, platform: str, address: str, call_id: str | None, reason: str, detail: str) -> None:
        """Put on the record that a call was offered and not taken: it is counted, and told on the alert feed.

        Sockets that are refused before they are one come here by themselves.

        Args:
          platform: its name; empty where it is not known.
          address: the peer's.
          call_id: the platform's name for the call, as far as it is known.
          reason: for programs; one of few, since it is counted by it.
          detail: for people.
        """
        self.metrics.calls.labels("refused", reason).inc()
        fields = self._refused_calls.note(Refusal(platform, address, call_id, reason, detail), time.monotonic())
        if fields is not None:
            self._tell_refused(fields)
        elif self._summing is None:
            self._summing = asyncio.get_running_loop().call_later(PERIOD, self._sum_up)

    def _sum_up(self, *, over: bool = False) -> None:
        """Tell of the refused calls that were only counted."""
        if self._summing is not None:
            self._summing.cancel()
            self._summing = None
        for fields in self._refused_calls.sums(time.monotonic(), over=over):
            self._tell_refused(fields)
        if self._refused_calls.untold:
            self._summing = asyncio.get_running_loop().call_later(PERIOD, self._sum_up)

    def _tell_refused(self, fields: Mapping[str, Any]) -> None:
        told = ("call_id", "platform", "address", "reason", "detail", "count")
        log.warning("call %s of %s from %s refused, %s: %s (%d times)", *(fields[name] or "(unknown)" for name in told))
        self._bus.tell("call.refused", None, fields)

    def _refused(self, fields: Mapping[str, Any]) -> None:
        self._bus.tell("access", None, fields)


def _hurried(limits: Limits) -> Limits:
    """Give what holds while the service stops."""
    return limits.model_copy(update={"drain_timeout": min(limits.drain_timeout, budgets.DRAIN)})


async def _over_within(seconds: float, tasks: Set[asyncio.Task[None]]) -> None:
    """Wait for tasks to end, whatever they raise; cut off what has not by then."""
    if not tasks:
        return
    _, late = await asyncio.wait([*tasks], timeout=seconds)
    if late:
        log.error("%d calls were not over after %.0f s, and are cut off", len(late), seconds)
        for task in late:
            task.cancel()
        await asyncio.wait(late, timeout=1.0)


async def _carefully(what: str, seconds: float, closing: Awaitable[None]) -> None:
    """Close something; that it fails, or takes too long, is nobody else's affair."""
    try:
        async with asyncio.timeout(seconds):
            await closing
    except Exception:
        log.exception("%s did not close as it should", what)


def _subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Take what the platform's own protocol is called, if it is offered; a platform that offers none is served, too."""
    assert connection.request is not None
    known = KNOWN.get(connection.request.path.partition("?")[0])
    taken = [one for one in offered if known is not None and one in known.platform.subprotocols]
    return taken[0] if taken else None


def _may_be_a_browsers(request: Request) -> bool:
    """Whether a page could have had a signed request sent: it can set no header, but a browser keeps passwords."""
    return (_header(request, "Authorization") or "").lower().startswith("basic")


def _for_a_socket(request: Request) -> bool:
    """Whether a request is for a socket: a load balancer that looks whether we are there offers no call."""
    return "websocket" in (_header(request, "Upgrade") or "").lower()


def _header(request: Request, name: str) -> str | None:
    """Give a header; several of a name are one, as RFC 9110, section 5.3, has it."""
    return ", ".join(request.headers.get_all(name)) or None


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
