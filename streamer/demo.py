"""The demonstration: bundled calls through the whole service, in real time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.console import Console

from streamer import client, recordings
from streamer.narration import Narrator
from streamer.service import Service

CALLS = ("zh", "en")


async def run(service: Service, folder: Path, console: Console) -> int:
    """Play the bundled calls in `folder`, all at once; returns how many blocks came back."""
    console.print(f"Console at {service.console_url}, calls at {service.media.url}", highlight=False)
    console.print("Two bundled calls begin now; they last about 18 seconds.\n", highlight=False)
    blocks = await asyncio.gather(*(_play(service, folder, language, console) for language in CALLS))
    health = service.health()
    console.print(
        f"\n{sum(blocks)} blocks. Audio received {health.audio_received:.1f} s on both channels of "
        f"{len(CALLS)} calls, monitored {health.audio_monitored:.1f} s, blind {health.audio_blind:.1f} s.",
        highlight=False,
        soft_wrap=True,
    )
    return sum(blocks)


async def _play(service: Service, folder: Path, language: str, console: Console) -> int:
    narrator = Narrator(console, language)
    recording = recordings.read(folder / f"demo-{language}.wav")
    blocks = 0
    async for received in client.play(recording, service.media.url, call_id=f"demo-{language}", language=language):
        narrator.tell(received.message)
        blocks += received.message["type"] == "block"
    return blocks
