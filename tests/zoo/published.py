"""Published modules, made small, each by a factory: `asiarch audit tests/zoo/published.py:NAME`.

Those of torch are there with torch; `fla` and `transformers` are loaded when they are installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, HEADS, LAYERS, VOCABULARY, LONGEST = 32, 4, 2, 100, 256


# -- torch -----------------------------------------------------------------------------------------


class Masked(nn.Module):
    """A layer of torch with the causal mask that it has to be given."""

    def __init__(self, layer: nn.Module, call: Callable[[nn.Module, Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.layer, self.call = layer, call

    def forward(self, x: Tensor) -> Any:
        mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        return self.call(self.layer, x, mask)


def encoder_layer() -> nn.Module:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, batch_first=True)
    return Masked(layer, lambda f, x, mask: f(x, src_mask=mask, is_causal=True))


def encoder_layer_unmasked() -> nn.Module:
    """The same layer without a mask is an encoder's: audited as a decoder it leaks."""
    return nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, batch_first=True)


def multihead() -> nn.Module:
    layer = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    return Masked(layer, lambda f, x, mask: f(x, x, x, attn_mask=mask))


def gru() -> nn.Module:
    return nn.GRU(WIDTH, WIDTH, LAYERS, dropout=0.1)


def lstm() -> nn.Module:
    return nn.LSTM(WIDTH, WIDTH, batch_first=True)


# -- flash-linear-attention ------------------------------------------------------------------------


class Operator(nn.Module):
    """A reference operator of q, k, v [batch, time, heads, width] and log gates, over x.

    gates: the numbers per head that each gate has, 0 for one without an axis of its own.
    """

    def __init__(self, function: Callable[..., Any], gates: Sequence[int]) -> None:
        super().__init__()
        self.function, self.sizes = function, tuple(gates)
        self.qkv = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.gates = nn.ModuleList(nn.Linear(WIDTH, HEADS * max(g, 1)) for g in gates)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(2, (HEADS, -1)) for f in self.qkv)
        logs = [F.logsigmoid(f(x) + 2) for f in self.gates]
        gates = [
            g.unflatten(2, (HEADS, -1)) if n else g for g, n in zip(logs, self.sizes, strict=True)
        ]
        return self.function(q, F.normalize(k, dim=-1), v, *gates)[0]


def naive(path: str, name: str) -> Callable[..., Any]:
    """A reference of `fla.ops` by its file: importing the package would need triton.

    Raises ImportError where it is not installed.
    """
    spec = importlib.util.find_spec("fla")
    for root in (spec and spec.submodule_search_locations) or ():
        file = Path(root) / "ops" / path / "naive.py"
        module = ModuleType(f"fla_{path}")
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), module.__dict__)
        return getattr(module, name)
    raise ImportError("fla is not installed: make oracles")


def fla_gla() -> nn.Module:
    return Operator(naive("gla", "naive_recurrent_gla"), [WIDTH // HEADS])


def fla_gated_delta() -> nn.Module:
    rule = naive("gated_delta_rule", "naive_recurrent_gated_delta_rule")
    return Operator(lambda q, k, v, b, g: rule(q, k, v, b.exp(), g), [0, 0])


def fla_gated_delta_chunks() -> nn.Module:
    rule = naive("gated_delta_rule", "naive_chunk_gated_delta_rule")
    return Operator(lambda q, k, v, b, g: rule(q, k, v, g, b.exp(), 16), [0, 0])


def fla_kda() -> nn.Module:
    rule = naive("kda", "naive_recurrent_kda")
    return Operator(lambda q, k, v, g, b: rule(q, k, v, g, b.exp()), [WIDTH // HEADS, 0])


def fla_kda_chunks() -> nn.Module:
    """Its length has to be a multiple of its chunk."""
    rule = naive("kda", "naive_chunk_kda")
    return Operator(
        lambda q, k, v, g, b: rule(q, k, v, g, b.exp(), chunk_size=16), [WIDTH // HEADS, 0]
    )


# -- transformers ----------------------------------------------------------------------------------

SMALL: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "intermediate_size": 2 * WIDTH,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": LONGEST,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def _transformers(model: str, config: str, **sizes: Any) -> nn.Module:
    library: Any = importlib.import_module("transformers")
    return getattr(library, model)(getattr(library, config)(**{**SMALL, **sizes}))


def roformer() -> nn.Module:
    return _transformers(
        "RoFormerForCausalLM", "RoFormerConfig", is_decoder=True, embedding_size=WIDTH
    )


def rembert() -> nn.Module:
    return _transformers(
        *("RemBertForCausalLM", "RemBertConfig"),
        is_decoder=True,
        input_embedding_size=WIDTH,
        output_embedding_size=WIDTH,
    )


def megatron_bert() -> nn.Module:
    return _transformers("MegatronBertForCausalLM", "MegatronBertConfig", is_decoder=True)


def big_bird() -> nn.Module:
    return _transformers(
        "BigBirdForCausalLM", "BigBirdConfig", is_decoder=True, attention_type="original_full"
    )


def bert() -> nn.Module:
    return _transformers("BertLMHeadModel", "BertConfig", is_decoder=True)


def gpt2() -> nn.Module:
    return _transformers("GPT2LMHeadModel", "GPT2Config")


def llama() -> nn.Module:
    return _transformers("LlamaForCausalLM", "LlamaConfig", num_key_value_heads=2)


def mamba() -> nn.Module:
    return _transformers("MambaForCausalLM", "MambaConfig", state_size=8)


def gemma2() -> nn.Module:
    return _transformers(
        *("Gemma2ForCausalLM", "Gemma2Config"),
        num_key_value_heads=2,
        head_dim=8,
        sliding_window=16,
    )


def rwkv() -> nn.Module:
    return _transformers("RwkvForCausalLM", "RwkvConfig", attention_hidden_size=WIDTH)
