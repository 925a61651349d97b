"""Masks and scores of attention, cells, convolutions, positions: torch's and transformers'."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from asiarch.laws.oracles.attends import FULL, SINK, WINDOW
from asiarch.laws.oracles.common import QKV, SIZES, heads_first, same
from asiarch.laws.oracles.draws import normal, once
from asiarch.laws.oracles.oracle import Leaves, Oracle, written
from asiarch.laws.oracles.references import Reference, transformers

SOFTCAP = written(
    "softcap_attention",
    """
op softcap_attention[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, V] {
  return attend j where j <= t { score: 3 * tanh(q[t] @ k[j] / sqrt(K) / 3)  value: v[j] }
}
""",
)

ALIBI = written(
    "alibi_attention",
    """
op alibi_attention[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, V] {
  slope = 2 ^ (-8 * (index[H]() + 1) / H)
  return attend j where j <= t { score: q[t] @ k[j] / sqrt(K) - slope * (t - j)  value: v[j] }
}
""",
)

DILATED = written(
    "dilated_attention",
    """
op dilated_attention[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, V] {
  return attend j where j <= t and (t - j) % 4 == 0 { score: q[t] @ k[j] / sqrt(K)  value: v[j] }
}
""",
)

BLOCKS = written(
    "block_attention",
    """
op block_attention[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, V] {
  return attend j where t - t % 6 <= j <= t { score: q[t] @ k[j] / sqrt(K)  value: v[j] }
}
""",
)

DIFFERENTIAL = written(
    "differential_attention",
    """
op differential_attention[P, H, K, V](q: Seq[P, H, K], k: Seq[P, H, K], v: Seq[H, V])
  -> Seq[H, V]
{
  param l[P, K] ~ normal(0.1)
  param r[P, K] ~ normal(0.1)
  e = exp(dot[K](l, r))
  a = attend j where j <= t { score: q[t] @ k[j] / sqrt(K)  value: v[j] }
  y = a[P = 0] - (e[P = 0] - e[P = 1] + 0.2) * a[P = 1]
  return 0.8 * y / sqrt(mean[V](y * y) + 1e-5)
}
""",
)

ROPE = written(
    "turned",
    """
op turned[H, K](x: Seq[H, K]) -> Seq[H, K] {
  return rope[K](x)
}
""",
)

CONV = written(
    "short_conv",
    """
op short_conv[D](x: Seq[D]) -> Seq[D] {
  return conv[4](x)
}
""",
)

GATED_CONV = written(
    "gated_conv",
    """
op gated_conv[D](b: Seq[D], c: Seq[D], x: Seq[D]) -> Seq[D] {
  return c * conv[3](b * x)
}
""",
)

GRU = written(
    "gru_cell",
    """
op gru_cell[D, G, E = D](x: Seq[G, D]) -> Seq[D] {
  param u[G, D, E] ~ normal(1)
  param c[D] ~ const(0)
  state h[D]
  y = u @ rename[D -> E](h[t-1])
  r = sigmoid(x[G = 0] + y[G = 0])
  z = sigmoid(x[G = 1] + y[G = 1])
  n = tanh(x[G = 2] + r * (y[G = 2] + c))
  h = (1 - z) * n + z * h[t-1]
  return h
}
""",
)

LSTM = written(
    "lstm_cell",
    """
