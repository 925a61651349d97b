"""Products of scalar decays between two tokens of a chunk: no logarithm, no division, any decay."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad


class Decays(torch.autograd.Function):
    """[N, C] -> [N, C, C], D_ij = a_{j+1} ... a_i for j <= i, else 0: right where a is 0 or < 0."""

    @staticmethod
    def forward(a: Tensor) -> Tensor:
        ones = a.new_ones(a.shape[1], a.shape[1])
        steps = torch.addcmul(ones.triu(), a.unsqueeze(2), ones.tril(-1))
        return steps.cumprod(1) * ones.tril()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Every path over a_l is D_il D_l-1,j: nothing is divided by a decay."""
        (decay,) = ctx.saved_tensors
        return pad(((decay.mT @ grad)[:, 1:] * decay[:, :-1]).sum(2), (1, 0))
