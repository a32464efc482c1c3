"""What platforms' dialects add is measured on whole calls: nothing of them is lost on the way."""

from __future__ import annotations

import pytest

from benchmarks import platforms
from streamer import dialling, recordings
from tests.faults import DATA


@pytest.mark.parametrize("platform", [platforms.NATIVE, *sorted(dialling.CALLERS)])
def test_all_that_was_sent_comes_out_at_once(platform: str) -> None:
    cost = platforms.cost(platform, recordings.read(DATA / "demo-zh.wav"))
    assert cost.platform == platform
    assert cost.held == 0
    assert 0 < cost.p50 <= cost.p99 <= cost.most
    assert cost.added == cost.p99
