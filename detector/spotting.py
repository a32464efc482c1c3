"""Spotting: where phrases stand in what a head read of the sounds, however its best reading would be spelled. Pure.

A phrase is searched as its best path through the posteriors, with start and end free, in the topology of CTC: each unit
for a frame or more, blanks between units where they help, and at least one between two that are equal.

All phrases are searched at once, as a trie: what begins alike is computed once, one unit after the other and all frames
of it together. What can't reach its floor any more is dropped before each step, by the best that its remaining units
reach in any frame; that changes no result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from lexicon.compiler import Table
from lexicon.pronunciation import BLANK, inventory
from lexicon.spoken import Spoken

Ints = NDArray[np.int64]

# A path is one integer, so that the better of two is the greater: what it lost, and below that how early it starts.
# Losses are rounded down to 1/65,536 of a nat, and so add up to the same in any order.
_BITS = 16
_SCALE = 1 << 16
_MOST_FRAMES = (1 << _BITS) - 1
_LEAST = -100.0
"""Nats that a frame can lose at most: what is less likely than that is as good as impossible."""
_NEVER = -(1 << 60)
"""A path that can't be; whatever is added to it, it stays below every other."""
_LOWEST = -(1 << 42)
"""Below what any path can lose, in units of the score; above `_NEVER`."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place of a phrase.

    Attributes:
      phrase: its owner's number.
      start, end: frames, the end exclusive. Of paths that lose the same it is the longest.
      score: nats lost for each unit, against the best class of each frame: 0 where the best reading spells the phrase,
        less elsewhere.
    """

    phrase: int
    start: int
    end: int
    score: float


class Spotter:
    """Finds phrases in posteriors; made once for a lexicon, and shared by whoever searches.

    Args:
      codes: pronunciations, each the class numbers of its units.
      owners: the phrase that each is of, from 0; several may be of one.
      classes: of the head, blank included.

    Raises:
      ValueError: a pronunciation is empty or has a unit that the head doesn't know, or has no owner.
    """

    def __init__(self, codes: Sequence[Sequence[int]], owners: Sequence[int], classes: int) -> None:
        lengths = np.fromiter(map(len, codes), dtype=np.int64, count=len(codes))
        units = np.fromiter((unit for code in codes for unit in code), dtype=np.int64, count=int(lengths.sum()))
        if len(codes) != len(owners) or not lengths.all() or min(owners, default=0) < 0:
            raise ValueError("a pronunciation has a unit or more, and an owner")
        if not ((units > BLANK) & (units < classes)).all():
            raise ValueError(f"a unit is a class from 1 to {classes - 1}")
        rows = np.full((len(codes), int(lengths.max(initial=1))), BLANK, dtype=np.int16)
        rows[np.arange(rows.shape[1]) < lengths[:, None]] = units
        order = np.lexsort(rows.T[::-1])
        rows, self._lengths = rows[order], lengths[order]
        self._units = rows[rows != BLANK].astype(np.int64)
        self._firsts = np.cumsum(self._lengths) - self._lengths
        self._owners = np.asarray(owners, dtype=np.int64)[order]
        self._classes = classes

    def find(self, posteriors: NDArray[np.float32], floor: NDArray[np.float32] | float) -> list[Spot]:
        """Find the places at which phrases reach the floor, in the order of their ends.

        Places of one phrase don't overlap: of those that would, the better is given.

        Args:
          posteriors: log probabilities (frames, classes) of one window.
          floor: the least score, of all phrases or of each by its number; nothing reaches one above 0.

        Raises:
          ValueError: there are other classes than the head's, or too many frames.
        """
        frames, classes = posteriors.shape
        if classes != self._classes or frames > _MOST_FRAMES:
            raise ValueError(f"posteriors are (up to {_MOST_FRAMES}, {self._classes}), not {posteriors.shape}")
        if not frames or not len(self._owners):
            return []
        lattice = _Lattice(posteriors)
        floors = np.asarray(floor, dtype=np.float64)
        each = floors[self._owners] if floors.ndim else np.broadcast_to(floors, len(self._owners))
        needed = np.maximum(each * self._lengths * _SCALE, _LOWEST)
        bounds = np.add.reduceat(lattice.best[self._units], self._firsts)
        codes = np.flatnonzero(bounds >= needed)
        found = list(self._search(lattice, codes, bounds[codes], needed[codes]))
        return _places(np.concatenate(found, axis=1)) if found else []

    def _search(
        self, lattice: _Lattice, codes: Ints, rest: Ints, needed: NDArray[np.float64]
    ) -> Iterator[NDArray[np.float64]]:
        """Walk down the trie, and give the places of pronunciations that end, as columns (owner, score, start, end).

        Args:
          codes: pronunciations that may reach their floor, in the order of their units.
          rest: the best that the units of each can reach that are still to come.
          needed: what each must reach in all.
        """
        depth = 0
        # For each node the paths that end in each frame with its unit, and for each pronunciation its node.
        units, paths, nodes = np.zeros(1, dtype=np.int64), np.zeros((1, 0), dtype=np.int64), np.zeros_like(codes)
        while len(codes):
            ahead = self._units[self._firsts[codes] + depth]
            first = np.ones(len(codes), dtype=bool)
            first[1:] = (np.diff(nodes) != 0) | (np.diff(ahead) != 0)
            parents, children = nodes[first], ahead[first]
            if depth:
                paths = lattice.extended(paths, parents, units[parents] == children, children)
            else:
                paths = lattice.begun(children)
            units, nodes, depth = children, np.cumsum(first) - 1, depth + 1
            rest = rest - lattice.best[ahead]
            alive = (paths.max(axis=1) >> _BITS)[nodes] + rest >= needed
            ended = self._lengths[codes] == depth
            if (last := ended & alive).any():
                yield self._ended(codes[last], paths[nodes[last]], needed[last])
            alive &= ~ended
            codes, nodes, rest, needed = codes[alive], nodes[alive], rest[alive], needed[alive]

    def _ended(self, codes: Ints, paths: Ints, needed: NDArray[np.float64]) -> NDArray[np.float64]:
        scores = paths >> _BITS
        at, last = np.nonzero(scores >= needed[:, None])
        score = scores[at, last] / (self._lengths[codes[at]] * _SCALE)
        start = _MOST_FRAMES - (paths[at, last] & _MOST_FRAMES)
        return np.array([self._owners[codes[at]], score, start, last + 1])


