"""An expert for repeated pairs of tokens is gated by a pair that holds the token to be predicted.

mechanism: reads the target
source: openai/parameter-golf#1967
law: prefix
twin: by the pair that ends at the present token
"""

import torch
from torch import Tensor, nn


class PairGate(nn.Module):
    def __init__(self, vocab_size: int, dim: int) -> None:
        super().__init__()
        self.table, self.pairs = nn.Embedding(vocab_size, dim), nn.Embedding(997, 1)
        self.out = nn.Linear(dim, vocab_size)

    def forward(self, tokens: Tensor) -> Tensor:
        other = torch.roll(tokens, 1, 1)
        other[:, 0] = 0
        gate = torch.sigmoid(self.pairs((31 * tokens + other) % 997))
        return self.out(gate * self.table(tokens))
