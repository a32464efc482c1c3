"""Who may open a socket of the media streams' family: signatures as the vendors' own libraries make them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from streamer.callers.caller import Placed
from streamer.callers.plivo import PlivoCaller
from streamer.callers.signalwire import SignalWireCaller
from streamer.callers.telnyx import TelnyxCaller
from streamer.callers.twilio import TwilioCaller
from streamer.dialects import plivo, signalwire, telnyx, twilio
from streamer.dialects.dialect import Upgrade

TOKEN = "12345678901234567890123456789012"
HOST = {"host": "voice.bank.example"}
# Of twilio 9's RequestValidator and plivo 4's signature_v3, for the addresses below.
TWILIO = "Rbv4wyLCfkS7gXuqsfM7AhqHnWE="
NONCE = "05429567804466091622"
PLIVO = "AlFe3Hh27zspkV9X3WALUd7v7JtmFZAG6RlAHLXc7Ec="
QUERY = "language=zh&agent=Zhang%20San&a=2&a=1&blank="
PLIVO_WITH_QUERY = "zW0e8Dt5MGXKJ6dn4ArQ5W+9OzoVc06RRXrlZgcVPGg="

SIGNED = twilio.TwilioSettings(auth_token=SecretStr(TOKEN))


def asked(target: str, headers: Mapping[str, str]) -> Upgrade:
    return Upgrade(target, headers={**HOST, **headers})


class TestTwilio:
    def test_admits_what_its_library_signed(self) -> None:
        assert twilio.admit(asked("/v1/twilio", {"x-twilio-signature": TWILIO}), SIGNED, 0) is None
        assert twilio.PLATFORM.signs(SIGNED)

    @pytest.mark.parametrize(
        "address", ["wss://voice.bank.example:443/v1/twilio", "wss://voice.bank.example/v1/twilio/"]
    )
    def test_admits_an_address_as_proxies_and_twilio_itself_may_change_it(self, address: str) -> None:
        signature = twilio.sign(address, TOKEN)
        assert twilio.admit(asked("/v1/twilio", {"x-twilio-signature": signature}), SIGNED, 0) is None

    @pytest.mark.parametrize("scheme", ["wss", "https", "ws", "http"])
    @pytest.mark.parametrize("signed", ["", ":443", ":80"])
    @pytest.mark.parametrize("told", ["", ":443", ":80"])
    @pytest.mark.parametrize("known_by", ["public_url", "host"])
    def test_may_sign_with_its_schemes_port_or_without(
        self, scheme: str, signed: str, told: str, known_by: str
    ) -> None:
        own = ":443" if scheme in {"wss", "https"} else ":80"
        signature = twilio.sign(f"{scheme}://voice.bank.example{signed}/v1/twilio", TOKEN)
        headers = {"x-twilio-signature": signature, "host": f"voice.bank.example{told}"}
        settings = SIGNED
        if known_by == "public_url":
            settings = SIGNED.model_copy(update={"public_url": f"{scheme}://voice.bank.example{told}/v1/twilio"})
            headers["host"] = "10.0.0.7:8765"
        refused = twilio.admit(Upgrade("/v1/twilio", headers=headers), settings, 0)
        if signed in {"", own, told}:
            assert refused is None
        else:
            assert refused is not None

    def test_signs_the_port_of_its_own_that_an_address_has(self) -> None:
        settings = SIGNED.model_copy(update={"public_url": "wss://voice.bank.example:8443/v1/twilio"})
        for port, good in ((":8443", True), ("", False), (":443", False)):
            signature = twilio.sign(f"wss://voice.bank.example{port}/v1/twilio", TOKEN)
            refused = twilio.admit(asked("/v1/twilio", {"x-twilio-signature": signature}), settings, 0)
            assert (refused is None) is good

    def test_goes_by_the_address_that_twilio_was_told_where_it_is_set(self) -> None:
        settings = SIGNED.model_copy(update={"public_url": "wss://voice.bank.example/v1/twilio"})
        behind = {"host": "10.0.0.7:8765", "x-twilio-signature": TWILIO}
        assert twilio.admit(Upgrade("/v1/twilio", headers=behind), settings, 0) is None
        assert twilio.admit(Upgrade("/v1/twilio", headers=behind), SIGNED, 0) is not None

    @pytest.mark.parametrize(
        "headers",
        [
            {"x-twilio-signature": twilio.sign("wss://voice.bank.example/v1/twilio", "another")},
            {"x-twilio-signature": twilio.sign("wss://voice.bank.example/v1/other", TOKEN)},
            {"x-twilio-signature": TWILIO[:-2]},
            {"x-twilio-signature": ""},
            {"x-twilio-signature": "é\udcff"},
            {},
        ],
    )
    def test_refuses_all_else_and_says_no_secret(self, headers: Mapping[str, str]) -> None:
        why = twilio.admit(asked("/v1/twilio", headers), SIGNED, 0)
        assert why
        assert "X-Twilio-Signature" in why
        assert TOKEN not in why

    def test_without_its_token_leaves_it_to_ours(self) -> None:
        assert twilio.admit(asked("/v1/twilio", {}), twilio.TwilioSettings(), 0) is None
        assert not twilio.PLATFORM.signs(twilio.TwilioSettings())


class TestPlivo:
    settings = plivo.PlivoSettings(auth_token=SecretStr(TOKEN))

    @pytest.mark.parametrize(("target", "signature"), [("/v1/plivo", PLIVO), (f"/v1/plivo?{QUERY}", PLIVO_WITH_QUERY)])
    @pytest.mark.parametrize("header", ["x-plivo-signature-v3", "x-plivo-signature-ma-v3"])
    def test_admits_what_its_library_signed(self, target: str, signature: str, header: str) -> None:
        headers = {header: f"b3RoZXI=, {signature}", "x-plivo-signature-v3-nonce": NONCE}
        assert plivo.admit(asked(target, headers), self.settings, 0) is None
        assert plivo.PLATFORM.signs(self.settings)

    def test_admits_an_address_that_was_signed_as_one_of_http(self) -> None:
        signature = plivo.sign("https://voice.bank.example/v1/plivo", NONCE, TOKEN)
        headers = {"x-plivo-signature-v3": signature, "x-plivo-signature-v3-nonce": NONCE}
        told = self.settings.model_copy(update={"public_url": "wss://voice.bank.example/v1/plivo"})
        assert plivo.admit(asked("/v1/plivo", headers), self.settings, 0) is None
        assert plivo.admit(asked("/v1/plivo", headers), told, 0) is None

    @pytest.mark.parametrize(
        "headers",
        [
            {"x-plivo-signature-v3": PLIVO},
            {"x-plivo-signature-v3-nonce": NONCE},
            {"x-plivo-signature-v3": PLIVO, "x-plivo-signature-v3-nonce": "1"},
            {"x-plivo-signature-v3": ",,", "x-plivo-signature-v3-nonce": NONCE},
            {"x-plivo-signature-v3": "é\udcff", "x-plivo-signature-v3-nonce": "\udcff"},
            {},
        ],
    )
    def test_refuses_all_else_and_says_no_secret(self, headers: Mapping[str, str]) -> None:
        why = plivo.admit(asked("/v1/plivo", headers), self.settings, 0)
        assert why
        assert "X-Plivo-Signature-V3" in why
        assert TOKEN not in why

    def test_refuses_another_query_than_was_signed(self) -> None:
        headers = {"x-plivo-signature-v3": PLIVO_WITH_QUERY, "x-plivo-signature-v3-nonce": NONCE}
        assert plivo.admit(asked(f"/v1/plivo?{QUERY}x", headers), self.settings, 0)

    def test_takes_a_nonce_once(self) -> None:
        door = plivo.Admission()
        headers = {"x-plivo-signature-v3": PLIVO, "x-plivo-signature-v3-nonce": NONCE}
        wrong = {**headers, "x-plivo-signature-v3": "b3RoZXI="}
        assert "Nonce" not in str(door.admit(asked("/v1/plivo", wrong), self.settings, 0))
        assert door.admit(asked("/v1/plivo", headers), self.settings, 0) is None
        for again in (0, 1, plivo.REMEMBERED - 1):
            assert "used before" in str(door.admit(asked("/v1/plivo", headers), self.settings, again))
        other = {
            "x-plivo-signature-v3": plivo.sign("wss://voice.bank.example/v1/plivo", "2", TOKEN),
            "x-plivo-signature-v3-nonce": "2",
        }
        assert door.admit(asked("/v1/plivo", other), self.settings, 0) is None

    def test_without_its_token_takes_whatever_comes(self) -> None:
        door = plivo.Admission()
        assert [door.admit(asked("/v1/plivo", {}), plivo.PlivoSettings(), 0) for _ in range(2)] == [None, None]

    def test_without_its_token_leaves_it_to_ours(self) -> None:
        assert plivo.admit(asked("/v1/plivo", {}), plivo.PlivoSettings(), 0) is None
        assert not plivo.PLATFORM.signs(plivo.PlivoSettings())


class TestTelnyx:
    settings = telnyx.TelnyxSettings(stream_auth_token=SecretStr(TOKEN))

    def test_admits_the_secret_that_the_stream_was_started_with(self) -> None:
        assert telnyx.admit(asked("/v1/telnyx", {telnyx.HEADER: TOKEN}), self.settings, 0) is None
        assert telnyx.PLATFORM.signs(self.settings)

    @pytest.mark.parametrize("headers", [{telnyx.HEADER: TOKEN[1:]}, {telnyx.HEADER: "é\udcff"}, {}])
    def test_refuses_all_else_and_says_no_secret(self, headers: Mapping[str, str]) -> None:
        why = telnyx.admit(asked("/v1/telnyx", headers), self.settings, 0)
        assert why
        assert telnyx.HEADER in why
        assert TOKEN[1:] not in why

    def test_without_a_secret_leaves_it_to_ours(self) -> None:
        assert telnyx.admit(asked("/v1/telnyx", {}), telnyx.TelnyxSettings(), 0) is None
        assert not telnyx.PLATFORM.signs(telnyx.TelnyxSettings())


class TestSignalWire:
    def test_signs_nothing_and_brings_one_of_our_tokens(self) -> None:
        assert signalwire.PLATFORM.admit(asked("/v1/signalwire", {}), signalwire.SignalWireSettings(), 0) is None
        assert not signalwire.PLATFORM.signs(signalwire.SignalWireSettings(token=SecretStr("PT1")))
        dial = SignalWireCaller(Placed("c", secrets={"bearer": "hz_1"})).dial("ws://127.0.0.1:8765")
        assert dial.headers == {"Authorization": "Bearer hz_1"}


class TestACaller:
    @given(st.sampled_from([None, "zh"]), st.sampled_from([("agent",), ("agent", "customer")]))
    def test_dials_so_that_the_platform_admits_it(self, language: str | None, channels: tuple[str, ...]) -> None:
        secrets = {"auth_token": TOKEN, "stream_auth_token": TOKEN}
        placed = Placed("c-1", channels, language, secrets)
        dials = [
            (twilio.PLATFORM, SIGNED, TwilioCaller(placed)),
            (plivo.PLATFORM, TestPlivo.settings, PlivoCaller(placed, 1.7e9, uuid.uuid4().hex)),
            (telnyx.PLATFORM, TestTelnyx.settings, TelnyxCaller(placed)),
        ]
        for platform, section, caller in dials:
            dial = caller.dial("ws://127.0.0.1:8765")
            target = dial.url.removeprefix("ws://127.0.0.1:8765")
            headers = {name.lower(): value for name, value in dial.headers.items()}
            upgrade = Upgrade(target, headers={"host": "127.0.0.1:8765", **headers})
            assert upgrade.path == platform.path
            assert platform.admit(upgrade, section, 0) is None
            assert platform.admit(Upgrade(target, headers={"host": "127.0.0.1:8765"}), section, 0)
            assert TOKEN not in dial.url


@pytest.mark.parametrize("section", [SIGNED, TestPlivo.settings, TestTelnyx.settings])
def test_settings_show_no_secret(section: object) -> None:
    assert TOKEN not in repr(section)
