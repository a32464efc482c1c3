"""Calls of Asterisk end to end: whom a block hits, whatever the address of the socket says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from streamer.callers.asterisk import AsteriskCaller
from streamer.callers.caller import Dial, Placed
from tests.platforms.asterisk import AsteriskStandIn, Channel
from tests.platforms.asterisk_ami import AmiStandIn
from tests.platforms.ports import serving
from tests.test_joined_calls import line, open_house

CALL = "1763991234.12"


class Sticky(AsteriskCaller):
    """A leg whose address has what `v(...)` said for an earlier call."""

    def dial(self, service: str) -> Dial:
        dial = super().dial(service)
        return replace(dial, url=f"{dial.url}?call=OLD&leg=customer&agent_channel=old&language=fr&token=hz_old")


async def test_a_block_hits_the_call_of_the_variables_and_not_the_one_that_the_address_is_left_from(
    tmp_path: Path,
) -> None:
    exchange = AsteriskStandIn()
    exchange.place(CALL)
    exchange.channels["old"] = Channel()
    async with serving(exchange.app) as address:
        section = {"ari": f"{address}/ari", "ari_user": "huazha", "ari_password": "ari-secret"}
        async with open_house(tmp_path, rejoin_timeout=0.05, platforms={"asterisk": section}) as house:
            async with line(house, Sticky(Placed(CALL, channels=("agent", "customer")), "agent")) as one:
                await one.speak(3.0)
                await house.until(lambda: bool(house.of("block.result")))
                await one.hang_up()
            await house.ended()
    assert exchange.channels[f"{CALL}-agent"].muted == {"in"}
    assert not exchange.channels["old"].muted
    (remark,) = house.of("call.remark")
    assert remark["reason"] == "address"
    assert "agent_channel" in remark["detail"]
    assert "hz_old" not in repr(house.told)


async def test_a_block_over_ami_at_the_ear_leaves_the_agent_to_be_heard_by_us(tmp_path: Path) -> None:
    exchange = AmiStandIn()
    exchange.place(CALL)
    async with exchange.serving() as number:
        section = {"control": "ami", "ami_port": number, "ami_user": "huazha", "ami_password": "ami-secret"}
        platforms = {"asterisk": {**section, "mute": "ear"}}
        async with open_house(tmp_path, rejoin_timeout=0.05, platforms=platforms) as house:
            async with line(house, AsteriskCaller(Placed(CALL), "agent")) as one:
                await one.speak(3.0)
                await house.until(lambda: bool(house.of("block.result")))
                (conversation,) = house.media._calls.values()
                assert conversation.muted
                assert conversation._carrier is not None
                assert conversation._carrier.silenced == set()
                await one.hang_up()
            await house.ended()
    assert house.of("block.result")[0]["outcome"] == "confirmed"
    assert exchange.channels[f"{CALL}-customer"].muted == {"out"}
    assert not exchange.channels[f"{CALL}-agent"].muted
