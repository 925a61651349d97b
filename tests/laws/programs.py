"""Programs that the tests of the whole compiler run on: name, text, op, sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import torch

import asiarch
from asiarch.interface import elaborate
from asiarch.ir.flatten import flatten
from asiarch.ir.function import Function
from asiarch.laws.subject import Streams
from tests.laws import attends

LINEAR = """
op linear_core[H, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V]) -> Seq[H, V]
  where causal, work <= O(T), state <= O(H * K * V)
{
  state S[H, K, V]
  S = S[t-1] + k * v
  return q @ S
}
"""

GRU = """
op gru[D, V](x: Seq[D]) -> Seq[V] where causal {
  state h[V]
  r = sigmoid(linear[V](x) + linear[V -> V](h[t-1]))
  z = sigmoid(linear[V](x) + linear[V -> V](h[t-1]))
  n = tanh(linear[V](x) + r * linear[V -> V](h[t-1]))
  h = (1 - z) * n + z * h[t-1]
  return h
}
"""


VECTOR = """
op vec[D, H, K = D / H](x: Seq[D]) -> Seq[D] where causal {
  b = sigmoid(linear[H](x))
  k = linear[H, K](x)
  state S[H, K]
  S = b * S[t-1] + k
  return linear[H, K -> D](S)
}
"""

GROUPED = """
op grp[D, H, G = 3, K = D / H, V = K](x: Seq[D]) -> Seq[H, G, V] where causal {
  b = sigmoid(linear[H](x))
  k = linear[H, K](x)
  v = linear[H, V](x)
  q = linear[H, G, K](x)
  state S[H, K, V]
  S = b * S[t-1] + k * v
  return q @ S
}
"""

TWO_READS = """
op two[D, H, K = D / H, V = K](x: Seq[D]) -> Seq[H, V] where causal {
  k = linear[H, K](x)
  v = linear[H, V](x)
  q = linear[H, K](x)
  state S[H, K, V] = 1
  S = S[t-1] + k * (v - k @ S[t-1])
  return q @ S + q @ S[t-1]
}
"""

DELAYED = """
op dly[D](x: Seq[D]) -> Seq[D] where causal {
  state s[D]
  u = tanh(s[t-1] + x)
  w = u[t-2]
  s = w + u
  return s
}
"""

TWO_ATTENDS = """
op both[D, H, K = D / H](x: Seq[D]) -> Seq[D] where causal {
  q = linear[H, K](x)
  k = linear[H, K](x)
  param s[H] ~ const(0)
  o = attend j where j <= t { score: q[t] @ k[j]  value: k[j]  sink: s }
  p = attend j where t - 3 < j <= t { weight: sigmoid  score: q[t] @ k[j]  value: k[j] }
  return linear[H, K -> D](o + p)
}
"""


SHARED = """
op gate[D](x: Seq[D]) -> Seq[D] where causal {
  state s[D]
  s = sigmoid(linear[D](x)) * s[t-1] + linear[D](x)
  return s
}
op shared[D](x: Seq[D]) -> Seq[D] where causal {
  share f = gate
  share g = linear[D]
  for n in 2 { x = x + silu(g(f(x))) }
  return f(g(x))
}
"""


@dataclass(frozen=True, eq=False)
class Program:
    """`filename` decides where `use` looks."""

    op: str
    sizes: dict[str, int]
    text: str
    filename: str = "<test>"
    gates: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return self.op


def library(name: str) -> tuple[str, str]:
    file = resources.files("asiarch.library").joinpath(f"{name}.asi")
    return file.read_text(encoding="utf-8"), f"<library>/{name}.asi"


def of(file: str, op: str, gates: tuple[str, ...] = (), **sizes: int) -> Program:
    text, filename = library(file)
    return Program(op, sizes, text, filename, gates)


def example(file: str, op: str, **sizes: int) -> Program:
    """A definition of `grammar/examples`."""
    found = resources.files("asiarch.grammar").joinpath(f"examples/{file}.asi")
    return Program(op, sizes, found.read_text(encoding="utf-8"), f"<examples>/{file}.asi")


CORES = [
    of("gated_delta_net", "gated_delta_core", ("a", "b"), H=2, K=3, V=5),
    of("kda", "kda_core", ("a", "b"), H=2, K=3, V=5),
    of("delta_net", "delta_core", ("b",), H=2, K=3, V=5),
    of("gla", "gla_core", ("a",), H=2, K=3, V=5),
    of("retention", "retention_core", (), H=2, K=3, V=5),
    Program("linear_core", {"H": 2, "K": 3, "V": 5}, LINEAR),
]

MIXERS = [
    of("gated_delta_net", "gated_delta_net", D=8, H=2),
    of("kda", "kda", D=8, H=2, R=3),
    of("delta_net", "delta_net", D=8, H=2),
    of("retention", "retnet", D=8, H=2),
    example("linear_attention", "linear_attention", D=8, H=2),
    of("attention", "full", D=8, H=2),
    example("sliding_alibi", "sliding_alibi", D=16, H=2, G=2, W=5),
    of("mamba2", "mamba2", D=6, H=2, N=3),
    of("gla", "gla", D=8, H=2, R=3),
    of("attention", "sliding", D=8, H=2, W=6),
    of("attention", "alibi_attention", D=8, H=2),
    of("attention", "sinks", D=8, H=2, W=5),
    of("attention", "sigmoid_attention", D=8, H=2),
    of("fox", "fox", D=8, H=2),
    of("gqa", "gqa", D=16, H=2, G=2),
    of("moe", "moe", D=6),
    Program("gru", {"D": 5, "V": 4}, GRU),
    Program("vec", {"D": 6, "H": 2}, VECTOR),
    Program("grp", {"D": 6, "H": 2}, GROUPED),
    Program("two", {"D": 6, "H": 2}, TWO_READS),
    Program("dly", {"D": 3}, DELAYED),
    Program("both", {"D": 6, "H": 2}, TWO_ATTENDS),
    Program("shared", {"D": 4}, SHARED),
    *(Program(name, {"D": 6, "H": 2}, text) for name, text in attends.TEXTS.items()),
]

MODEL = example("hybrid", "hybrid", D=8, H=2, L=4, W=5, vocab=11)


@cache
def compiled(program: Program, chunk: int | None = None) -> Any:
    """The module, made once per test process."""
    return asiarch.compile(
        program.text, program.op, program.sizes, filename=program.filename, chunk=chunk
    )


@cache
def flat(program: Program) -> Function:
    """The flat function: what the token loop runs."""
    return flatten(elaborate(program.text, program.op, program.sizes, program.filename))


def streams(program: Program, batch: int, time: int, seed: int = 0) -> list[Any]:
    """Inputs [batch, time, ...]: gates in (0, 1), keys of length 1, tokens of the vocabulary."""
    function, rng = flat(program), np.random.default_rng(seed)
    out: list[Any] = []
    for leaf, name in zip(function.inputs, function.input_names, strict=True):
        if leaf.type.mode == "token":
            out.append(rng.integers(0, program.sizes["vocab"], (batch, time)))
            continue
        x = rng.standard_normal((batch, time, *(int(function.axes[a].integer or 0)
                                                for a in leaf.type.axes)))  # fmt: skip
        if name in program.gates:
            x = 1 / (1 + np.exp(-x))
        elif name == "k":
            x = x / np.linalg.norm(x, axis=-1, keepdims=True)
        out.append(x)
    return out


def inputs(program: Program, time: int) -> Streams:
    """`streams` as float32 tensors, two rows."""
    floats = (torch.tensor(x) for x in streams(program, 2, time))
    return tuple(x.float() if x.is_floating_point() else x for x in floats)
