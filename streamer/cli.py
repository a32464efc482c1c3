"""The command `huazha`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata, resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.logging import RichHandler

from lexicon.errors import LexiconError
from streamer import (
    client,
    demo,
    dialling,
    early_checks,
    journal_commands,
    lexicon_commands,
    logs,
    loops,
    model_commands,
    ray_commands,
    recordings,
    scan_commands,
    service,
    settings,
    token_commands,
)
from streamer.blame import Blame
from streamer.callers.caller import Placed
from streamer.connections import raise_file_limit
from streamer.errors import HuazhaError
from streamer.narration import Narrator
from streamer.options import Channels, ConfigFile, DataFolder, LexiconFiles, Model, legs
from streamer.plain_text import json_line, plain
from streamer.recognition.recognizer import Recognizer
from streamer.recordings import Recording
from streamer.settings import Settings

app = typer.Typer(
    name="huazha",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(lexicon_commands.app)
app.add_typer(model_commands.app)
app.add_typer(journal_commands.app)
app.add_typer(token_commands.app)
app.add_typer(ray_commands.app)
scan_commands.add_to(app)
stderr = Console(stderr=True)


def main() -> None:
    """Run the command; a user's mistake is one line and exit status 2."""
    logs.set_up("%(message)s", logging.WARNING)
    with _one_line_errors():
        app()


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"huazha {metadata.version('huazha')}")
        raise typer.Exit


