"""A later part of the text is attended against the cache, and its own tokens without a mask.

mechanism: state between parts
source: lightseekorg/tokenspeed#178
law: streaming
twin: the mask is moved by the length of the cache
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CachedAttention(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(
        self, x: Tensor, state: Tensor | None = None, return_state: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        seen = x if state is None else torch.cat([state, x], 1)
        q, k, v = self.qkv(seen).chunk(3, 2)
        q, past = q[:, -x.shape[1] :], seen.shape[1] - x.shape[1]
        allowed = torch.ones(x.shape[1], seen.shape[1], dtype=torch.bool)
        if past == 0:
            allowed = allowed.tril()
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return (out, seen) if return_state else out
