"""AdamW on flat parameters of several replicas, each with its learning rate and its own clipping.

One tensor `[replicas, numbers]` holds all parameters of all replicas, so that a step is a dozen
operations whatever the number of parameters. The update is that of `torch.optim.AdamW` with the
settings of `asiarch.train.optimizer`. A replica whose gradient is not finite stops: its parameters
stay as they were, and the others go on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from asiarch.train.optimizer import BETAS, CLIP, WEIGHT_DECAY, learning_rate

EPSILON = 1e-8


@dataclass(frozen=True, slots=True)
class Placed:
    """A parameter and the place of the replicas among its axes; None where there is one alone."""

    parameter: nn.Parameter
    place: int | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one replica."""
        sizes = list(self.parameter.shape)
        if self.place is not None:
            del sizes[self.place]
        return tuple(sizes)


def flattened(parameters: Sequence[Placed], replicas: int) -> Tensor:
    """All parameters as `[replicas, numbers]`, of which the given ones become views."""
    total = sum(math.prod(p.shape) for p in parameters)
    whole = torch.empty(replicas, total, device=parameters[0].parameter.device)
    first = 0
    for placed in parameters:
        last = first + math.prod(placed.shape)
        view = whole[:, first:last].reshape(-1, *placed.shape)
        view = view[0] if placed.place is None else view.movedim(0, placed.place)
        view.copy_(placed.parameter.data)
        placed.parameter.data = view
        first = last
    return whole


def gradients(loss: Tensor, parameters: Sequence[Placed]) -> Tensor:
    """Of a loss that sums the replicas' own, `[replicas, numbers]`."""
    leaves = [p.parameter for p in parameters]
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    parts: list[Tensor] = []
    for placed, grad in zip(parameters, cast("Sequence[Tensor | None]", found), strict=True):
        grad = torch.zeros_like(placed.parameter) if grad is None else grad
        first = grad[None] if placed.place is None else grad.movedim(placed.place, 0)
        parts.append(first.reshape(len(first), -1))
    return torch.cat(parts, 1)


class Adam:
    """rates `[replicas]`; parameters in the order in which `flattened` had them."""

    def __init__(
        self,
        parameters: Sequence[Placed],
        rates: Sequence[float],
        steps: int,
    ) -> None:
        self.parameters = tuple(parameters)
        self.weights = flattened(parameters, len(rates))
        shapes = [p.shape for p in parameters]
        decay = [torch.full((math.prod(shape),), float(len(shape) >= 2)) for shape in shapes]
        self.decay = WEIGHT_DECAY * torch.cat(decay).to(self.weights.device)
        self.rates = torch.tensor(rates, device=self.weights.device)[:, None]
        self.steps, self.done = steps, 0
        self.first: Tensor = torch.zeros_like(self.weights)
        self.second: Tensor = torch.zeros_like(self.weights)
        self.alive: Tensor = torch.ones(len(rates), dtype=torch.bool, device=self.weights.device)

    @property
    def living(self) -> list[bool]:
        return [bool(alive) for alive in self.alive]

    def step(self, losses: Tensor, further: Tensor | float = 0.0) -> None:
        """One update by the gradients of `losses` `[replicas]`, and of `further` terms of a module
        of one replica.
        """
        grads = gradients(losses.sum() + further, self.parameters)
        with torch.no_grad():
            self._update(losses.detach(), grads)

    def _update(self, losses: Tensor, grads: Tensor) -> None:
        norms = cast(Tensor, torch.linalg.vector_norm(grads, dim=1))
        self.alive &= norms.isfinite() & losses.isfinite()
        if not all(self.living):
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
