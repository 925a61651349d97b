"""An expert has room for so many tokens of the batch: rows that come first take the places.

mechanism: batch statistics
source: synthetic
law: batch
twin: it has room for so many tokens of each row
"""

import torch
from torch import Tensor, nn


class Capacity(nn.Module):
    def __init__(self, dim: int, num_experts: int) -> None:
        super().__init__()
        self.route = nn.Linear(dim, num_experts)
        self.experts = nn.Parameter(torch.randn(num_experts, dim, dim) / dim)

    def forward(self, x: Tensor) -> Tensor:
        chosen = self.route(x).argmax(2)
        taken = torch.nn.functional.one_hot(chosen, len(self.experts))
        rank = taken.flatten(0, 1).cumsum(0).reshape(taken.shape)
        weights = (taken * (rank <= 8)).to(x.dtype)
        return x + torch.einsum("bte,eio,bti->bto", weights, self.experts, x)
