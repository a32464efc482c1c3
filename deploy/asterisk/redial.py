#!/usr/bin/env python3
"""Dials Huazha again for legs of Asterisk whose media socket was lost while the call goes on.

Asterisk's `reconnect_attempts` covers only the first connection: once a WebSocket channel is up, a lost socket ends
that channel, and nobody makes another. This follows the events of all calls over the REST interface (ARI). When the
WebSocket channel to Huazha is destroyed while the bridge that it stood in still holds the leg, it asks for
`externalMedia` again, with the same id and the same `HUAZHA_` variables, and adds it to the bridge, until that holds.

It needs Python 3.11, httpx and websockets, and no Huazha.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

log = logging.getLogger("redial")

PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each further try for a leg; the last for ever."""
HOLDS = 5.0
"""Seconds that a channel must stand to count as one that held; Asterisk takes one to see that nobody answers."""
ENTERING = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds before each try to add a channel to its bridge: it must have entered its application first."""
VARIABLES = (
    "HUAZHA_LEG",
    "HUAZHA_CALL",
    "HUAZHA_AGENT_CHANNEL",
    "HUAZHA_CUSTOMER_CHANNEL",
    "HUAZHA_LANGUAGE",
    "HUAZHA_TOKEN",
    "HUAZHA_AGENT",
)
"""What is read from a channel to give it to the next; `--variable` adds to these."""
FOLLOWED = ("ChannelEnteredBridge", "ChannelDestroyed")
ENVIRONMENT = "ARI_PASSWORD"
EXAMPLE = """\
example:
  ARI_PASSWORD=... python3 redial.py --ari http://127.0.0.1:8088/ari --user huazha --app dialer --connection huazha
"""


@dataclass(slots=True)
class Tap:
    """A leg's way to Huazha.

    Attributes:
      media: id of the WebSocket channel.
      bridge: id of the bridge that joins it with what listens to the leg.
      variables: of the channel.
      dialled: second of the monotonic clock at which it was dialled again, if it was.
      tries: since it held last.
    """

    media: str
    bridge: str
    variables: Mapping[str, str]
    dialled: float | None = None
    tries: int = field(default=0)

    def lost(self, now: float) -> float:
        """The channel has ended; gives the seconds to wait before it is dialled again."""
        if self.dialled is None or now - self.dialled >= HOLDS:
            self.tries = 0
        pause = PAUSES[min(self.tries, len(PAUSES) - 1)]
        self.tries += 1
        return pause


class Ari:
    """Asterisk's REST interface, as far as it is needed here."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self._address = address.rstrip("/")
        self._basic = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        self._client = httpx.AsyncClient(base_url=self._address, headers={"Authorization": self._basic}, timeout=5.0)

    async def get(self, path: str, **params: str) -> Any:
        """Get what there is; None where there is nothing.

        Raises:
          httpx.HTTPError: Asterisk can't be reached, or refuses.
        """
        response = await self._client.get(path, params=params)
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return response.raise_for_status().json()

    async def post(self, path: str, body: Mapping[str, Any] | None = None, **params: str) -> int:
        """Ask for something; gives the status of the answer."""
        return (await self._client.post(path, params=params, json=body)).status_code

    async def events(self, app: str) -> AsyncIterator[Mapping[str, Any] | None]:
        """Give the events of all calls for ever, and None whenever the connection for them was made, again too."""
        address = f"{'ws' + self._address.removeprefix('http')}/events?app={quote(app)}&subscribeAll=true"
        async for socket in connect(address, additional_headers={"Authorization": self._basic}, max_size=1 << 20):
            try:
                await self._filter(app)
                yield None
                async for message in socket:
                    event = json.loads(message)
                    if isinstance(event, dict):
                        yield event
            except ConnectionClosed:
                pass
            log.warning("the connection for events is gone; trying again")

    async def _filter(self, app: str) -> None:
        """Have only those events sent that are followed: all of a busy exchange's are many."""
        wanted = {"allowed": [{"type": one} for one in FOLLOWED]}
        try:
            response = await self._client.put(f"/applications/{quote(app)}/eventFilter", json=wanted)
            response.raise_for_status()
        except httpx.HTTPError as error:
            log.warning("all events come, for want of a filter: %r", error)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.aclose()


