"""The console's process, seen from the media plane: started, fed with what happens, and started again if it dies.

Nothing that it does can hold up a call: it has an interpreter of its own, and what is told to it waits in the bus.
"""

from __future__ import annotations

import json
import logging
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from streamer.bus import Bus, ClipTaken, Taken
from streamer.errors import HuazhaError, SettingsError
from streamer.link import BrokenLink, Frame, FrameReader
from streamer.record.event import Event
from streamer.settings import Settings

log = logging.getLogger(__name__)

Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Answers a question of the console's; called in a thread of its own."""

BEAT = 0.5
"""Seconds between two words on the media plane's health."""
START = 60.0
"""Seconds that the console may take to start: a database may have to be brought up to date."""
HUNG = 10.0
"""Seconds for which it may read nothing before it counts as dead."""
LEAVE = 10.0
"""Seconds that it has to write down what it was told last."""
PATIENCE = (0.5, 1.0, 2.0, 5.0, 15.0)
"""Seconds before it is started again, the longer the more often it has died."""
STEADY = 60.0
"""Seconds of life after which it counts as well again."""


class ControlPlane:
    """Runs the console's process between `start` and `stop`.

    Args:
      settings: which it is given, too.
      bus: what it is told.
      health: what it is told of the media plane, every half second; called in a thread.
      asks: what it may ask, by name.
    """

    def __init__(
        self, settings: Settings, bus: Bus, health: Callable[[], Mapping[str, Any]], asks: Mapping[str, Ask]
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._health = health
        self._asks = asks
        self._leaving = threading.Event()
        self._feeder = threading.Thread(target=self._feed, name="control plane", daemon=True)
        self._askers = ThreadPoolExecutor(4, thread_name_prefix="asked")
        self._in_a_row = 0
        self.restarts = 0

    @property
    def url(self) -> str:
        host, port = self._listening.getsockname()[:2]
        scheme = "https" if self._settings.tls is not None else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def start(self) -> None:
        """Start the process; returns when it answers.

        Raises:
          SettingsError: the port can't be had.
          HuazhaError: it can't start.
        """
        host, port = self._settings.host, self._settings.console_port
        self._listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listening.bind((host, port))
            self._listening.listen(64)
        except OSError as error:
            self._listening.close()
            reason = f"can't be had on {host}: {error.strerror}; give another, or 0 for any"
            raise SettingsError(f"port {port}", "console_port", reason) from None
        try:
            self._spawn()
        except HuazhaError:
            self._listening.close()
            raise
        self._feeder.start()

    def stop(self) -> None:
        """End the process, when it has written down what it was told."""
        self._leaving.set()
        self._bus.close()
        self._feeder.join()
        try:
            self._process.wait(LEAVE)
        except subprocess.TimeoutExpired:
            log.error("the console did not end by itself; what it had not written down is lost")
            self._process.kill()
            self._process.wait()
        self._askers.shutdown(cancel_futures=True)
        self._link.close()
        self._listening.close()

    def _spawn(self) -> None:
        """Start the process, and wait until it answers.

        Raises:
          HuazhaError: it can't start.
        """
        self._link, theirs = socket.socketpair()
        fds = (theirs.fileno(), self._listening.fileno())
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
                [sys.executable, "-m", "streamer.console", *map(str, fds)], pass_fds=fds, stdin=subprocess.DEVNULL
            )
        self._born = time.monotonic()
        frames = _frames(self._link)
        self._link.settimeout(START)
        try:
            self._link.sendall(
                Frame("settings", json.loads(self._settings.model_dump_json(exclude={"platforms"}))).to_bytes()
            )
            first = next(frames, None)
        except (OSError, BrokenLink) as error:
            first = Frame("failed", {"message": f"the console does not answer: {error}"})
        if first is None or first.what != "ready":
            self._process.kill()
            self._process.wait()
            self._link.close()
            raise HuazhaError(first.fields["message"] if first else "the console died while it started")
        self._link.settimeout(None)
        self._link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(HUNG), 0))
        self._bus.go_on_after(first.fields["cursor"])
        threading.Thread(target=self._listen, args=(self._link, frames), name="from the console", daemon=True).start()

    def _feed(self) -> None:
        """Tell the process what happens, until the end."""
        beat = 0.0
        while True:
            waiting = self._bus.take(BEAT)
            try:
                for one in waiting:
                    self._link.sendall(_frame(one).to_bytes())
                if time.monotonic() - beat >= BEAT:
                    beat = time.monotonic()
                    self._link.sendall(Frame("health", self._health()).to_bytes())
                if self._leaving.is_set() and not waiting:
                    self._link.shutdown(socket.SHUT_WR)
                    return
            except OSError:
                if not self._start_again():
                    return

    def _start_again(self) -> bool:
        """Start the process anew until it lives; False when the service ends meanwhile."""
        if time.monotonic() - self._born > STEADY:
            self._in_a_row = 0
        while not self._leaving.wait(PATIENCE[min(self._in_a_row, len(PATIENCE) - 1)]):
            self._in_a_row += 1
            self.restarts += 1
            self._process.kill()
            log.error("the console has died (%s); starting it again", self._process.wait())
            self._link.close()
            try:
                self._spawn()
            except HuazhaError as error:
                log.error("%s", error)
            else:
                self._bus.again()
                return True
        return False

    def _listen(self, link: socket.socket, frames: Iterator[Frame]) -> None:
        """Take what one process says until it is gone."""
        try:
            for frame in frames:
                if frame.what == "kept":
                    self._bus.acknowledge(frame.fields["cursor"])
                elif frame.what == "ask":
                    self._askers.submit(self._answer, frame)
        except (OSError, BrokenLink) as error:
            log.warning("the console's link broke: %s", error)

    def _answer(self, frame: Frame) -> None:
        """Answer a question, with what went wrong if something did."""
        number, name = frame.fields["number"], frame.fields["name"]
        try:
            answer = {"number": number, "answer": dict(self._asks[name](frame.fields["about"]))}
        except Exception as error:
            log.exception("the console's question %s came to nothing", name)
            answer = {"number": number, "error": str(error) or type(error).__name__}
        self._bus.pass_on(Frame("answer", answer))


def _frames(link: socket.socket) -> Iterator[Frame]:
    reader = FrameReader()
    while data := link.recv(1 << 16):
        yield from reader.receive(data)


def _frame(one: Taken) -> Frame:
    match one:
        case Frame():
            return one
        case Event():
            return Frame("event", one.to_json())
        case ClipTaken(about, clip):
            fields = {**asdict(about), **asdict(clip)}
            audio = fields.pop("audio")
            lengths = {name: len(samples) for name, samples in audio.items()}
            return Frame("clip", {**fields, "lengths": lengths}, b"".join(audio.values()))
