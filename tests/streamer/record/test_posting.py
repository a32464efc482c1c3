"""Posting to one endpoint: only where it may go, at the address that was checked, and never for long."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from streamer.record import addresses
from streamer.record.outbox import Waiting
from streamer.record.posting import Poster, Resolve, transport
from streamer.settings import Tls, Webhook
from tests.certificates import certify
from tests.streamer.record.endpoints import Answer, Decide, Endpoint, Post, always

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = Waiting(1, "evt_17", 17, '{"cursor":17}', 0)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


class Names:
    """A name service that answers these addresses, one after the other, and the last for ever."""

    def __init__(self, *answers: str) -> None:
        self._answers = answers
        self.asked: list[str] = []

    def __call__(self, host: str, _: int) -> list[str]:
        self.asked.append(host)
        return self._answers[min(len(self.asked), len(self._answers)) - 1].split()


async def post(
    url: str,
    threads: ThreadPoolExecutor,
    *,
    times: int = 1,
    allow: bool = True,
    resolve: Resolve = addresses.resolve,
    patience: float = 20.0,
) -> list[str | None]:
    """Post an event several times, one after the other; give what was said of each."""
    endpoint = Webhook.model_validate({"url": url, "secret": SECRET, "allow_private": allow})
    said = []
    async with transport() as network:
        poster = Poster(endpoint, network, threads, resolve, patience)
        for _ in range(times):
            said += await poster.post([EVENT], 1_800_000_000.0)
    return said


async def answered(decide: Decide, threads: ThreadPoolExecutor, patience: float = 20.0) -> str | None:
    """Post an event to an endpoint that answers so; give what was said of it."""
    async with Endpoint(decide).open() as port:
        (said,) = await post(f"http://127.0.0.1:{port}/", threads, patience=patience)
    return said


class TestAnAnswer:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    async def test_that_says_taken_is_enough(self, threads: ThreadPoolExecutor, status: int) -> None:
        assert await answered(always(status), threads) is None

    @pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 503])
    async def test_that_says_anything_else_is_named(self, threads: ThreadPoolExecutor, status: int) -> None:
        assert await answered(always(status), threads) == f"it answered {status}"

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_that_sends_elsewhere_is_not_followed(self, threads: ThreadPoolExecutor, status: int) -> None:
        elsewhere = Endpoint(always())
        async with elsewhere.open() as port:
            said = await answered(always(status, location=f"http://127.0.0.1:{port}/"), threads)
        assert said == f"it answered {status}; redirects are not followed"
        assert elsewhere.posts == []

    async def test_that_does_not_come_is_not_waited_for(self, threads: ThreadPoolExecutor) -> None:
        async def hang(_: Post) -> Answer:
            await asyncio.Event().wait()
            return Answer()

        assert await answered(hang, threads, patience=0.2) == "it did not answer within 0.2 s"

    async def test_that_comes_sign_by_sign_is_not_waited_for(self, threads: ThreadPoolExecutor) -> None:
        async def drip() -> AsyncIterator[bytes]:
            while True:
                yield b"x"
                await asyncio.sleep(0.01)

        async def decide(_: Post) -> Answer:
            return Answer(head=b"HTTP/1.1 200 OK\r\nx: ", more=drip())

        assert await answered(decide, threads, patience=0.5) == "it did not answer within 0.5 s"

    async def test_that_never_ends_is_not_read(self, threads: ThreadPoolExecutor) -> None:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield bytes(1 << 16)

        async def decide(_: Post) -> Answer:
            return Answer(200, more=endless())

        received = Endpoint(decide)
        async with received.open() as port:
            assert await post(f"http://127.0.0.1:{port}/", threads) == [None]
            await received.until(lambda: received.cut_off == 1)

    async def test_that_is_no_http_is_none(self, threads: ThreadPoolExecutor) -> None:
        async def decide(_: Post) -> Answer:
            return Answer(head=b"SSH-2.0-OpenSSH_9.2\r\n")

        assert await answered(decide, threads)

    async def test_of_nobody_is_none(self, threads: ThreadPoolExecutor) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            assert await post(f"http://127.0.0.1:{port}/", threads) != [None]


class TestAnAddress:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "127.1"])
    async def test_that_is_private_is_refused_unless_allowed(self, threads: ThreadPoolExecutor, host: str) -> None:
        received = Endpoint(always())
        async with received.open() as port:
            (said,) = await post(f"http://{host}:{port}/", threads, allow=False)
            assert said is not None
            assert "not of the open internet" in said
            assert received.posts == []
            assert await post(f"http://{host}:{port}/", threads, allow=True) == [None]

    async def test_is_the_one_that_was_checked_and_the_name_is_asked_for_once(
        self, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def nobody(*about: object, **_: object) -> None:
            raise AssertionError(f"a name was asked for again: {about}")

        received, names = Endpoint(always()), Names("127.0.0.1")
        async with received.open() as port:
            monkeypatch.setattr(socket, "getaddrinfo", nobody)
            assert await post(f"http://hooks.example:{port}/x", threads, resolve=names) == [None]
        assert names.asked == ["hooks.example"]
        assert [one.headers["host"] for one in received.posts] == [f"hooks.example:{port}"]

    async def test_that_changes_after_a_first_good_one_is_refused(
        self, threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The one loopback address stands for the open internet, the other for what is behind the wall.
        monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")
        received, names = Endpoint(always()), Names("127.0.0.1", "127.0.0.2", "127.0.0.1 127.0.0.2")
        async with received.open() as port:
            said = await post(f"http://hooks.example:{port}/", threads, times=3, resolve=names, allow=False)
        assert [one is None for one in said] == [True, False, False]
        assert [one.address for one in received.posts] == ["127.0.0.1"]

    async def test_that_does_not_answer_is_passed_over(self, threads: ThreadPoolExecutor) -> None:
        received = Endpoint(always())
        async with received.open() as port:
            names = Names("::1 127.0.0.1")
            assert await post(f"http://hooks.example:{port}/", threads, resolve=names) == [None]

    @pytest.mark.parametrize("failure", [socket.gaierror(-2, "unknown"), UnicodeError("label too long")])
    async def test_that_there_is_none_is_said(self, threads: ThreadPoolExecutor, failure: Exception) -> None:
        def fail(*_: object) -> list[str]:
            raise failure

        (said,) = await post("http://hooks.example/", threads, resolve=fail)
        assert said is not None
        assert said.startswith("its name can't be resolved")
        assert await post("http://hooks.example/", threads, resolve=Names("")) == ["its name has no address"]


class TestACertificate:
    """The server's is of localhost; it is connected to at an address that the certificate knows nothing of."""

    async def _post(self, threads: ThreadPoolExecutor, tls: Tls, host: str) -> tuple[str | None, Endpoint]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)
        received = Endpoint(always(), context)
        async with received.open() as port:
            (said,) = await post(f"https://{host}:{port}/", threads, resolve=Names("127.0.0.2"))
        return said, received

    async def test_is_the_host_s_though_its_address_is_connected_to(
        self, threads: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tls = certify(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
        said, received = await self._post(threads, tls, "localhost")
        assert said is None
        assert [one.address for one in received.posts] == ["127.0.0.2"]

    async def test_of_another_host_is_refused(
        self, threads: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tls = certify(tmp_path)
        monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
        said, received = await self._post(threads, tls, "hooks.example")
        assert said is not None
        assert "certificate" in said
        assert received.posts == []

    async def test_that_nobody_vouches_for_is_refused(self, threads: ThreadPoolExecutor, tmp_path: Path) -> None:
        said, received = await self._post(threads, certify(tmp_path), "localhost")
        assert said is not None
        assert "certificate" in said
        assert received.posts == []


async def test_no_proxy_of_the_environment_gets_anything(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, received = Endpoint(always()), Endpoint(always())
    async with proxy.open() as through, received.open() as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{through}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{through}")
        assert await post(f"http://127.0.0.1:{port}/", threads) == [None]
    assert (len(proxy.posts), len(received.posts)) == (0, 1)
