"""A telephony platform in small: plays a recording to the service as a live call, and hears what it says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from streamer.dialects.native import start_message, stop_message
from streamer.errors import CallFailed, CallRefused
from streamer.recordings import Recording

FRAME_SECONDS = 0.02
"""What telephony platforms send at once."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message of the service's.

    Attributes:
      at: seconds since the call's first sample was sent.
      message: as it came; its `type` says which.
    """

    at: float
    message: dict[str, Any]


async def play(
    recording: Recording,
    url: str,
    *,
    call_id: str,
    language: str | None = None,
    speed: float = 1.0,
    token: str | None = None,
) -> AsyncIterator[Received]:
    """Send a recording in real time (or `speed` times that), and yield every message that comes back.

    Args:
      token: to sign in with, as a platform.

    Raises:
      CallRefused: the service takes no more calls at present.
      CallFailed: it can't be reached, or broke the call off.
    """
    try:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        # In the address as well: so a call that is refused before it says anything is on the record by its name.
        named = url if "?" in url else f"{url}?{urlencode({'call_id': call_id})}"
        async with connect(named, compression=None, additional_headers=headers) as connection:
            await connection.send(
                start_message(
                    call_id=call_id,
                    encoding=recording.encoding,
                    sample_rate=recording.sample_rate,
                    channels=recording.channels,
                    language=language,
                    transcripts=True,
                )
            )
            began = time.monotonic()
            sending = asyncio.create_task(_send(connection, recording, began, speed))
            try:
                async for text in connection:
                    yield Received(time.monotonic() - began, json.loads(text))
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
    except ConnectionClosed as closed:
        raise CallFailed(url, f"broke the call off: {closed}") from None
    except InvalidStatus as refused:
        if refused.response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise CallRefused(url) from None
        raise CallFailed(url, f"can't be reached: {refused}") from None
    except (OSError, InvalidURI, InvalidHandshake, TimeoutError) as error:
        raise CallFailed(url, f"can't be reached: {error}") from None


async def _send(connection: ClientConnection, recording: Recording, began: float, speed: float) -> None:
    """Send each frame when its last sample would have been spoken; never earlier, so that latencies are true."""
    for count, frame in enumerate(recording.frames(FRAME_SECONDS), 1):
        await asyncio.sleep(began + count * FRAME_SECONDS / speed - time.monotonic())
        await connection.send(frame)
    await connection.send(stop_message())
