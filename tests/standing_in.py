"""What stands in for a cluster's ingress where Ray itself isn't wanted: a recogniser behind HTTP."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any

from streamer.ray import parcels
from streamer.ray.parcels import Heard, Introduction
from streamer.recognition.recognizer import Recognizer, Scoring, Window


class StandIn:
    """Takes windows on a port; may be stopped, and started again on the same port.

    Attributes:
      refuses: a status that everything is answered with instead, or 0.
      questions: windows that it was asked for.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        self.refuses = 0
        self.questions = 0
        self._recognizer = recognizer
        self._port = 0
        self._open: set[socket] = set()

    @property
    def address(self) -> str:
        return f"ray://127.0.0.1:{self._port}/huazha"

    def start(self) -> None:
        standing_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                standing_in._open.add(self.connection)

            def finish(self) -> None:
                standing_in._open.discard(self.connection)
                super().finish()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = b"" if standing_in.refuses else standing_in._answer(body)
                self.send_response(standing_in.refuses or 200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Take no connection any more, and cut those there are."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in [*self._open]:
            connection.shutdown(SHUT_RDWR)

    def _answer(self, body: bytes) -> bytes:
        asked: Any = parcels.unpack_question(body)
        if asked is None:
            return parcels.pack_introduction(Introduction(self._recognizer.name, self._recognizer.abilities("zh")))
        if isinstance(asked[0], Scoring):
            return parcels.pack_likelihoods(self._recognizer.score(asked))
        assert isinstance(asked[0], Window)
        self.questions += len(asked)
        return parcels.pack_heard(Heard(self._recognizer.name, 0.0, tuple(self._recognizer.recognize(asked))))
