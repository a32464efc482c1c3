"""How the service says it is: from the first moment on."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from streamer import service
from streamer.control_plane import ControlPlane
from streamer.settings import Settings
from tests.faults import FaultyRecognizer


async def test_a_service_whose_console_was_slow_to_start_is_not_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(service, "time", SimpleNamespace(time=time.time, monotonic=lambda: now[0]))
    start = ControlPlane.start

    def slow(console: ControlPlane) -> None:
        start(console)
        now[0] += 60.0

    monkeypatch.setattr(ControlPlane, "start", slow)
    settings = Settings(media_port=0, console_port=0, data=tmp_path)
    async with service.running(settings, FaultyRecognizer()) as running:
        assert (running.health().healthy, running.health().reason) == (True, "")
        now[0] += service.STALLED + 1.0
        assert running.health().reason == "the media plane has been stuck for 6 s"
