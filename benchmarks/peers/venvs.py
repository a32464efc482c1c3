"""Virtual environments for the peers, each from its pinned and hashed requirements."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from importlib.metadata import distributions
from pathlib import Path

from benchmarks.peers.peer import PeerFailed

REQUIREMENTS = Path(__file__).parent / "requirements"
STAMP = "installed"


async def ensure(name: str, venvs: Path) -> Path:
    """Make a peer's environment unless it stands already, as its requirements have it.

    PyTorch is taken as pip's settings give it; all else is held against its hash, and nothing else is resolved.

    Returns:
      The folder of its commands.

    Raises:
      PeerFailed: it can't be made.
    """
    place, pinned, torch = venvs / name, REQUIREMENTS / f"{name}.txt", REQUIREMENTS / "torch.txt"
    wanted = hashlib.sha256(pinned.read_bytes() + torch.read_bytes() + sys.version.encode()).hexdigest()
    stamp = place / STAMP
    if not (stamp.is_file() and stamp.read_text() == wanted):
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        python = str(place / "bin" / "python")
        install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        await _run(name, sys.executable, "-m", "venv", str(place))
        await _run(name, *install, "--requirement", str(torch))
        await _run(name, *install, "--no-deps", "--require-hashes", "--requirement", str(pinned))
        stamp.write_text(wanted)
    return place / "bin"


def versions(venvs: Path, name: str, packages: tuple[str, ...]) -> dict[str, str]:
    """Tell which versions of packages a peer's environment holds."""
    folders = [str(folder) for folder in (venvs / name / "lib").glob("python*/site-packages")]
    held = {found.name.lower().replace("_", "-"): found.version for found in distributions(path=folders)}
    return {package: held[package] for package in packages if package in held}


async def _run(name: str, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise PeerFailed(name, "could not be installed", said.decode(errors="replace")[-2000:])
