"""One webhook endpoint, over the network: found, checked, and posted to at the very address that was checked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import httpx

from streamer.record.addresses import AddressRefused, checked
from streamer.record.outbox import Waiting
from streamer.record.standard_webhooks import signed
from streamer.settings import Webhook

CONNECT = 3.0
"""Seconds for a connection to one of several addresses, before the next is tried."""

Resolve = Callable[[str, int], Sequence[str]]
"""Gives the addresses of a host, for a port; called in a thread."""


class _NotTaken(Exception):
    """Says why."""


def transport() -> httpx.AsyncHTTPTransport:
    """Give what connects: to nobody else's proxy, with no cookies, and never where an answer says."""
    trusted = httpx.create_ssl_context(trust_env=False)
    # A bank's own endpoints have certificates that only its own machines know.
    trusted.load_default_certs()
    # What was taken is seldom followed by more at once; and a connection that is kept may be dead when it is needed.
    fresh = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncHTTPTransport(verify=trusted, trust_env=False, limits=fresh)


class Poster:
    """Posts to one endpoint.

    Args:
      endpoint: where to, and how it is signed.
      transport: what connects.
      threads: where `resolve` is called.
      resolve: how its host is found.
      timeout: seconds for its addresses, and again for its answer.
    """

    def __init__(
        self,
        endpoint: Webhook,
        transport: httpx.AsyncBaseTransport,
        threads: Executor,
        resolve: Resolve,
        timeout: float,
    ) -> None:
        self._endpoint = endpoint
        self._url = httpx.URL(endpoint.url)
        self._transport = transport
        self._threads = threads
        self._resolve = resolve
        self._timeout = timeout

    async def post(self, events: Sequence[Waiting], at: float) -> list[str | None]:
        """Post events side by side; tell for each why it was not taken, or None if it was.

        Args:
          at: the time, in seconds since 1970.
        """
        try:
            addresses = await self._addresses()
        except _NotTaken as failure:
            return [str(failure)] * len(events)
        return list(await asyncio.gather(*(self._post(event, addresses, at) for event in events)))

    async def _addresses(self) -> list[str]:
        host = self._url.raw_host.decode("ascii")
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(self._timeout):
                found = await asyncio.get_running_loop().run_in_executor(self._threads, self._resolve, host, port)
            addresses = checked(found, allow_private=self._endpoint.allow_private)
        except AddressRefused as error:
            raise _NotTaken(str(error)) from None
        except TimeoutError:
            raise _NotTaken(f"its name was not resolved within {self._timeout:g} s") from None
        except (OSError, ValueError) as error:
            raise _NotTaken(f"its name can't be resolved: {error}") from None
        if not addresses:
            raise _NotTaken("its name has no address")
        return addresses

    async def _post(self, event: Waiting, addresses: Sequence[str], at: float) -> str | None:
        body = event.body.encode()
        headers = {
            "host": self._url.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": "huazha",
            "connection": "close",
            **signed(event.id, body, self._endpoint.secret.get_secret_value(), at),
        }
        try:
            async with asyncio.timeout(self._timeout):
                status = await self._status(addresses, headers, body)
        except TimeoutError:
            return f"it did not answer within {self._timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return str(error) or type(error).__name__
        if httpx.codes.is_success(status):
            return None
        return f"it answered {status}" + ("; redirects are not followed" if httpx.codes.is_redirect(status) else "")

    async def _status(self, addresses: Sequence[str], headers: dict[str, str], body: bytes) -> int:
        """Post to the first address that can be connected to; what follows the answer's head is not read."""
        failure: Exception | None = None
        for address in addresses:
            # The certificate must be the host's all the same.
            about = {"sni_hostname": self._url.raw_host.decode("ascii"), "timeout": {"connect": CONNECT}}
            request = httpx.Request(
                "POST", self._url.copy_with(host=address), headers=headers, content=body, extensions=about
            )
            try:
                response = await self._transport.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
                continue
            await response.aclose()
            return response.status_code
        raise failure or httpx.ConnectError("no address")
