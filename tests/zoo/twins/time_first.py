"""A recurrent layer over [time, batch, width], in both directions.

mechanism: runs backwards
source: synthetic
law: prefix
twin: in one
"""

from torch import Tensor, nn


class TimeFirst(nn.Module):
    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.rnn = nn.GRU(input_size, input_size, 2, bidirectional=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.rnn(x)
