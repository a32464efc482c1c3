"""SignalWire's control port, over a real socket."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from streamer.callers.caller import Placed
from streamer.callers.signalwire import SignalWireCaller
from streamer.control.port import Outcome, Port
from streamer.control.signalwire import open_port
from streamer.dialects.signalwire import SignalWireSettings
from tests.platforms.signalwire import SignalWireStandIn
from tests.streamer.control.laml_ports import AnyLamlPort
from tests.streamer.control.misbehaving import target

PROJECT = "b08dacad-2f6c-4de1-93d6-cc732e0c69c5"


class TestSignalWirePort(AnyLamlPort):
    names = SignalWireCaller(Placed("11111111-1111-4111-8111-111111111111")).names
    to = "https://pbx.bank.example/compliance.xml"
    secret = "PT-signalwire-token"
    other = "ffffffff-ffff-4fff-8fff-ffffffffffff"
    account = f"/api/laml/2010-04-01/Accounts/{PROJECT}"

    def placed(self) -> SignalWireStandIn:
        stand_in = SignalWireStandIn(token=self.secret)
        stand_in.place(self.names)
        return stand_in

    def port(self, address: str, secret: str, timeout: float) -> Port | None:
        return open_port(
            SignalWireSettings(project=PROJECT, token=SecretStr(secret), address=f"{address}/", timeout=timeout)
        )

    @pytest.mark.parametrize("to", ["", "+442071838750", "sip:a@bank.example", "<Response/>"])
    async def test_says_that_a_call_can_be_handed_to_an_address_alone(self, to: str) -> None:
        async with self.up() as (stand_in, port):
            answer = await port.transfer(target(self.names), to)
            assert answer.outcome is Outcome.UNSUPPORTED
            assert "the address of cXML" in answer.detail
            assert stand_in.asked == []


class TestOpenPort:
    @pytest.mark.parametrize("missing", ["project", "token", "address"])
    def test_needs_a_space_and_credentials(self, missing: str) -> None:
        section = {"project": PROJECT, "token": SecretStr("s"), "address": "https://bank.signalwire.com"}
        assert open_port(SignalWireSettings.model_validate(section)) is not None
        assert open_port(SignalWireSettings.model_validate({**section, missing: None})) is None
