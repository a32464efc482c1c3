"""Which refused calls are told one by one and which in sums, and what is said of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.refused_calls import (
    BURST,
    ELSEWHERE,
    LONGEST_DETAIL,
    LONGEST_ID,
    MOST_IDS,
    MOST_SOURCES,
    PERIOD,
    Refusal,
    RefusedCalls,
    offered_id,
    offered_id_in,
)


def refusal(number: int = 0, *, address: str = "192.0.2.1", reason: str = "overloaded") -> Refusal:
    return Refusal("twilio", address, f"CA{number}", reason, "no more calls can be taken")


class TestARefusedCall:
    def test_is_told_at_once_with_all_that_is_known(self) -> None:
        assert RefusedCalls().note(refusal(7), 0.0) == {
            "platform": "twilio",
            "address": "192.0.2.1",
            "call_id": "CA7",
            "reason": "overloaded",
            "detail": "no more calls can be taken",
            "count": 1,
            "call_ids": [],
        }

    def test_is_told_in_a_sum_where_there_were_many_before_it(self) -> None:
        calls = RefusedCalls()
        told = [calls.note(refusal(number), 0.0) for number in range(50)]
        assert [one is not None for one in told] == [True] * int(BURST) + [False] * (50 - int(BURST))
        assert not [*calls.sums(PERIOD - 1)]
        (summed,) = calls.sums(PERIOD)
        assert (summed["count"], summed["call_id"]) == (30, None)
        assert summed["call_ids"] == [f"CA{number}" for number in range(int(BURST), 50)]
        assert [*calls.sums(2 * PERIOD)] == []

    def test_of_another_address_or_reason_is_told_all_the_same(self) -> None:
        calls = RefusedCalls()
        for number in range(50):
            calls.note(refusal(number), 0.0)
        assert calls.note(refusal(address="192.0.2.2"), 0.0) is not None
        assert calls.note(refusal(reason="bad_field"), 0.0) is not None

    def test_is_told_at_the_service_s_end_where_its_minute_is_not_over(self) -> None:
        calls = RefusedCalls()
        for number in range(50):
            calls.note(refusal(number), 0.0)
        (summed,) = calls.sums(1.0, over=True)
        assert summed["count"] == 30

    def test_names_no_more_calls_than_an_event_can_hold(self) -> None:
        calls = RefusedCalls()
        for number in range(1000):
            calls.note(refusal(number), 0.0)
        (summed,) = calls.sums(0.0, over=True)
        assert (summed["count"], len(summed["call_ids"])) == (1000 - int(BURST), MOST_IDS)


@given(st.lists(st.tuples(st.integers(0, 400), st.floats(0, 90)), max_size=600))
def test_every_refusal_is_counted_once_however_many_addresses_they_come_from(came: list[tuple[int, float]]) -> None:
    calls, now, told, events = RefusedCalls(), 0.0, 0, 0
    for address, wait in came:
        now += wait
        fields = calls.note(refusal(address=f"2001:db8::{address:x}"), now)
        summed = [*calls.sums(now)]
        told += (fields["count"] if fields else 0) + sum(one["count"] for one in summed)
        events += (fields is not None) + len(summed)
    told += sum(one["count"] for one in calls.sums(now, over=True))
    assert told == len(came)


def test_many_addresses_together_fill_no_journal() -> None:
    calls = RefusedCalls()
    told = [calls.note(refusal(address=f"2001:db8::{number:x}"), 0.0) for number in range(10_000)]
    summed = [*calls.sums(PERIOD)]
    assert sum(one is not None for one in told) + len(summed) <= 2 * MOST_SOURCES + 1
    assert sum(one["count"] for one in summed) + sum(one is not None for one in told) == 10_000
    assert ELSEWHERE in {one["address"] for one in summed}


class TestTextFromOutside:
    def test_is_one_visible_line(self) -> None:
        fields = Refusal("twilio", "192.0.2.1", "a\nERROR forged", "bad_field", "\x1b[2J\ud800").fields
        assert (fields["call_id"], fields["detail"]) == ("a\\nERROR forged", "\\x1b[2J\\ud800")

    def test_is_bounded(self) -> None:
        fields = Refusal("twilio", "192.0.2.1", "x" * 5000, "bad_field", "y" * 5000).fields
        assert (len(fields["call_id"]), len(fields["detail"])) == (LONGEST_ID, LONGEST_DETAIL)

    def test_holds_no_number_that_is_to_be_kept_from_sight(self) -> None:
        fields = Refusal("twilio", "192.0.2.1", "6222021234567890128", "bad_field", "tel 13812345678").fields
        assert "6222" not in fields["call_id"]
        assert "1381" not in fields["detail"]


class TestACallSId:
    @pytest.mark.parametrize(
        "message",
        [
            {"type": "start", "call_id": "c-1"},
            {"event": "start", "start": {"callSid": "c-1", "tracks": []}},
            {"type": "open", "id": "x", "parameters": {"conversationId": "c-1"}},
            {"conversation_uuid": "c-1"},
            {"call": "", "uuid": "c-1"},
        ],
    )
    def test_is_found_where_platforms_have_it(self, message: dict[str, object]) -> None:
        assert offered_id(message) == offered_id_in(json.dumps(message)) == "c-1"

    @pytest.mark.parametrize("message", ["", "[]", "7", "{", '{"call_id":true}', '{"call_id":{}}', "[" * 100_000])
    def test_is_none_where_there_is_none(self, message: str) -> None:
        assert offered_id_in(message) is None

    @given(st.text())
    def test_of_anything_is_a_text_or_none(self, message: str) -> None:
        found = offered_id_in(message)
        assert found is None or isinstance(found, str)
