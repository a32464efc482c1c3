"""Sockets as the switches' own WebSocket clients ask for them, header by header, over a real connection."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.test_joined_calls import callers, guarded_house

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""Of the example of RFC 6455, section 1.3."""
BASIC = base64.b64encode(b"huazha:MEDIA-PASSWORD").decode()
SIGNS_IN = {"username": "huazha", "password": "MEDIA-PASSWORD"}
QUERY = "uuid=7dd5e34e-5db4-4edb-a166-757e5d29b941&rate=8000&mix=stereo"

ASTERISK = (
    "GET /v1/asterisk HTTP/1.1\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Host: 127.0.0.1:{port}\r\n"
    f"Authorization: Basic {BASIC}\r\n"
    "Sec-WebSocket-Protocol: media\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\n\r\n"
)
"""`websocket_client_handshake` of Asterisk's `res/res_http_websocket.c`."""

LIBWEBSOCKETS = (
    f"GET /v1/freeswitch?{QUERY} HTTP/1.1\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "Host: 127.0.0.1\r\n"
    "Origin: http://127.0.0.1\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\n"
    "Sec-WebSocket-Protocol: audio.drachtio.org\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    f"Authorization: Basic {BASIC}\r\n\r\n"
)
"""`lws_generate_client_handshake` with what `connect_client` of mod_audio_fork's `audio_pipe.cpp` gives it: no port."""

JAMBONZ_UNSET = LIBWEBSOCKETS.replace(f"freeswitch?{QUERY}", "jambonz")
"""The same by jambonz's module, where `MOD_AUDIO_FORK_SUBPROTOCOL_NAME` isn't set (its `lws_glue.cpp`)."""
JAMBONZ = JAMBONZ_UNSET.replace("drachtio", "jambonz")

IXWEBSOCKET = (
    f"GET /v1/freeswitch?{QUERY} HTTP/1.1\r\n"
    "Host: 127.0.0.1:{port}\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: {KEY}\r\n"
    "User-Agent: ixwebsocket/11.4.5 linux ssl/openssl OpenSSL 3.0.15 3 Sep 2024 zlib 1.2.13\r\n"
    "Origin: ws://127.0.0.1:{port}\r\n"
    f"Authorization: Basic {BASIC}\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
    "server_max_window_bits=15; client_max_window_bits=15\r\n\r\n"
)
"""`WebSocketHandshake::clientHandshake` of IXWebSocket, which mod_audio_stream had before 2025."""

LIBWSC = (
    f"GET /v1/freeswitch?{QUERY} HTTP/1.1\r\n"
    "Host:127.0.0.1:{port}\r\n"
    "Upgrade:websocket\r\n"
    "Connection:upgrade\r\n"
    f"Sec-WebSocket-Key:{KEY}\r\n"
    "Sec-WebSocket-Version:13\r\n"
    "Sec-WebSocket-Extensions:permessage-deflate; client_no_context_takeover; server_no_context_takeover; "
    "client_max_window_bits=9\r\n"
    "Origin:http://127.0.0.1:{port}\r\n"
    f"Authorization:Basic {BASIC}\r\n\r\n"
)
"""`sendHandshakeRequest` of libwsc's `src/WebSocketContext.cpp`, which mod_audio_stream has since."""


PROXIED = LIBWSC.replace("Host:127.0.0.1:{port}", "Host:voice.bank.example").replace(
    "http://127.0.0.1:{port}", "http://voice.bank.example:443"
)
"""The same, dialled as `wss://voice.bank.example`, after a proxy that hands on the name alone (`$host` of nginx)."""


async def answered(address: str, request: str) -> tuple[int, dict[str, str]]:
    """Send a request as it is; give the status and the headers, by name in small letters."""
    port = address.rpartition(":")[2]
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(port))
        try:
            writer.write(request.replace("{port}", port).encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        finally:
            writer.close()
            await writer.wait_closed()
    status, *lines = head.strip().split("\r\n")
    fields = (line.partition(":") for line in lines)
    return int(status.split()[1]), {name.lower(): value.strip() for name, _, value in fields}


@pytest.mark.parametrize(
    ("platform", "request_", "subprotocol"),
    [
        ("asterisk", ASTERISK, "media"),
        ("freeswitch", LIBWEBSOCKETS, "audio.drachtio.org"),
        ("jambonz", JAMBONZ, "audio.jambonz.org"),
        ("jambonz", JAMBONZ_UNSET, "audio.drachtio.org"),
        ("freeswitch", IXWEBSOCKET, None),
        ("freeswitch", LIBWSC, None),
        ("freeswitch", PROXIED, None),
    ],
    ids=["asterisk", "mod_audio_fork", "jambonz", "jambonz unset", "IXWebSocket", "libwsc", "libwsc through a proxy"],
)
async def test_a_switch_is_let_in_and_answered_as_its_own_client_wants_it(
    platform: str, request_: str, subprotocol: str | None, tmp_path: Path
) -> None:
    platforms: Mapping[str, Any] = {platform: SIGNS_IN}
    async with guarded_house(tmp_path, platforms) as house:
        status, headers = await answered(house.address, request_)
    assert status == 101
    assert (headers["upgrade"].lower(), headers["connection"].lower()) == ("websocket", "upgrade")
    assert headers["sec-websocket-accept"] == ACCEPT
    assert headers.get("sec-websocket-protocol") == subprotocol
    # Asterisk hangs up where there are any.
    assert "sec-websocket-extensions" not in headers


@pytest.mark.parametrize("origin", ["ws://evil.example", "wss://127.0.0.1:1", "ws://", "http://evil.example:443"])
async def test_a_page_of_elsewhere_is_kept_out_whatever_it_calls_itself(origin: str, tmp_path: Path) -> None:
    async with guarded_house(tmp_path, {"freeswitch": SIGNS_IN}) as house:
        status, _ = await answered(house.address, IXWEBSOCKET.replace("ws://127.0.0.1:{port}", origin))
    assert status == 403


@pytest.mark.parametrize(
    ("platform", "secrets"),
    [("twilio", {"auth_token": "12345678901234567890123456789012"}), ("telnyx", {"stream_auth_token": "bank"})],
)
async def test_a_platform_that_signs_may_call_itself_what_it_likes(
    platform: str, secrets: dict[str, str], tmp_path: Path
) -> None:
    """No page can set the header that the signature is in, whatever a platform's client gives as its `Origin`."""
    (caller,) = callers(platform, **secrets)
    async with guarded_house(tmp_path, {platform: secrets}) as house:
        dial = caller.dial(house.address)
        headers = {**dial.headers, "Origin": f"https://media.{platform}.example"}
        async with connect(dial.url, compression=None, additional_headers=headers):
            pass
        with pytest.raises(InvalidStatus) as refused:
            async with connect(dial.url, compression=None, additional_headers={"Origin": headers["Origin"]}):
                pass
    assert refused.value.response.status_code == 401
