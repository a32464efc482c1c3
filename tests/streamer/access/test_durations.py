"""Times as people type them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.access import durations


@pytest.mark.parametrize(("written", "seconds"), [("30m", 1800), ("12h", 43_200), ("90d", 7_776_000), ("007m", 420)])
def test_a_time_is_so_many_seconds(written: str, seconds: float) -> None:
    assert durations.seconds(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "0d", "-1d", "1.5h", "90", "d", "90 d", "1d2h", "90D", "9999999d", "９０d", "1d\n"]
)
def test_what_is_no_time_is_refused_with_what_would_be(written: str) -> None:
    with pytest.raises(ValueError, match="30m, 12h or 90d"):
        durations.seconds(written)


@given(st.integers(1, 999_999), st.sampled_from("mhd"))
def test_every_number_of_a_unit_is_read(count: int, unit: str) -> None:
    assert durations.seconds(f"{count}{unit}") == count * durations.UNITS[unit]


@given(st.text(alphabet=st.sampled_from("0123456789mhd .-+٣\n"), max_size=9))
def test_any_text_is_a_time_or_an_error(written: str) -> None:
    if re.fullmatch("[0-9]{1,6}[mhd]", written) and int(written[:-1]):
        assert durations.seconds(written) > 0
    else:
        with pytest.raises(ValueError, match="no time"):
            durations.seconds(written)
