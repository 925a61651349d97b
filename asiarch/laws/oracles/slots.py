"""Two passes over slots, a solve in every token, a loss inside of the recurrence."""

from __future__ import annotations

from asiarch.laws.oracles.common import QKV, SIZES, first, heads_first, qkv, scaled
from asiarch.laws.oracles.draws import log_decay, normal, once, positive, rate, unit
from asiarch.laws.oracles.oracle import Oracle, library, written
from asiarch.laws.oracles.references import fla

ABC = written(
    "abc",
    """
op abc[H, M, K, V](q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], s: Seq[H, M]) -> Seq[H, V] {
  z = logcumsumexp[time](s)
  f = exp(z[t-1] - z)
  a = select(t == 0, 1, 0)
  state A[H, M, K]
  A = (f - a * f) * A[t-1] + exp(s - z) * k
  state B[H, M, V]
  B = (f - a * f) * B[t-1] + exp(s - z) * v
  return softmax[M](A @ q) @ B
}
""",
)

MESA = written(
    "mesa",
    """
op mesa[H, K, V, I = 8, J = K](
  q: Seq[H, K], k: Seq[H, K], v: Seq[H, V], a: Seq[H], b: Seq[H], lam: Tensor[H, K]
) -> Seq[H, V] {
  state A[H, J, K]
  A = a * A[t-1] + b * k * rename[K -> J](k)
  state S[H, K, V]
  S = a * S[t-1] + b * k * v
  x = q * 0
  r = q
  p = r
  rr = dot[K](r, r)
  for i in I {
    ap = rename[J -> K](A @ p) + lam * p
    step = rr / (dot[K](p, ap) + 1e-30)
    x = x + step * p
    r = r - step * ap
    next = dot[K](r, r)
    p = r + next / (rr + 1e-30) * p
    rr = next
  }
  return x @ S
}
""",
)

TTT = written(
    "ttt_linear",
    """
op ttt_linear[H, K, V](q: Seq[H, K], k: Seq[H, K], u: Seq[H, V], e: Seq[H]) -> Seq[H, V] {
  param w[H, V] ~ const(1)
  param b[H, V] ~ const(0)
  state S[H, K, V]
  state c[H, V]
  y = k @ S[t-1] + c[t-1]
  d = y - expand[V](mean[V](y))
  n = sqrt(mean[V](d * d) + 1e-6)
  g = w * (w * d / n + b - u)
  z = (g - expand[V](mean[V](g)) - d / n * mean[V](g * d / n)) / n
  S = S[t-1] - e * k * z
  c = c[t-1] - e * z
  o = q @ S + c
  m = o - expand[V](mean[V](o))
  return o + w * m / sqrt(mean[V](m * m) + 1e-6) + b
}
""",
)

ORACLES = (
    Oracle(
        "gated slot attention",
        library("gsa", "gsa_core"),
        fla("gsa/naive.py", "naive_recurrent_gsa"),
        {**SIZES, "M": 5},
        {**QKV, "s": rate("H", "M"), "g": log_decay("H", "M")},
        lambda x: [*qkv(x), x.s, x.g.exp()],
        lambda f, x: first(f(x.q, x.k, x.v, x.s, x.g)),
    ),
    Oracle(
        "ABC",
        ABC,
        fla("abc/naive.py", "naive_recurrent_abc"),
        {**SIZES, "M": 5},
        {**QKV, "s": normal("H", "M")},
        lambda x: [*qkv(x), x.s],
        lambda f, x: first(f(*heads_first(x.q, x.k, x.v, x.s))).transpose(1, 2),
    ),
    Oracle(
        "ABC, running means",
        ABC,
        fla("abc/naive.py", "naive_cumsum_abc"),
        {**SIZES, "M": 5},
        {**QKV, "s": normal("H", "M")},
        lambda x: [*qkv(x), x.s],
        lambda f, x: first(f(*heads_first(x.q, x.k, x.v, x.s))).transpose(1, 2),
    ),
    Oracle(
        "MesaNet",
        MESA,
        fla("mesa_net/naive.py", "naive_mesa_net_exact"),
        {**SIZES, "V": 4},
        {
            **QKV,
            "k": unit("H", "K"),
            "g": log_decay("H"),
            "b": rate("H"),
            "lam": once(positive("H", "K")),
        },
        lambda x: [x.q, x.k, x.v, x.g.exp(), x.b, x.lam],
        lambda f, x: first(f(x.q, x.k, x.v, x.g, x.lam, x.b)),
    ),
    Oracle(
        "test-time training, linear",
        TTT,
        fla("ttt/naive.py", "chunk_ttt_linear_ref"),
        {**SIZES, "V": 4},
        {
            **QKV,
            "k": unit("H", "K"),
            "e": rate("H"),
            "w": once(normal("H", "V")),
            "b": once(normal("H", "V")),
        },
        lambda x: [scaled(x.q), x.k, x.v - x.k, x.e],
        lambda f, x: first(f(x.q * 1, x.k, x.v, x.w, x.b, x.e.unsqueeze(-1), mini_batch_size=1)),
        lambda x: {"w": x.w, "b": x.b},
    ),
)
