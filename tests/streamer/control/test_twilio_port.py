"""Twilio's control port, over a real socket."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from streamer.callers.caller import Placed
from streamer.callers.twilio import TwilioCaller
from streamer.control.port import Outcome, Port
from streamer.control.twilio import open_port
from streamer.dialects.twilio import TwilioSettings
from tests.platforms.twilio import TwilioStandIn
from tests.streamer.control.laml_ports import AnyLamlPort
from tests.streamer.control.misbehaving import accepted, confirmed, target

ACCOUNT = "AC" + "0" * 32


class TestTwilioPort(AnyLamlPort):
    names = TwilioCaller(Placed("CA" + "1" * 32)).names
    to = "+442071838750"
    secret = "twilio-auth-token"
    other = "CF" + "f" * 32
    account = f"/2010-04-01/Accounts/{ACCOUNT}"

    def placed(self) -> TwilioStandIn:
        stand_in = TwilioStandIn(token=self.secret)
        stand_in.place(self.names)
        return stand_in

    def port(self, address: str, secret: str, timeout: float) -> Port | None:
        return open_port(
            TwilioSettings(account_sid=ACCOUNT, auth_token=SecretStr(secret), address=f"{address}/", timeout=timeout)
        )

    @pytest.mark.parametrize(
        ("to", "twiml"),
        [
            ("+442071838750", "<Response><Dial>+442071838750</Dial></Response>"),
            ("100", "<Response><Dial>100</Dial></Response>"),
            ("sip:a&b@bank.example", "<Response><Dial><Sip>sip:a&amp;b@bank.example</Sip></Dial></Response>"),
            ("client:compliance", "<Response><Dial><Client>compliance</Client></Dial></Response>"),
            ("conference:<desk>", "<Response><Dial><Conference>&lt;desk&gt;</Conference></Dial></Response>"),
        ],
    )
    async def test_hands_the_customers_call_to_whoever_is_named(self, to: str, twiml: str) -> None:
        async with self.up() as (stand_in, port):
            accepted(await port.transfer(target(self.names), to))
            assert stand_in.calls[self.names["customer"]].instructions == [("Twiml", twiml)]

    @pytest.mark.parametrize("to", ["", "compliance", "sip:", "tel:+1", "+44 20 7183", "<Response/>"])
    async def test_says_to_whom_a_call_can_be_handed(self, to: str) -> None:
        async with self.up() as (stand_in, port):
            answer = await port.transfer(target(self.names), to)
            assert answer.outcome is Outcome.UNSUPPORTED
            assert "client:NAME" in answer.detail
            assert stand_in.asked == []

    async def test_asks_for_the_calls_of_a_subaccount_by_that(self) -> None:
        subaccount = "AC" + "5" * 32
        stand_in = TwilioStandIn(account=subaccount, token=self.secret, owner=ACCOUNT)
        stand_in.place(self.names)
        async with self.opened(stand_in) as port:
            confirmed(await port.mute(target({**self.names, "account": subaccount}), "agent"))
            assert "answered 404" in (await port.mute(target(self.names), "agent")).detail


class TestOpenPort:
    @pytest.mark.parametrize("missing", ["account_sid", "auth_token"])
    def test_needs_credentials(self, missing: str) -> None:
        section = {"account_sid": ACCOUNT, "auth_token": SecretStr("s")}
        assert open_port(TwilioSettings.model_validate(section)) is not None
        assert open_port(TwilioSettings.model_validate({**section, missing: None})) is None
