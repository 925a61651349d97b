"""Hard choices, with the gradient of soft ones: the soft ones are normalised over the whole text.

mechanism: gradient alone
source: synthetic
law: gradient
twin: they are normalised over the features
"""

import torch
from torch import Tensor, nn


class HardChoice(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.score = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        score = self.score(x)
        soft = torch.softmax(score, 1)
        hard = (score > 0).to(x.dtype)
        return x.detach() * (hard + soft - soft.detach())
