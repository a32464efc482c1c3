"""YAML as plain data that still knows its lines, so that an error can say where. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from lexicon.errors import LexiconInvalid, LexiconUnreadable

MAX_DEPTH = 20

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Located:
    """A document.

    Attributes:
      value: dicts, lists and scalars.
      lines: the line, from 1, on which the value at each path begins.
    """

    value: Any
    lines: dict[Place, int]

    def line(self, *path: str | int) -> int:
        """Give the line of a path, or of the nearest thing around it that is there."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def locate(text: str, source: str) -> Located:
    """Read a YAML document of plain data.

    Aliases and tags are refused: a lexicon needs none, a few lines of aliases unfold to gigabytes, and a tag that
    its value doesn't fit makes PyYAML raise whatever comes.

    Raises:
      LexiconUnreadable: it is no YAML, nested too deeply, or holds an alias or a tag.
      LexiconInvalid: a key stands twice, or is no string.
    """
    try:
        _check_shape(text, source)
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        problem = getattr(error, "problem", None) or str(error)
        raise LexiconUnreadable(source, line, None, f"is no YAML: {problem}") from None
    if node is None:
        raise LexiconUnreadable(source, None, None, "is empty")
    lines: dict[Place, int] = {}
    return Located(_plain(node, (), lines, source), lines)


def _check_shape(text: str, source: str) -> None:
    """Refuse what would cost more to build than to read."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else None
        if isinstance(event, yaml.AliasEvent):
            raise LexiconUnreadable(source, line, None, "aliases (*name) are not read; write it out")
        if getattr(event, "tag", None) is not None:
            raise LexiconUnreadable(source, line, None, "tags (!name) are not read; put text in quotes instead")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise LexiconUnreadable(source, line, None, "is nested too deeply")


def _plain(node: yaml.Node, path: Place, lines: dict[Place, int], source: str) -> Any:
    line = node.start_mark.line + 1
    lines[path] = line
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, i), lines, source) for i, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, source)
    try:
        return yaml.CSafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError):
        raise LexiconInvalid(source, line, ".".join(map(str, path)) or None, "is no plain value") from None


def _mapping(node: yaml.MappingNode, path: Place, lines: dict[Place, int], source: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise LexiconInvalid(source, line, None, "a field's name must be a word")
        if key.value in values:
            raise LexiconInvalid(source, line, ".".join(map(str, (*path, key.value))), "stands here twice")
        values[key.value] = _plain(value, (*path, key.value), lines, source)
    return values
