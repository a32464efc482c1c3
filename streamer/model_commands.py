"""`huazha model list | get`: which weights there are, and which would be used, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from streamer import settings
from streamer.recognition import models

app = typer.Typer(name="model", help="Show which weights are here, or fetch others.", no_args_is_help=True)


@app.command(name="list", epilog="Example: huazha model list")
def show(
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A TOML file with settings, as for serve.")
    ] = None,
) -> None:
    """List the models on this machine, and say which serves which language here."""
    chosen = settings.load(config, {})
    console = Console()
    table = Table("model", "from", "size", "in", box=None, pad_edge=False, header_style="dim")
    for model in models.known():
        table.add_row(model.name, model.source, f"{model.size >> 20} MB" if model.size else "", str(model.place or ""))
    console.print(table)
    compute, why = models.compute_type(chosen.compute_type)
    console.print(f"\nEvery language is heard by {chosen.model}", end="", highlight=False)
    for language, name in sorted(chosen.models.items()):
        console.print(f", {language} by {name}", end="", highlight=False)
    console.print(f".\nWeights are computed in {compute}: {why}.", highlight=False)
    console.print(
        f"{chosen.workers} at once, with one thread each: as many as this machine has cores.", highlight=False
    )


@app.command(epilog="Example: huazha model get small")
def get(
    name: Annotated[str, typer.Argument(help="base, a directory, or any name faster-whisper knows.")],
) -> None:
    """Fetch a model, or check that it is here, and print where it is."""
    stderr = Console(stderr=True)
    with stderr.status("Looking") as status:
        directory = models.resolve(name, progress=status.update)
    typer.echo(str(directory))
