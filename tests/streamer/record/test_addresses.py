"""Webhooks go into the open internet, and nowhere else unless that is allowed."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.record.addresses import AddressRefused, checked, is_public, resolve


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_what_is_not_of_the_open_internet_is_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(AddressRefused, match="allow_private"):
        checked([address], allow_private=False)
    assert checked([address], allow_private=True) == [address]


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2001:4860:4860::8888"])
def test_what_is_of_the_open_internet_is_let_through(address: str) -> None:
    assert checked([address], allow_private=False) == [address]


@given(st.ip_addresses(v=4))
def test_no_ipv6_address_hides_an_ipv4_one(inner: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address((0xFFFF << 32) + int(inner))
    sixtofour = ipaddress.IPv6Address((0x2002 << 112) + (int(inner) << 80))
    assert not is_public(str(mapped))
    assert not is_public(str(sixtofour))


def test_one_that_is_forbidden_makes_the_others_suspicious() -> None:
    with pytest.raises(AddressRefused) as refused:
        checked(["8.8.8.8", "10.0.0.1"], allow_private=False)
    assert refused.value.address == "10.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1"])
def test_however_an_address_is_written_it_is_known(host: str) -> None:
    assert resolve(host, 80) == ["127.0.0.1"]