op lstm_cell[D, G, E = D](x: Seq[G, D]) -> Seq[D] {
  param u[G, D, E] ~ normal(1)
  state h[D]
  state c[D]
  y = x + u @ rename[D -> E](h[t-1])
  c = sigmoid(y[G = 1]) * c[t-1] + sigmoid(y[G = 0]) * tanh(y[G = 2])
  h = sigmoid(y[G = 3]) * tanh(c)
  return h
}
""",
)

SDPA = Reference("torch", "torch.nn.functional", "scaled_dot_product_attention")


def _plain(x: Leaves) -> list[Tensor]:
    return [x.q, x.k, x.v]


def _sdpa(f: Any, x: Leaves, mask: Tensor | None = None) -> Tensor:
    """Masked by [time, time] truths or numbers; causal without."""
    q, k, v = heads_first(x.q, x.k, x.v)
    return f(q, k, v, attn_mask=mask, is_causal=mask is None).transpose(1, 2)


def _places(x: Leaves) -> tuple[Tensor, Tensor]:
    """t and j over all pairs of tokens."""
    n = torch.arange(x.q.shape[1])
    return n[:, None], n[None]


def _dilated(x: Leaves) -> Tensor:
    t, j = _places(x)
    return (j <= t) & ((t - j) % 4 == 0)


def _blocks(x: Leaves) -> Tensor:
    t, j = _places(x)
    return (j <= t) & (t // 6 == j // 6)


def _causal(x: Leaves, window: int = 1 << 30) -> Tensor:
    """Minus infinity for tokens that are not looked at."""
    t, j = _places(x)
    seen = (j <= t) & (t - j < window)
    return torch.zeros(seen.shape).masked_fill(~seen, -torch.inf)


def _eager(f: Any, x: Leaves, mask: Tensor, **more: Any) -> Tensor:
    """A model's own attention, called with what it asks of its module."""
    module = SimpleNamespace(num_key_value_groups=1, training=False, sinks=getattr(x, "s", None))
    q, k, v = heads_first(x.q, x.k, x.v)
    return f(module, q, k, v, mask, scaling=x.q.shape[-1] ** -0.5, **more)[0]


def _alibi(f: Any, x: Leaves) -> Tensor:
    bias = f(torch.ones(1, x.q.shape[1]), x.q.shape[2], torch.float64)
    mask = bias[None] + _causal(x)
    q, k, v = heads_first(x.q, x.k, x.v)
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2)


def _giving(y: Tensor) -> Callable[[Tensor], Tensor]:
    """In the place of a projection."""
    return lambda _: y


def _differential(f: Any, x: Leaves) -> Tensor:
    """Query heads: all first ones, then all second ones; values in two halves."""
    _, time, pairs, heads, width = x.q.shape
    flat = {n: getattr(x, n).flatten(2) for n in "qk"}
    flat["v"] = torch.cat([y.flatten(2) for y in x.v.chunk(2, -1)], -1)
    self = SimpleNamespace(
        head_dim=width,
        num_key_value_groups=1,
        scaling=width**-0.5,
        training=False,
        layer_idx=0,
        config=SimpleNamespace(_attn_implementation="eager"),
        lambda_init=0.2,
        groupnorm=torch.nn.RMSNorm(2 * width, eps=1e-5, elementwise_affine=False),
        **{f"{n}_proj": _giving(y) for n, y in flat.items()},
        o_proj=same,
        **{f"lambda_q{n + 1}": x.l[n] / 2 for n in range(2)},
        **{f"lambda_k{n + 1}": x.r[n] / 2 for n in range(2)},
    )
    cos = torch.ones(1, time, width)
    y = f.forward(self, flat["q"], (cos, cos * 0), _causal(x))[0]
    return y.reshape(*y.shape[:2], heads, pairs * width)


def _rope(f: Any, x: Leaves) -> Tensor:
    width = x.x.shape[-1]
    step = 10000.0 ** (-torch.arange(0, width, 2) / width)
    angle = torch.arange(x.x.shape[1])[:, None] * step
    angle = torch.cat([angle, angle], -1)[None]
    return f(x.x, x.x, angle.cos(), angle.sin(), unsqueeze_dim=2)[0]


def _conv(f: Any, x: Leaves) -> Tensor:
    """Their first tap is the oldest token too."""
    padded = torch.nn.functional.pad(x.x.transpose(1, 2), (x.taps.shape[0] - 1, 0))
    return f(padded, x.taps.t().unsqueeze(1), groups=x.taps.shape[1]).transpose(1, 2)


def _gated_conv(f: Any, x: Leaves) -> Tensor:
    taps = SimpleNamespace(weight=x.taps.t().unsqueeze(1), bias=None)
    self = SimpleNamespace(in_proj=same, out_proj=same, conv=taps, layer_idx=0, conv_kernel_size=3)
    return f.forward(self, torch.cat([x.b, x.c, x.x], -1))


def _cell(f: Any, x: Leaves, biases: Tensor) -> Tensor:
    """One layer; its inputs are the sums that enter the gates."""
    count, width = x.x.shape[2:]
    module = f(count * width, width, batch_first=True)
    parameters = {
        "weight_ih_l0": torch.eye(count * width),
        "weight_hh_l0": x.u.flatten(0, 1),
        "bias_ih_l0": torch.zeros(count * width),
        "bias_hh_l0": biases,
    }
    y: Any = torch.func.functional_call(module, parameters, (x.x.flatten(2),))
    return y[0]


