"""A model that can be an encoder or a decoder builds the encoder's mask for both.

mechanism: mask dropped on another path
source: huggingface/transformers#48745
law: prefix
twin: the flag is asked
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass
class DecoderConfig:
    vocab_size: int = 50
    width: int = 16
    is_decoder: bool = True


class Decoder(nn.Module):
    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Embedding(config.vocab_size, config.width)
        self.qkv = nn.Linear(config.width, 3 * config.width)

    def mask(self, time: int) -> Tensor:
        whole = torch.ones(time, time, dtype=torch.bool)
        return whole.tril() if self.config.is_decoder else whole

    def forward(self, input_ids: Tensor) -> dict[str, Tensor]:
        q, k, v = self.qkv(self.table(input_ids)).chunk(3, 2)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask(input_ids.shape[1]))
        return {"logits": out @ self.table.weight.mT}
