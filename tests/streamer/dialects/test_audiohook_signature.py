"""Who may open an AudioHook session: the vendor's own signatures, and everything that must not pass for one."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.callers.audiohook import AudiohookCaller, callers
from streamer.callers.caller import Placed
from streamer.dialects.audiohook import PLATFORM, Admission, AudiohookSettings
from streamer.dialects.audiohook_signature import SignatureRefused, as_dialled, read
from streamer.dialects.dialect import Upgrade
from streamer.dialects.replays import Replays

API_KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
SECRET = "TXlTdXBlclNlY3JldEtleVRlbGxOby0xITJAMyM0JDU="
SIGNED = AudiohookSettings.model_validate({"api_key": API_KEY, "signature_secret": SECRET})
# The example of https://developer.genesys.cloud/devapps/audiohook/security.
DOCUMENTED = {
    "host": "audiohook.example.com",
    "audiohook-organization-id": "d7934305-0972-4844-938e-9060eef73d05",
    "audiohook-correlation-id": "e160e428-53e2-487c-977d-96989bf5c99d",
    "audiohook-session-id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
    "x-api-key": API_KEY,
    "signature": "sig1=:NZBwyBHRRyRoeLqy1IzOa9VYBuI8TgMFt2GRDkDuJh4=:",
    "signature-input": (
        'sig1=("@request-target" "@authority" "audiohook-organization-id" "audiohook-session-id" '
        '"audiohook-correlation-id" "x-api-key");keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";'
        'nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256";created=1641013200;expires=3282026430'
    ),
}
PATH = "/api/v1/voicebiometrics/ws"
CREATED = 1641013200
# What Genesys Cloud sent in 2025: parameters and components in another order, good for ten seconds.
SENT = {
    "host": "pro-grouse-possibly.ngrok-free.app",
    "audiohook-organization-id": "22352111-6076-492a-8163-514a00723975",
    "audiohook-correlation-id": "386dc26f-6d1d-4cf0-b153-93c43f540874",
    "audiohook-session-id": "386dc26f-6d1d-4cf0-b153-93c43f540874",
    "x-api-key": API_KEY,
    "signature": "sig1=:Y6jeGihkrFCi3XwNcwQzw1TeDurpB4bZsMAT6KUiGj4=:",
    "signature-input": (
        'sig1=("@request-target" "audiohook-session-id" "audiohook-organization-id" "audiohook-correlation-id" '
        '"x-api-key" "@authority");created=1744210396;expires=1744210406;keyid="SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh";'
        'nonce="9qAwwlMvkHqzxf0DoOOXVvNe";alg="hmac-sha256"'
    ),
}


def admit(headers: dict[str, str], now: float = CREATED + 1, path: str = PATH, **of: Any) -> str | None:
    section = AudiohookSettings.model_validate({"api_key": API_KEY, "signature_secret": SECRET, **of})
    return Admission().admit(Upgrade(path, headers=headers), section, now)


class TestASignature:
    def test_of_the_documentation_is_good(self) -> None:
        assert admit(DOCUMENTED) is None

    def test_that_genesys_cloud_made_is_good(self) -> None:
        assert admit(SENT, 1744210400, "/webhooks/genesys/websocket") is None

    def test_may_be_made_with_a_secret_that_is_written_without_its_padding(self) -> None:
        """`parseClientSecret` of the vendor's client, `client/src/index.ts`, takes one with and without."""
        assert admit(DOCUMENTED, signature_secret=SECRET.rstrip("=")) is None

    def test_is_over_what_was_dialled_where_a_proxy_changed_it(self) -> None:
        headers = {**DOCUMENTED, "host": "10.0.0.7:8765"}
        assert admit(headers, path="/v1/audiohook") is not None
        url = f"wss://AudioHook.example.com:443{PATH}"
        assert admit(headers, path="/v1/audiohook", public_url=url) is None

    def test_says_the_host_in_small_letters(self) -> None:
        assert admit({**DOCUMENTED, "host": "AudioHook.Example.com"}) is None

    @pytest.mark.parametrize("now", [CREATED - 3, CREATED, CREATED + 13])
    def test_is_good_for_as_long_as_clocks_may_differ(self, now: float) -> None:
        assert admit(DOCUMENTED, now) is None

    @pytest.mark.parametrize("now", [0, CREATED - 4, CREATED + 14, CREATED + 10_000])
    def test_is_no_good_before_or_after(self, now: float) -> None:
        assert admit(DOCUMENTED, now) is not None

    def test_that_expires_sooner_is_no_good_then(self) -> None:
        assert admit(SENT, 1744210410, "/webhooks/genesys/websocket", max_age=300) is not None

    def test_is_good_once(self) -> None:
        admission = Admission()
        upgrade = Upgrade(PATH, headers=DOCUMENTED)
        assert admission.admit(upgrade, SIGNED, CREATED) is None
        assert "before" in str(admission.admit(upgrade, SIGNED, CREATED + 13))
        assert admission.admit(upgrade, SIGNED, CREATED + 14) is not None

    def test_that_is_wrong_does_not_use_up_a_nonce(self) -> None:
        admission = Admission()
        wrong = {**DOCUMENTED, "signature": "sig1=:AAAA:"}
        assert admission.admit(Upgrade(PATH, headers=wrong), SIGNED, CREATED) == "signature: is wrong"
        assert admission.admit(Upgrade(PATH, headers=DOCUMENTED), SIGNED, CREATED) is None

    @pytest.mark.parametrize("name", sorted(DOCUMENTED))
    def test_is_over_everything_that_counts(self, name: str) -> None:
        assert admit({**DOCUMENTED, name: DOCUMENTED[name] + "x"}) is not None
        assert admit({other: value for other, value in DOCUMENTED.items() if other != name}) is not None

    def test_is_over_the_path(self) -> None:
        assert admit(DOCUMENTED, path=PATH + "?language=zh") == "signature: is wrong"

    @pytest.mark.parametrize(
        ("what", "by", "why"),
        [
            ('"x-api-key")', ")", "cover"),
            ('"@authority" ', "", "cover"),
            ('"@authority"', '"@authority" "@authority"', "twice"),
            ('"@authority"', '"@authority" "x-other"', "not here"),
            ('"@authority"', '"@authority" "@status"', "not here"),
            ("hmac-sha256", "hmac-sha512", "alg"),
            ('alg="hmac-sha256"', "alg=256", "alg"),
            (f'keyid="{API_KEY}"', 'keyid="other"', "keyid"),
            ('nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";', "", "nonce"),
            ("VGhpc0lzQVVuaXF1ZU5vbmNl", "short", "nonce"),
            ("created=1641013200;", "", "created"),
            (";expires=3282026430", "", "expires"),
            ("expires=3282026430", 'expires="never"', "expires"),
            ("sig1=", "sig2=", "label"),
            ("sig1=(", "sig1=", "read"),
            ("3282026430", "3282026430 and more", "read"),
        ],
    )
    def test_that_leaves_something_out_is_refused(self, what: str, by: str, why: str) -> None:
        changed = DOCUMENTED["signature-input"].replace(what, by)
        assert changed != DOCUMENTED["signature-input"]
        assert why in str(admit({**DOCUMENTED, "signature-input": changed}))

    @given(st.text(max_size=80), st.text(max_size=80))
    def test_that_is_anything_at_all_is_refused(self, signature: str, signature_input: str) -> None:
        refused = admit({**DOCUMENTED, "signature": signature, "signature-input": signature_input})
        assert isinstance(refused, str)

    @given(st.lists(st.sampled_from(['sig1=("a")', ";keyid", '="x"', "=7", ",", " ", ":AA==:", "sig1=", "("])))
    def test_is_read_or_refused(self, parts: list[str]) -> None:
        with suppress(SignatureRefused):
            assert read("".join(parts), "sig1=:AA==:").value == b"\0"

    def test_of_several_the_first_counts(self) -> None:
        signature = read('a=("x");created=1, b=("y");created=2', "b=:AQ==:, a=:Ag==:")
        assert (signature.components, signature.parameters, signature.value) == (("x",), {"created": "1"}, b"\2")


