"""Requests to an application's ingress, over HTTP: one that a dying worker takes with it is asked again."""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from itertools import count

import httpx

from streamer.errors import RecognisersBusy, RecognisersGone, RecognitionFailed
from streamer.ray.addresses import Ingress

log = logging.getLogger(__name__)

CONNECT, ANSWER, PATIENCE = 1.0, 5.0, 8.0
"""Seconds to reach a host, for an answer to begin, and for all attempts together. A later answer stops nobody."""
ATTEMPTS = 3
AVOIDED = 5.0
"""Seconds for which a host that could not be reached is asked last."""
BACK_OFF = 0.2
"""Seconds that a window which was turned away waits before it is given back: whoever asked would ask again at once."""
LOST = frozenset({HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.REQUEST_TIMEOUT})
"""How Serve answers where a replica died with a request in its hands; what a replica itself says is none of these."""
CLOSED = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})
"""How it answers where there is no such application, or none that works."""


class Asking:
    """Asks an application. May be called from several threads at once.

    Args:
      ingress: where; hosts are asked in turn, so that none has more to pass on than another.

    Attributes:
      repeated: requests that were asked again, since the first attempt found nobody or was lost.
    """

    def __init__(self, ingress: Ingress) -> None:
        self.repeated = 0
        self._urls = ingress.urls
        self._turns = count()
        self._avoided = dict.fromkeys(self._urls, 0.0)
        # The cluster is inside: a proxy of the environment is for what is outside.
        self._client = httpx.Client(
            timeout=httpx.Timeout(ANSWER, connect=CONNECT, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
            trust_env=False,
        )

    def post(self, body: bytes) -> bytes:
        """Ask, and wait for the answer.

        Raises:
          RecognisersBusy: too many requests wait there, or one has waited for too long.
          RecognisersGone: nobody answers.
          RecognitionFailed: it can't be done, whoever does it.
        """
        last: RecognitionFailed = RecognisersGone("nobody was asked")
        until = time.monotonic() + PATIENCE
        urls = self._in_turn()
        for attempt in range(ATTEMPTS):
            if attempt:
                if time.monotonic() >= until:
                    break
                self.repeated += 1
                log.warning("a window is recognised again: %s", last)
            url = urls[attempt % len(urls)]
            try:
                answer = self._client.post(url, content=body)
            except httpx.ReadTimeout:
                # It may hang: another host may do it. Most likely all have too much to do: no more of the same.
                self._avoided[url] = time.monotonic() + AVOIDED
                last = RecognisersBusy(f"{url} does not answer within {ANSWER:g} s")
                if len(urls) == 1:
                    break
                continue
            except httpx.HTTPError as error:
                self._avoided[url] = time.monotonic() + AVOIDED
                last = RecognisersGone(f"{url} {_reason(error)}")
                continue
            if answer.status_code == HTTPStatus.OK:
                return answer.content
            if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                time.sleep(BACK_OFF)
                busy = RecognisersBusy(f"{url} has too much to do")
                if not attempt:
                    raise busy
                # What a dying worker took with it came in time.
                last = busy
                continue
            said = f"{url} answers {answer.status_code}: {answer.text[:200].strip() or 'nothing'}"
            if answer.status_code in CLOSED:
                last = RecognisersGone(said)
            elif answer.status_code in LOST:
                last = RecognitionFailed(said)
            else:
                raise RecognitionFailed(said)
        raise last

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _in_turn(self) -> list[str]:
        """Give the hosts, another first each time, and those last that could not be reached."""
        first = next(self._turns) % len(self._urls)
        now = time.monotonic()
        turned = [*self._urls[first:], *self._urls[:first]]
        return sorted(turned, key=lambda url: self._avoided[url] > now)


def _reason(error: httpx.HTTPError) -> str:
    return "can't be reached" if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError) else "broke off"
