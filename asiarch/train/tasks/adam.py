"""AdamW on flat parameters of several replicas, each with its learning rate and its own clipping.

One tensor `[replicas, numbers]` holds all parameters of all replicas, so that a step is a dozen
operations whatever the number of parameters. The update is that of `torch.optim.AdamW` with the
settings of `asiarch.train.optimizer`. A replica whose gradient is not finite stops: its parameters
stay as they were, and the others go on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from asiarch.train.optimizer import BETAS, CLIP, WEIGHT_DECAY, learning_rate

EPSILON = 1e-8


def flattened(parameters: Sequence[nn.Parameter], replicas: int | None) -> tuple[Tensor, Tensor]:
    """Parameters and gradients as `[replicas, numbers]`, of which the given ones become views.

    replicas: the first axis of every parameter, or None for parameters of one replica.
    """
    count = replicas or 1
    total = sum(p.numel() for p in parameters) // count
    device = parameters[0].device
    weights, grads = (torch.zeros(count, total, device=device) for _ in range(2))
    first = 0
    for parameter in parameters:
        shape = parameter.shape if replicas is None else parameter.shape[1:]
        size = math.prod(shape)
        parts = [whole[:, first : first + size].reshape(-1, *shape) for whole in (weights, grads)]
        weight, grad = parts if replicas is not None else [part[0] for part in parts]
        weight.copy_(parameter.data)
        parameter.data, parameter.grad = weight, grad
        first += size
    return weights, grads


class Adam:
    """rates `[replicas]`; parameters in the order in which `flattened` had them."""

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        rates: Sequence[float],
        steps: int,
        replicas: int | None,
    ) -> None:
        whole: tuple[Tensor, Tensor] = flattened(parameters, replicas)
        self.weights, self.grads = whole
        least = 2 if replicas is None else 3
        decay = [torch.full((p.numel() // len(rates),), float(p.ndim >= least)) for p in parameters]
        self.decay = WEIGHT_DECAY * torch.cat(decay).to(self.weights.device)
        self.rates = torch.tensor(rates, device=self.weights.device)[:, None]
        self.steps, self.done = steps, 0
        self.first: Tensor = torch.zeros_like(self.weights)
        self.second: Tensor = torch.zeros_like(self.weights)
        self.alive: Tensor = torch.ones(len(rates), dtype=torch.bool, device=self.weights.device)

    def zero(self) -> None:
        self.grads.zero_()

    @property
    def all_alive(self) -> bool:
        return bool(self.alive.all())

    @torch.no_grad()
    def step(self, losses: Tensor) -> None:
        """One update by the gradients of `losses` `[replicas]`."""
        grads: Tensor = self.grads
        norms = cast(Tensor, torch.linalg.vector_norm(grads, dim=1))
        self.alive &= norms.isfinite() & losses.detach().isfinite()
        if not self.all_alive:
            grads[~self.alive] = 0
            norms = norms.where(self.alive, 0)
        grads.mul_(norms.add(1e-6).reciprocal().mul(CLIP).clamp(max=1.0)[:, None])
        self.done += 1
        factor = learning_rate(1.0, self.done - 1, self.steps)
        rates = self.rates.mul(factor).mul(self.alive[:, None])
        self.weights.mul_(rates.mul(self.decay).neg().add(1))
        self.first.lerp_(grads, 1 - BETAS[0])
        self.second.mul_(BETAS[1]).addcmul_(grads, grads, value=1 - BETAS[1])
        scale = 1 / math.sqrt(1 - BETAS[1] ** self.done)
        ratio = self.first.div(self.second.sqrt().mul_(scale).add_(EPSILON))
        self.weights.sub_(ratio.mul_(rates.div(1 - BETAS[0] ** self.done)))
