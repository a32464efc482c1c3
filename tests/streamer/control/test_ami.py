"""The manager interface without sockets: framing wherever it is cut, signing in, answers to the right action."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.control import ami
from streamer.control.ami import (
    LINE,
    AmiBroken,
    AmiDenied,
    Answered,
    Message,
    Parser,
    Reply,
    SignedIn,
    State,
    Talk,
    action,
)

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
CHALLENGE = b"Response: Success\r\nActionID: huazha-1\r\nChallenge: 194860478\r\n\r\n"
ACCEPTED = b"Response: Success\r\nActionID: huazha-2\r\nMessage: Authentication accepted\r\n\r\n"
STATUS = (
    b"Response: Success\r\nActionID: huazha-3\r\nEventList: start\r\nMessage: Channel status will follow\r\n\r\n"
    b"Event: Status\r\nChannel: PJSIP/agent-00000001\r\nUniqueid: c-1\r\nAccountCode: \r\nActionID: huazha-3\r\n\r\n"
    b"Event: StatusComplete\r\nActionID: huazha-3\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"
)
NAMES = st.text(st.characters(codec="ascii", exclude_characters=":\r\n", min_codepoint=33), min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20).map(str.strip)


def talking() -> Talk:
    """A connection that is signed in."""
    talk = Talk("huazha", "ami-secret")
    assert talk.receive(GREETING + CHALLENGE + ACCEPTED) == [SignedIn()]
    talk.sending.clear()
    return talk


class TestTheParser:
    @given(st.lists(st.dictionaries(NAMES, VALUES, min_size=1), max_size=5), st.lists(st.integers(1, 40)))
    def test_gives_the_same_messages_wherever_the_bytes_are_cut(
        self, sent: list[dict[str, str]], sizes: list[int]
    ) -> None:
        wire = GREETING
        for fields in sent:
            wire += "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"
        parser, got, at = Parser(), [], 0
        for size in [*sizes, len(wire)]:
            got += parser.feed(wire[at : at + size])
            at += size
        wanted = []
        for fields in sent:
            read: dict[str, str] = {}
            for name, value in fields.items():
                read.setdefault(name.lower(), value)
            wanted.append(Message(read))
        assert got == [Message(), *wanted]

    @given(st.lists(st.binary(max_size=60), max_size=10), st.booleans())
    @settings(max_examples=300)
    def test_of_any_bytes_gives_messages_or_says_that_they_are_none(self, chunks: list[bytes], greeted: bool) -> None:
        parser = Parser()
        try:
            for chunk in [*([GREETING] if greeted else []), *chunks]:
                assert all(isinstance(message, Message) for message in parser.feed(chunk))
        except AmiBroken:
            pass

    @pytest.mark.parametrize(
        "said", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"\r\n", b"\x16\x03"]
    )
    def test_knows_what_is_no_manager_interface_at_once(self, said: bytes) -> None:
        with pytest.raises(AmiBroken):
            Parser().feed(said)

    def test_takes_no_message_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ami, "LIMIT", 1000)
        parser = Parser()
        parser.feed(GREETING)
        parser.feed(b"Output: more\r\n" * 70)
        with pytest.raises(AmiBroken):
            parser.feed(b"Output: more\r\n" * 10)

    def test_keeps_the_first_of_a_name(self) -> None:
        _, message = Parser().feed(GREETING + b"ActionID: 1\r\nVariable: a\r\nVariable: b\r\n\r\n")
        assert message["variable"] == "a"
        assert message["nothing"] == ""


class TestAnAction:
    def test_is_lines_and_an_empty_one(self) -> None:
        assert action("Ping", {"ActionID": "x"}) == b"Action: Ping\r\nActionID: x\r\n\r\n"

    @pytest.mark.parametrize(
        "value",
        [
            "a\r\nAction: Hangup",
            "a\nb",
            "a\rb",
            "\0",
            "\x1b[2J",
            "a\u2028b",
            "\u202eb",
            "\ud800",
            "x" * LINE,
            "保" * 400,
        ],
    )
    def test_is_refused_where_a_value_is_no_line_that_asterisk_reads(self, value: str) -> None:
        talk = talking()
        with pytest.raises(ValueError, match="one printable line"):
            talk.ask("MuteAudio", {"Channel": value})
        assert not talk.sending

    @given(st.dictionaries(NAMES, st.text(max_size=40), max_size=4))
    def test_is_never_two(self, fields: dict[str, str]) -> None:
        try:
            sent = action("Ping", fields)
        except ValueError:
            return
        assert sent.count(b"\r\n\r\n") == 1
        assert len(sent.split(b"\r\n")) == len({"Action": "", **fields}) + 2


class TestSigningIn:
    def test_answers_the_challenge_and_never_says_the_secret(self) -> None:
        talk = Talk("huazha", "ami-secret")
        assert talk.receive(GREETING) == []
        assert talk.receive(CHALLENGE) == []
        said = bytes(talk.sending)
        key = hashlib.md5(b"194860478ami-secret").hexdigest()
        assert f"Key: {key}\r\n".encode() in said
        assert b"Username: huazha\r\n" in said
        assert b"Events: off\r\n" in said
        assert b"ami-secret" not in said
        assert talk.receive(ACCEPTED) == [SignedIn()]
        assert talk.state is State.OPEN

    def test_with_another_secret_is_denied(self) -> None:
        talk = Talk("huazha", "wrong")
        with pytest.raises(AmiDenied, match="ami_password"):
            talk.receive(GREETING + CHALLENGE + b"Response: Error\r\nMessage: Authentication failed\r\n\r\n")

    def test_where_nothing_can_be_answered_breaks_off(self) -> None:
        with pytest.raises(AmiBroken, match="Must specify AuthType"):
            Talk("huazha", "x").receive(GREETING + b"Response: Error\r\nMessage: Must specify AuthType\r\n\r\n")

    def test_is_not_confused_by_events(self) -> None:
        booted = b"Event: FullyBooted\r\nStatus: Fully Booted\r\n\r\n"
        talk = Talk("huazha", "x")
        assert talk.receive(GREETING + booted + CHALLENGE + booted + ACCEPTED + booted) == [SignedIn()]


class TestAnAnswer:
    def test_is_told_by_its_action(self) -> None:
        talk = talking()
        first, second = talk.ask("Ping", {}), talk.ask("Ping", {})
        answers = b"".join(f"Response: Success\r\nActionID: {one}\r\n\r\n".encode() for one in (second, first))
        assert [event.action_id for event in talk.receive(answers) if isinstance(event, Answered)] == [second, first]

    def test_with_a_list_has_all_of_it(self) -> None:
        talk = talking()
        assert talk.ask("Status", {"Channel": "c-1"}) == "huazha-3"
        (event,) = talk.receive(STATUS)
        assert isinstance(event, Answered)
        assert event.reply.done
        assert [one["uniqueid"] for one in event.reply.events] == ["c-1"]

    def test_without_its_action_belongs_to_none(self) -> None:
        talk = talking()
        stray = b"Event: Status\r\nActionID: huazha-9\r\nUniqueid: x\r\n\r\nEvent: PeerStatus\r\n\r\n"
        assert talk.receive(stray) == []

    def test_that_refuses_says_why(self) -> None:
        reply = Reply(Message({"response": "Error", "message": "No such channel"}))
        assert (reply.done, reply.text) == (False, "No such channel")


class TestATalk:
    @given(
        st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "Response": st.sampled_from(["Success", "Error", "Goodbye", "Follows", ""]),
                    "Event": st.sampled_from(["Status", "StatusComplete", "FullyBooted"]),
                    "ActionID": st.sampled_from(["huazha-1", "huazha-2", "huazha-3", "x", ""]),
                    "EventList": st.sampled_from(["start", "Complete", "cancelled", ""]),
                    "Challenge": st.sampled_from(["194860478", "保", ""]),
                    "Message": st.sampled_from(["Authentication failed", "No such channel", ""]),
                },
            ),
            max_size=12,
        ),
        st.booleans(),
    )
    @settings(max_examples=300)
    def test_of_anything_gives_answers_or_says_why_it_ends(self, said: list[dict[str, str]], signed_in: bool) -> None:
        talk = talking() if signed_in else Talk("huazha", "ami-secret")
        events: list[SignedIn | Answered] = []
        wire = b"" if signed_in else GREETING
        wire += b"".join(
            "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"
            for fields in said
            if fields
        )
        try:
            events = talk.receive(wire)
        except (AmiBroken, AmiDenied):
            assert not signed_in
        assert [event for event in events if isinstance(event, SignedIn)] == events[: int(not signed_in)][:1]
        assert b"ami-secret" not in talk.sending
