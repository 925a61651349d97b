"""A convolution keeps for the next part of the text what it needs of this part, not of the text.

mechanism: state between parts
source: synthetic
law: streaming
twin: the last tokens of all that was seen
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TAPS = 4


class StatefulConvolution(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(dim, dim, TAPS, groups=dim)

    def forward(
        self, x: Tensor, state: Tensor | None = None, return_state: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        part = F.pad(x, (0, 0, TAPS - 1, 0))
        seen = part if state is None else torch.cat([state, x], 1)
        kept = seen[:, -(TAPS - 1) :]
        out = self.conv(seen.mT).mT
        return (out, kept) if return_state else out
