"""Features are standardised with their mean and deviation over the text.

mechanism: normalising over time
source: synthetic
law: prefix
twin: with those of the token
"""

from torch import Tensor, nn


class Standardised(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        y = self.weight(x)
        axis = 2
        centred = y - y.mean(axis, keepdim=True)
        return centred * (centred.square().mean(axis, keepdim=True) + 1e-5).rsqrt()
