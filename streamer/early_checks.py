"""What can be found wrong with settings before a model is loaded, which takes longest."""

from __future__ import annotations

import socket

from lexicon.loader import load, shipped
from streamer.access.origins import origin
from streamer.access.tls import server_context
from streamer.blame import Blame
from streamer.errors import SettingsError
from streamer.lexicon_store import LexiconStore
from streamer.settings import Settings


def check(settings: Settings, blame: Blame) -> None:
    """Look whether the service could start: its ports, its certificate, its lexicon, the rules and the origins.

    Raises:
      SettingsError: something can't be as it is set; it holds all that is wrong.
      LexiconError: a lexicon can't be read.
    """
    wrong: list[SettingsError] = []
    try:
        lexicon = LexiconStore(settings.lexicon or shipped(), settings.rules).current.lexicon
    except SettingsError as error:
        wrong.append(blame.error((error.source, str(error.field)), error.problem))
        lexicon = load(settings.lexicon or shipped())
    known = {rule.id for rule in lexicon.rules}
    wrong += [
        blame.error(("policy", "rules", rule), "is no rule of any lexicon here")
        for rule in sorted(set(settings.policy.rules) - known)
    ]
    wrong += [
        blame.error(("origins",), f"{written!r} is no origin, as in https://console.example.com")
        for written in settings.origins
        if origin(written.removesuffix("/")) is None
    ]
    if settings.tls is not None:
        try:
            server_context(settings.tls)
        except SettingsError as error:
            wrong.append(error)
    ports = {"media_port": settings.media_port, "console_port": settings.console_port}
    for field, port in ports.items():
        if trouble := _taken(settings.host, port):
            wrong.append(blame.error((field,), f"port {port} can't be had on {settings.host}: {trouble}; 0 is any"))
    if settings.media_port and settings.media_port == settings.console_port:
        wrong.append(blame.error(("console_port",), f"port {settings.console_port} is the media port, too"))
    if wrong:
        raise wrong[0].with_others(wrong[1:])


def _taken(host: str, port: int) -> str:
    """Say why a port can't be had; nothing, where it can."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
            trial.listen()
    except OSError as error:
        return error.strerror or str(error)
    except TypeError:
        # It can't be written as a name of the domain name system (IDNA).
        return "that is no name of a machine"
    return ""
