"""Runs that are trained step by step: one as a module of its own, or several as one module."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from asiarch.train import evaluate, trainer
from asiarch.train.tasks.adam import Adam, Placed
from asiarch.train.tasks.base import IGNORED, Batch, Ids, Task
from asiarch.train.tasks.build import Built, Predictor, Replicas
from asiarch.train.tasks.run import Run


class Learner:
    """`runs` differ in seed and learning rate alone; together: as one module, one run too.

    Raises `Unreplicable` where they cannot be one.
    """

    def __init__(
        self, built: Built, task: Task, runs: Sequence[Run], steps: int, rows: int, together: bool
    ) -> None:
        if not together and len(runs) != 1:
            raise ValueError("a module of its own is for one run")
        self.task, self.runs, self.rows = task, runs, rows
        seeds = [run.seed for run in runs]
        self.predictor: Predictor = built.replicas(seeds) if together else built.predictor(seeds[0])
        self.parts = tuple(self.predictor.modules())
        self.together = together
        rates = [run.learning_rate for run in runs]
        self.adam = Adam(list(_placed(self.predictor)), rates, steps)

    @property
    def living(self) -> list[bool]:
        """Of which runs everything has been finite so far."""
        return self.adam.living

    def step(self, step: int) -> list[float]:
        """One update of every run that lives; the losses before it."""
        _seeded(self.runs[0].seed, step)
        trainer.tell_step(self.parts, step)
        batches = self._batches(step)
        losses = self._losses(*self._tensors(batches))
        self.adam.step(losses, trainer.auxiliary_loss(self.parts))
        return [float(loss) for loss in losses.detach()]

    def tests(self) -> list[dict[str, tuple[float, float]]]:
        """For every run, loss and accuracy of each part, over all answers alike."""
        found: list[dict[str, tuple[float, float]]] = [{} for _ in self.runs]
        with evaluate.evaluating(self.predictor):
            for part in self.task.parts:
                for into, value in zip(found, self._test(self.task.testing(part)), strict=True):
                    into[part] = value
        return found

    def _batches(self, step: int) -> list[Batch]:
        """Runs of one seed read the same rows: they are drawn once."""
        drawn: dict[int, Batch] = {}
        for run in self.runs:
            if run.seed not in drawn:
                drawn[run.seed] = self.task.training(run.seed, step, self.rows)
        return [drawn[run.seed] for run in self.runs]

    def _tensors(self, batches: Sequence[Batch]) -> tuple[Tensor, Tensor]:
        """Ids and targets, `[rows, time]`, with the replicas last where there are any."""
        return self._stacked([b.ids for b in batches]), self._stacked([b.targets for b in batches])

    def _stacked(self, rows: Sequence[Ids]) -> Tensor:
        return torch.from_numpy(np.stack(rows, 2) if self.together else rows[0])

    def _losses(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Mean nats of what is asked, for each run."""
        logits = self.predictor(ids)
        if not self.together:
            return cross_entropy(logits, targets)[None]
        asked = (targets != IGNORED).flatten(0, 1).sum(0)
        return _nats(logits, targets, len(self.runs)).sum(1) / asked

    def _test(self, batch: Batch) -> Iterator[tuple[float, float]]:
        count = len(self.runs)
        ids, targets = self._tensors([batch] * count)
        asked = int((batch.targets != IGNORED).sum())
        loss = torch.zeros(count, dtype=torch.float64)
        right = torch.zeros(count)
        size = max(1, evaluate.TOKENS_AT_ONCE // ids.shape[1])
        for first in range(0, len(ids), size):
            i, t = ids[first : first + size], targets[first : first + size]
            logits = self.predictor(i)
            loss += _nats(logits, t, count).double().sum(1)
            right += (logits.argmax(-1) == t).view(-1, count).sum(0)
        for nats, hits in zip(loss, right, strict=True):
            yield float(nats) / asked, float(hits) / asked


def _nats(logits: Tensor, targets: Tensor, count: int) -> Tensor:
    """Of every answer, 0 where nothing is asked, `[count, answers]`: each replica's lie side by
    side, so that their sum does not depend on how many replicas there are.
    """
    nats = functional.cross_entropy(
        logits.flatten(0, -2).float(), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return nats.view(-1, count).T.contiguous()


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean nats of the targets that are asked for."""
    return functional.cross_entropy(
        logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED
    )


def _placed(predictor: Predictor) -> Iterator[Placed]:
    for name, parameter in predictor.named_parameters():
        place = predictor.places[name] if isinstance(predictor, Replicas) else None
        yield Placed(parameter, place)


def _seeded(seed: int, step: int) -> None:
    """Dropout draws from the global generator of the CPU: keyed like the batch. `torch.manual_seed`
    would keep a call for every accelerator that is not there, with its traceback, at every step.
    """
    key = hashlib.blake2b(f"step {seed} {step}".encode(), digest_size=8).digest()
    torch.default_generator.manual_seed(int.from_bytes(key, "little") >> 1)
