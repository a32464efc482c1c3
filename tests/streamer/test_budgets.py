"""Whoever waits allows more than all that he waits for, down to what ends the service from outside."""

from __future__ import annotations

from configparser import RawConfigParser
from pathlib import Path

import yaml

from streamer import budgets

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_console_waits_for_longer_than_the_media_plane_takes() -> None:
    assert budgets.MEDIA_ANSWER < budgets.CONSOLE_ANSWER
    assert budgets.MEDIA_RELOAD < budgets.CONSOLE_RELOAD


def test_signs_of_life_come_often_enough_for_one_to_be_late() -> None:
    assert 4 * budgets.BEAT < budgets.SILENT


def test_the_console_is_started_for_longer_than_its_database_may_take() -> None:
    assert budgets.DATABASE < budgets.CONSOLE_START


def test_what_has_to_be_done_for_calls_fits_into_the_time_that_calls_have() -> None:
    assert budgets.CLOSE < budgets.DRAIN
    assert budgets.DRAIN + budgets.SIGNALS + budgets.LIFT <= budgets.CALLS


def test_the_console_has_time_for_what_it_does_last() -> None:
    assert budgets.CLIPS + budgets.JOURNAL + budgets.FAREWELL < budgets.CONSOLE_LEAVE


def test_systemd_and_docker_wait_for_longer_than_the_service_takes_to_stop() -> None:
    unit = RawConfigParser(strict=False)
    unit.read(DEPLOY / "huazha.service")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    assert budgets.STOP < budgets.STOPPED
    assert float(unit["Service"]["TimeoutStopSec"]) == budgets.STOPPED
    assert compose["services"]["huazha"]["stop_grace_period"] == f"{budgets.STOPPED:.0f}s"
