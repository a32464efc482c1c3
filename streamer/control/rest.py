"""Requests to control ports that are HTTP: in time, tried again where that can do no harm, and timed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from streamer.control.port import Answer, Outcome

AGAIN = (0.1, 0.4, 1.0)
"""Seconds to wait before each further try."""
BUSY = frozenset({429, 502, 503, 504})
"""Answers of a platform that has not done what it was asked for, and may soon."""
SAID = 200
"""Characters of a refusal that are told."""

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
        self._client = httpx.AsyncClient(
            base_url=address,
            auth=auth,
            headers=headers,
            timeout=timeout,
            transport=transport,
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
        **content: Any,
    ) -> Answer:
        """Send a request, and make an answer of the response.

        Args:
          again: whether to send it twice is to send it once, as of setting a state. Otherwise it is sent again only
            where the platform can't have seen it, or says that it did nothing.
          judge: makes an answer of a response of 2xx; confirmed if none. Anything else is a refusal.
          content: `json`, `data`, `params`, `headers`, as httpx takes them.
        """
        sent: float | None = None

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            nonlocal sent
            if event.endswith("send_request_body.complete"):
                sent = time.monotonic()

        def failed(detail: str) -> Answer:
            return Answer(Outcome.FAILED, detail, sent, time.monotonic())

        trouble = "no answer in time"
        try:
            async with asyncio.timeout(self._timeout):
                for wait in (*AGAIN, None):
                    began = sent
                    try:
                        response = await self._client.request(method, path, extensions={"trace": trace}, **content)
                    except httpx.TransportError as error:
                        trouble = f"can't be reached: {str(error) or type(error).__name__}"
                        unseen = sent == began or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                        if wait is None or not (again or unseen):
                            return failed(trouble)
                    else:
                        if response.is_success:
                            answer = judge(response) if judge else Answer(Outcome.CONFIRMED)
                            return Answer(answer.outcome, answer.detail, sent, time.monotonic())
                        trouble = f"answered {response.status_code}: {response.text[:SAID]}"
                        if wait is None or not self._may_help(response, again):
                            return failed(trouble)
                    await asyncio.sleep(wait)
        except TimeoutError:
            return failed(f"{trouble} ({self._timeout:g} s)")
        raise AssertionError("the last try returns")

    async def get(self, path: str, **content: Any) -> httpx.Response | None:
        """Ask for what there is; None where it can't be had."""
        try:
            response = await self._client.get(path, **content)
        except httpx.HTTPError:
            return None
        return response if response.is_success else None

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    @staticmethod
    def _may_help(response: httpx.Response, again: bool) -> bool:
        # Busy is not done; of other faults it can't be told.
        return response.status_code in {429, 503} or (again and response.status_code in BUSY | {500})
