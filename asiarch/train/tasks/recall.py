"""In-context recall, with and without noise: pairs k v in which keys come back.

Poli et al., "Mechanistic design and scaling of hybrid architectures" (2024, arXiv 2403.17844),
MAD: L / 2 pairs; keys 0..N/2-1, values N/2..N-1 with N ids that are not noise; a key keeps its
value through the row; the last pair repeats a key already shown, chosen uniformly. Rows are read
without their last token, L - 1 ids. Noisy: a pair, except one and the last, is replaced with
probability `noise` by two noise ids, the last `noise_ids` of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asiarch.train.tasks.base import IGNORED, Batch, ramp
from asiarch.train.tasks.draws import first_places


@dataclass(frozen=True, slots=True)
class Recall:
    """all_targets: trains on every next token, as in MAD; tests ask for values of keys already
    shown alone.
    """

    vocabulary: int
    length: int
    noise_ids: int = 0
    noise: float = 0.0
    all_targets: bool = True

    parts = ("test",)

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        half, pairs = (self.vocabulary - self.noise_ids) // 2, self.length // 2
        keys = rng.integers(0, half, (rows, pairs))
        noisy = rng.random((rows, pairs)) < self.noise
        noisy[ramp(rows), rng.integers(0, pairs - 1, rows)] = False
        noisy[:, -1] = False
        # Noise has a key of its own, so that it shows none.
        seen = first_places(np.where(noisy, half, keys)[:, :-1], half + 1)
        shown = seen[:, :half] < pairs - 1
        keys[:, -1] = np.where(shown, rng.random((rows, half)), -1).argmax(1)
        values = np.take_along_axis(rng.integers(half, 2 * half, (rows, half)), keys, 1)
        known = np.take_along_axis(seen, keys, 1) < ramp(pairs)
        row = np.stack([keys, values], 2)
        blank = rng.integers(2 * half, self.vocabulary, row.shape) if self.noise_ids else row
        row = np.where(noisy[:, :, None], blank, row).reshape(rows, 2 * pairs)
        targets = row[:, 1:].copy()
        if part != "train" or not self.all_targets:
            asked = np.zeros(row.shape, np.bool_)
            asked[:, 1::2] = known & ~noisy
            targets[~asked[:, 1:]] = IGNORED
        return Batch(row[:, :-1], targets)
