"""Every expert takes the tokens that it likes best, out of the whole sequence.

mechanism: routing
source: arXiv 2405.03133
law: prefix
twin: every token takes the expert that it likes best
"""

import torch
from torch import Tensor, nn


class ExpertChoice(nn.Module):
    def __init__(self, dim: int, num_experts: int) -> None:
        super().__init__()
        self.route = nn.Linear(dim, num_experts)
        self.experts = nn.Parameter(torch.randn(num_experts, dim, dim) / dim)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.route(x).sigmoid()
        axis, kept = 1, max(x.shape[1] // 4, 1)
        least = scores.topk(kept, axis).values.amin(axis, keepdim=True)
        weights = scores * (scores >= least)
        return x + torch.einsum("bte,eio,bti->bto", weights, self.experts, x)
