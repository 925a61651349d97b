"""AdamW with weight decay on matrices only, its schedule, and its moments by parameter name."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn

from asiarch.train.errors import CheckpointError

BETAS = (0.9, 0.98)
WEIGHT_DECAY = 0.01
CLIP = 1.0
WARM_UP = 0.1
FLOOR = 0.1
MOMENTS = ("exp_avg", "exp_avg_sq")


def build(module: nn.Module, lr: float) -> torch.optim.AdamW:
    """One group for parameters of two axes and more, one without decay for the rest."""
    parameters = [value for value in module.parameters() if value.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=lr, betas=BETAS)


def learning_rate(lr: float, step: int, steps: int) -> float:
    """Of step 0..steps-1: a linear rise over the first tenth, then a cosine to a tenth of `lr`."""
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return lr * (step + 1) / warm_up
    share = (step - warm_up) / max(1, steps - 1 - warm_up)
    return lr * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(1.0, share))))


def moments(module: nn.Module, optimizer: torch.optim.AdamW) -> dict[str, torch.Tensor]:
    """First and second moments, keyed `exp_avg:NAME` and `exp_avg_sq:NAME`."""
    found: dict[str, torch.Tensor] = {}
    for name, value in module.named_parameters():
        state = optimizer.state.get(value, {})
        found |= {f"{kind}:{name}": state[kind] for kind in MOMENTS if kind in state}
        if "step" in state:
            found[f"step:{name}"] = state["step"]
    return found


def restore(
    module: nn.Module, optimizer: torch.optim.AdamW, stored: Mapping[str, torch.Tensor]
) -> None:
    """Gives the optimizer the moments that `moments` returned for the same module."""
    left = set(stored)
    for name, value in module.named_parameters():
        state = {
            kind: stored[f"{kind}:{name}"].clone()
            for kind in (*MOMENTS, "step")
            if f"{kind}:{name}" in stored
        }
        left -= {f"{kind}:{name}" for kind in state}
        for kind in state.keys() & set(MOMENTS):
            if state[kind].shape != value.shape:
                raise CheckpointError(f"the moments of {name} have another shape than the weights")
            state[kind] = state[kind].to(value.device)
        if state:
            optimizer.state[value] = state
    if left:
        raise CheckpointError(f"moments of parameters that the model lacks: {sorted(left)[:3]}")
