"""Reports written for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamer.scan import report
from streamer.scan.report import ReportFiles
from streamer.scan.results import Result

NOW = datetime(2026, 1, 6, 9, 30, tzinfo=timezone(timedelta(hours=8)))
RATE = 8000


def hum(file: str, start: float, end: float) -> tuple[NDArray[np.float32], int]:
    """Give the audio of a call in which the agent hums and the customer listens."""
    times = np.arange(round(start * RATE), round(end * RATE)) / RATE
    agent = 0.5 * np.sin(2 * np.pi * 300.0 * times)
    return np.stack([agent, np.zeros_like(agent)], axis=1).astype(np.float32), RATE


def gone(file: str, start: float, end: float) -> None:
    """Give no audio."""


def written(results: Sequence[Result], folder: Path, **options: Any) -> ReportFiles:
    """Write a report into a folder."""
    given: dict[str, Any] = {"audio": hum, "now": NOW, "version": "0.1.0", **options}
    return report.write(results, folder / "report.html", **given)
