"""Requests to control ports: what is sent again, and what never; in time; and nothing told that is secret."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from streamer.control import rest
from streamer.control.paths import segment
from streamer.control.port import Answer, Outcome
from streamer.control.rest import Rest, fields
from tests.streamer.control.odd_names import ODD_NAMES

PASSWORD = "pass-word"
NOTHING: Any = None


@dataclass(frozen=True)
class Broken:
    """A try that breaks off: before the request has left, or after."""

    error: Callable[[str], httpx.TransportError]
    after: bool = False


class Silent:
    """A try that is never answered."""


@dataclass
class Script(httpx.AsyncBaseTransport):
    """A network on which each try goes as it is written; the last for ever."""

    steps: list[int | httpx.Response | Broken | Silent]
    requests: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        step = self.steps[min(len(self.requests), len(self.steps) - 1)]
        self.requests.append(request)
        if isinstance(step, Broken) and not step.after:
            raise step.error("broken")
        await request.extensions["trace"]("http11.send_request_body.complete", {})
        if isinstance(step, Broken):
            raise step.error("broken")
        if isinstance(step, Silent):
            await asyncio.Event().wait()
            raise AssertionError
        return httpx.Response(step, text="said so") if isinstance(step, int) else step


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "AGAIN", (0.0, 0.0, 0.0))
    monkeypatch.setattr(rest, "LOOKS", (0.0, 0.0, 0.0))


async def asked(
    *steps: int | httpx.Response | Broken | Silent, again: bool, within: float = 5.0, **options: Any
) -> tuple[Answer, int]:
    """Ask for something; give the answer, and how often it was sent."""
    script = Script(list(steps))
    client = Rest("http://port.test", auth=("user", PASSWORD), timeout=within, transport=script)
    answer = await client.ask("POST", "/x", again=again, **options)
    await client.aclose()
    return answer, len(script.requests)


LOST = [Broken(httpx.ReadError, after=True), Broken(httpx.RemoteProtocolError, after=True)]
UNSEEN = [
    Broken(httpx.ConnectError),
    Broken(httpx.ConnectTimeout),
    Broken(httpx.PoolTimeout),
    Broken(httpx.WriteError),
    # A proxy was asked, and the platform was not.
    Broken(httpx.ProxyError, after=True),
]


class TestWhatIsTaken:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    async def test_is_confirmed_where_nobody_judges(self, status: int) -> None:
        answer, times = await asked(status, again=False)
        assert (answer.outcome, times) == (Outcome.CONFIRMED, 1)

    async def test_is_judged_by_the_response(self) -> None:
        answer, _ = await asked(200, again=False, judge=lambda said: Answer(Outcome.ACCEPTED, said.text))
        assert (answer.outcome, answer.detail) == (Outcome.ACCEPTED, "said so")

    @pytest.mark.parametrize(
        "judge",
        [
            lambda said: said.json(),
            lambda said: fields(said)["data"],
            lambda said: list(fields(said))[1],
            lambda said: NOTHING["x"],
            lambda said: NOTHING.lower(),
        ],
    )
    async def test_is_accepted_and_no_more_where_it_can_not_be_read(self, judge: Any) -> None:
        answer, _ = await asked(200, again=False, judge=judge)
        assert answer.outcome is Outcome.ACCEPTED
        assert "can't be read" in answer.detail

    async def test_tells_when_it_had_left_and_when_it_was_known(self) -> None:
        before = time.monotonic()
        answer, _ = await asked(200, again=False)
        assert answer.sent is not None
        assert answer.answered is not None
        assert before <= answer.sent <= answer.answered <= time.monotonic()


class TestWhatIsRefused:
    @pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 409, 422])
    @pytest.mark.parametrize("again", [True, False])
    async def test_is_not_sent_again(self, status: int, again: bool) -> None:
        answer, times = await asked(status, again=again)
        assert (answer.outcome, answer.detail, times) == (Outcome.FAILED, f"answered {status}: said so", 1)

    async def test_may_mean_something_else(self) -> None:
        answer, _ = await asked(404, again=True, refusal=lambda said: Answer(Outcome.CONFIRMED, "gone"))
        assert (answer.outcome, answer.detail) == (Outcome.CONFIRMED, "gone")
        assert answer.sent is not None

    async def test_is_a_failure_where_it_means_nothing_else(self) -> None:
        answer, _ = await asked(404, again=True, refusal=lambda said: None)
        assert (answer.outcome, answer.detail) == (Outcome.FAILED, "answered 404: said so")

    async def test_is_told_in_part_where_it_is_long(self) -> None:
        answer, _ = await asked(httpx.Response(400, text="x" * 10_000), again=True)
        assert len(answer.detail) < 300


class TestBusy:
    @pytest.mark.parametrize("status", [429, 503])
    @pytest.mark.parametrize("again", [True, False])
    async def test_is_not_done_and_so_asked_for_again(self, status: int, again: bool) -> None:
        answer, times = await asked(status, status, 200, again=again)
        assert (answer.outcome, times) == (Outcome.CONFIRMED, 3)

    @pytest.mark.parametrize("status", [500, 502, 504])
    async def test_that_may_have_been_done_is_asked_for_again_only_where_that_is_harmless(self, status: int) -> None:
        answer, times = await asked(status, 200, again=True)
        assert (answer.outcome, times) == (Outcome.CONFIRMED, 2)
        answer, times = await asked(status, 200, again=False)
        assert (answer.outcome, times) == (Outcome.FAILED, 1)

    async def test_for_ever_is_a_failure_in_the_end(self) -> None:
        answer, times = await asked(503, again=True)
        assert (answer.outcome, answer.detail, times) == (Outcome.FAILED, "answered 503: said so", 4)


class TestALostConnection:
    @pytest.mark.parametrize("how", UNSEEN)
    @pytest.mark.parametrize("again", [True, False])
    async def test_before_anybody_saw_the_request_is_harmless(self, how: Broken, again: bool) -> None:
        answer, times = await asked(how, how, 200, again=again)
        assert (answer.outcome, times) == (Outcome.CONFIRMED, 3)

    @pytest.mark.parametrize("how", LOST)
    async def test_after_the_request_had_left_is_asked_for_again_only_where_that_is_harmless(self, how: Broken) -> None:
        answer, times = await asked(how, 200, again=True)
        assert (answer.outcome, times) == (Outcome.CONFIRMED, 2)
        answer, times = await asked(how, 200, again=False)
        assert (answer.outcome, times) == (Outcome.FAILED, 1)
        assert "broken" in answer.detail

    async def test_after_a_try_that_nobody_saw_counts_by_itself(self) -> None:
        answer, times = await asked(UNSEEN[0], LOST[0], 200, again=False)
        assert (answer.outcome, times) == (Outcome.FAILED, 2)

    async def test_after_an_answer_of_busy_counts_by_itself(self) -> None:
        answer, times = await asked(503, UNSEEN[3], 200, again=False)
        assert (answer.outcome, times) == (Outcome.CONFIRMED, 3)

    async def test_for_ever_is_a_failure_in_the_end(self) -> None:
        answer, times = await asked(UNSEEN[0], again=False)
        assert (answer.outcome, answer.sent, times) == (Outcome.FAILED, None, 4)

    async def test_says_at_least_what_kind_it_was(self) -> None:
        answer, _ = await asked(Broken(lambda said: httpx.ReadError(""), after=True), again=False)
        assert "ReadError" in answer.detail


class TestTime:
    async def test_is_up_where_no_answer_comes(self) -> None:
        answer, times = await asked(Silent(), again=True, within=0.05)
        assert (answer.outcome, answer.detail, times) == (Outcome.FAILED, "no answer in time (0.05 s)", 1)
        assert answer.sent is not None

    async def test_is_up_for_further_tries_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rest, "AGAIN", (60.0,))
        answer, times = await asked(503, again=True, within=0.05)
        assert (answer.outcome, times) == (Outcome.FAILED, 1)
        assert "answered 503" in answer.detail

    async def test_may_be_shared_with_other_requests(self) -> None:
        answer, _ = await asked(Silent(), again=True, within=60.0, by=time.monotonic() + 0.05)
        assert "no answer in time" in answer.detail

    async def test_that_others_have_used_up_is_up(self) -> None:
        answer, _ = await asked(Silent(), again=True, within=60.0, by=time.monotonic() - 1.0)
        assert answer.outcome is Outcome.FAILED


class TestWhatCanNotBeAskedFor:
    @pytest.mark.parametrize("again", [True, False])
    async def test_is_a_failure(self, again: bool) -> None:
        script = Script([200])
        client = Rest("http://port.test", timeout=1.0, transport=script)
        answer = await client.ask("GET", "http://port.test:port/x", again=again)
        assert answer.outcome is Outcome.FAILED
        assert await client.get("http://port.test:port/x") is None
        assert not script.requests

    async def test_is_a_failure_where_an_answer_can_not_be_unpacked(self) -> None:
        garbled = httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"none"))
        answer, times = await asked(garbled, again=False)
        assert (answer.outcome, times) == (Outcome.FAILED, 1)


class TestALook:
    @pytest.fixture
    async def client(self) -> AsyncIterator[Callable[..., Rest]]:
        opened: list[Rest] = []

        def client(*steps: int | httpx.Response | Broken | Silent, timeout: float = 5.0) -> Rest:
            opened.append(Rest("http://port.test", timeout=timeout, transport=Traced(list(steps))))
            return opened[-1]

        yield client
        for one in opened:
            await one.aclose()

    async def test_gives_what_there_is(self, client: Callable[..., Rest]) -> None:
        response = await client(200).get("/x")
        assert response is not None
        assert response.text == "said so"

    @pytest.mark.parametrize("step", [404, 500, Broken(httpx.ConnectError), Silent()])
    async def test_gives_nothing_where_it_can_not_be_had(
        self, client: Callable[..., Rest], step: int | Broken | Silent
    ) -> None:
        assert await client(step, timeout=0.05).get("/x") is None

    async def test_is_repeated_until_something_has_become_so(self, client: Callable[..., Rest]) -> None:
        by = time.monotonic() + 5.0
        assert await client(200, 200, 404).became("/x", lambda said: said.status_code == 404, by=by)
        assert await client(500, Broken(httpx.ReadError), 200).became("/x", lambda said: said.is_success, by=by)

    async def test_ends_where_it_does_not_become_so(self, client: Callable[..., Rest]) -> None:
        by = time.monotonic() + 5.0
        assert not await client(200).became("/x", lambda said: said.status_code == 404, by=by)
        assert not await client(200).became("/x", lambda said: fields(said)["data"] is None, by=by)

    async def test_ends_when_the_time_is_up(self, client: Callable[..., Rest]) -> None:
        assert not await client(Silent()).became("/x", lambda said: True, by=time.monotonic() + 0.05)
        assert not await client(200).became("/x", lambda said: True, by=time.monotonic())


class Traced(Script):
    """A script for looks, which nobody traces."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        async def nobody(event: str, info: object) -> None:
            pass

        request.extensions.setdefault("trace", nobody)
        return await super().handle_async_request(request)


