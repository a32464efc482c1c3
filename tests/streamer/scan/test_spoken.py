"""Which language a recording is taken to be in."""

from __future__ import annotations

import pytest

from streamer.scan.spoken import Ballot

Heard = list[tuple[str, str | None]]


@pytest.mark.parametrize(
    ("heard", "settled", "likeliest"),
    [
        ([], None, None),
        ([("agent", None), ("agent", None)], None, None),
        ([("agent", "en")], None, "en"),
        ([("agent", "en"), ("agent", "en")], "en", "en"),
        ([("agent", "en"), ("agent", "zh"), ("agent", "zh")], "zh", "zh"),
        # What the agent says counts, whatever the customer does.
        ([("customer", "en"), ("customer", "en"), ("agent", "zh")], None, "zh"),
        ([("customer", "en"), ("customer", "en")], None, "en"),
        # Nobody has rules for it: it is no language that the recording could be scanned in.
        ([("agent", "ja"), ("agent", "ja"), ("customer", "en")], None, "en"),
    ],
)
def test_two_windows_of_the_agents_settle_it(heard: Heard, settled: str | None, likeliest: str | None) -> None:
    ballot = Ballot({"zh", "en"}, "agent")
    for channel, spoken in heard:
        ballot.count(channel, spoken)
    assert (ballot.settled, ballot.likeliest) == (settled, likeliest)
