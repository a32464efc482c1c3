"""The command `huazha ray deploy`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from streamer import settings
from streamer.access.loopback import is_loopback
from streamer.errors import RayMissing
from streamer.options import ConfigFile, Model
from streamer.plain_text import plain
from streamer.ray.addresses import APPLICATION, SERVE_PORT
from streamer.ray.joining import joined

LOOPBACK = "127.0.0.1"
WARNING = (
    "Whoever reaches {host}:{port} may use the recognisers: nobody is asked for a token. "
    "Let a firewall admit the gateways alone."
)

app = typer.Typer(name="ray", help="Recognise on many machines, with Ray.", no_args_is_help=True)
stderr = Console(stderr=True)


@app.callback()
def ray() -> None:
    """Recognise on many machines, with Ray."""


@app.command(epilog="Example: huazha ray deploy --address ray://head:10001 --min 2 --max 8")
def deploy(
    address: Annotated[
        str, typer.Option(help="ray://HOST:10001 from anywhere; auto or HOST:6379 on a node of the cluster.")
    ] = "auto",
    model: Model = None,
    least: Annotated[int, typer.Option("--min", help="Replicas that are always there.")] = 1,
    most: Annotated[int, typer.Option("--max", help="Replicas at most, as windows wait for them.")] = 4,
    workers: Annotated[int, typer.Option(help="Processors of a replica.")] = 1,
    gpus: Annotated[float, typer.Option(help="GPUs of a replica.")] = 0.0,
    queued: Annotated[
        int, typer.Option(help="Windows that may wait at a node when all replicas are full; more are turned away.")
    ] = 16,
    name: Annotated[str, typer.Option(help="Of the application, and its path.")] = APPLICATION,
    host: Annotated[
        str,
        typer.Option(
            help="Address that nodes take windows on: 0.0.0.0, or one that all nodes have, where gateways are other "
            "machines. Whoever reaches it may use the recognisers, and is asked for no token."
        ),
    ] = LOOPBACK,
    port: Annotated[int, typer.Option(help="Port that nodes take windows on.")] = SERVE_PORT,
    config: ConfigFile = None,
) -> None:
    """Put recognisers on a Ray cluster, for `huazha serve --recognizer`; returns when they are ready.

    Every node needs Huazha and the model's weights. Where Serve runs already, host and port stay as they are.
    """
    chosen = settings.load(config, {"model": model})
    try:
        from streamer.ray import deployment  # noqa: PLC0415 - an extra
    except ImportError:
        raise RayMissing() from None
    fields: dict[str, Any] = chosen.model_dump(include={"model", "models", "compute_type", "max_batch"})
    fields |= {"workers": workers, "gpus": gpus, "min_replicas": least, "max_replicas": most, "max_queued": queued}
    try:
        application = deployment.Application.model_validate(fields)
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
    if not is_loopback(host):
        stderr.print(WARNING.format(host=plain(host), port=port), style="yellow", highlight=False, soft_wrap=True)
    with joined(address), stderr.status("Loading models on the cluster"):
        deployment.deploy(application, name, host, port)
    stderr.print(f"Ready. On a gateway: huazha serve --recognizer ray://HOST:{port}/{name}", highlight=False)
    stderr.print(
        "HOST is 127.0.0.1, on a node: with --host 0.0.0.0 gateways may be elsewhere."
        if is_loopback(host)
        else "HOST is any node of the cluster, or several with commas between them.",
        style="dim",
        highlight=False,
    )
