"""Where in its text a term stands. Pure."""

from __future__ import annotations

from lexicon.normalize import fold

AROUND = 160
"""Characters that are shown on either side of a term, at most; and of a term itself."""
CUT = "…"

Parts = tuple[str, str, str]


def parted(text: str, language: str, heard: str, term: str) -> Parts:
    """Cut a text in three: what comes before the term, the term as it was heard, what follows.

    A text is what was said around a term, so of several places the one nearest to the middle is meant. Where neither
    `heard` nor `term` stands in the text, all of it comes before.
    """
    folded = fold(text, language)
    for wanted in (heard, term):
        needle = fold(wanted, language).text
        if not needle.strip():
            continue
        places = []
        at = folded.text.find(needle)
        while at >= 0:
            places.append(folded.raw_span(at, at + len(needle)))
            at = folded.text.find(needle, at + 1)
        if places:
            start, end = min(places, key=lambda place: abs(place[0] + place[1] - len(text)))
            return _short(text[:start], text[start:end], text[end:])
    return _short("", text, "")[1], "", ""


def measured(match: str, language: str, heard: str, term: str) -> bool:
    """Whether a violation is of a rule that sets a bound: what is heard word for word is else the term itself."""
    return match == "exact" and fold(heard, language).text != fold(term, language).text


def _short(before: str, marked: str, after: str) -> Parts:
    return (
        before if len(before) <= AROUND else CUT + before[-AROUND:],
        marked if len(marked) <= AROUND else marked[:AROUND] + CUT,
        after if len(after) <= AROUND else after[:AROUND] + CUT,
    )
