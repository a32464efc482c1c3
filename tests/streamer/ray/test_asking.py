"""A request that is lost is asked again, one that is refused is not; over real sockets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, create_server

import pytest

from streamer.errors import ClusterError, RecognisersBusy, RecognisersGone, RecognitionFailed
from streamer.ray import asking, recognizer
from streamer.ray.addresses import Ingress
from streamer.ray.asking import Asking

HANG_UP = 0
"""In place of a status: the connection is cut with the request in hand."""


class Host:
    """Answers with each of some statuses in turn, and with the last for ever; the body is its number."""

    def __init__(self, number: int, *statuses: int) -> None:
        self.asked: list[bytes] = []
        self._statuses = list(statuses)
        host = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                host.asked.append(self.rfile.read(int(self.headers["Content-Length"])))
                status = host.next()
                if status == HANG_UP:
                    self.connection.shutdown(SHUT_RDWR)
                    self.close_connection = True
                    return
                self.send_response(status)
                body = str(number).encode()
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.name = f"127.0.0.1:{self._server.server_port}"

    def next(self) -> int:
        return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


Hosts = Callable[..., list[Host]]
Ask = Callable[..., Asking]


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """Start hosts: each is given the statuses that it answers with."""
    started: list[Host] = []

    def start(*each: tuple[int, ...]) -> list[Host]:
        started.extend(Host(number, *statuses) for number, statuses in enumerate(each))
        return started

    yield start
    for host in started:
        host.close()


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Ask hosts, or whoever is at addresses."""
    made: list[Asking] = []

    def make(*where: Host | str) -> Asking:
        names = tuple(one.name if isinstance(one, Host) else one for one in where)
        made.append(Asking(Ingress(names, "huazha")))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with create_server(("127.0.0.1", 0)) as socket:
        return f"127.0.0.1:{socket.getsockname()[1]}"


class TestARequest:
    def test_is_answered(self, hosts: Hosts, ask: Ask) -> None:
        (host,) = hosts((200,))
        asked = ask(host)
        assert asked.post(b"who?") == b"0"
        assert (host.asked, asked.repeated) == ([b"who?"], 0)

    def test_goes_to_each_host_in_turn(self, hosts: Hosts, ask: Ask) -> None:
        some = hosts((200,), (200,), (200,))
        asked = ask(*some)
        for _ in range(6):
            asked.post(b"")
        assert [len(host.asked) for host in some] == [2, 2, 2]

    @pytest.mark.parametrize("lost", [500, 502, 503, 404, HANG_UP])
    def test_that_is_lost_is_asked_again_elsewhere(self, hosts: Hosts, ask: Ask, lost: int) -> None:
        dies, lives = hosts((lost,), (200,))
        asked = ask(dies, lives)
        assert asked.post(b"?") == b"1"
        assert (dies.asked, lives.asked, asked.repeated) == ([b"?"], [b"?"], 1)

    def test_is_asked_again_where_there_is_only_one_host(self, hosts: Hosts, ask: Ask) -> None:
        (host,) = hosts((500, 200))
        assert ask(host).post(b"?") == b"0"
        assert len(host.asked) == 2

    def test_is_not_asked_for_ever(self, hosts: Hosts, ask: Ask) -> None:
        (host,) = hosts((500,))
        with pytest.raises(RecognitionFailed, match="answers 500") as failed:
            ask(host).post(b"?")
        # Whatever kills every worker that hears it has to do with this window, and not with the cluster.
        assert not isinstance(failed.value, RecognisersGone)
        assert len(host.asked) == asking.ATTEMPTS

    def test_that_can_not_be_done_is_not_asked_again(self, hosts: Hosts, ask: Ask) -> None:
        (host,) = hosts((422,))
        with pytest.raises(RecognitionFailed, match="answers 422"):
            ask(host).post(b"?")
        assert len(host.asked) == 1

    def test_that_is_turned_away_is_given_back_as_such(self, hosts: Hosts, ask: Ask) -> None:
        full, other = hosts((429,), (200,))
        with pytest.raises(RecognisersBusy):
            ask(full, other).post(b"?")
        assert (len(full.asked), len(other.asked)) == (1, 0)


class TestAHostThatDoesNotAnswer:
    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(asking, "ANSWER", 0.2)

    def test_has_too_much_to_do_and_is_not_given_more(self, ask: Ask) -> None:
        with create_server(("127.0.0.1", 0)) as deaf:
            asked = ask(f"127.0.0.1:{deaf.getsockname()[1]}")
            with pytest.raises(RecognisersBusy, match="does not answer within"):
                asked.post(b"?")
        assert asked.repeated == 0

    def test_may_hang_so_that_another_is_asked(self, hosts: Hosts, ask: Ask) -> None:
        (host,) = hosts((200,))
        with create_server(("127.0.0.1", 0)) as deaf:
            asked = ask(f"127.0.0.1:{deaf.getsockname()[1]}", host)
            assert asked.post(b"?") == b"0"
        assert asked.repeated == 1


class TestAClusterThatIsGone:
    def test_is_said_to_be(self, ask: Ask, nobody: str) -> None:
        with pytest.raises(RecognisersGone, match="can't be reached"):
            ask(nobody).post(b"?")

    @pytest.mark.parametrize("closed", [404, 503, HANG_UP])
    def test_is_said_to_be_where_only_its_door_is_left(self, hosts: Hosts, ask: Ask, closed: int) -> None:
        with pytest.raises(RecognisersGone):
            ask(*hosts((closed,))).post(b"?")

    def test_at_one_host_costs_one_attempt_and_no_more(self, hosts: Hosts, ask: Ask, nobody: str) -> None:
        (host,) = hosts((200,))
        asked = ask(nobody, host)
        assert [asked.post(b"?") for _ in range(4)] == [b"0"] * 4
        assert asked.repeated == 1

    def test_is_told_in_a_line_where_it_was_to_be_found(self, nobody: str) -> None:
        with pytest.raises(ClusterError, match=r"ray://.*can't be reached"):
            recognizer.connect(f"ray://{nobody}")

    def test_is_not_taken_for_one_where_somebody_else_answers(self, hosts: Hosts) -> None:
        (host,) = hosts((200,))
        with pytest.raises(ClusterError, match="is no JSON object"):
            recognizer.connect(f"ray://{host.name}")
