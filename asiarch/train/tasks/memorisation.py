"""Memorisation: facts that are the same in every row and run, to be kept in the weights.

MAD (arXiv 2403.17844): a fixed bijection from keys 0..F-1 to values F..2F-1, F = (V - 1) // 2; rows
are pairs of a key and the insert token V - 1, and the value is told at the insert token. There are
no other facts to test on: test rows have the facts of training in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from asiarch.train.tasks.base import IGNORED, Batch, Ids, generator


@dataclass(frozen=True, slots=True)
class Memorisation:
    """Rows of `length` ids, half of them keys."""

    vocabulary: int
    length: int

    parts = ("test",)

    @property
    def facts(self) -> Ids:
        """The value of each key."""
        return _facts((self.vocabulary - 1) // 2)

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        facts = self.facts
        keys = rng.integers(0, len(facts), (rows, self.length // 2))
        ids = np.full((rows, self.length), self.vocabulary - 1, np.int64)
        ids[:, 0::2] = keys
        targets = np.full_like(ids, IGNORED)
        targets[:, 1::2] = facts[keys]
        return Batch(ids, targets)


@lru_cache(maxsize=8)
def _facts(count: int) -> Ids:
    return generator("facts", count).permutation(count) + count
