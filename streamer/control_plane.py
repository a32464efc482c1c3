"""The console's process, seen from the media plane: started, fed with what happens, and started again if it dies.

Nothing that it does can hold up a call: it has an interpreter of its own, and what is told to it waits in the bus.
"""

from __future__ import annotations

import json
import logging
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from streamer import budgets
from streamer.bus import Bus, ClipTaken, Taken
from streamer.cleaning import clean
from streamer.errors import HuazhaError, SettingsError
from streamer.link import LARGEST, BrokenLink, Frame, FrameReader
from streamer.record.event import Event
from streamer.settings import Settings
from streamer.spool import Spool
from streamer.supervision import BackOff, Supervisor

log = logging.getLogger(__name__)

Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Answers a question of the console's; called in a thread of its own."""

START = budgets.CONSOLE_START
SILENT = budgets.SILENT
PATIENCE = (0.5, 1.0, 2.0, 5.0, 15.0)
"""Seconds before it is started again, the longer the more often it has died."""
FEED, LINK, SPOOL = "media.feed", "media.link", "media.spool"
"""What runs here, as `Supervisor` names it."""
SPOOLED = 0.5
"""Seconds between two looks at what the journal does not have."""


class ControlPlane:
    """Runs the console's process between `start` and `stop`, and spools what it has not written down.

    A console that can't start is no reason for calls to go unheard: it is tried again and again, and what is to be kept
    waits in the bus and in the spool.

    Args:
      settings: which it is given, too.
      bus: what it is told.
      health: what it is told of the media plane, every half second; called in a thread.
      asks: what it may ask, by name.
      supervisor: keeps the threads going, and is told what fails in the console.
      spool: where events wait that the journal doesn't have.

    Attributes:
      restarts: times that it was started again.
      trouble: why it does not run, or an empty string.
    """

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        health: Callable[[], Mapping[str, Any]],
        asks: Mapping[str, Ask],
        supervisor: Supervisor,
        spool: Spool,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._health = health
        self._asks = asks
        self._supervisor = supervisor
        self._spool = spool
        self._leaving = threading.Event()
        self._over = threading.Event()
        self._askers = ThreadPoolExecutor(4, thread_name_prefix="asked")
        self._back_off = BackOff(PATIENCE)
        self._process: subprocess.Popen[bytes] | None = None
        self._up = False
        self._threads: list[threading.Thread] = []
        self._listener: threading.Thread | None = None
        self._born = self._heard = self._looked = time.monotonic()
        self.restarts = 0
        self.trouble = ""

    @property
    def url(self) -> str:
        host, port = self._listening.getsockname()[:2]
        scheme = "https" if self._settings.tls is not None else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"

    @property
    def pid(self) -> int:
        """The process; 0 where there is none."""
        return 0 if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process; returns when it answers, or can't be started: then it is tried again.

        Raises:
          SettingsError: the port can't be had.
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
        self._bus.restore(self._spool.restore())
        try:
            self._spawn()
        except HuazhaError as error:
            self._failed(str(error))
        self._threads = [
            self._supervisor.thread(FEED, self._feed, self._leaving),
            self._supervisor.thread(SPOOL, self._keep_spool, self._over),
        ]

    def stop(self) -> None:
        """End the process, when it has written down what it was told; what it has not is spooled."""
        until = time.monotonic() + budgets.CONSOLE_LEAVE
        self._leaving.set()
        self._bus.close()
        feeder, spooler = self._threads
        feeder.join(budgets.CONSOLE_LEAVE)
        if self._process is not None:
            try:
                self._process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.error("the console did not end by itself; what it had not written down is spooled")
                self._end()
            # What it said last, that it has written down, is still to be heard.
            if self._listener is not None:
                self._listener.join(budgets.SPOOL)
        self._askers.shutdown(wait=False, cancel_futures=True)
        self._over.set()
        spooler.join(budgets.SPOOL)
        self._link.close()
        self._listening.close()

    def _spawn(self) -> None:
        """Start the process, and wait until it answers.

        Raises:
          HuazhaError: it can't start.
        """
        self._link, theirs = socket.socketpair()
        fds = (theirs.fileno(), self._listening.fileno())
        settings = json.loads(self._settings.model_dump_json(exclude={"platforms"}))
        frames = _frames(self._link)
        self._link.settimeout(START)
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
                    [sys.executable, "-m", "streamer.console", *map(str, fds)], pass_fds=fds, stdin=subprocess.DEVNULL
                )
            self._link.sendall(Frame("settings", {**settings, "acknowledged": self._bus.acknowledged}).to_bytes())
            self._link.sendall(Frame("health", self._how()).to_bytes())
            first = next(frames, None)
        except (OSError, BrokenLink) as error:
            first = Frame("failed", {"message": f"the console does not answer: {error}"})
        if first is None or first.what != "ready":
            self._end()
            raise HuazhaError(first.fields["message"] if first else "the console died while it started")
        self._link.settimeout(None)
        self._link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 1, 0))
        self._bus.go_on_after(first.fields["cursor"])
        self._born = self._heard = self._looked = time.monotonic()
        self._up, self.trouble = True, ""
        self._listener = self._supervisor.thread(LINK, partial(self._listen, self._link, frames), self._leaving)

    def _feed(self) -> None:
        """Tell the process what happens, until the end."""
        if not self._up and not self._start_again():
            return
        beat = 0.0
        while True:
            waiting = self._bus.take(budgets.BEAT)
            try:
                for one in waiting:
                    self._send(one)
                if time.monotonic() - beat >= budgets.BEAT:
                    beat = time.monotonic()
                    self._send(Frame("health", self._how()))
                if self._leaving.is_set() and not waiting:
                    self._link.shutdown(socket.SHUT_WR)
                    return
                self._look()
            except OSError as error:
                log.error("the console is gone: %s", error)
                self._up = False
                if not self._start_again():
                    return
            except Exception:
                # Nobody knows how much of a message has left: the next process gets it whole.
                self._up = False
                raise

    def _send(self, one: Taken) -> None:
        """Hand something on; what can't be costs itself, and nothing else.

        Raises:
          OSError: the process is gone, or takes nothing any more.
        """
        try:
            data = _frame(one).to_bytes()
            if len(data) > LARGEST:
                raise ValueError(f"it has {len(data)} bytes")
        except Exception:
            log.exception("something can't be handed on to the console, and is lost")
            self._bus.refuse(one)
            return
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._link.send(rest) :]
            except BlockingIOError:
                self._look()

    def _how(self) -> Mapping[str, Any]:
        try:
            return self._health()
        except Exception:
            log.exception("it can't be told how the media plane is")
            return {"healthy": False, "reason": "the media plane can't tell how it is; its log says why"}

    def _look(self) -> None:
        """See whether the process gives signs of life.

        Raises:
          TimeoutError: it hangs.
        """
        now = time.monotonic()
        # Where this thread got no turn, neither did the one that listens.
        self._heard += max(0.0, now - self._looked - 2 * budgets.BEAT)
        self._looked = now
        silence = now - self._heard
        if silence > SILENT:
            self._dump()
            raise TimeoutError(f"it has given no sign of life for {silence:.0f} s")

    def _dump(self) -> None:
        """Have a process that hangs write down where it does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)
        # One that was stopped would write nothing.
        self._process.send_signal(signal.SIGCONT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(budgets.DUMP)

    def _start_again(self) -> bool:
        """Start the process anew until it lives; False when the service ends meanwhile."""
        while not self._leaving.wait(self._back_off.failed(time.monotonic() - self._born)):
            self.restarts += 1
            status = self._end()
            log.error("the console has died (%s); starting it again", status)
            self._supervisor.failed("console", "the console's process has died")
            try:
                self._spawn()
            except HuazhaError as error:
                self._failed(str(error))
            else:
                self._bus.again()
                return True
        return False

    def _failed(self, why: str) -> None:
        self._born = time.monotonic()
        if why != self.trouble:
            log.error("the console can't start: %s; calls are heard and blocked all the same", why)
        self.trouble = why

    def _end(self) -> int | None:
        """Kill the process, if there is one; give its exit status."""
        self._up = False
        self._link.close()
        if self._process is None:
            return None
        self._process.kill()
        return self._process.wait()

    def _keep_spool(self) -> None:
        """Spool what the journal doesn't have, until the end, and then the rest."""
        while not self._over.wait(SPOOLED):
            self._spool.keep(self._bus)
        self._spool.keep(self._bus, at_once=True)
        self._spool.close()

    def _listen(self, link: socket.socket, frames: Iterator[Frame]) -> None:
        """Take what one process says until it is gone."""
        try:
            for frame in frames:
                self._heard = time.monotonic()
                try:
                    self._take(frame)
                except Exception:
                    log.exception("what the console said can't be understood: %s", frame.what)
        except (OSError, BrokenLink) as error:
            log.warning("the console's link broke: %s", error)
        finally:
            # Whoever feeds it learns that nobody listens any more.
            with suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def _take(self, frame: Frame) -> None:
        match frame.what:
            case "kept":
                self._bus.acknowledge(int(frame.fields["cursor"]))
            case "failed":
                self._supervisor.failed(str(frame.fields["name"]), str(frame.fields["trouble"]))
            case "ask":
                self._askers.submit(self._answer, frame)

    def _answer(self, frame: Frame) -> None:
        """Answer a question, with what went wrong if something did."""
        number, name = frame.fields["number"], frame.fields["name"]
        try:
            answer = {"number": number, "answer": dict(self._asks[name](frame.fields["about"]))}
        except Exception as error:
            log.exception("the console's question %s came to nothing", name)
            answer = {"number": number, "error": str(error) or type(error).__name__}
        self._bus.pass_on(Frame("answer", clean(answer)))


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