class TestReplays:
    def test_are_forgotten_once_they_could_not_come_again(self) -> None:
        replays = Replays(limit=2)
        replays.take(("k", "a"), 0, 10)
        replays.take(("k", "b"), 0, 10)
        assert not replays.take(("k", "b"), 10, 20)
        assert replays.take(("k", "c"), 11, 21)
        assert len(replays) == 1
        assert replays.take(("k", "a"), 12, 22)

    def test_are_forgotten_in_their_order_where_there_are_too_many(self) -> None:
        replays = Replays(limit=2)
        assert all(replays.take(nonce, 0, 10) for nonce in "abc")
        assert len(replays) == 2
        assert [replays.take(nonce, 1, 10) for nonce in "cb"] == [False, False]


class TestTheKey:
    def test_alone_lets_in_whoever_has_it(self) -> None:
        assert admit({"x-api-key": API_KEY}, signature_secret=None) is None

    @pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"x-api-key": "clé"}, {"x-api-key": API_KEY + ", x"}])
    def test_must_be_right(self, headers: dict[str, str]) -> None:
        refused = admit(headers, signature_secret=None)
        assert refused == "x-api-key: is missing or wrong"

    def test_that_is_not_set_leaves_it_to_our_tokens(self) -> None:
        nothing = AudiohookSettings()
        assert PLATFORM.admit(Upgrade(PATH), nothing, CREATED) is None
        assert not PLATFORM.signs(nothing)
        assert PLATFORM.signs(SIGNED)

    def test_is_needed_with_a_secret_that_can_be_read(self) -> None:
        with pytest.raises(ValueError, match="needs api_key"):
            AudiohookSettings.model_validate({"signature_secret": SECRET})
        with pytest.raises(ValueError, match="must be base64"):
            AudiohookSettings.model_validate({"api_key": API_KEY, "signature_secret": "no base64!"})


