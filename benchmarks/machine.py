"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

CORE = ("ctranslate2", "faster-whisper", "numpy", "websockets", "ahocorasick-rs")


def describe() -> dict[str, object]:
    """Give the processor, its cores, and the versions of what does the work."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in CORE},
    }


def line() -> str:
    """Put it into a line for people."""
    machine = describe()
    return f"{machine['cores']} cores of {machine['processor']}, Python {machine['python']}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [row.partition(":")[2].strip() for row in info.read_text().splitlines() if row.startswith("model name")]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
