"""Webhooks are signed and tried again as Standard Webhooks and `docs/feed.md` say."""

from __future__ import annotations

import base64
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from streamer.record.standard_webhooks import FOR, pause, signed

HOUR = 3600.0
keys = st.binary(min_size=24, max_size=64).map(lambda key: "whsec_" + base64.b64encode(key).decode())


def test_pauses_grow_to_two_hours() -> None:
    first = [pause(attempts) for attempts in range(1, 9)]
    assert first == [5, 30, 120, 600, HOUR / 2, HOUR, 2 * HOUR, 2 * HOUR]


def test_the_last_attempt_is_within_a_day_and_one_more_would_not_be() -> None:
    pauses = list(itertools.takewhile(lambda one: one is not None, map(pause, itertools.count(1))))
    spent = sum(one or 0.0 for one in pauses)
    assert FOR - 2 * HOUR < spent <= FOR
    assert pause(len(pauses) + 1) is None


@given(keys, st.text(st.characters(codec="utf-8")), st.integers(1, 2**53))
def test_a_signature_is_what_the_standard_s_own_library_expects(secret: str, body: str, cursor: int) -> None:
    headers = signed(f"evt_{cursor}", body.encode(), secret, time.time())
    Webhook(secret).verify(body.encode(), headers, json_parse=False)


@given(keys, keys)
def test_another_secret_s_signature_is_none(secret: str, other: str) -> None:
    if secret == other:
        return
    headers = signed("evt_1", b"{}", other, time.time())
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b"{}", headers)


def test_neither_time_nor_number_nor_text_can_be_another() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    now = time.time()
    headers = signed("evt_1", b"{}", secret, now)
    for changed in ({"webhook-id": "evt_2"}, {"webhook-timestamp": str(int(now) + 1)}):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(b"{}", headers | changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b"[]", headers)
