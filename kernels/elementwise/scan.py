"""All states of a recurrence with a decay per entry, and the adjoint of all of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..chunks.torch import Chunks


def scanned(a: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """[N, C, ...]: y_i = a_i y_{i-1} + x_i from zero, and a_1 ... a_i: products alone, any sign."""
    steps, products = list(x.unbind(1)), list(a.unbind(1))
    for i in range(1, len(steps)):
        steps[i] = torch.addcmul(steps[i], products[i], steps[i - 1])
        products[i] = products[i] * products[i - 1]
    return torch.stack(steps, 1), torch.stack(products, 1)


def elementwise_states(
    chunks: Chunks, a: Tensor, x: Tensor, state: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """States before and after every token [N, C + 1, ...], those before the chunks, the last."""
    y, products = scanned(a, x)
    before, last = chunks.walk(torch.addcmul, state, y[:, -1], products[:, -1])
    start = before.unsqueeze(1)
    return torch.cat([start, torch.addcmul(y, products, start)], 1), before, last


def elementwise_again(a: Tensor, x: Tensor, before: Tensor) -> Tensor:
    """The states of `elementwise_states` from those before the chunks."""
    y, products = scanned(a, x)
    start = before.unsqueeze(1)
    return torch.cat([start, torch.addcmul(y, products, start)], 1)


def elementwise_adjoint(
    chunks: Chunks, a: Tensor, states: Tensor, grad: Tensor, d_last: Tensor
) -> Any:
    """From the derivative by each state [N, C + 1, ...]: by a, by x, by the initial state."""
    d_x, d_state = elementwise_back(chunks, a, grad, d_last)
    return d_x * states[:, :-1], d_x, d_state


def elementwise_back(
    chunks: Chunks, a: Tensor, grad: Tensor, d_last: Tensor
) -> tuple[Tensor, Tensor]:
    """From the derivative by each state [N, C + 1, ...]: by x, by the initial state."""
    later = torch.cat([a.flip(1), torch.ones_like(a[:, :1])], 1).roll(1, 1)
    y, products = scanned(later, grad.flip(1))
    after, d_state = chunks.walk(torch.addcmul, d_last, y[:, -1], products[:, -1], back=True)
    return torch.addcmul(y, products, after.unsqueeze(1)).flip(1)[:, 1:], d_state
