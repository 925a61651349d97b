"""Features are normalised with statistics of the batch: what one row is depends on the others.

mechanism: batch statistics
source: synthetic
law: batch
twin: statistics of the features
"""

from torch import Tensor, nn


class Whitened(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mix = nn.GRU(dim, dim, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        mean, deviation = x.mean(2, keepdim=True), x.std(2, keepdim=True) + 0.1
        return self.mix((x - mean) / deviation)[0]
