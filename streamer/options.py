"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streamer import recordings

LexiconFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--lexicon",
        metavar="FILE",
        help="A lexicon file; may be given several times. The shipped ones if not.",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME_OR_DIR",
        help="base, a directory with weights, or any name faster-whisper knows.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A TOML file with settings; options here win over it."),
]
DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", help="Folder of journal, evidence and keys.  [dim]the user's data folder[/dim]"
    ),
]
Channels = Annotated[
    str | None,
    typer.Option(metavar="LEG[,LEG]", help="The legs in the recording's order: agent,customer if not given."),
]


def legs(channels: str | None) -> tuple[str, ...] | None:
    """Read what `--channels` was given.

    Raises:
      BadParameter: it names no legs, or one twice.
    """
    if channels is None:
        return None
    named = tuple(leg.strip() for leg in channels.split(","))
    if not set(named) <= set(recordings.LEGS) or len(set(named)) != len(named):
        raise typer.BadParameter("is agent, customer, or both, joined by a comma", param_hint="--channels")
    return named
