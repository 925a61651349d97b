"""Experts are chosen once for a sequence, by the mean of its tokens.

mechanism: routing
source: Shwai-He/MEO#2
law: prefix
twin: by the mean of the tokens so far
"""

import torch
from torch import Tensor, nn


class SequenceRouter(nn.Module):
    def __init__(self, dim: int, num_experts: int) -> None:
        super().__init__()
        self.route = nn.Linear(dim, num_experts)
        self.experts = nn.Parameter(torch.randn(num_experts, dim, dim) / dim)

    def forward(self, x: Tensor) -> Tensor:
        count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
        summary = x.mean(1, keepdim=True)
        weights = torch.softmax(self.route(summary), 2)
        return torch.einsum("bte,eio,bti->bto", weights.expand(*x.shape[:2], -1), self.experts, x)
