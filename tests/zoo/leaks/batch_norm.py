"""A norm whose statistics in training are those of the whole batch, all tokens of it.

mechanism: batch statistics
source: synthetic
law: prefix, training
twin: a norm over the features
"""

import torch
from torch import Tensor, nn


class Normalised(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, dim)
        self.norm = nn.BatchNorm1d(dim)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(torch.relu(self.inner(x)).flatten(0, 1))
        return x + self.drop(y).reshape(x.shape)
