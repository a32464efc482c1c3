"""A platform whose calls go on and on, in a process of its own, so that it hears of blocks when they come.

Prints lines of JSON: `{"ready":true}` when all calls go on, one for each block as it is received, and at the end how
late it was itself. Ends when its standard input does. `benchmarks.feed` starts it.

    python -m benchmarks.steady ws://127.0.0.1:8765/v1/calls --calls 100 --frame 0.1
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks import replay
from benchmarks.children import say, told_to_end
from streamer.dialects.native import start_message, stop_message
from streamer.errors import CallFailed
from streamer.types import Encoding

Tell = Callable[[dict[str, Any]], None]


class Line:
    """One call, from its start until it is told to stop.

    Args:
      frame: seconds of audio sent at once.
      audio: a turn's, over and over.
      tell: told of each block.
    """

    def __init__(self, call_id: str, frame: float, audio: bytes, tell: Tell) -> None:
        self.started = asyncio.Event()
        self.late = 0.0
        self._id = call_id
        self._frame = frame
        self._audio = audio
        self._tell = tell
        self._began = 0.0

    async def run(self, url: str, after: float, over: asyncio.Event) -> None:
        """Call, `after` so many seconds.

        Raises:
          CallFailed: the call is not taken, or is broken off.
        """
        await asyncio.sleep(after)
        async with connect(url, compression=None, max_queue=None) as socket:
            await socket.send(
                start_message(
                    call_id=self._id,
                    encoding=Encoding.MULAW,
                    sample_rate=replay.WIRE_RATE,
                    channels=["agent"],
                    language="zh",
                )
            )
            answer = json.loads(await socket.recv())
            if answer["type"] != "started":
                raise CallFailed(url, f"answered a start with {answer}")
            self._began = time.monotonic()
            self.started.set()
            async with asyncio.TaskGroup() as both:
                both.create_task(self._speak(socket, over))
                both.create_task(self._listen(socket, url))

    async def _speak(self, socket: ClientConnection, over: asyncio.Event) -> None:
        """Send each frame when its last sample would have been spoken, never earlier."""
        step = round(self._frame * replay.WIRE_RATE)
        for count in itertools.count(1):
            wait = self._began + count * self._frame - time.monotonic()
            self.late = max(self.late, -wait)
            await asyncio.sleep(max(0.0, wait))
            if over.is_set():
                await socket.send(stop_message())
                return
            at = (count - 1) * step % len(self._audio)
            piece = self._audio[at : at + step]
            await socket.send(piece + self._audio[: step - len(piece)])

    async def _listen(self, socket: ClientConnection, url: str) -> None:
        async for text in socket:
            received, now = time.time_ns(), time.monotonic()
            message = json.loads(text)
            if message["type"] == "block":
                self._tell(
                    {
                        "call_id": self._id,
                        "violation_id": message["violation_id"],
                        "received": received / 1e6,
                        "match_to_signal": message["match_to_signal_ms"],
                        "after_term": now - self._began - message["audio_end"],
                    }
                )
            elif message["type"] == "error":
                raise CallFailed(url, message["message"])


async def run(url: str, calls: int, frame: float, tell: Tell, over: asyncio.Event) -> None:
    """Make calls, evenly over the first turn, until it is over.

    Raises:
      ExceptionGroup: of a `CallFailed`, when one is not taken or is broken off.
    """
    audio = replay.turn_of_audio()
    lines = [Line(f"line-{number:03d}", frame, audio, tell) for number in range(calls)]
    async with asyncio.TaskGroup() as group:
        for number, line in enumerate(lines):
            group.create_task(line.run(url, number * replay.TURN / calls, over))
        for line in lines:
            await line.started.wait()
        tell({"ready": True})
    tell({"late": max(line.late for line in lines)})


async def _until_told(options: argparse.Namespace) -> None:
    over = asyncio.Event()
    waiting = asyncio.create_task(told_to_end())
    waiting.add_done_callback(lambda _: over.set())
    try:
        await run(options.url, options.calls, options.frame, say, over)
    finally:
        waiting.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steady", description=__doc__.splitlines()[0])
    parser.add_argument("url", help="where the service takes calls")
    parser.add_argument("--calls", type=int, default=100, help="at once (default: 100)")
    parser.add_argument("--frame", type=float, default=0.1, help="seconds of audio sent at once (default: 0.1)")
    options = parser.parse_args()
    try:
        asyncio.run(_until_told(options))
    except* (CallFailed, OSError, WebSocketException) as failures:
        first = _first(failures)
        say({"failed": str(first) or repr(first)})
        raise SystemExit(1) from None


def _first(group: BaseExceptionGroup[Exception]) -> BaseException:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


if __name__ == "__main__":
    main()
