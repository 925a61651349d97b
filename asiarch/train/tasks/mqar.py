"""Multi-query associative recall: pairs first, then keys whose values are to be told.

Arora et al., "Zoology" (2023, arXiv 2312.04927), and the settings of "Based" (2024, arXiv
2402.18668): keys without replacement from 1..V/2-1, values from V/2..V-1; a query stands in slot g
of the S = (L - 2 D) / 2 slots with weight (g + 1)^(a - 1), a = 0.01. Other positions hold random
tokens; here none of them is a key of the row, which would bind it anew by accident.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from asiarch.train.tasks.base import IGNORED, Batch, Ids
from asiarch.train.tasks.draws import distinct, permutations, weighted_places

POWER = 0.01
Shape = tuple[int, int]
"""Tokens of a row, and pairs in it."""


@dataclass(frozen=True, slots=True)
class Mqar:
    """`mixture`: shapes to train on with their shares; a step has rows of one shape. `tests`: the
    shape of each part.
    """

    vocabulary: int
    mixture: tuple[tuple[Shape, float], ...]
    tests: tuple[tuple[str, Shape], ...]

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.tests)

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        time, pairs = self._shape(rng, part)
        keys, values = drawn_pairs(rng, rows, pairs, self.vocabulary)
        head = np.stack([keys, values], 2).reshape(rows, 2 * pairs)
        slots = (time - 2 * pairs) // 2
        weights = np.power(np.arange(1, slots + 1, dtype=np.float64), POWER - 1)
        at = 2 * pairs + 2 * weighted_places(rng, rows, pairs, weights)
        ids: Ids = rng.integers(0, self.vocabulary, (rows, time))
        ids[_hold(keys, ids, self.vocabulary)] = 0
        ids[:, : 2 * pairs] = head
        targets = np.full_like(ids, IGNORED)
        np.put_along_axis(ids, at, keys, 1)
        np.put_along_axis(targets, at, values, 1)
        return Batch(ids, targets)

    def _shape(self, rng: np.random.Generator, part: str) -> Shape:
        if part != "train":
            return dict(self.tests)[part]
        shares = list(accumulate(share for _, share in self.mixture))
        return self.mixture[bisect_right(shares, rng.random() * shares[-1])][0]


@dataclass(frozen=True, slots=True)
class DenseMqar:
    """k1 v1 ... kD vD, then the D keys in another order, each asked for: rows of 3 D tokens."""

    vocabulary: int
    pairs: int

    parts = ("test",)

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        keys, values = drawn_pairs(rng, rows, self.pairs, self.vocabulary)
        head = np.stack([keys, values], 2).reshape(rows, 2 * self.pairs)
        return with_queries(rng, head, keys, values)


def drawn_pairs(
    rng: np.random.Generator, rows: int, pairs: int, vocabulary: int
) -> tuple[Ids, Ids]:
    """Keys and values of every row, each without replacement."""
    half = vocabulary // 2
    return distinct(rng, rows, pairs, 1, half), distinct(rng, rows, pairs, half, vocabulary)


def with_queries(rng: np.random.Generator, head: Ids, keys: Ids, values: Ids) -> Batch:
    """Rows that go on with all their keys in a random order, the values asked for there."""
    order = permutations(rng, *keys.shape)
    ids = np.concatenate([head, np.take_along_axis(keys, order, 1)], 1)
    targets = np.full_like(ids, IGNORED)
    targets[:, head.shape[1] :] = np.take_along_axis(values, order, 1)
    return Batch(ids, targets)


def _hold(keys: Ids, ids: Ids, vocabulary: int) -> NDArray[np.bool_]:
    """Where ids are one of their row's keys."""
    member = np.zeros((len(keys), vocabulary), np.bool_)
    np.put_along_axis(member, keys, True, 1)
    return np.take_along_axis(member, ids, 1)