class TestCredentials:
    async def test_are_in_no_answer_even_where_the_platform_repeats_them(self) -> None:
        def repeat(request: httpx.Request) -> httpx.Response:
            return httpx.Response(401, text=f"bad: {PASSWORD} {request.headers['authorization']}")

        basic = Rest("http://p.test", auth=("user", PASSWORD), timeout=1.0, transport=httpx.MockTransport(repeat))
        bearer = Rest(
            "http://p.test",
            headers={"Authorization": f"Bearer {PASSWORD}"},
            timeout=1.0,
            transport=httpx.MockTransport(repeat),
        )
        for client in (basic, bearer):
            answer = await client.ask("GET", "/x", again=True)
            assert "bad: ***" in answer.detail
            assert PASSWORD not in answer.detail
            assert "dXNlcjpwYXNzLXdvcmQ" not in answer.detail
            assert PASSWORD not in repr(client)

    async def test_are_in_no_answer_that_was_made_of_the_response(self) -> None:
        answer, _ = await asked(
            httpx.Response(200, text=PASSWORD), again=True, judge=lambda said: Answer(Outcome.ACCEPTED, said.text)
        )
        assert answer.detail == "***"


class TestANameInAPath:
    @pytest.mark.parametrize(
        ("name", "path"),
        [
            ("CA1", "/a/CA1/b"),
            ("v3:x", "/a/v3%3Ax/b"),
            ("a b?c#d%e", "/a/a%20b%3Fc%23d%25e/b"),
        ],
    )
    async def test_is_one_segment(self, name: str, path: str) -> None:
        script = Traced([200])
        await Rest("http://port.test", timeout=1.0, transport=script).get(f"/a/{segment(name)}/b")
        assert script.requests[0].url.raw_path.decode() == path

    @pytest.mark.parametrize("name", ODD_NAMES)
    async def test_that_leads_elsewhere_is_never_asked_for(self, name: str) -> None:
        script = Traced([200])
        client = Rest("http://port.test/v1", timeout=1.0, transport=script)
        path = f"/a/{segment(name)}/b"
        assert (await client.ask("POST", path, again=True)).outcome is Outcome.FAILED
        assert await client.get(path) is None
        assert not await client.gone(path)
        assert not await client.became(path, lambda response: True, by=time.monotonic() + 0.1)
        assert script.requests == []


