"""What else could explain a surprisingly good result: labels that leak, test rows seen in training.

A result is audited, never discarded: the findings stand beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from asiarch.search.job import Json
from asiarch.train.tasks.base import IGNORED, Batch, Source
from asiarch.train.tasks.run import Run
from asiarch.train.tasks.train import Subject

STEPS = 100
"""Of the run on shuffled labels."""
LAST = 20
"""Steps at its end whose mean loss is looked at."""
BELOW = 0.97
"""Of the loss of guessing: what shuffled labels cannot be told better than."""
SEEN = 0.01
"""Share of the test rows that may turn up among those of a whole run by chance."""


@dataclass(frozen=True, slots=True)
class Shuffled:
    """A source whose targets are dealt out anew among all that is asked in a batch."""

    source: Source

    @property
    def vocabulary(self) -> int:
        return self.source.vocabulary

    @property
    def parts(self) -> tuple[str, ...]:
        return self.source.parts

    def draw(self, rng: np.random.Generator, rows: int, part: str) -> Batch:
        batch = self.source.draw(rng, rows, part)
        targets = batch.targets.copy()
        asked = targets != IGNORED
        targets[asked] = rng.permutation(targets[asked])
        return Batch(batch.ids, targets)


def artefacts(run: Run, common: Subject) -> dict[str, Json]:
    """Findings by name, each with `ok` and what was `said`."""
    return {"shuffled labels": shuffled_labels(run, common), "overlap": overlap(run, common)}


def shuffled_labels(run: Run, common: Subject) -> dict[str, Json]:
    """Trained on labels that say nothing, a causal network guesses: what does better reads them."""
    task = replace(common.task, source=Shuffled(common.task.source))
    learner = replace(common, task=task, steps=STEPS).learner([run], False)
    learner.predictor.train()
    losses = [learner.step(step)[0] for step in range(STEPS)]
    guess = entropy(task.training(run.seed, 0).targets)
    loss = float(np.mean(losses[-LAST:]))
    # Not finite is not better than a guess.
    ok = not loss < BELOW * guess
    return {"ok": ok, "said": f"loss {loss:.3f} where guessing gives {guess:.3f} nats"}


def entropy(targets: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> float:
    """Nats of the labels' own distribution."""
    counts = np.unique(targets[targets != IGNORED], return_counts=True)[1]
    share = counts / counts.sum()
    return float(-(share * np.log(share)).sum())


def overlap(run: Run, common: Subject) -> dict[str, Json]:
    """The share of the test rows that stand among the training rows, answers and all."""
    tests = _rows(common.task.testing())
    seen: set[bytes] = set()
    for step in range(common.steps):
        seen |= tests & _rows(common.task.training(run.seed, step, common.batch))
    share = len(seen) / len(tests)
    # A task of few examples is tested on those that it trains on: that is its definition.
    ok = share <= SEEN or common.task.examples is not None
    return {"ok": ok, "said": f"{share:.1%} of the test rows were trained on"}


def _rows(batch: Batch) -> set[bytes]:
    return {a.tobytes() + b.tobytes() for a, b in zip(batch.ids, batch.targets, strict=True)}
