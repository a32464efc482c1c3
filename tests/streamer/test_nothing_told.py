"""Nobody outside is told anything by the libraries that Huazha uses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SPEECH = "from streamer.recognition.vad import SileroModel; SileroModel()"
QUIET = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"}
"""Variables that silence ONNX Runtime by themselves, and are not set where Huazha serves."""


def test_onnx_runtime_keeps_no_identifier_and_no_events_to_send(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in QUIET and "_CI" not in name}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", SPEECH], env=environment, check=True, capture_output=True, text=True)
    assert "telemetry" not in done.stderr
    assert list(tmp_path.rglob("*")) == []