class TestAnAnswersFields:
    @pytest.mark.parametrize("body", ["", "no", "[1]", "1", "null"])
    def test_are_none_where_it_is_no_object(self, body: str) -> None:
        assert fields(httpx.Response(200, text=body)) == {}

    def test_are_those_of_the_object(self) -> None:
        assert fields(httpx.Response(200, json={"status": "completed"})) == {"status": "completed"}


@asynccontextmanager
async def answering(*bodies: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve a socket that answers with these bytes, request by request, and closes unless they are `OK`."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                seen.append(head + await reader.readexactly(length))
                body = bodies[min(len(seen), len(bodies)) - 1]
                writer.write(body)
                await writer.drain()
                if body != OK:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class TestOnARealSocket:
    @pytest.mark.parametrize("content", [{}, {"json": {"a": 1}}, {"data": {"a": "1"}}])
    async def test_a_lost_answer_is_asked_for_again_only_where_that_is_harmless(self, content: dict[str, Any]) -> None:
        for again, times, outcome in ((True, 2, Outcome.CONFIRMED), (False, 1, Outcome.FAILED)):
            async with answering(b"", OK) as (address, seen):
                client = Rest(address, timeout=5.0)
                answer = await client.ask("POST", "/x", again=again, **content)
                await client.aclose()
                assert (answer.outcome, len(seen)) == (outcome, times)
                assert answer.sent is not None

    async def test_an_answer_that_breaks_off_is_lost(self) -> None:
        for again, times, outcome in ((True, 2, Outcome.CONFIRMED), (False, 1, Outcome.FAILED)):
            async with answering(OK[:-1], OK) as (address, seen):
                client = Rest(address, timeout=5.0)
                answer = await client.ask("POST", "/x", again=again)
                await client.aclose()
                assert (answer.outcome, len(seen)) == (outcome, times)

    async def test_nobody_there_is_a_failure_that_says_so(self) -> None:
        async with answering(OK) as (address, _):
            pass
        client = Rest(address, timeout=5.0)
        answer = await client.ask("POST", "/x", again=False)
        await client.aclose()
        assert (answer.outcome, answer.sent) == (Outcome.FAILED, None)
        assert "can't be reached" in answer.detail

    async def test_one_connection_serves_what_follows(self) -> None:
        async with answering(OK) as (address, seen):
            client = Rest(address, timeout=5.0)
            for _ in range(3):
                assert (await client.ask("POST", "/x", again=False)).outcome is Outcome.CONFIRMED
            await client.aclose()
            assert len(seen) == 3
