"""Compression: uniform tokens and a code token, after which the state must hold them all.

MAD (arXiv 2403.17844): L - 1 ids of 0..V-2, then V - 1; a decoder tells each token from the
encoding at the code token and a position. The code token itself, always the same, is not asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asiarch.train.tasks.base import IGNORED, Batch


@dataclass(frozen=True, slots=True)
class Compression:
    """Rows of `length` ids, the code token included."""

    vocabulary: int
    length: int

    parts = ("test",)

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        ids = rng.integers(0, self.vocabulary - 1, (rows, self.length))
        ids[:, -1] = self.vocabulary - 1
        targets = ids.copy()
        targets[:, -1] = IGNORED
        return Batch(ids, targets)
