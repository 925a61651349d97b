"""What is trained, and what came of it: pure data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from asiarch.train.tasks.base import Task
from asiarch.train.tasks.host import HIDDEN, Hosted
from asiarch.train.tasks.registry import TASKS

SOLVED = 0.9


@dataclass(frozen=True, slots=True)
class Run:
    """One training run of the mixer `op` of `text`, put into `host`, on `task`.

    steps, batch: the task's own unless given. sizes: free axes of the mixer. parameters: a budget
    that the channel mixer's width is solved for; without one the width is 128.
    """

    text: str
    op: str
    task: str
    host: str = "conv"
    seed: int = 0
    learning_rate: float = 5e-3
    steps: int | None = None
    batch: int | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    parameters: int | None = None

    @property
    def definition(self) -> Task:
        """Raises `ValueError` for a task that does not exist."""
        if self.task not in TASKS:
            raise ValueError(f"no task {self.task!r}; there are {', '.join(TASKS)}")
        return TASKS[self.task]

    @property
    def hosted(self) -> Hosted:
        """The network before its width is solved for."""
        task = self.definition
        return Hosted(
            self.text, self.op, self.host, task.vocabulary, self.sizes, HIDDEN, task.autoencoder
        )


@dataclass(frozen=True, slots=True)
class Result:
    """status: "done", or "failed" for a reason of type, causal, compile, cost, nan, timeout, and
    `detail` for people. What a failed run has no value of is None.

    auc: mean training loss of all steps, nats. final_loss: of the shared test rows. metrics:
    accuracy (of all answers alike), `accuracy_NAME` and `loss_NAME` of the task's further parts,
    solved (accuracy >= 0.9, as 0 or 1), solved_NAME. curve: mean losses of equal stretches of the
    run, at most 200. best_step: the step after which the best of them ended. flops_per_token: of a
    forward pass, per token of a row of the task. state_floats: numbers kept of a row at its end.
    seconds: of this run, its share where several were trained at once. matmul_share: of a step's
    time, where it was asked for (`asiarch.train.tasks.profile`).
    """

    status: str
    reason: str | None = None
    detail: str = ""
    auc: float | None = None
    final_loss: float | None = None
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    curve: tuple[float, ...] = ()
    steps: int = 0
    best_step: int | None = None
    parameters: int | None = None
    hidden: int | None = None
    state_floats: int | None = None
    flops_per_token: float | None = None
    seconds: float = 0.0
    replicas: int = 1
    matmul_share: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def failed(reason: str, detail: str) -> Result:
    return Result("failed", reason, detail)
