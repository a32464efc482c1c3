"""A call in words: what the service says, as lines for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from streamer.plain_text import plain

LINE = 28
"""Characters of running text to a line, about."""
SENTENCE_ENDS = "。？！.?!"


class Narrator:
    """Prints one call's messages.

    Args:
      console: where to.
      label: put before each line, to tell calls apart.
    """

    def __init__(self, console: Console, label: str = "") -> None:
        self._console = console
        self._label = f"{label}  " if label else ""
        self._channel = ""
        self._text = ""
        self._start = 0.0
        self._fired: set[str] = set()

    def tell(self, message: dict[str, Any]) -> None:
        """Print what a message says; tentative text is left out, and committed text is gathered into lines."""
        kind = message["type"]
        if kind == "transcript":
            self._transcript(message)
            return
        self._flush()
        tell = getattr(self, f"_{kind}", None)
        if tell is not None:
            tell(message)

    def _transcript(self, message: dict[str, Any]) -> None:
        if not message["committed"]:
            return
        if message["channel"] != self._channel:
            self._flush()
            self._channel = message["channel"]
        if not self._text:
            self._start = message["start"]
        joined = f"{self._text} {message['text']}" if message["text"][:1].isascii() else self._text + message["text"]
        self._text = joined.strip()
        if self._text.endswith(tuple(SENTENCE_ENDS)) or len(self._text) >= LINE:
            self._flush()

    def _flush(self) -> None:
        if self._text:
            self._line(self._start, f"{self._channel:<9} {self._text}")
        self._text = ""

    def _started(self, message: dict[str, Any]) -> None:
        lexicons = ", ".join(version.split("@")[0] for version in message["lexicon_version"].split("+"))
        self._line(0.0, f"listening with Whisper {message['model']} and {lexicons}", "dim")

    def _violation(self, message: dict[str, Any]) -> None:
        status, name = message["status"], message["violation_id"]
        # Candidates come and go; what was fired is told, and that it was taken back.
        told = status == "fired" or (status == "retracted" and name in self._fired)
        if not told:
            return
        self._fired.add(name)
        self._line(
            message["end"],
            f"{status} {message['rule_id']} ({message['severity']}): {message['term']}, heard as "
            f"{message['heard'].strip()}, {message['start']:.2f} to {message['end']:.2f} s, "
            f"sure to {message['confidence']:.2f}",
            "yellow" if status == "fired" else "dim",
        )

    def _unblock(self, message: dict[str, Any]) -> None:
        self._line(0.0, f"UNBLOCK {message['violation_id']}: {message['reason']}", "bold green")

    def _block(self, message: dict[str, Any]) -> None:
        if "term" not in message:
            ordered = f"BLOCK {message['action']} {message['channel']}: ordered by {message['by']}"
            self._line(self._start, ordered, "bold white on red")
            return
        left, ended = message["audio_received"], message["audio_end"]
        self._line(
            left,
            f"BLOCK {message['action']} {message['channel']}: {message['term']} ended at {ended:.2f} s, "
            f"signal left at {left:.2f} s ({left - ended:+.2f} s), "
            f"match to signal {message['match_to_signal_ms']:.2f} ms",
            "bold white on red",
        )
        if message["say_instead"]:
            self._line(left, f"say instead: {message['say_instead']}", "green")

    def _blind(self, message: dict[str, Any]) -> None:
        self._line(
            message["to"],
            f"BLIND {message['channel']} from {message['from']:.2f} to {message['to']:.2f} s: {message['reason']}",
            "bold red",
        )

    def _error(self, message: dict[str, Any]) -> None:
        self._line(0.0, f"error {message['code']}: {message['message']}", "bold red")

    def _stopped(self, message: dict[str, Any]) -> None:
        missing = ", ".join(rule["rule_id"] for rule in message["missing"]) or "none"
        self._line(
            message["duration"],
            f"over: {message['violations']} violations, disclosures missing: {missing}, "
            f"{message['blind_seconds']:.1f} s blind",
            "dim",
        )

    def _line(self, at: float, text: str, style: str = "") -> None:
        line = Text(f"{at:6.2f} s  {plain(self._label)}")
        line.append(plain(text), style=style)
        self._console.print(line, soft_wrap=True)
