"""Selective copying: tokens among blanks, to be told in their order after a copy token.

Gu, Dao, "Mamba" (2023, arXiv 2312.00752), section 4.1.1, as in MAD (arXiv 2403.17844): the ids are
V - 2 tokens, the blank V - 2, the copy token V - 1; L - count - 1 places hold the tokens and
blanks, then come the copy token and `count` blanks, where the tokens are told. Every set of places
is equally likely (in MAD a blank never follows the last token).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asiarch.train.tasks.base import IGNORED, Batch
from asiarch.train.tasks.draws import places


@dataclass(frozen=True, slots=True)
class Copying:
    """`count` tokens in rows of `length`."""

    vocabulary: int
    length: int
    count: int

    parts = ("test",)

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        room = self.length - self.count - 1
        blank, copy = self.vocabulary - 2, self.vocabulary - 1
        tokens = rng.integers(0, blank, (rows, self.count))
        ids = np.full((rows, self.length), blank, np.int64)
        np.put_along_axis(ids, places(rng, rows, self.count, room), tokens, 1)
        ids[:, room] = copy
        targets = np.full_like(ids, IGNORED)
        targets[:, room + 1 :] = tokens
        return Batch(ids, targets)
