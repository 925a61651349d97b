"""Byte-level text: every next byte of windows of real text, tests from files held out.

The text is that of `asiarch.train.data`: the standard library's sources unless another is named.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from asiarch.train.tasks.base import Batch, Ids, ramp


@dataclass(frozen=True, slots=True)
class Bytes:
    """Windows of `length` bytes; bytes past the vocabulary become its last id."""

    vocabulary: int
    length: int
    path: Path | None = None

    parts = ("test",)

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        if part == "train":
            text = _train(self.path)
            starts = rng.integers(0, len(text) - self.length, rows)
            windows = text[starts[:, None] + ramp(self.length + 1)]
        else:
            windows = _held_out(self.path, self.length, rows)
        windows = np.minimum(windows.astype(np.int64), self.vocabulary - 1)
        return Batch(windows[:, :-1], windows[:, 1:])


@lru_cache(maxsize=2)
def _corpus(path: Path | None) -> Any:
    from asiarch.train import data

    return data.load(path)


@lru_cache(maxsize=2)
def _train(path: Path | None) -> Ids:
    return _corpus(path).train.numpy()


@lru_cache(maxsize=4)
def _held_out(path: Path | None, length: int, rows: int) -> Ids:
    """Windows spread evenly over the held-out files, the same for every run."""
    from asiarch.train import data

    return data.windows(_corpus(path).held_out, length, rows * length).numpy()
