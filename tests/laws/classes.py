"""Cores of every recurrence class, as text: each with the class that the algebra gives it."""

from __future__ import annotations

from dataclasses import dataclass

from .programs import Program, of

RWKV6 = """
op rwkv6_core[H, K, V](r: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H, K]) -> Seq[H, V] {
  param u[H, K] ~ const(0.5)
  state S[H, K, V]
  S = a * S[t-1] + k * v
  return r @ (S[t-1] + u * k * v)
}
"""

COMBA = """
op comba_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H], b: Seq[H]
) -> Seq[H, V] {
  param d[H] ~ const(0.3)
  state S[H, K, V]
  S = a * S[t-1] + b * k * (v - sigmoid(d) * k @ S[t-1])
  return q @ S
}
"""

PRODUCT = """
op delta_product_core[H, N, K, V](
  q: Seq[H, K], k: Seq[N, H, K], v: Seq[N, H, V], b: Seq[N, H], a: Seq[H]
) -> Seq[H, V] {
  state S[H, K, V]
  S = a * S[t-1]
  for i in 4 {
    S = S + b[N = i] * k[N = i] * (v[N = i] - k[N = i] @ S)
  }
  return q @ S
}
"""

OJA = """
op oja_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H, V], b: Seq[H]
) -> Seq[H, V] {
  state S[H, K, V]
  R = a * S[t-1]
  S = R + b * (k - dot[V](R, v)) * v
  return q @ S
}
"""

MOMENTUM = """
op momentum_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H], g: Seq[H], b: Seq[H]
) -> Seq[H, V] {
  state S[H, K, V]
  state M[H, K, V]
  M = g * M[t-1] + b * k * (v - k @ S[t-1])
  S = a * S[t-1] + M
  return q @ S
}
"""

MAMBA1 = """
op mamba1_core[D, N](u: Seq[D], dt: Seq[D], B: Seq[N], C: Seq[N]) -> Seq[D] {
  param log_a[D, N] ~ log(uniform(1, 16))
  param skip[D] ~ const(1)
  state h[D, N]
  h = exp(-exp(log_a) * dt) * h[t-1] + dt * B * u
  return h @ C + skip * u
}
"""

RGLRU = """
op rg_lru_core[D](x: Seq[D], r: Seq[D], i: Seq[D]) -> Seq[D] {
  param rate[D] ~ uniform(0.2, 0.8)
  a = exp(-8 * softplus(rate) * sigmoid(r))
  state h[D]
  h = a * h[t-1] + sqrt(1 - a ^ 2) * (sigmoid(i) * x)
  return h
}
"""

TRANSPOSED = """
op transposed_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H, V]
) -> Seq[H, V] {
  state S[H, K, V]
  S = a * S[t-1] + k * v
  return q @ S
}
"""

TWO_WRITES = """
op two_writes_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], p: Seq[H, K], v: Seq[H, V], w: Seq[H, V], a: Seq[H]
) -> Seq[H, V] {
  state S[H, K, V]
  S = a * S[t-1] + k * v + p * w
  return q @ S
}
"""

SLOTS = """
op slots_core[H, M, K](q: Seq[H, K], k: Seq[H, K], s: Seq[H, M]) -> Seq[H, M], Seq[H, M, K] {
  state A[H, M, K]
  A = A[t-1] + s * (k - s @ A[t-1])
  return A @ q, A
}
"""

CONSERVED = """
op conserved_core[D](x: Seq[D], a: Seq[D]) -> Seq[D] {
  param w[D] ~ const(0.5)
  state h[D] = w
  h = tanh(a) * h[t-1] - (1 - a) * x
  return h * h[t-1]
}
"""

MOMENTUM_DIAGONAL = """
op momentum_diagonal_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H, K], g: Seq[H, K]
) -> Seq[H, V] {
  state S[H, K, V]
  state M[H, K, V]
  M = g * M[t-1] + k * (v - k @ S[t-1])
  S = a * S[t-1] + g * M + k * v
  return q @ S + q @ M[t-1]
}
"""

CASCADE = """
op cascade_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H, K], g: Seq[H, K]
) -> Seq[H, V] {
  state S[H, K, V]
  state M[H, K, V]
  M = g * M[t-1] + k * v
  S = a * S[t-1] + g * M + k * v
  return q @ S + k @ M[t-1]
}
"""

ADDITIVE = """
op additive_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], p: Seq[H, K], v: Seq[H, V], a: Seq[H], b: Seq[H]
) -> Seq[H, V] {
  state S[H, K, V]
  R = a * S[t-1]
  S = R + b * k * (v - k @ R) - p * (p @ R)
  return q @ S
}
"""

ADDITIVE_DIAGONAL = """
op additive_diagonal_core[H, K, V](
  q: Seq[H, K], k: Seq[H, K], p: Seq[H, K], v: Seq[H, V], a: Seq[H, K]
) -> Seq[H, V] {
  state S[H, K, V]
  S = a * S[t-1] + k * (v - k @ S[t-1]) - p * (q @ S[t-1])
  return q @ S
}
"""

RATES = """
op rates_core[G, H, K, V](
  q: Seq[H, K], k: Seq[H, K], v: Seq[G, H, V], b: Seq[G, H]
) -> Seq[H, G, V] {
  state S[G, H, K, V]
  S = S[t-1] + b * k * (v - k @ S[t-1])
  return q @ S
}
"""

