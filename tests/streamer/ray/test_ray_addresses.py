"""What names a cluster, and what doesn't."""

from __future__ import annotations

import inspect

import pytest

from streamer import ray_commands
from streamer.access.loopback import is_loopback
from streamer.errors import SettingsError
from streamer.ray.addresses import Ingress, ingress
from streamer.settings import load


@pytest.mark.parametrize(
    ("written", "hosts", "application"),
    [
        ("ray://head", ("head:8000",), "huazha"),
        ("ray://10.0.0.5:8100/", ("10.0.0.5:8100",), "huazha"),
        ("ray://a:8000,b,[fd00::1]:81/bank-1", ("a:8000", "b:8000", "[fd00::1]:81"), "bank-1"),
    ],
)
def test_an_address_names_hosts_and_an_application(written: str, hosts: tuple[str, ...], application: str) -> None:
    assert ingress(written) == Ingress(hosts, application)
    assert ingress(written).urls[0] == f"http://{hosts[0]}/{application}"


@pytest.mark.parametrize(
    "written",
    ["", "ray://", "http://head:8000", "head:8000", "ray://head:0", "ray://head:65536", "ray://a,,b", "ray://a/b/c",
     "ray://user@head", "ray://head/?x", "locally"],
)  # fmt: skip
def test_anything_else_is_a_mistake_in_the_settings(written: str) -> None:
    with pytest.raises(SettingsError, match=r"recognizer: .*ray://HOST:8000/huazha"):
        load(None, {"recognizer": written})


def test_the_recogniser_is_local_if_nothing_is_said() -> None:
    assert load(None, {}).recognizer == "local"
    assert load(None, {"recognizer": "ray://head"}).recognizer == "ray://head"


def test_recognisers_are_open_to_other_machines_only_where_that_is_asked_for() -> None:
    host = inspect.signature(ray_commands.deploy).parameters["host"]
    assert is_loopback(host.default)
