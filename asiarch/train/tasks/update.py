"""Recall of what was written last (ours): every key is written several times, in random order.

A memory that only adds returns a mixture of a key's values; one that overwrites returns the last.
Keys from 1..V/2-1; all values of a row, from V/2..V-1, are different, so that an old one is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asiarch.train.tasks.base import Batch
from asiarch.train.tasks.draws import distinct, last_places, permutations
from asiarch.train.tasks.mqar import with_queries


@dataclass(frozen=True, slots=True)
class Update:
    """`keys` keys written `writes` times each, then asked for once: keys (2 writes + 1) tokens."""

    vocabulary: int
    keys: int
    writes: int = 2

    parts = ("test",)

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        half, count = self.vocabulary // 2, self.keys * self.writes
        keys = distinct(rng, rows, self.keys, 1, half)
        which = permutations(rng, rows, count) % self.keys
        values = distinct(rng, rows, count, half, self.vocabulary)
        written = np.take_along_axis(keys, which, 1)
        head = np.stack([written, values], 2).reshape(rows, 2 * count)
        latest = np.take_along_axis(values, last_places(which, self.keys), 1)
        return with_queries(rng, head, keys, latest)
