"""Prints the part of requirements.lock that some packages need, pins and hashes as they are.

The lock holds what the tests need as well, and an image should not. Who needs a package stands below its hashes, as
`# via`: that is followed backwards.

    python deploy/locked.py [PACKAGE ...]      # without one: what Huazha needs to run, with its model and PostgreSQL
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXTRAS = ("models", "postgres")
"""Optional dependencies that an image has."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Locked:
    """An entry of the lock.

    Attributes:
      name: as the index normalises it.
      text: its lines.
      via: who needs it.
    """

    name: str
    text: str
    via: frozenset[str]


def read(lock: str) -> list[Locked]:
    """Read a lock, in its order; a package may have several entries, for several versions of Python."""
    entries: list[list[str]] = []
    for line in lock.splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            entries.append([])
        if entries:
            entries[-1].append(line)
    return [_entry(lines) for lines in entries]


def needed(lock: Iterable[Locked], roots: Iterable[str]) -> list[Locked]:
    """Keep the entries of some packages and of all that they need.

    Raises:
      SystemExit: one of them is not in the lock.
    """
    entries, wanted = list(lock), {_normal(root) for root in roots}
    if absent := wanted - {entry.name for entry in entries}:
        raise SystemExit(f"requirements.lock has no {', '.join(sorted(absent))}; `make lock` renews it")
    while more := {entry.name for entry in entries if entry.via & wanted} - wanted:
        wanted |= more
    return [entry for entry in entries if entry.name in wanted]


def runtime(project: str) -> list[str]:
    """Name what a pyproject.toml says is needed to run."""
    said = tomllib.loads(project)["project"]
    wanted = [*said["dependencies"], *(one for extra in EXTRAS for one in said["optional-dependencies"][extra])]
    return [_name(one) for one in wanted]


def _entry(lines: list[str]) -> Locked:
    comments = "\n".join(line for line in lines if line.lstrip().startswith("#"))
    via = comments.partition("via")[2].replace("#", " ").replace("(pyproject.toml)", " ")
    return Locked(_name(lines[0]), "\n".join(lines), frozenset(map(_normal, via.split())))


def _name(requirement: str) -> str:
    found = _NAME.match(requirement)
    if found is None:
        raise SystemExit(f"{requirement!r} names no package")
    return _normal(found[0])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    roots = sys.argv[1:] or runtime((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for entry in needed(read((ROOT / "requirements.lock").read_text(encoding="utf-8")), roots):
        sys.stdout.write(f"{entry.text}\n")


if __name__ == "__main__":
    main()
