"""The tasks by name: NAME as published, NAME.small the one for a CPU (ours, calibrated).

What was measured with the small ones, by `python benchmarks/tiny_tasks.py`, is in docs/tasks.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from asiarch.train.tasks.base import Task
from asiarch.train.tasks.compression import Compression
from asiarch.train.tasks.copying import Copying
from asiarch.train.tasks.fuzzy import Fuzzy
from asiarch.train.tasks.memorisation import Memorisation
from asiarch.train.tasks.mqar import DenseMqar, Mqar
from asiarch.train.tasks.recall import Recall
from asiarch.train.tasks.text import Bytes
from asiarch.train.tasks.update import Update
from asiarch.train.tasks.words import Words, transpositions

_BASED = (((64, 4), 100.0), ((128, 8), 20.0), ((256, 16), 20.0), ((256, 32), 20.0),
          ((256, 64), 20.0))  # fmt: skip
_BASED_TESTS = (("test", (256, 64)), ("long", (1024, 256)), ("64x4", (64, 4)), ("64x8", (64, 8)),
                ("64x16", (64, 16)), ("128x32", (128, 32)), ("512x128", (512, 128)))  # fmt: skip
_MAD = 20_000
"""Steps of MAD: 200 epochs of 12,800 rows, 128 at once."""


def _published() -> Iterator[Task]:
    """Definitions of the papers, in their first setting. ln(n): n answers are equally likely."""
    ln = math.log
    yield Task("mqar", Mqar(8192, _BASED, _BASED_TESTS), 22_500, 256, ln(4096))
    yield Task("recall", Recall(16, 128), _MAD, 128, ln(8), 12_800)
    yield Task("noisy", Recall(32, 128, 16, 0.2), _MAD, 128, ln(8), 12_800)
    yield Task("fuzzy", Fuzzy(16, 128), _MAD, 128, ln(8), 12_800)
    yield Task("copy", Copying(16, 256, 16), _MAD, 128, ln(14), 12_800)
    yield Task("compression", Compression(16, 32), _MAD, 128, ln(15), 12_800, autoencoder=True)
    yield Task("memorisation", Memorisation(256, 32), 400, 128, ln(127), 256)
    yield Task("parity", Words(2, (3, 40), (256, 64, 128)), 20_000, 256, ln(2))
    yield Task("s3", Words(3, (20, 20), (40,)), 20_000, 512, ln(6))
    yield Task("s5", Words(5, (20, 20), (40,)), 20_000, 512, ln(120))
    yield Task("update", Update(128, 16), 4000, 64, ln(64))
    yield Task("bytes", Bytes(256, 256), 1000, 8, ln(256))


def _small() -> Iterator[Task]:
    ln = math.log
    yield Task("mqar.small", DenseMqar(64, 8), 400, 32, ln(32))
    yield Task("recall.small", Recall(32, 48, all_targets=False), 400, 16, ln(16))
    yield Task("noisy.small", Recall(48, 64, 16, 0.3, all_targets=False), 400, 16, ln(16))
    yield Task("fuzzy.small", Fuzzy(16, 64, 2, all_targets=False), 600, 32, ln(8))
    yield Task("update.small", Update(64, 8), 300, 32, ln(32))
    yield Task("copy.small", Copying(16, 32, 6), 400, 32, ln(14))
    yield Task("compression.small", Compression(16, 10), 600, 32, ln(15), autoencoder=True)
    yield Task("memorisation.small", Memorisation(1024, 16), 150, 32, ln(511))
    yield Task("parity.small", Words(2, (32, 32), (128,)), 300, 16, ln(2))
    yield Task("s3.small", Words(3, (16, 16), (64,), transpositions(3)), 300, 32, ln(6))
    yield Task("s3.all", Words(3, (16, 16), (64,)), 1200, 32, ln(6))
    yield Task("s5.small", Words(5, (16, 16), (64,), transpositions(5)), 1200, 32, ln(120))
    yield Task("bytes.small", Bytes(128, 128), 300, 8, ln(128))


TASKS: dict[str, Task] = {task.name: task for task in (*_published(), *_small())}
