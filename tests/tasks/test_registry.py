"""What holds of every task: rows by (seed, step) alone, tests apart from training, chance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from asiarch.train.tasks import TASKS, Task
from asiarch.train.tasks.text import Bytes

ALL = pytest.mark.parametrize("task", list(TASKS.values()), ids=lambda t: t.name)
SMALL = [t for t in TASKS.values() if "." in t.name]


@ALL
def test_rows_depend_on_seed_and_step_alone(task: Task) -> None:
    a, b = task.training(3, 5, 4), task.training(3, 5, 4)
    assert (a.ids == b.ids).all()
    assert (a.targets == b.targets).all()
    for other in (task.training(4, 5, 4), task.training(3, 6, 4)):
        assert a.ids.shape != other.ids.shape or (a.ids != other.ids).any()
    for part in task.parts:
        shared = task.testing(part, 8)
        assert (shared.ids == task.testing(part, 8).ids).all()
        assert shared.asked.any(1).all()
    with pytest.raises(ValueError, match="has no part 'else'"):
        task.testing("else")


@pytest.mark.parametrize("task", SMALL, ids=lambda t: t.name)
def test_no_row_of_the_tests_is_trained_on(task: Task) -> None:
    tested = {row.tobytes() for row in task.testing().ids}
    trained = {row.tobytes() for step in range(40) for row in task.training(0, step).ids}
    assert not tested & trained


@pytest.mark.parametrize("task", SMALL, ids=lambda t: t.name)
def test_chance_is_the_entropy_of_the_answers(task: Task) -> None:
    """Nothing read, nothing better, to the accuracy of the sample. Of words of few letters the
    first answers can be told in part, and of text the frequent bytes: there chance is a bound."""
    answers = np.concatenate([task.training(0, n, 200).targets.ravel() for n in range(10)])
    counts = np.bincount(answers[answers >= 0])
    shares = counts[counts > 0] / counts.sum()
    entropy = -(shares * np.log(shares)).sum()
    uneven = isinstance(task.source, Bytes) or getattr(task.source, "letters", None)
    assert entropy - task.chance < 0.05
    assert uneven or task.chance - entropy < 0.05


def test_examples_are_seen_once_an_epoch() -> None:
    task = TASKS["memorisation"]
    epoch = np.concatenate([task.training(0, step).ids for step in range(2)])
    after = np.concatenate([task.training(0, step).ids for step in (2, 3)])
    assert len(epoch) == task.examples
    assert sorted(map(bytes, epoch)) == sorted(map(bytes, after))
    assert (epoch != after).any()


def test_small_ones_have_their_sizes() -> None:
    """As calibrated: tokens of a row, steps, rows, chance."""
    wanted = {
        "mqar.small": (24, 400, 32, 32), "recall.small": (47, 400, 16, 16),
        "noisy.small": (63, 400, 16, 16), "update.small": (40, 300, 32, 32),
        "copy.small": (32, 400, 32, 14), "compression.small": (10, 600, 32, 15),
        "memorisation.small": (16, 150, 32, 511), "parity.small": (32, 300, 16, 2),
        "s3.small": (16, 300, 32, 6), "bytes.small": (128, 300, 8, 128),
    }  # fmt: skip
    for name, (time, steps, rows, answers) in wanted.items():
        task = TASKS[name]
        assert (task.time, task.steps, task.batch) == (time, steps, rows)
        assert task.chance == math.log(answers)
    assert TASKS["parity.small"].testing("long").ids.shape[1] == 128
    assert TASKS["s3.small"].testing("long").ids.shape[1] == 64
