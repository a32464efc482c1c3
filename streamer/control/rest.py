"""Requests to control ports that are HTTP: in time, tried again where that can do no harm, and timed."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from streamer.cleaning import clean_text
from streamer.control.paths import climbs
from streamer.control.port import Answer, Outcome

AGAIN = (0.1, 0.4, 1.0)
"""Seconds to wait before each further try."""
LOOKS = (0.0, 0.1, 0.3, 0.6)
"""Seconds to wait before each look for what came of a command."""
BUSY = frozenset({429, 502, 503, 504})
"""Answers of a platform that has not done what it was asked for, and may soon."""
GONE = frozenset({404, 410})
"""Answers of a platform that knows of nothing there."""
SAID = 200
"""Characters of a refusal that are told."""
SCHEMES = {"http": 80, "https": 443}
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What comes of reading an answer that is not as it was documented."""

Judge = Callable[[httpx.Response], Answer]


class Rest:
    """A client of one platform's HTTP interface.

    Args:
      address: that paths are relative to.
      auth: credentials, as httpx takes them.
      timeout: seconds for everything, further tries too.
      headers: of each request.
      transport: instead of the network.
    """

    def __init__(
        self,
        address: str,
        *,
        auth: httpx.Auth | tuple[str, str] | None = None,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._timeout = timeout
        self._secrets = _secrets(auth, headers or {})
        self._client = httpx.AsyncClient(
            base_url=address,
            auth=auth,
            headers=headers,
            timeout=timeout,
            transport=transport,
            verify=True if transport else trusted(),
            # A connection that has stood idle serves the next block without a handshake.
            limits=httpx.Limits(keepalive_expiry=120),
        )

    async def ask(
        self,
        method: str,
        path: str,
        *,
        again: bool,
        judge: Judge | None = None,
        refusal: Callable[[httpx.Response], Answer | None] | None = None,
        by: float | None = None,
        **content: Any,
    ) -> Answer:
        """Send a request, and make an answer of the response.

        Args:
          again: whether to send it twice is to send it once, as of setting a state. Otherwise it is sent again only
            where the platform can't have seen it, or says that it did nothing.
          judge: makes an answer of a response of 2xx; confirmed if none. Anything else is a refusal.
          refusal: makes an answer of a refusal that means something else, as that a call which is to be ended has ended
            already; None leaves it a failure.
          by: second of `time.monotonic()` at which to give up, where the time is shared with other requests.
          content: `json`, `data`, `params`, `headers`, as httpx takes them.
        """
        sent: float | None = None

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            nonlocal sent
            if event.endswith("send_request_body.complete"):
                sent = time.monotonic()

        status: int | None = None
        began: float | None = None
        unsure = False

        def answer(outcome: Outcome, detail: str) -> Answer:
            maybe = unsure and outcome is Outcome.FAILED
            return Answer(outcome, self._told(detail), sent, time.monotonic(), status, maybe)

        if climbs(path):
            return answer(Outcome.FAILED, "can't be asked for: a name in the path leads elsewhere")
        allowed = self._timeout if by is None else by - time.monotonic()
        trouble = "no answer in time"
        try:
            async with asyncio.timeout(allowed):
                for wait in (*_waits(allowed), None):
                    began, status = sent, None
                    try:
                        response = await self._client.request(method, path, extensions={"trace": trace}, **content)
                    except httpx.InvalidURL as error:
                        return answer(Outcome.FAILED, f"can't be asked for: {error}")
                    except httpx.RequestError as error:
                        where = error.request.url
                        trouble = unreached(f"{where.host}:{where.port or SCHEMES.get(where.scheme)}", error)
                        never = httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError
                        unseen = sent == began or isinstance(error, never)
                        unsure = unsure or not unseen
                        if wait is None or not (again or unseen):
                            return answer(Outcome.FAILED, trouble)
                    else:
                        status = response.status_code
                        if response.is_success:
                            judged = _judged(judge, response)
                            return answer(judged.outcome, judged.detail)
                        trouble = f"answered {status}: {response.text[:SAID]}"
                        if wait is None or not self._may_help(response, again):
                            meant = refusal(response) if refusal else None
                            return answer(meant.outcome, meant.detail) if meant else answer(Outcome.FAILED, trouble)
                    await asyncio.sleep(wait)
        except TimeoutError:
            unsure = unsure or (sent != began and status is None)
            return answer(Outcome.FAILED, f"{trouble} ({self._timeout:g} s)")
        raise AssertionError("the last try returns")

    async def get(self, path: str, *, by: float | None = None, **content: Any) -> httpx.Response | None:
        """Ask for what there is; None where it can't be had."""
        response = await self._look(path, by, content)
        return response if response is not None and response.is_success else None

    async def gone(
        self,
        path: str,
        over: Callable[[httpx.Response], bool] | None = None,
        *,
        by: float | None = None,
        **content: Any,
    ) -> bool:
        """Tell whether something is not there any more: it can't be found, or is `over` by what is told of it."""
        response = await self._look(path, by, content)
        if response is None:
            return False
        try:
            return response.status_code in GONE or (response.is_success and over is not None and over(response))
        except UNREADABLE:
            return False

    async def became(self, path: str, so: Callable[[httpx.Response], bool], *, by: float, **content: Any) -> bool:
        """Look a few times whether something has become so.

        Args:
          so: tells it by the response, which may be a refusal: what is gone can't be had.
          by: second of `time.monotonic()` at which to give up.
          content: as for `ask`.
        """
        for wait in LOOKS:
            if time.monotonic() + wait >= by:
                return False
            await asyncio.sleep(wait)
            response = await self._look(path, by, content)
            try:
                if response is not None and so(response):
                    return True
            except UNREADABLE:
                return False
        return False

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _look(self, path: str, by: float | None, content: Mapping[str, Any]) -> httpx.Response | None:
        if climbs(path):
            return None
        try:
            async with asyncio.timeout(self._timeout if by is None else by - time.monotonic()):
                return await self._client.get(path, **content)
        except (httpx.RequestError, httpx.InvalidURL, TimeoutError):
            return None

    def _told(self, detail: str) -> str:
        """Take credentials out of what is told: an answer may repeat what it was asked with."""
        for secret in self._secrets:
            detail = detail.replace(secret, "***")
        return clean_text(detail)

    @staticmethod
    def _may_help(response: httpx.Response, again: bool) -> bool:
        # Busy is not done; of other faults it can't be told.
        return response.status_code in {429, 503} or (again and response.status_code in BUSY | {500})


def _waits(allowed: float) -> tuple[float, ...]:
    """Give the seconds before each further try: a platform that is not there for a moment has all the time there is."""
    last = AGAIN[-1]
    more = int(max(0.0, allowed - sum(AGAIN)) / last) if last else 0
    return AGAIN + (last,) * more


def unreached(where: str, error: Exception) -> str:
    """Say that there is nobody at a control port, and what to do about it."""
    why = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
    return f"can't be reached at {where}: {why}; see whether it is up, and what [platforms] and firewalls say of it"


def fields(response: httpx.Response) -> Mapping[str, Any]:
    """Read the object that a response is; an empty one where it is none."""
    try:
        read = response.json()
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def trusted() -> ssl.SSLContext:
    """Make a context for TLS that trusts the usual authorities, and those of this machine."""
    context = httpx.create_ssl_context()
    # A platform within the bank may have a certificate that only its own machines know.
    context.load_default_certs()
    return context


def _judged(judge: Judge | None, response: httpx.Response) -> Answer:
    if judge is None:
        return Answer(Outcome.CONFIRMED)
    try:
        return judge(response)
    except UNREADABLE:
        return Answer(Outcome.ACCEPTED, f"answered {response.status_code}, with what can't be read")


def _secrets(auth: httpx.Auth | tuple[str, str] | None, headers: Mapping[str, str]) -> list[str]:
    found = [value for name, value in headers.items() if name.lower() == "authorization"]
    found += [value.partition(" ")[2] for value in found]
    if isinstance(auth, tuple):
        found += [auth[1], base64.b64encode(":".join(auth).encode()).decode()]
    return [secret for secret in found if secret]
