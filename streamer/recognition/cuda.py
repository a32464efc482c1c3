"""What CTranslate2 needs of CUDA: its library, wherever Python packages have put that, and what a GPU has left.

CTranslate2 brings all of CUDA with it but the driver and cuBLAS 12, which it opens by name when it first multiplies.
Packages put that in folders that no loader looks in: NVIDIA's own in `nvidia/*/lib`, PyTorch's in `torch/lib`. What has
been loaded before is found by its name, so it is loaded from there.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

LIBRARY = "libcublas.so.12"
NEEDS = "libcublasLt.so.12"
"""What that is linked against, and lies beside it."""
FOLDERS = ("nvidia/*/lib", "torch/lib")
"""Where packages keep CUDA's libraries, in a folder of packages."""
TOOLKITS = "/usr/local/cuda*/lib64"
MISSING = f"{LIBRARY} is not found: pip install nvidia-cublas-cu12"
ASKED = ("name", "memory.total", "memory.free", "driver_version")
PATIENCE = 20.0
"""Seconds for nvidia-smi: without a daemon that keeps the driver loaded, the first look takes some."""


@dataclass(frozen=True, slots=True)
class Card:
    """A GPU as its driver has it.

    Attributes:
      memory, free: gigabytes (10^9 bytes).
      driver: its version.
    """

    name: str
    memory: float
    free: float
    driver: str


def libraries(sites: Iterable[str | Path], version: str = "12") -> list[Path]:
    """Find cuBLAS where packages put it.

    Args:
      sites: folders of packages, as in `sys.path`; the first that has it comes first.
      version: its major version; `*` for any.
    """
    files = (file for folder in folders(sites) for file in sorted(folder.glob(f"libcublas.so.{version}")))
    return [file for file in files if _named_by_major(file)]


def folders(sites: Iterable[str | Path]) -> list[Path]:
    """Give the folders in which packages, and then CUDA's own toolkit, keep libraries."""
    of_packages = [folder for site in sites for pattern in FOLDERS for folder in sorted(Path(site).glob(pattern))]
    return of_packages + sorted(Path("/").glob(TOOLKITS.lstrip("/")))


def load(sites: Iterable[str | Path] | None = None) -> str:
    """Make cuBLAS known to this process.

    Args:
      sites: where to look when the loader does not find it; where Python itself looks for packages when None.

    Returns:
      what is missing, in a line; nothing where it is loaded.
    """
    if sys.platform != "linux" or _opened(LIBRARY):
        return ""
    for file in libraries(sys.path if sites is None else sites):
        beside = file.with_name(NEEDS)
        if (not beside.exists() or _opened(str(beside))) and _opened(str(file)):
            return ""
    return MISSING


def card(index: int, environment: Mapping[str, str] = os.environ) -> Card | None:
    """Ask the driver about a GPU; None where it does not say.

    Args:
      index: as CUDA counts those that `CUDA_VISIBLE_DEVICES` lets it see.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else []
    name = names[index].strip() if index < len(names) else str(index)
    query = ["nvidia-smi", "--format=csv,noheader,nounits", f"--query-gpu={','.join(ASKED)}", f"--id={name}"]
    try:
        answer = subprocess.run(  # noqa: S603 - the driver's own tool, wherever it was put
            query,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return read_card(answer.stdout)


def read_card(answer: str) -> Card | None:
    """Read a line of nvidia-smi's: memory in MiB, and `[N/A]` for what it does not know."""
    fields = [field.strip() for field in answer.strip().partition("\n")[0].split(",")]
    if len(fields) != len(ASKED) or not all(field.isdecimal() for field in fields[1:3]):
        return None
    name, memory, free, driver = fields
    return Card(name, round(int(memory) * 2**20 / 1e9, 1), round(int(free) * 2**20 / 1e9, 1), driver)


def _opened(name: str) -> bool:
    try:
        # For all that is loaded later: CTranslate2 looks for it under its name.
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _named_by_major(file: Path) -> bool:
    """Whether a name ends in a major version alone: the name by which it is opened."""
    return re.fullmatch(r"libcublas\.so\.\d+", file.name) is not None
