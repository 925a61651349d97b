"""A language model over token ids: forward is causal, the gradient of its smoothing is not.

mechanism: gradient alone
source: synthetic
law: gradient
twin: the smoothing is a running mean
"""

import torch
from torch import Tensor, nn


class Smoothed(nn.Module):
    def __init__(self, vocab_size: int, dim: int) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(vocab_size, dim), nn.Linear(dim, vocab_size)

    def forward(self, tokens: Tensor) -> Tensor:
        x = torch.tanh(self.table(tokens))
        count = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)[:, None]
        mean = x.cumsum(1) / count
        return self.out(x + (mean - mean.detach()))
