"""Programs around `attend`: every weight, conditions of every kind, scores without matrix form."""

from __future__ import annotations

HEAD = """
op {name}[D, H, K = D / H](x: Seq[D]) -> Seq[H, K] where causal {{
  q = linear[H, K](x)
  k = linear[H, K](x)
  v = linear[H, K](x)
  f = linear[H](x)
"""


def op(name: str, body: str) -> str:
    """A program of one op whose body has q, k, v of axes H, K and f of H."""
    return f"{HEAD.format(name=name)}{body}\n}}\n"


STICK = op("stick", """
  return attend j where j < t { weight: stickbreaking  score: q[t] @ k[j] / sqrt(K)  value: v[j] }
""")  # fmt: skip

HOLES = op("holes", """
  return attend j where j <= t and (t - j) % 4 == 0 and (j < 4 or t - 9 < j) and not j == 2 {
    weight: relu2
    score: (q[t] @ k[j]) * f[t] / sqrt(K) - (t - j)
    value: v[j]
  }
""")  # fmt: skip

NEURAL = op("neural", """
  param w[K] ~ normal(1)
  F = cumsum[time](log(sigmoid(f)))
  return attend j where j <= t {
    weight: linear
    score: tanh(q[t] + k[j]) @ w + F[t] - F[j]
    value: v[j] * q[t] + expand[H, K](t - j)
  }
""")  # fmt: skip

PATTERN = op("pattern", """
  s = sum[K](q)
  return attend j where t - j < 7 and j <= t and t % 3 == j % 3 {
    score: softmax[K](q[t] + k[j]) @ k[j]
    value: softmax[K](v[j] - q[t])
    sink: s[t]
  }
""")  # fmt: skip

TOP = op("top", """
  return attend j where j <= t {
    score: q[t] @ k[j] / sqrt(K)
    value: v[j]
    keep: top[2, block = 3](q[t] @ k[j])
  }
""")  # fmt: skip

KERNEL = op("kernel", """
  return attend j where j <= t {
    weight: sigmoid
    score: exp(-sum[K]((q[t] - k[j])^2)) - max(f[t], f[j])
    value: v[j]
  }
""")  # fmt: skip

SAME = op("same", """
  param p[H, K] ~ normal(1)
  z = attend j where j <= t { weight: sigmoid  score: q[t] @ k[j]  value: 1 }
  return z * (attend j where j <= t { score: q[t] @ k[j]  value: p })
""")  # fmt: skip

TEXTS = {
    "stick": STICK,
    "holes": HOLES,
    "neural": NEURAL,
    "pattern": PATTERN,
    "kernel": KERNEL,
    "top": TOP,
    "same": SAME,
}