class TestTheCaller:
    @pytest.mark.parametrize("service", ["ws://127.0.0.1:8765", "wss://huazha.example", "wss://huazha.example:443"])
    def test_signs_what_is_let_in(self, service: str) -> None:
        placed = Placed("c-1", secrets={"api_key": API_KEY, "signature_secret": SECRET})
        nonce = base64.b64encode(bytes(range(18))).decode()
        dial = AudiohookCaller(placed, now=CREATED, nonce=nonce).dial(service)
        target, authority = as_dialled(dial.url)
        headers = {"host": authority, **{name.lower(): value for name, value in dial.headers.items()}}
        assert admit(headers, CREATED + 1, target) is None
        assert SECRET not in repr(dial)

    def test_signs_as_the_documentation_does(self) -> None:
        placed = Placed("c-1", secrets={"api_key": API_KEY, "signature_secret": SECRET})
        headers = AudiohookCaller(placed, now=CREATED, nonce="VGhpc0lzQVVuaXF1ZU5vbmNl").dial("ws://h:1").headers
        made = read(headers["Signature-Input"], headers["Signature"])
        documented = read(DOCUMENTED["signature-input"], DOCUMENTED["signature"])
        assert made.components == documented.components
        assert {**made.parameters, "expires": "3282026430"} == documented.parameters

    def test_without_secrets_signs_nothing(self) -> None:
        (caller,) = callers(Placed("c-1"))
        assert not {"X-API-KEY", "Signature", "Signature-Input"} & set(caller.dial("ws://127.0.0.1:8765").headers)
