"""WhisperLiveKit, with the LocalAgreement policy, which takes weights in CTranslate2 form."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.peers.clips import Clip
from benchmarks.peers.peer import PeerFailed, Shown
from benchmarks.peers.served import ServedPeer


class WhisperLiveKit(ServedPeer):
    """One server; a message tells all lines that stand, and the tentative text after them."""

    name = "whisperlivekit"
    packages: tuple[str, ...] = ("whisperlivekit", "faster-whisper", "ctranslate2", "torch")
    environment = "whisperlivekit"
    path = "/asr"

    def __init__(self, model: Path, language: str) -> None:
        super().__init__(model, language)
        self.settings = {
            "backend-policy": "localagreement",
            "backend": "faster-whisper",
            "language": language,
            "pcm-input": True,
            # It would be fetched; the warm-up clip does the same.
            "warmup-file": "",
        }

    def command(self, port: int, streams: int) -> list[str]:
        options = [
            part
            for name, value in self.settings.items()
            for part in ([f"--{name}"] if value is True else [f"--{name}", str(value)])
        ]
        address = ["--host", "127.0.0.1", "--port", str(port)]
        return [str(self._commands / "whisperlivekit-server"), *address, "--model-path", str(self._model), *options]

    def reader(self, clip: Clip) -> Callable[[float, str], list[Shown]]:
        return self._read

    def _read(self, at: float, message: str) -> list[Shown]:
        told = json.loads(message)
        if told.get("type") == "error" or told.get("error"):
            raise PeerFailed(self.name, f"says {told.get('error')}")
        if "lines" not in told:
            return []
        lines = "".join(line["text"] for line in told["lines"])
        return [Shown(at, lines + told.get("buffer_transcription", ""))]
