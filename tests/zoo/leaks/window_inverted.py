"""The window's mask keeps what lies outside of it: the arithmetic of two triangles is turned round.

mechanism: window bounds
source: huggingface/transformers#31673
law: prefix
twin: the difference of the triangles the right way round
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WINDOW = 8


class SlidingAttention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, 2)
        ones = torch.ones(x.shape[1], x.shape[1])
        banned = torch.tril(ones) - torch.tril(ones, -WINDOW)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=banned * -1e9)
