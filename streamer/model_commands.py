"""`huazha model list | get | train-sounds`: which weights there are, which would be used, and why; and new ones."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from streamer import settings
from streamer.recognition import local, models
from streamer.recognition.devices import Placement
from streamer.recognition.sounds import finding

LARGER = "large-v3-turbo"
"""What a GPU is for: nearly as good as large-v3, with an eighth of its decoder."""

PROGRESS: tuple[ProgressColumn, ...] = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeRemainingColumn(),
)

app = typer.Typer(
    name="model", help="Show which weights are here, fetch others, or train what reads sounds.", no_args_is_help=True
)


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


@app.command(epilog="Example: huazha model train-sounds --language zh --recordings people/ --out zh.npz")
def train_sounds(
    language: Annotated[str, typer.Option(help="zh or en.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="The head's file, which ends in .npz; its card stands beside it.")
    ],
    model: Annotated[
        str, typer.Option(help="The Whisper whose states are read: base, a directory, or a name.")
    ] = models.DEFAULT,
    work: Annotated[
        Path, typer.Option(metavar="DIR", help="Where stages are kept: the same command goes on with what is there.")
    ] = Path("training"),
    hours: Annotated[float, typer.Option(min=0, help="Of synthetic speech; about as many of one processor.")] = 0.0,
    voices: Annotated[Path | None, typer.Option(metavar="DIR", help="Voices: Kokoro's styles, *.bin.")] = None,
    recordings: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR", help="People's speech, with recordings.tsv: file, text, speaker, licence. Again for more."
        ),
    ] = None,
    versions: Annotated[int, typer.Option(min=1, help="Of each utterance, disturbed in different ways.")] = 2,
    steps: Annotated[int, typer.Option(min=1, help="Batches to learn from.")] = 3000,
    width: Annotated[int, typer.Option(min=8, help="Of the network.")] = 256,
    blocks: Annotated[int, typer.Option(min=1, help="Convolutions of the network.")] = 3,
    processes: Annotated[int, typer.Option(min=1, help="Processors to use.")] = os.cpu_count() or 1,
    seed: Annotated[int, typer.Option(help="Another one gives another head.")] = 1,
) -> None:
    """Train what hears terms in the states of a Whisper's encoder, from text and recordings to weights.

    Needs the extra: pip install 'huazha[train]'.
    """
    from streamer.recognition.sounds.training import pipeline  # noqa: PLC0415 - loads an encoder, of which no other command has need

    network = {"width": width, "blocks": blocks}
    options = pipeline.Options(
        language=language,
        model=model,
        root=work,
        hours=hours,
        voices=voices,
        recordings=tuple(recordings or ()),
        processes=processes,
        versions=versions,
        seed=seed,
        first=network | {"steps": steps},
        fitting=network | {"steps": steps, "rate": pipeline.AGAIN},
    )
    with Progress(*PROGRESS, console=Console(stderr=True)) as progress:
        bars: dict[str, TaskID] = {}

        def told(stage: str, done: int, total: int) -> None:
            name = stage.partition(" (")[0]
            bar = bars.get(name)
            if bar is None:
                bar = bars[name] = progress.add_task(stage, total=total)
            progress.update(bar, description=stage, completed=done, total=total)

        text = pipeline.train(options, out, shlex.join(["huazha", *sys.argv[1:]]), told)
    out.with_suffix(".md").write_text(text, encoding="utf-8")
    typer.echo(str(out))
