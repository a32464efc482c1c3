"""RealtimeSTT's recorder behind a WebSocket: 16-bit samples at 16 kHz come in, what it shows goes out as text.

    python realtimestt.py PORT MODEL LANGUAGE OPTIONS

OPTIONS are the recorder's, as JSON. One stream at a time. Runs in the peer's environment, and imports nothing of
Huazha.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import suppress
from importlib import import_module

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve


class Screen:
    """What a reader would see: what is final, then what is tentative."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reader: ServerConnection | None = None
        self._final = ""

    def watch(self, reader: ServerConnection | None) -> None:
        """Show everything to this reader from now on, beginning with nothing."""
        with self._lock:
            self._reader, self._final = reader, ""

    def tentative(self, text: str) -> None:
        """Show what may still change."""
        with self._lock:
            self._show(self._final + text)

    def final(self, text: str) -> None:
        """Show what stays."""
        with self._lock:
            self._final += text
            self._show(self._final)

    def _show(self, text: str) -> None:
        if self._reader is not None:
            with suppress(ConnectionClosed):
                self._reader.send(text)


def main() -> None:
    port, model, language, options = int(sys.argv[1]), sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
    screen = Screen()
    # By name: it is not there where this file is checked.
    recorder = import_module("RealtimeSTT").AudioToTextRecorder(
        model=model,
        realtime_model_type=model,
        language=language,
        use_microphone=False,
        spinner=False,
        no_log_file=True,
        enable_realtime_transcription=True,
        on_realtime_transcription_update=screen.tentative,
        **options,
    )

    def listen() -> None:
        while True:
            screen.final(recorder.text())

    def take(reader: ServerConnection) -> None:
        screen.watch(reader)
        for frame in reader:
            recorder.feed_audio(frame)
        screen.watch(None)
        recorder.clear_audio_queue()

    threading.Thread(target=listen, daemon=True).start()
    with serve(take, "127.0.0.1", port, compression=None) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
