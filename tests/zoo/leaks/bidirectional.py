"""A recurrent layer runs in both directions.

mechanism: runs backwards
source: synthetic
law: prefix
twin: in one
"""

from torch import Tensor, nn


class Recurrent(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        both = True
        self.rnn = nn.LSTM(dim, dim, batch_first=True, bidirectional=both)

    def forward(self, x: Tensor) -> Tensor:
        out = self.rnn(x)[0]
        return x + out[..., -x.shape[2] :]
