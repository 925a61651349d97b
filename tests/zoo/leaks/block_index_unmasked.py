"""An indexer picks the best blocks for a query; blocks of the future may be among them.

mechanism: block mask
source: huggingface/transformers#45820
law: prefix
twin: blocks that are not over score minus infinity
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCK, KEPT = 4, 2


class Indexer(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x: Tensor) -> Tensor:
        time = x.shape[1]
        q, k, v = self.qkv(F.pad(x, (0, 0, 0, -time % BLOCK))).chunk(3, 2)
        keys, values = (z.unflatten(1, (-1, BLOCK)).mean(2) for z in (k, v))
        ends = torch.arange(1, keys.shape[1] + 1) * BLOCK
        future = ends[None, :] > torch.arange(q.shape[1])[:, None]
        scores = q @ keys.mT
        best = scores.topk(min(KEPT, keys.shape[1]), 2)
        weights = torch.sigmoid(best.values)[..., None]
        rows = torch.arange(x.shape[0])[:, None, None]
        return x + (weights * values[rows, best.indices]).sum(2)[:, :time]
