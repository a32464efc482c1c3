"""The event socket's framing, at every cut; and a client of it that keeps its place in the conversation."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.control.esl import Esl, EslBroken, EslFailed, Message, Parser
from tests.platforms.freeswitch import Channel, FreeSwitch

# What a switch sends, as mod_event_socket's documentation shows it.
CONVERSATION = (
    b"Content-Type: auth/request\n\n"
    b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
    b"Content-Type: api/response\nContent-Length: 40\n\n-ERR No such channel!\n+OK\nline 3\xe4\xbf\x9d\n\n\nx\n"
    b"Content-Length: 17\nContent-Type: text/event-plain\n\nEvent-Name: RE\n\n\n"
    b"Content-Type: api/response\nContent-Length: 0\n\n"
    b"Content-Type: text/disconnect-notice\nContent-Length: 67\n\n"
    b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
)
SAID = [
    ("auth/request", ""),
    ("command/reply", "+OK accepted"),
    ("api/response", "-ERR No such channel!\n+OK\nline 3保\n\n\nx"),
    ("text/event-plain", "Event-Name: RE"),
    ("api/response", ""),
    ("text/disconnect-notice", "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/"),
]


def said(messages: list[Message]) -> list[tuple[str, str]]:
    return [(message.kind, message.text) for message in messages]


class TestTheFraming:
    @given(st.lists(st.integers(1, 80), max_size=40))
    def test_is_the_same_wherever_the_stream_is_cut(self, sizes: list[int]) -> None:
        parser, messages, at = Parser(), list[Message](), 0
        for size in [*sizes, len(CONVERSATION)]:
            messages += parser.feed(CONVERSATION[at : at + size])
            at += size
        assert said(messages) == SAID

    def test_takes_the_rejection_of_old_switches_whose_length_lacks_its_colon(self) -> None:
        raw = b"Content-Type: text/rude-rejection\nContent-Length 24\n\nAccess Denied, go away.\n"
        assert said(Parser().feed(raw)) == [("text/rude-rejection", "")]

    @pytest.mark.parametrize("length", ["-1", "x", "1048577", "9" * 30, "٣", ""])
    def test_gives_up_on_a_length_that_can_not_be(self, length: str) -> None:
        with pytest.raises(EslBroken):
            Parser().feed(f"Content-Type: api/response\nContent-Length: {length}\n\n".encode())

    def test_gives_up_on_headers_without_an_end(self) -> None:
        with pytest.raises(EslBroken):
            Parser().feed(b"x" * (1 << 20) + b"y")

    @given(st.lists(st.binary(max_size=60) | st.sampled_from([b"Content-Length: 3", b"\n\n", b"\n", b": "])))
    def test_makes_of_any_bytes_messages_or_one_error(self, chunks: list[bytes]) -> None:
        parser = Parser()
        try:
            for chunk in chunks:
                for message in parser.feed(chunk):
                    assert isinstance(message.text, str)
        except EslBroken:
            return


class TestTheClient:
    async def test_gives_each_command_its_own_answer(self) -> None:
        switch = FreeSwitch(channels={f"u{number}": Channel(f"v{number}") for number in range(20)})
        async with switch.serving() as port:
            esl = Esl("127.0.0.1", port, "ClueCon")
            told = await asyncio.gather(
                *(esl.api(f"uuid_getvar u{number} bridge_uuid", within=5, again=True) for number in range(20))
            )
            assert [one.text for one in told] == [f"v{number}" for number in range(20)]
            assert switch.connections == 1
            await esl.aclose()

    async def test_does_not_take_a_late_answer_for_the_next(self) -> None:
        switch = FreeSwitch(channels={"u": Channel("v")})
        switch.manner.late = 0.2
        async with switch.serving() as port:
            esl = Esl("127.0.0.1", port, "ClueCon")
            with pytest.raises(EslFailed) as failed:
                await esl.api("uuid_audio u start read mute 1", within=0.1, again=False)
            assert failed.value.sent is not None
            assert (await esl.api("uuid_getvar u bridge_uuid", within=5, again=True)).text == "v"
            await esl.aclose()

    async def test_makes_a_lost_connection_again_for_a_command_that_can_not_have_been_seen(self) -> None:
        switch = FreeSwitch(channels={"u": Channel("v")})
        async with switch.serving() as port:
            esl = Esl("127.0.0.1", port, "ClueCon")
            await esl.api("uuid_exists u", within=5, again=True)
            switch.hang_up()
            for _ in range(20):  # turns of the loop, in which the end comes through
                await asyncio.sleep(0)
            told = await esl.api("uuid_audio u start read mute 1", within=5, again=False)
            assert (told.text, told.twice, switch.connections) == ("+OK", False, 2)
            await esl.aclose()

    async def test_signs_in_as_a_user_of_the_directory(self) -> None:
        switch = FreeSwitch(users={"huazha@bank": "s3:cret"}, channels={"u": Channel()})
        async with switch.serving() as port:
            esl = Esl("127.0.0.1", port, "s3:cret", user="huazha@bank")
            assert (await esl.api("uuid_exists u", within=5, again=True)).text == "true"
            await esl.aclose()

    @pytest.mark.parametrize("acl", [True, False])
    async def test_is_told_why_it_is_not_let_in_and_does_not_try_again(self, acl: bool) -> None:
        switch = FreeSwitch(acl=acl)
        async with switch.serving() as port:
            esl = Esl("127.0.0.1", port, "s3cret")
            with pytest.raises(EslFailed) as failed:
                await esl.api("uuid_exists u", within=5, again=True)
            assert ("esl_password" if acl else "apply-inbound-acl") in str(failed.value)
            assert "s3cret" not in str(failed.value)
            assert (failed.value.sent, switch.connections, switch.asked) == (None, 1, [])
            await esl.aclose()

    async def test_gives_up_on_who_is_no_event_socket(self) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"Content-Type: command/reply\n\n")
            await reader.read()
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        async with server:
            esl = Esl("127.0.0.1", server.sockets[0].getsockname()[1], "ClueCon")
            with pytest.raises(EslFailed, match="did not ask for a password"):
                await esl.api("status", within=0.3, again=True)
            await esl.aclose()

    async def test_sends_no_line_that_holds_another(self) -> None:
        with pytest.raises(ValueError, match="one line"):
            await Esl("127.0.0.1", 1, "ClueCon").api("uuid_exists u\n\napi shutdown", within=1, again=True)
