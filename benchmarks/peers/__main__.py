"""How soon does Huazha show a forbidden term, and how soon do public streaming Whispers with the same weights?

Makes a virtual environment for each peer, starts one after another on loopback, streams the agent's side of labelled
calls to it in real time, and measures from the term's end to the first text that holds it. NOTES.md beside this file
says what is measured, and how each peer is set.

    python -m benchmarks.peers CALLS [--streams 1 2 3 4] [--clips 8] [--only NAME ...] [--json FILE] [--picture FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from platformdirs import user_cache_path
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import calls, machine
from benchmarks.peers import venvs
from benchmarks.peers.clips import Clip, choose
from benchmarks.peers.huazha import Huazha
from benchmarks.peers.load import Load, measure
from benchmarks.peers.peer import Peer, PeerFailed
from benchmarks.peers.picture import draw
from benchmarks.peers.realtimestt import RealtimeSTT
from benchmarks.peers.scoring import figures, most_at_once
from benchmarks.peers.whisperlive import WhisperLive, WhisperLiveBatch
from benchmarks.peers.whisperlivekit import WhisperLiveKit
from streamer.recognition import models

LANGUAGE = "zh"
PEERS: Mapping[str, Callable[[Path, str], Peer]] = {
    "huazha": Huazha,
    "realtimestt": RealtimeSTT,
    "whisperlive": WhisperLive,
    "whisperlive-batch": WhisperLiveBatch,
    "whisperlivekit": WhisperLiveKit,
}


async def run_all(
    peers: Sequence[Peer], clips: Sequence[Clip], streams: Sequence[int], folder: Path, console: Console
) -> dict[str, list[Load]]:
    """Install every peer, then measure each at each number of streams; the last clip is for warming up.

    One that fails is named, and the others go on.
    """
    told: dict[str, list[Load]] = {peer.name: [] for peer in peers}
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Installing", total=len(peers) * len(streams) * (len(clips) - 1))
        for peer in peers:
            progress.update(bar, description=f"Installing {peer.name}")
            try:
                await peer.install(folder)
                for count in streams:
                    progress.update(bar, description=f"{peer.name}, {count} at once")
                    load = await measure(peer, clips[:-1], clips[-1], count, lambda: progress.advance(bar))
                    told[peer.name].append(load)
            except PeerFailed as failed:
                console.print(str(failed), style="red", markup=False, highlight=False)
    return {name: loads for name, loads in told.items() if loads}


def rows(told: Mapping[str, Sequence[Load]], bound: float) -> list[dict[str, object]]:
    """Make a row of each peer and load."""
    made = []
    for name, loads in told.items():
        by_sound = {load.streams: figures([found.sound for found in load.found]) for load in loads}
        most = most_at_once(by_sound, bound)
        for load in loads:
            exact, sound = figures([found.exact for found in load.found]), by_sound[load.streams]
            blocked = figures([found.blocked for found in load.found])
            made.append(
                {
                    "peer": name,
                    "streams": load.streams,
                    "clips": len(load.found),
                    "exact_p50": exact.p50,
                    "exact_p95": exact.p95,
                    "exact_hits": exact.hits,
                    "sound_p50": sound.p50,
                    "sound_p95": sound.p95,
                    "sound_hits": sound.hits,
                    "block_p50": blocked.p50,
                    "block_p95": blocked.p95,
                    "block_hits": blocked.hits if name == Huazha.name else None,
                    "cpu": round(load.cpu, 2),
                    "most": most,
                }
            )
    return made


def show(made: Sequence[Mapping[str, object]]) -> None:
    """Print the table."""
    table = Table(*made[0])
    for row in made:
        table.add_row(*("–" if value is None else str(value) for value in row.values()))
    console = Console(width=190)
    console.print(machine.line(), highlight=False)
    console.print(table)


def record(peers: Sequence[Peer], told: Mapping[str, Sequence[Load]], folder: Path) -> dict[str, object]:
    """Tell for each peer what it was, how it was set, and what became of every clip."""
    return {
        peer.name: {
            "versions": venvs.versions(folder, getattr(peer, "environment", peer.name), peer.packages),
            "settings": peer.settings,
            "loads": [asdict(load) for load in told[peer.name]],
        }
        for peer in peers
        if peer.name in told
    }


async def until_done(
    options: argparse.Namespace, peers: Sequence[Peer], clips: Sequence[Clip]
) -> dict[str, list[Load]]:
    """Run all, and end every peer first when this is told to end."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run_all(peers, clips, sorted(set(options.streams)), options.venvs, Console(stderr=True))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.splitlines()[0])
    parser.add_argument("calls", type=Path, help="folder with zh/labels.json")
    parser.add_argument(
        "--streams", type=int, nargs="+", default=[1, 2, 3, 4], help="streams at once (default: 1 2 3 4)"
    )
    parser.add_argument("--clips", type=int, default=8, help="calls to measure with (default: 8)")
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS), help="peers (default: all)")
    parser.add_argument("--bound", type=float, default=3.0, help="seconds that a median may take to count as kept up")
    parser.add_argument(
        "--venvs", type=Path, default=user_cache_path("huazha") / "peers", help="folder of environments"
    )
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    parser.add_argument("--picture", type=Path, help="where to draw the latencies, as an SVG")
    options = parser.parse_args()
    model = models.resolve("base")
    clips = choose(calls.read(options.calls), options.clips)
    peers = [PEERS[name](model, LANGUAGE) for name in options.only]
    told = asyncio.run(until_done(options, peers, clips))
    if not told:
        raise SystemExit("no peer could be measured")
    made = rows(told, options.bound)
    show(made)
    if options.json:
        written: dict[str, object] = {"machine": machine.describe(), "bound": options.bound, "summary": made}
        written["peers"] = record(peers, told, options.venvs)
        options.json.write_text(json.dumps(written, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        draw(told, options.bound, options.picture)


if __name__ == "__main__":
    main()