@app.callback()
def huazha(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Listen to outbound calls while they happen, and stop the agent when a forbidden term is spoken."""


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except (HuazhaError, LexiconError) as error:
        for line in error.lines if isinstance(error, HuazhaError) else (str(error),):
            stderr.print(plain(f"huazha: {line}"), style="red", markup=False, highlight=False, soft_wrap=True)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


@app.command(epilog="Example: huazha serve --lexicon bank.yaml --media-port 8765")
def serve(
    config: ConfigFile = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [dim]127.0.0.1[/dim]")] = None,
    media_port: Annotated[int | None, typer.Option(help="Port for calls; 0 picks one.  [dim]8765[/dim]")] = None,
    console_port: Annotated[
        int | None, typer.Option(help="Port for page, health and metrics; 0 picks one.  [dim]8080[/dim]")
    ] = None,
    lexicon: LexiconFiles = None,
    model: Model = None,
    recognizer: Annotated[
        str | None,
        typer.Option(metavar="local|ray://HOST[:PORT]", help="Where words are recognised.  [dim]local[/dim]"),
    ] = None,
    data: DataFolder = None,
) -> None:
    """Run the service until it is interrupted."""
    _log_to_stderr()
    overrides = {
        "host": host,
        "media_port": media_port,
        "console_port": console_port,
        "lexicon": lexicon,
        "model": model,
        "recognizer": recognizer,
        "data": data,
    }
    chosen = settings.load(config, overrides)
    early_checks.check(chosen, Blame(config, overrides))
    loops.run(_serve(chosen))


async def _serve(chosen: Settings) -> None:
    # Whatever is written from here on, in either process, is for nobody else to read.
    os.umask(0o077)
    raise_file_limit()
    recognizer = await _load(chosen)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with service.running(chosen, recognizer) as running:
        stderr.print(f"Calls at   {running.media.url}", highlight=False)
        stderr.print(f"Console at {running.console_url}", highlight=False)
        stderr.print(f"Lexicon    {running.media.store.current.lexicon.version}", highlight=False)
        stderr.print("Ctrl+C stops.", style="dim")
        await stop.wait()
        stderr.print("Stopping; calls going on are cut off.")


@app.command(epilog="Example: huazha call call.wav --url ws://127.0.0.1:8765/v1/calls --language zh")
def call(
    file: Annotated[Path, typer.Argument(help="A recording of one or two channels: WAV, FLAC, OGG, MP3.")],
    url: Annotated[str, typer.Option(help="Where the service takes calls.")] = "ws://127.0.0.1:8765/v1/calls",
    language: Annotated[str | None, typer.Option(help="Of the call; the service's default if not given.")] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=8.0, help="Times real time.")] = 1.0,
    channels: Channels = None,
    token: Annotated[
        str | None, typer.Option(envvar="HUAZHA_TOKEN", help="A platform's token, where the service asks for one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every message as a line of JSON.")] = False,
    platform: Annotated[
        str | None,
        typer.Option("--as", metavar="PLATFORM", help=f"Speak as a platform does: {', '.join(dialling.CALLERS)}."),
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="What that platform signs in with, as docs/platforms has it."),
    ] = None,
) -> None:
    """Stream a recording to the service as a telephony platform would, and show all that comes back."""
    recording = recordings.read(file, legs(channels))
    if platform is not None:
        secrets = {**_secrets(secret or ()), **({} if token is None else {"token": token})}
        placed = Placed(recording.path.stem, recording.channels, language, secrets)
        asyncio.run(_call_as(platform, placed, recording, url, speed, as_json))
        return
    received = client.play(recording, url, call_id=recording.path.stem, language=language, speed=speed, token=token)
    asyncio.run(_call(received, as_json))


async def _call(received: AsyncIterator[client.Received], as_json: bool) -> None:
    narrator = Narrator(Console())
    async for message in received:
        if as_json:
            typer.echo(json_line(message.message))
        else:
            narrator.tell(message.message)


async def _call_as(platform: str, placed: Placed, recording: Recording, url: str, speed: float, as_json: bool) -> None:
    """Play a call as a platform; what comes back is little, since most platforms are told on their control port."""
    if platform not in dialling.CALLERS:
        raise typer.BadParameter(f"is one of {', '.join(dialling.CALLERS)}", param_hint="--as")
    parts = urlsplit(url)
    callers = dialling.CALLERS[platform](placed)
    if not as_json:
        sockets = f"{len(callers)} socket{'s' if len(callers) > 1 else ''}"
        stderr.print(f"{plain(placed.call_id)} as {platform}, {sockets}, {recording.duration:.0f} s", highlight=False)
    async for heard in dialling.play(callers, recording, f"{parts.scheme}://{parts.netloc}", speed):
        text = heard.message if isinstance(heard.message, str) else f"{len(heard.message)} bytes"
        typer.echo(plain(text if as_json else f"{heard.at:7.2f} s  {text}"))
    if not as_json:
        stderr.print("Over. What was heard and blocked stands on the console and on the alert feed.", style="dim")


@app.command(name="demo", epilog="Example: huazha demo")
def demonstrate(model: Model = None, lexicon: LexiconFiles = None) -> None:
    """Start the service here, play two bundled calls to it in real time, and show what it hears and blocks."""
    overrides: dict[str, Any] = {"model": model, "lexicon": lexicon, "media_port": 0, "console_port": 0}
    # What is made up for a demonstration has no place among what really happened.
    with TemporaryDirectory(prefix="huazha-demo") as data:
        loops.run(_demonstrate(settings.load(None, {**overrides, "data": data})))


async def _demonstrate(chosen: Settings) -> None:
    recognizer = await _load(chosen)
    async with service.running(chosen, recognizer) as running:
        with resources.as_file(resources.files("streamer") / "data") as folder:
            await demo.run(running, folder, Console())


async def _load(chosen: Settings) -> Recognizer:
    with stderr.status("Starting") as status:
        return await asyncio.to_thread(service.load_recognizer, chosen, status.update)


def _secrets(given: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    if not all(name and equals for name, equals, _ in pairs):
        raise typer.BadParameter("is NAME=VALUE", param_hint="--secret")
    return {name: value for name, _, value in pairs}


def _log_to_stderr() -> None:
    if stderr.is_terminal:
        logs.set_up("%(message)s", logging.INFO, RichHandler(console=stderr, show_path=False, rich_tracebacks=False))
    else:
        # Rich would fill each line of a log with blanks, to the width of a terminal that there is not.
        logs.set_up("%(asctime)s %(levelname)s %(message)s", logging.INFO)
