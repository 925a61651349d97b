"""Activations are rounded to eight bits by the largest of the tensor.

mechanism: batch statistics
source: synthetic
law: prefix
twin: by the largest of the token
"""

from torch import Tensor, nn


class Quantised(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        y = self.inner(x)
        step = y.abs().amax((0, 1, 2), keepdim=True) / 127
        return (y / step).round() * step
