"""Frames come through a stream whole, however it is cut; anything else is told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.link import LARGEST, BrokenLink, Frame, FrameReader

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
frames = st.builds(
    Frame,
    st.text(min_size=1, max_size=10),
    st.dictionaries(st.text(max_size=6), values, max_size=3),
    st.binary(max_size=50),
)


@given(st.lists(frames, max_size=6), st.lists(st.integers(1, 40), min_size=1))
def test_any_cut_gives_the_same_frames(sent: list[Frame], cuts: list[int]) -> None:
    data, reader, received = b"".join(frame.to_bytes() for frame in sent), FrameReader(), list[Frame]()
    while data:
        for cut in cuts:
            received += reader.receive(data[:cut])
            data = data[cut:]
    assert received == sent


@given(st.binary(max_size=200))
def test_garbage_is_a_broken_link_or_waits(data: bytes) -> None:
    reader = FrameReader()
    try:
        list(reader.receive(data))
    except BrokenLink:
        return


@pytest.mark.parametrize(
    "data",
    [
        (LARGEST + 1).to_bytes(4, "big") + bytes(4),
        bytes([0, 0, 0, 2, 0, 0, 0, 0]) + b"[]",
        bytes([0, 0, 0, 2, 0, 0, 0, 0]) + b"{}",
        bytes([0, 0, 0, 2, 0, 0, 0, 0]) + b"\xff\xff",
        bytes([0, 0, 0, 6, 0, 0, 0, 0]) + b"[1,{}]",
        bytes([0, 0, 0, 6, 0, 0, 0, 0]) + b'["x",1',
    ],
)
def test_what_is_no_frame_breaks_the_link(data: bytes) -> None:
    with pytest.raises(BrokenLink):
        list(FrameReader().receive(data))
