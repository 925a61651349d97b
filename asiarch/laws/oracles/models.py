"""Recurrences as transformers' models run them without kernels."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from asiarch.laws.oracles.common import QKV, SIZES, heads_first, qkv, same
from asiarch.laws.oracles.draws import normal, once, positive
from asiarch.laws.oracles.oracle import Leaves, Oracle, library, written
from asiarch.laws.oracles.references import mamba, transformers

SSD = written(
    "ssd",
    """
op ssd[G, H, N, P](u: Seq[G, H, P], dt: Seq[G, H], B: Seq[G, N], C: Seq[G, N]) -> Seq[G, H, P] {
  param a[G, H] ~ const(0)
  param skip[G, H] ~ const(1)
  state S[G, H, N, P]
  S = exp(-exp(a) * dt) * S[t-1] + dt * B * u
  return C @ S + skip * u
}
""",
)

LIGHTNING = written(
    "lightning",
    """
op lightning[H, K, V, layer, L](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, V] {
  rate = 2 ^ (-8 * (index[H]() + 1) / H) * (1 - layer / (L - 1 + 1e-5) + 1e-5)
  state S[H, K, V]
  S = exp(-rate) * S[t-1] + k * v
  return q @ S
}
""",
)


def _selective(f: Any, x: Leaves) -> Tensor:
    u, dt, b, c = (y.transpose(1, 2) for y in (x.u, x.dt, x.B, x.C))
    return f(u, dt, -x.a.exp(), b, c, x.skip).transpose(1, 2)


def _ssd(f: Any, x: Leaves) -> Tensor:
    """Their heads are our groups and heads as one axis."""
    a, skip = (-x.a.exp()).flatten(), x.skip.flatten()
    y = f(x.u.flatten(2, 3), x.dt.flatten(2, 3), a, x.B, x.C, chunk_size=8, D=skip)
    return y.reshape(x.u.shape)


def _minimal(f: Any, x: Leaves) -> Tensor:
    """The listing of the paper: rates already multiplied in, a B and a C for every head."""
    u, dt = x.u.flatten(2, 3), x.dt.flatten(2, 3)
    b, c = (y.repeat_interleave(x.a.shape[1], 2) for y in (x.B, x.C))
    y = f(u * dt.unsqueeze(-1), -x.a.exp().flatten() * dt, b, c, 10)[0]
    return y.reshape(x.u.shape) + x.skip.unsqueeze(-1) * x.u


def _rg_lru(f: Any, x: Leaves) -> Tensor:
    """One block of gates, and no document starts: the first token's input is scaled like others."""
    width = x.x.shape[-1]
    module = f(SimpleNamespace(num_attention_heads=1, lru_width=width))
    parameters = {
        "recurrent_param": x.rate,
        "input_gate_weight": x.wi[None],
        "input_gate_bias": x.bi[None],
        "recurrent_gate_weight": x.wr[None],
        "recurrent_gate_bias": x.br[None],
    }
    position = 1 + torch.arange(x.x.shape[1]).expand(x.x.shape[:2])
    found: Any = torch.func.functional_call(module, parameters, (x.x, position))
    return found


def _rwkv4(f: Any, x: Leaves) -> Tensor:
    return f(x.w, x.u, x.k, x.v)[0]


def _mlstm(f: Any, x: Leaves, **more: Any) -> Tensor:
    y = f(*heads_first(x.q, x.k, x.v, x.i, x.f), eps=0.0, **more)
    return (y if isinstance(y, Tensor) else y[0]).transpose(1, 2)


def _lightning(f: Any, x: Leaves) -> Tensor:
    """The module's forward without its projections, activation, norm and gate."""
    heads, width = x.q.shape[2:]
    self = SimpleNamespace(
        layer_idx=1, num_hidden_layers=4, num_attention_heads=heads, head_dim=width, block_size=8
    )
    self.slope_rate = f.get_slope_rate(self)
    self.query_decay, self.key_decay, self.diagonal_decay = f.decay_factors(self, self.slope_rate)
    self.qkv_proj = self.act_fn = self.norm = self.out_proj = same
    open_gate = torch.full((*x.q.shape[:2], heads * width), torch.inf)
    self.output_gate = lambda _: open_gate  # type: ignore[reportUnknownLambdaType]
    y = f.forward(self, torch.cat([x.q, x.k, x.v], -1).flatten(2, 3), None, None)[0]
    return y.reshape(x.q.shape)


SQUARE = {**SIZES, "V": 4}
GATES = {**QKV, "i": normal("H"), "f": normal("H")}

