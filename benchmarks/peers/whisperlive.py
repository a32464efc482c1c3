"""WhisperLive, plain and in its batch mode, over its own WebSocket protocol."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from benchmarks.peers.clips import Clip
from benchmarks.peers.peer import PeerFailed, Shown
from benchmarks.peers.served import ServedPeer

DRIVER = Path(__file__).parent / "drivers" / "whisperlive.py"
READY_WITHIN = 120.0
"""Seconds for the first client, for whom the model is loaded."""


def _read(at: float, message: str) -> list[Shown]:
    told = json.loads(message)
    if "segments" not in told:
        return []
    return [Shown(at, "".join(segment["text"] for segment in told["segments"]))]


class WhisperLive(ServedPeer):
    """One model for all clients, who take turns at it: what the project does with a model from a directory."""

    name = "whisperlive"
    packages: tuple[str, ...] = ("whisper-live", "faster-whisper", "ctranslate2", "torch")
    environment = "whisperlive"

    def __init__(self, model: Path, language: str) -> None:
        super().__init__(model, language)
        self.settings = {"single_model": True}
        # As its own client asks for; the samples come as 16-bit.
        self._asked = {
            "language": language,
            "task": "transcribe",
            "model": "base",
            "use_vad": True,
            "send_last_n_segments": 10,
            "no_speech_thresh": 0.45,
            "clip_audio": False,
            "same_output_threshold": 10,
            "audio_format": "int16",
        }

    def command(self, port: int, streams: int) -> list[str]:
        options = {
            "host": "127.0.0.1",
            "port": port,
            "backend": "faster_whisper",
            "faster_whisper_custom_model_path": str(self._model),
            # One that has hung up keeps its place until its last text is made.
            "max_clients": 2 * streams + 2,
            **self.settings,
        }
        return [str(self._commands / "python"), str(DRIVER), json.dumps(options)]

    def variables(self) -> dict[str, str]:
        # Its start script says 1, which leaves cores idle while clients wait for the one model.
        return {"OMP_NUM_THREADS": str(os.cpu_count() or 1)}

    async def greet(self, connection: ClientConnection) -> None:
        await connection.send(json.dumps({"uid": str(uuid.uuid4()), **self._asked}))
        try:
            async with asyncio.timeout(READY_WITHIN):
                while (answer := json.loads(await connection.recv())).get("message") != "SERVER_READY":
                    if "status" in answer:
                        raise PeerFailed(self.name, f"refused the stream: {answer}")
        except (ConnectionClosed, TimeoutError) as error:
            raise PeerFailed(self.name, f"did not take the stream: {error!r}") from None

    def reader(self, clip: Clip) -> Callable[[float, str], list[Shown]]:
        return _read


class WhisperLiveBatch(WhisperLive):
    """Requests of all clients in one call of the model."""

    name = "whisperlive-batch"

    def __init__(self, model: Path, language: str) -> None:
        super().__init__(model, language)
        # It would turn clients away that wait for 0.5 s, and admit five a second; here all are to be served.
        self.settings = {
            "batch_enabled": True,
            "batch_max_size": 8,
            "batch_window_ms": 50,
            "batch_max_queue_wait_s": 60.0,
            "batch_max_admissions_per_s": 100.0,
        }