class Redialler:
    """Keeps every leg's WebSocket channel up for as long as the leg lives.

    Args:
      app: the Stasis application that media channels enter.
      connection: the name of Huazha's connection in `websocket_client.conf`.
      audio: the format to ask for.
      variables: names of the channel variables that are handed on.
    """

    def __init__(self, ari: Ari, *, app: str, connection: str, audio: str, variables: Sequence[str]) -> None:
        self.taps: dict[str, Tap] = {}
        self._ari = ari
        self._app, self._connection, self._audio = app, connection, audio
        self._variables = variables

    async def run(self, own_app: str) -> None:
        """Follow Asterisk's events until cancelled."""
        async with asyncio.TaskGroup() as dialling:
            async for event in self._ari.events(own_app):
                lost = await self._look_around() if event is None else await self._take(event)
                for tap in lost:
                    dialling.create_task(self._dial_again(tap, tap.lost(time.monotonic())))

    async def _look_around(self) -> list[Tap]:
        """Learn of taps that were there before, or came while nothing was heard; gives those that are lost."""
        try:
            bridges = await self._ari.get("/bridges") or []
            standing = {channel for bridge in bridges for channel in bridge["channels"]}
            for bridge in bridges:
                for channel in bridge["channels"]:
                    if (found := await self._ari.get(f"/channels/{quote(channel, safe='')}")) is not None:
                        await self._learn(found, bridge["id"])
        except httpx.HTTPError as error:
            log.warning("can't look for calls: %r", error)
            return []
        log.info("%d legs are on their way to Huazha", len(self.taps))
        return [tap for tap in self.taps.values() if tap.media not in standing]

    async def _take(self, event: Mapping[str, Any]) -> list[Tap]:
        """Take in an event; gives the tap that was lost by it."""
        channel = event.get("channel") or {}
        try:
            if event.get("type") == "ChannelEnteredBridge":
                await self._learn(channel, event["bridge"]["id"])
        except httpx.HTTPError as error:
            log.warning("can't read the variables of %r: %r", channel.get("id"), error)
        lost = self.taps.get(channel.get("id", "")) if event.get("type") == "ChannelDestroyed" else None
        return [] if lost is None else [lost]

    async def _learn(self, channel: Mapping[str, Any], bridge: str) -> None:
        name, media = channel.get("name", ""), channel.get("id", "")
        if media in self.taps or not name.startswith(f"WebSocket/{self._connection}/"):
            return
        variables = {}
        for variable in self._variables:
            said = await self._ari.get(f"/channels/{quote(media, safe='')}/variable", variable=variable)
            if said is not None and said.get("value"):
                variables[variable] = said["value"]
        if await self._ari.get(f"/channels/{quote(media, safe='')}") is None:
            log.warning("%r ended before its variables were read; it can't be dialled again", media)
            return
        self.taps[media] = Tap(media, bridge, variables)
        log.info("following %r of call %r", media, variables.get("HUAZHA_CALL"))

    async def _dial_again(self, tap: Tap, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            try:
                if not await self._leg_lives(tap):
                    del self.taps[tap.media]
                    log.info("the leg of %r is over", tap.media)
                    return
                await self._dial(tap)
            except httpx.HTTPError as error:
                log.warning("can't dial %r again: %r", tap.media, error)
                pause = tap.lost(time.monotonic())
            else:
                # If it does not hold, an event says so.
                return

    async def _leg_lives(self, tap: Tap) -> bool:
        bridge = await self._ari.get(f"/bridges/{quote(tap.bridge, safe='')}")
        return bridge is not None and any(channel != tap.media for channel in bridge["channels"])

    async def _dial(self, tap: Tap) -> None:
        tap.dialled = time.monotonic()
        status = await self._ari.post(
            "/channels/externalMedia",
            {"variables": tap.variables},
            app=self._app,
            channelId=tap.media,
            external_host=self._connection,
            transport="websocket",
            encapsulation="none",
            format=self._audio,
            transport_data="f(json)",
        )
        log.info("dialled %r again: %d", tap.media, status)
        for wait in ENTERING:
            await asyncio.sleep(wait)
            path = f"/bridges/{quote(tap.bridge, safe='')}/addChannel"
            if (await self._ari.post(path, channel=tap.media)) == httpx.codes.NO_CONTENT:
                return


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--ari", default="http://127.0.0.1:8088/ari", help="address of ARI (default: %(default)s)")
    parser.add_argument("--user", default="huazha", help="a user of ari.conf, not read-only (default: %(default)s)")
    parser.add_argument("--password-file", type=Path, help=f"file with its password; without it, ${ENVIRONMENT}")
    parser.add_argument("--app", required=True, help="the Stasis application that media channels enter: your dialer's")
    parser.add_argument(
        "--own-app", default="huazha-redial", help="application to hear events by (default: %(default)s)"
    )
    parser.add_argument("--connection", default="huazha", help="Huazha in websocket_client.conf (default: %(default)s)")
    parser.add_argument("--format", default="ulaw", help="audio format (default: %(default)s)")
    parser.add_argument("--variable", action="append", default=[], help="another HUAZHA_ variable; may be repeated")
    options = parser.parse_args(given)
    if urlsplit(options.ari).scheme not in {"http", "https"}:
        parser.error("--ari must be an address, such as http://127.0.0.1:8088/ari")
    if options.app == options.own_app:
        parser.error("--own-app must be another than --app: a second connection would take the dialer's events away")
    try:
        password = options.password_file.read_text() if options.password_file else os.environ.get(ENVIRONMENT, "")
    except OSError as error:
        parser.error(f"--password-file {options.password_file}: {error.strerror}")
    options.password = password.strip()
    if not options.password:
        parser.error(f"give the password in ${ENVIRONMENT} or with --password-file")
    return options


async def _main(options: argparse.Namespace) -> None:
    ari = Ari(options.ari, options.user, options.password)
    variables = [*VARIABLES, *options.variable]
    redialler = Redialler(
        ari, app=options.app, connection=options.connection, audio=options.format, variables=variables
    )
    try:
        await redialler.run(options.own_app)
    finally:
        await ari.aclose()


def main(given: Sequence[str] | None = None) -> None:
    """Run until interrupted."""
    options = _arguments(given)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # Each request would be a line.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(_main(options))
    except* InvalidHandshake as refused:
        sys.exit(
            f"redial: {options.ari} lets us not in: {refused.exceptions[0]}; see --user and its password in ari.conf"
        )
    except* KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