_SELECTIVE = Oracle(
    "selective scan (Mamba)",
    library("mamba", "mamba_core"),
    transformers("mamba", "mamba_selective_scan"),
    {"D": 4, "N": 3},
    {
        "u": normal("D"),
        "dt": positive("D"),
        "B": normal("N"),
        "C": normal("N"),
        "a": once(normal("D", "N")),
        "skip": once(normal("D")),
    },
    lambda x: [x.u, x.dt, x.B, x.C],
    _selective,
    lambda x: {"log_a": x.a, "skip": x.skip},
)
_SSD = Oracle(
    "state space duality (Mamba-2)",
    SSD,
    transformers("mamba2", "mamba2_chunk_scan"),
    {"G": 2, "H": 3, "N": 4, "P": 2},
    {
        "u": normal("G", "H", "P"),
        "dt": positive("G", "H"),
        "B": normal("G", "N"),
        "C": normal("G", "N"),
        "a": once(normal("G", "H")),
        "skip": once(normal("G", "H")),
    },
    lambda x: [x.u, x.dt, x.B, x.C],
    _ssd,
    lambda x: {"a": x.a, "skip": x.skip},
)
_KERNELS: dict[str, str | Mapping[str, Any]] = {
    "mamba_ssm.utils.torch": "mamba_ssm/utils/torch.py",
    "mamba_ssm.ops.triton.layer_norm": {"_layer_norm_fwd": None},
    "selective_scan_cuda": {},
}
"""What the file imports for its CUDA path."""

_COMBINED: dict[str, Mapping[str, Any]] = {
    "mamba_ssm.ops.triton.ssd_combined": {"mamba_chunk_scan_combined": None}
}

ORACLES = (
    _SELECTIVE,
    _SSD,
    Oracle(
        "selective scan (mamba)",
        library("mamba", "mamba_core"),
        mamba("ops/selective_scan_interface.py", "selective_scan_ref", **_KERNELS),
        _SELECTIVE.sizes,
        _SELECTIVE.leaves,
        _SELECTIVE.ours,
        _SELECTIVE.theirs,
        _SELECTIVE.parameters,
    ),
    Oracle(
        "state space duality (mamba)",
        SSD,
        mamba("modules/ssd_minimal.py", "ssd_minimal_discrete", **_COMBINED),
        _SSD.sizes,
        _SSD.leaves,
        _SSD.ours,
        _minimal,
        _SSD.parameters,
    ),
    Oracle(
        "RG-LRU (RecurrentGemma)",
        library("griffin", "rg_lru"),
        transformers("recurrent_gemma", "RecurrentGemmaRglru"),
        {"D": 4},
        {
            "x": normal("D"),
            "wi": once(normal("D", "D")),
            "wr": once(normal("D", "D")),
            **{n: once(normal("D")) for n in ("bi", "br", "rate")},
        },
        lambda x: [x.x],
        _rg_lru,
        lambda x: {"rate": x.rate, "bi": x.bi, "br": x.br, "i.linear": x.wi, "r.linear": x.wr},
    ),
    Oracle(
        "RWKV-4",
        library("rwkv4", "wkv4_core"),
        transformers("rwkv", "rwkv_linear_attention_cpu"),
        {"D": 4},
        {"k": normal("D"), "v": normal("D"), "w": once(normal("D")), "u": once(normal("D"))},
        lambda x: [x.k, x.v],
        _rwkv4,
        lambda x: {"rate": x.w, "u": x.u},
    ),
    Oracle(
        "mLSTM, recurrent (xLSTM)",
        library("xlstm", "mlstm_core"),
        transformers("xlstm", "mlstm_recurrent_sequence_native"),
        SIZES,
        GATES,
        lambda x: [*qkv(x), x.i, x.f],
        _mlstm,
    ),
    Oracle(
        "mLSTM, chunks (xLSTM)",
        library("xlstm", "mlstm_core"),
        transformers("xlstm", "mlstm_chunkwise_native_autograd"),
        SIZES,
        GATES,
        lambda x: [*qkv(x), x.i, x.f],
        lambda f, x: _mlstm(f, x, chunk_size=8),
        time=24,
    ),
    Oracle(
        "lightning attention (MiniMax)",
        LIGHTNING,
        transformers("minimax", "MiniMaxLightningAttention"),
        {**SQUARE, "layer": 1, "L": 4},
        QKV,
        lambda x: [x.q, x.k, x.v],
        _lightning,
    ),
)
