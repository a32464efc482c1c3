"""`huazha model list | get`: which weights there are, and which would be used, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from streamer import settings
from streamer.recognition import local, models
from streamer.recognition.devices import Placement
from streamer.recognition.sounds import finding

LARGER = "large-v3-turbo"
"""What a GPU is for: nearly as good as large-v3, with an eighth of its decoder."""

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
    listed = models.known()
    for model in listed:
        table.add_row(model.name, model.source, f"{model.size >> 20} MB" if model.size else "", str(model.place or ""))
    console.print(table)
    console.print(f"\nEvery language is heard by {chosen.model}", end="", highlight=False)
    for language, name in sorted(chosen.models.items()):
        console.print(f", {language} by {name}", end="", highlight=False)
    console.print(".")
    here = {model.name: model.place for model in listed}
    by_sound = heard_by_sound(chosen.model, chosen.models, here)
    console.print(f"{finding.described(by_sound).capitalize()}.", highlight=False, soft_wrap=True)
    placement = local.place(chosen.wanted, here.get(chosen.model, Path(chosen.model).expanduser()))
    for line in described(placement, chosen.model):
        console.print(line, highlight=False, soft_wrap=True)


def heard_by_sound(model: str, models: Mapping[str, str], here: Mapping[str, Path | None]) -> list[str]:
    """Tell the languages in which there is a head for the model that hears them.

    Args:
      model, models: by name or directory, as in the settings.
      here: directories of models that are on this machine, by name.
    """

    def heads(name: str) -> set[str]:
        place = here.get(name) or Path(name).expanduser()
        return {*finding.find_all(place)} if (place / "model.bin").is_file() else set()

    own = {language for language, name in models.items() if language in heads(name)}
    return sorted(own | (heads(model) - models.keys()))


def described(placement: Placement, model: str) -> list[str]:
    """Say in sentences where a model is computed, how, and why."""
    on_gpu = placement.device == "cuda"
    where = f"GPU {placement.index}" if on_gpu else "the processor"
    together = f"{placement.workers} batches at once, of {placement.max_batch} windows at most"
    lines = [
        f"It is computed on {where}: {placement.why_device}.",
        f"Weights are computed in {placement.compute_type}: {placement.why_type}.",
        f"{together}: {placement.why_batches}.",
    ]
    if on_gpu and model == models.DEFAULT:
        lines.append(
            f"A GPU bears a larger model, which hears more: huazha model get {LARGER}, serve --model {LARGER}."
        )
    return lines


@app.command(epilog="Example: huazha model get small")
def get(
    name: Annotated[str, typer.Argument(help="base, a directory, or any name faster-whisper knows.")],
) -> None:
    """Fetch a model, or check that it is here, and print where it is."""
    stderr = Console(stderr=True)
    with stderr.status("Looking") as status:
        directory = models.resolve(name, progress=status.update)
    typer.echo(str(directory))
