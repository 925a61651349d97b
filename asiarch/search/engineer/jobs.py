"""Jobs of the engineer: what decides a measurement, as pure data.

Kinds: `check` (tier T0b), `train` (one run), `audit` (is a good result an artefact?), `step` (how
long a step takes here; in no store). Their handlers are in `handlers`; `KINDS` is what an executor
needs to run them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from asiarch import __version__
from asiarch.search.engineer.design import Design
from asiarch.search.executor import Kind, Limits
from asiarch.search.job import Job, Json, blob_name

RESULTS = 4
"""Raised by one when the same job gives other values: what was measured before is not reused."""

HANDLERS = "asiarch.search.engineer.handlers"
KINDS = {
    "check": Kind(f"{HANDLERS}:check", Limits(seconds=120.0)),
    "train": Kind(f"{HANDLERS}:train", Limits(seconds=900.0)),
    "audit": Kind(f"{HANDLERS}:audit", Limits(seconds=900.0)),
    "step": Kind(f"{HANDLERS}:step", Limits(seconds=120.0)),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """What all runs of a search have in common.

    parameters: the budget of each task that everybody is matched to; a task without one is not
    matched. steps, batch: the task's own where 0.
    """

    host: str = "conv"
    parameters: Mapping[str, int] = field(default_factory=dict[str, int])
    steps: int = 0
    batch: int = 0
    device: str = "cpu"

    def spec(self, design: Design, task: str, steps: int = 0) -> dict[str, Json]:
        return {
            "program": blob_name(design.text.encode()),
            "op": design.op,
            "sizes": [list(pair) for pair in design.sizes],
            "host": design.host or self.host,
            "task": task,
            "parameters": self.parameters.get(task),
            "steps": steps or self.steps or None,
            "batch": self.batch or None,
            "device": self.device,
            "code": f"{__version__}/{RESULTS}",
        }


def check_job(design: Design, task: str, setting: Setting) -> Job:
    """T0b of a design in the network of a task. The task stands under `network`: it trains none."""
    spec = setting.spec(design, task)
    spec["network"] = spec.pop("task")
    return Job("check", spec, cost=3.0)


def train_job(
    design: Design, task: str, setting: Setting, seed: int, rate: float,
    *, steps: int = 0, group: str = "", cost: float = 0.0,
) -> Job:  # fmt: skip
    """One run. Jobs of one group differ in seed and rate alone and are trained together."""
    spec = setting.spec(design, task, steps)
    return Job("train", {**spec, "seed": seed, "learning_rate": rate}, group, cost)


def audit_job(
    design: Design, task: str, setting: Setting, seed: int, rate: float, cost: float = 0.0
) -> Job:
    """What may explain a surprisingly good result. No training run: the task is a `network`."""
    spec = setting.spec(design, task)
    spec["network"] = spec.pop("task")
    return Job("audit", {**spec, "seed": seed, "learning_rate": rate}, cost=cost)


def step_job(design: Design, task: str, setting: Setting) -> Job:
    """What a training step takes on this machine: a figure of it, not a measurement of a design."""
    return Job("step", setting.spec(design, task), cost=3.0)