def _gru(f: Any, x: Leaves) -> Tensor:
    return _cell(f, x, torch.cat([torch.zeros(2 * x.c.shape[0]), x.c]))


ORACLES = (
    Oracle("softmax attention (torch)", FULL, SDPA, SIZES, QKV, _plain, _sdpa),
    Oracle(
        "dilated attention (torch)",
        DILATED,
        SDPA,
        SIZES,
        QKV,
        _plain,
        lambda f, x: _sdpa(f, x, _dilated(x)),
    ),
    Oracle(
        "attention in blocks (torch)",
        BLOCKS,
        SDPA,
        SIZES,
        QKV,
        _plain,
        lambda f, x: _sdpa(f, x, _blocks(x)),
    ),
    Oracle(
        "attention sink (GPT-OSS)",
        SINK,
        transformers("gpt_oss", "eager_attention_forward"),
        SIZES,
        {**QKV, "s": once(normal("H"))},
        _plain,
        lambda f, x: _eager(f, x, _causal(x)),
        lambda x: {"s": x.s},
    ),
    Oracle(
        "soft cap (Gemma 2)",
        SOFTCAP,
        transformers("gemma2", "eager_attention_forward"),
        SIZES,
        QKV,
        _plain,
        lambda f, x: _eager(f, x, _causal(x), softcap=3.0),
    ),
    Oracle(
        "sliding window (Gemma 2)",
        WINDOW,
        transformers("gemma2", "eager_attention_forward"),
        {**SIZES, "W": 5},
        QKV,
        _plain,
        lambda f, x: _eager(f, x, _causal(x, 5)),
    ),
    Oracle(
        "ALiBi (BLOOM)",
        ALIBI,
        transformers("bloom", "build_alibi_tensor"),
        SIZES,
        QKV,
        _plain,
        _alibi,
    ),
    Oracle(
        "differential attention (DiffLlama)",
        DIFFERENTIAL,
        transformers("diffllama", "DiffLlamaAttention"),
        {"P": 2, "H": 2, "K": 4, "V": 8},
        {
            "q": normal("P", "H", "K"),
            "k": normal("P", "H", "K"),
            "v": normal("H", "V"),
            "l": once(normal("P", "K")),
            "r": once(normal("P", "K")),
        },
        _plain,
        _differential,
        lambda x: {"l": x.l / 2, "r": x.r / 2},
    ),
    Oracle(
        "rotary positions (Llama)",
        ROPE,
        transformers("llama", "apply_rotary_pos_emb"),
        {"H": 2, "K": 6},
        {"x": normal("H", "K")},
        lambda x: [x.x],
        _rope,
    ),
    Oracle(
        "short convolution (torch)",
        CONV,
        Reference("torch", "torch.nn.functional", "conv1d"),
        {"D": 3},
        {"x": normal("D"), "taps": once(normal("n", "D"))},
        lambda x: [x.x],
        _conv,
        lambda x: {"out.conv.taps": x.taps},
        extra={"n": 4},
    ),
    Oracle(
        "gated short convolution (LFM2)",
        GATED_CONV,
        transformers("lfm2", "Lfm2ShortConv"),
        {"D": 3},
        {
            "b": normal("D"),
            "c": normal("D"),
            "x": normal("D"),
            "taps": once(normal("n", "D")),
        },
        lambda x: [x.b, x.c, x.x],
        _gated_conv,
        lambda x: {"out.conv.taps": x.taps},
        extra={"n": 3},
    ),
    Oracle(
        "GRU (torch)",
        GRU,
        Reference("torch", "torch.nn", "GRU"),
        {"D": 3, "G": 3},
        {"x": normal("G", "D"), "u": once(normal("G", "D", "D")), "c": once(normal("D"))},
        lambda x: [x.x],
        _gru,
        lambda x: {"u": x.u, "c": x.c},
    ),
    Oracle(
        "LSTM (torch)",
        LSTM,
        Reference("torch", "torch.nn", "LSTM"),
        {"D": 3, "G": 4},
        {"x": normal("G", "D"), "u": once(normal("G", "D", "D"))},
        lambda x: [x.x],
        lambda f, x: _cell(f, x, torch.zeros(x.x.shape[2:].numel())),
        lambda x: {"u": x.u},
    ),
)
