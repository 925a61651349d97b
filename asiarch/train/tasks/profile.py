"""Where the time of a training step goes: the share that is matrix products."""

from __future__ import annotations

from typing import Any, cast

import torch

from asiarch.train.tasks.learner import Learner

PRODUCTS = frozenset({"aten::mm", "aten::bmm", "aten::addmm", "aten::baddbmm", "aten::addmv"})
"""What every other product (`matmul`, `linear`, `einsum`) is made of on a CPU."""

WARM = 3


def matmul_share(learner: Learner, steps: int = 3) -> float:
    """Time inside of matrix products over the time of all operators, of training steps.

    Trains the learner, for `WARM` steps more than `steps`. Times are the profiler's, which
    lengthens small operators: a lower bound.
    """
    for step in range(WARM):
        learner.step(step)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiled:
        for step in range(WARM, WARM + steps):
            learner.step(step)
    events = cast("list[Any]", profiled.key_averages())
    times: dict[str, float] = {e.key: e.self_cpu_time_total for e in events}
    return sum(times[key] for key in PRODUCTS & times.keys()) / sum(times.values())
