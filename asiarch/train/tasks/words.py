"""Words over a group: after every letter, the product of all letters so far.

Parity is the group of two; S3 and S5 are permutations. Liu et al., "Transformers learn shortcuts to
automata" (2022, arXiv 2210.10749); Merrill, Petty, Sabharwal, "The illusion of state in state-space
models" (2024, arXiv 2404.08819); Grazzi et al. (2024, arXiv 2411.12537) for parity and lengths.
Letters and products are elements numbered in the order of `itertools.permutations`, so that
the identity is 0. A product applies the word's first letter first.

Every fifth word, chosen by a hash, belongs to the tests: no word of theirs is trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from asiarch.train.tasks.base import IGNORED, Batch, Ids, ramp

HELD_OUT = 5
SHORT = 8
"""Shorter words are too few to hold some out, and are not tested."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words over the permutations of `points`.

    lengths: the shortest and the longest word of training, a step has one length. letters: the
    elements that words are made of, all by default. `long`: the length of longer tests, of which
    the second half is scored; further ones are parts named by their length.
    """

    points: int
    lengths: tuple[int, int]
    long: tuple[int, ...]
    letters: tuple[int, ...] | None = None

    @property
    def vocabulary(self) -> int:
        return len(products(self.points))

    @property
    def parts(self) -> tuple[str, ...]:
        return ("test", "long", *(f"length {n}" for n in self.long[1:]))

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        length = self._length(rng, part)
        words = self._words(rng, rows, length, part)
        targets = prefixes(words, self.points)
        if part not in ("train", "test"):
            targets[:, : length // 2] = IGNORED
        return Batch(words, targets)

    def _length(self, rng: np.random.Generator, part: str) -> int:
        low, high = self.lengths
        if part == "train":
            return int(rng.integers(low, high + 1))
        if part == "test":
            return high
        return self.long[0] if part == "long" else int(part.removeprefix("length "))

    def _words(self, rng: np.random.Generator, rows: int, length: int, part: str) -> Ids:
        letters = np.array(self.letters or range(self.vocabulary))
        if length < SHORT:
            return letters[rng.integers(0, len(letters), (rows, length))]
        kept: list[Ids] = []
        missing = rows
        while missing > 0:
            words = letters[rng.integers(0, len(letters), (2 * missing, length))]
            kept.append(words[held_out(words) == (part != "train")][:missing])
            missing -= len(kept[-1])
        return np.concatenate(kept)


def held_out(words: Ids) -> NDArray[np.bool_]:
    """Which words `[rows, length]` belong to the tests."""
    hashed = np.zeros(len(words), np.uint64)
    for letter in words.T.astype(np.uint64):
        hashed = (hashed ^ letter) * np.uint64(0x9E3779B97F4A7C15)
        hashed ^= hashed >> np.uint64(29)
    return hashed % np.uint64(HELD_OUT) == 0


def prefixes(words: Ids, points: int) -> Ids:
    """The product of every prefix of words `[rows, length]`."""
    table = products(points)
    out = np.empty_like(words)
    state = np.zeros(len(words), np.int64)
    for place, letter in enumerate(words.T):
        state = table[state, letter]
        out[:, place] = state
    return out


@lru_cache(maxsize=8)
def products(points: int) -> Ids:
    """`[a, b]` is the element that applies a, then b, `[n!, n!]`."""
    elements = np.array(list(permutations(range(points))))
    weights = points ** ramp(points)
    number = np.full(points**points, -1)
    number[elements @ weights] = ramp(len(elements))
    # (a then b)(x) = b(a(x))
    return number[elements[:, elements].transpose(1, 0, 2) @ weights]


def transpositions(points: int) -> tuple[int, ...]:
    """The identity, then the swaps of neighbours (1 2), (2 3), ..."""
    order = list(permutations(range(points)))
    swaps = [list(range(points)) for _ in range(points - 1)]
    for first, swap in enumerate(swaps):
        swap[first], swap[first + 1] = first + 1, first
    return (0, *(order.index(tuple(swap)) for swap in swaps))
