"""What a task is: batches of ids with the targets that are asked for, by (seed, step) alone.

A source draws rows of a part: "train", "test", and further ones such as "long". Knows no model and
no tensor library.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
IGNORED = -100
"""A target that nothing is asked of."""

TEST_ROWS = 256


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids `[rows, time]` and, for each position, the id to tell there or `IGNORED`."""

    ids: Ids
    targets: Ids

    @property
    def asked(self) -> NDArray[np.bool_]:
        return self.targets != IGNORED


class Source(Protocol):
    """The definition of a task. Frozen, hashable."""

    @property
    def vocabulary(self) -> int:
        """Ids that come in; targets are among them."""
        ...

    @property
    def parts(self) -> tuple[str, ...]:
        """What can be tested: "test" first."""
        ...

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch: ...


@dataclass(frozen=True, slots=True)
class Task:
    """A source with the run it is meant for.

    steps, batch: of a run that names none. chance: nats of the best guess without memory.
    examples: how many rows there are to train on; None for fresh ones at every step.
    autoencoder: the row is to be told from the state after its last token alone.
    """

    name: str
    source: Source
    steps: int
    batch: int
    chance: float
    examples: int | None = None
    autoencoder: bool = False

    @property
    def vocabulary(self) -> int:
        return self.source.vocabulary

    @property
    def parts(self) -> tuple[str, ...]:
        return self.source.parts

    @property
    def time(self) -> int:
        """Tokens of the longest row that is tested inside the training length."""
        return self.testing().ids.shape[1]

    def training(self, seed: int, step: int, rows: int | None = None) -> Batch:
        """The rows of one step; equal arguments give equal rows everywhere."""
        rows = rows or self.batch
        if self.examples is None:
            return self.source.draw(generator(self.name, "train", seed, step), rows, "train")
        whole = _examples(self, seed)
        first = step * rows
        places = [_place(self, seed, n) for n in range(first, first + rows)]
        return Batch(whole.ids[places], whole.targets[places])

    def testing(self, part: str = "test", rows: int = TEST_ROWS) -> Batch:
        """The rows that every run is measured on."""
        return _tests(self, part, rows)


def generator(*key: object) -> np.random.Generator:
    """Draws of their own for every key, from numpy's Philox."""
    digest = hashlib.blake2b(" ".join(map(str, key)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def ramp(count: int) -> Ids:
    """0, 1, ..., count - 1."""
    return np.arange(count, dtype=np.int64)


@lru_cache(maxsize=64)
def _tests(task: Task, part: str, rows: int) -> Batch:
    if part not in task.parts:
        raise ValueError(f"{task.name} has no part {part!r}; it has {', '.join(task.parts)}")
    return task.source.draw(generator(task.name, part, "fixed"), rows, part)


@lru_cache(maxsize=4)
def _examples(task: Task, seed: int) -> Batch:
    assert task.examples is not None
    return task.source.draw(generator(task.name, "examples", seed), task.examples, "train")


def _place(task: Task, seed: int, count: int) -> int:
    """The example that is seen `count`-th: every one once in an epoch, in an order of its own."""
    assert task.examples is not None
    epoch, place = divmod(count, task.examples)
    return int(_order(task, seed, epoch)[place])


@lru_cache(maxsize=8)
def _order(task: Task, seed: int, epoch: int) -> Ids:
    assert task.examples is not None
    return generator(task.name, "order", seed, epoch).permutation(task.examples)