_MADE: WeakKeyDictionary[Spoken, Spotter] = WeakKeyDictionary()
"""Spotters of the tables in use; one goes when its table does."""


def spotter_of(table: Table) -> Spotter | None:
    """Give the spotter of a table's phrases and cues, by their numbers in `table.spoken`; None where there is none.

    It is made when it is first asked for, which takes about a microsecond a phrase.
    """
    spoken = table.spoken
    if spoken is None:
        return None
    if (known := _MADE.get(spoken)) is None:
        classes = len(inventory(spoken.language) or ()) + 1
        known = _MADE[spoken] = Spotter(spoken.codes, spoken.owners, classes)
    return known


class _Lattice:
    """What each class loses in each frame, and paths through it.

    Attributes:
      best: the least that each class loses in any frame, in units of the score.
    """

    def __init__(self, posteriors: NDArray[np.float32]) -> None:
        lost = np.maximum(posteriors - posteriors.max(axis=1, keepdims=True), _LEAST).T
        scores = np.floor(lost * np.float32(_SCALE)).astype(np.int64)
        self.best: Ints = scores.max(axis=1)
        # With what was lost up to a frame taken off, all frames of a state are one running maximum.
        self._upto = np.zeros((len(scores), len(posteriors) + 1), dtype=np.int64)
        np.cumsum(scores << _BITS, axis=1, out=self._upto[:, 1:])
        self._fresh = _MOST_FRAMES - np.arange(len(posteriors), dtype=np.int64)

    def begun(self, units: Ints) -> Ints:
        """Give the paths (units, frames) that begin anywhere, and stay in a unit up to each frame."""
        return self._stayed(np.broadcast_to(self._fresh, (len(units), len(self._fresh))), units)

    def extended(self, paths: Ints, parents: Ints, same: NDArray[np.bool_], units: Ints) -> Ints:
        """Give the paths that go on with a unit each.

        Args:
          paths: those of all nodes.
          parents: the node that each unit follows.
          same: whether that node's unit is the same.
        """
        used, parents = np.unique(parents, return_inverse=True)
        left = _later(paths[used])
        over_blank = _later(self._stayed(left, np.full(len(used), BLANK)))
        either = np.maximum(left, over_blank)
        entering = either[parents]
        entering[same] = over_blank[parents[same]]
        return self._stayed(entering, units)

    def _stayed(self, entering: Ints, units: Ints) -> Ints:
        """Give the paths that came into a class in some frame and stayed in it up to each."""
        upto = self._upto[units]
        paths = entering - upto[:, :-1]
        np.maximum.accumulate(paths, axis=1, out=paths)
        paths += upto[:, 1:]
        return paths


def _later(paths: Ints) -> Ints:
    """Give for each frame the paths up to the frame before."""
    shifted = np.empty_like(paths)
    shifted[:, 0] = _NEVER
    shifted[:, 1:] = paths[:, :-1]
    return shifted


def _places(found: NDArray[np.float64]) -> list[Spot]:
    """Choose the places of each phrase, the best first: of each start the best end, and none that overlaps a better."""
    owner, score, start, end = found
    order = np.lexsort((-end, -score, start, owner))
    leads = np.ones(len(order), dtype=bool)
    leads[1:] = (np.diff(owner[order]) != 0) | (np.diff(start[order]) != 0)
    order = order[leads]
    order = order[np.lexsort((start[order], start[order] - end[order], -score[order]))]
    taken: dict[int, list[Spot]] = {}
    for phrase, lost, first, last in found[:, order].T.tolist():
        spot = Spot(int(phrase), int(first), int(last), lost)
        others = taken.setdefault(spot.phrase, [])
        if all(other.end <= spot.start or spot.end <= other.start for other in others):
            others.append(spot)
    spots = [spot for others in taken.values() for spot in others]
    return sorted(spots, key=lambda spot: (spot.end, spot.start, spot.phrase))
