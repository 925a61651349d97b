"""A window of (left, 0): no token to the right is taken to mean no bound to the right.

mechanism: window bounds
source: jax-ml/jax#39576
law: prefix
twin: zero is a bound
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LocalAttention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv, self.window = nn.Linear(dim, 3 * dim), (8, 0)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        left, right = self.window
        lag = torch.arange(x.shape[1])[:, None] - torch.arange(x.shape[1])
        allowed = lag <= left
        if right:
            allowed &= -lag <= right
        return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