PREDICTED = """
op predicted_core[D, H, K, V](
  k: Seq[H, K], v: Seq[H, V], a: Seq[H], b: Seq[H]
) -> Seq[D] {
  state S[H, K, V]
  S = a * S[t-1] + b * k * (v - k @ (a * S[t-1]))
  return linear[H, V -> D](k @ (a * S[t-1]))
}
"""

SURPRISED = """
op surprised_core[D, H, K, V](
  k: Seq[H, K], v: Seq[H, V], a: Seq[H], b: Seq[H]
) -> Seq[D], Seq[H, V] {
  state S[H, K, V]
  S = a * S[t-1] + b * k * (v - k @ S[t-1])
  return linear[H, V -> D](v - k @ S[t-1]), v - k @ S[t-1]
}
"""

ROOTS = """
op roots_core[D, H, V](x: Seq[D]) -> Seq[D] where causal {
  param rate[H] ~ const(0)
  a = sigmoid(linear[H](x)) ^ (1 / 16)
  b = exp(-exp(rate) * softplus(linear[H](x)))
  g = sqrt(1 - sigmoid(linear[H](x)) * b ^ 1.5)
  state S[H, V]
  S = a * S[t-1] + sqrt(1 - b ^ 2) * g * sqrt(sigmoid(linear[H, V](x)))
  return linear[H, V -> D](S)
}
"""
"""All that `asiarch/ir/steady.py` writes anew."""

PREDICTED_TWICE = """
op predicted_twice_core[H, K, V](
  k: Seq[H, K], p: Seq[H, K], v: Seq[H, V], w: Seq[H, V], a: Seq[H], b: Seq[H]
) -> Seq[H, V] {
  state S[H, K, V]
  R = a * S[t-1] + b * k * (v - k @ (a * S[t-1]))
  S = R + p * (w - p @ R)
  return linear[V -> V](w - p @ R)
}
"""

SUMMED = """
op summed_core[H, K, V](
  k: Seq[H, K], v: Seq[H, V], a: Seq[H, K], b: Seq[H]
) -> Seq[H, V], Seq[H] {
  state S[H, K, V]
  S = a * S[t-1] + b * k * (v - k @ S[t-1])
  state m[H, K]
  m = b * m[t-1] + k
  return sum[K](0.5 * S) - linear[V -> V](mean[K](S[t-1])), sum[K](m)
}
"""

SIZES = {"G": 2, "H": 2, "K": 3, "V": 5, "M": 4, "N": 4, "D": 3}


@dataclass(frozen=True)
class Expected:
    """The class of each state of a core; `loops`: those that only a loop over tokens computes."""

    classes: dict[str, str]
    loops: tuple[str, ...] = ()


def _core(text: str, gates: tuple[str, ...] = ()) -> Program:
    head = text.split("(", 1)[0]
    name, axes = head.split("[", 1)
    wanted = [a.strip(" ]") for a in axes.split(",")]
    return Program(name.split()[-1], {a: SIZES[a] for a in wanted}, text, gates=gates)


CLASSES: dict[Program, Expected] = {
    of("gsa", "gsa_core", ("s", "f"), H=2, M=4, K=3, V=5): Expected(
        {"A": "diagonal", "B": "diagonal"}
    ),
    _core(RWKV6, ("a",)): Expected({"S": "diagonal"}),
    of("rwkv7", "rwkv7_core", ("w",), H=2, K=3, V=5): Expected({"S": "diagonal+rank1"}),
    _core(COMBA, ("a", "b")): Expected({"S": "scalar+rank1"}),
    _core(PRODUCT, ("a", "b")): Expected({"S": "scalar+rankN"}),
    _core(OJA, ("a", "b")): Expected({"S": "diagonal+rank1"}),
    _core(MAMBA1, ("dt",)): Expected({"h": "elementwise"}),
    _core(RGLRU): Expected({"h": "elementwise"}),
    of("xlstm", "mlstm_core", H=2, K=3, V=5): Expected(
        {"m": "max-plus", "C": "scalar", "n": "scalar"}
    ),
    of("rwkv4", "wkv4_core", D=3): Expected(
        {"m": "max-plus", "a": "elementwise", "b": "elementwise"}
    ),
    of("xlstm", "slstm", D=6, H=2): Expected({"h": "nonlinear"}, ("h",)),
    _core(MOMENTUM, ("a", "g", "b")): Expected({"S": "momentum"}),
    _core(MOMENTUM_DIAGONAL, ("a", "g")): Expected({"S": "momentum"}),
    _core(CASCADE, ("a", "g")): Expected({"M": "diagonal", "S": "diagonal"}),
    _core(ADDITIVE, ("a", "b")): Expected({"S": "scalar+rankN"}),
    _core(ADDITIVE_DIAGONAL, ("a",)): Expected({"S": "diagonal+rankN"}),
    _core(TRANSPOSED, ("a",)): Expected({"S": "diagonal"}),
    _core(TWO_WRITES, ("a",)): Expected({"S": "scalar"}),
    _core(SLOTS): Expected({"A": "identity+rank1"}),
    _core(RATES, ("b",)): Expected({"S": "identity+rank1"}),
    _core(CONSERVED): Expected({"h": "elementwise"}),
    _core(SUMMED, ("a", "b")): Expected({"S": "diagonal+rank1", "m": "scalar"}),
    _core(PREDICTED, ("a", "b")): Expected({"S": "scalar+rank1"}),
    _core(SURPRISED, ("a", "b")): Expected({"S": "scalar+rank1"}),
    _core(PREDICTED_TWICE, ("a", "b")): Expected({"S": "scalar+rankN"}),
    _core(ROOTS): Expected({"S": "scalar"}),
}
