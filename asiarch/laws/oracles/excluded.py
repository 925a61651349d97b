"""References that are known to differ from the equations, each with the reason and the evidence.

Their equations are compared with another reference of the same operator, except for Titans.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from asiarch.laws.oracles import attends, delta, linear, slots
from asiarch.laws.oracles.common import QKV, SIZES, first, heads_first
from asiarch.laws.oracles.draws import drawn, log_decay, normal, once, rate, unit
from asiarch.laws.oracles.measure import measure
from asiarch.laws.oracles.oracle import Leaves, Oracle, written
from asiarch.laws.oracles.references import Reference, fla


@dataclass(frozen=True, slots=True)
class Excluded:
    """An oracle that must disagree, and why."""

    oracle: Oracle
    reason: str


TITANS = written(
    "titans",
    """
op titans[H, K, V](
  q: Seq[H, K], k: Seq[H, K], u: Seq[H, V], a: Seq[H], m: Seq[H], e: Seq[H]
) -> Seq[H, V] {
  param w[H, V] ~ const(1)
  param b[H, V] ~ const(0)
  state S[H, K, V]
  state M[H, K, V]
  y = k @ M[t-1]
  d = y - expand[V](mean[V](y))
  n = sqrt(mean[V](d * d) + 1e-6)
  g = w * (w * d / n + b - u)
  z = (g - expand[V](mean[V](g)) - d / n * mean[V](g * d / n)) / n
  S = m * S[t-1] - 2 * e * k * z
  M = (1 - a) * M[t-1] + S
  o = q @ M
  c = o - expand[V](mean[V](o))
  return o + w * c / sqrt(mean[V](c * c) + 1e-6) + b
}
""",
)


def _named(oracles: tuple[Oracle, ...], name: str) -> Oracle:
    return next(o for o in oracles if o.name == name)


def _by(oracle: Oracle, reference: Reference, theirs: Callable[[Any, Leaves], Any]) -> Oracle:
    return replace(oracle, reference=reference, theirs=theirs)


def _strong(oracle: Oracle) -> Oracle:
    return replace(oracle, leaves={**oracle.leaves, "g": STRONG}, time=60)


def _titans(x: Leaves) -> list[Tensor]:
    return [x.q, x.k, x.v - x.k, x.a, x.m, x.e]


def _titans_reference(f: Any, x: Leaves) -> Tensor:
    rates = (y.unsqueeze(-1) for y in (x.e, x.a, x.m))
    return first(f(x.q, x.k, x.v, x.w, x.b, *rates, chunk_size=1, use_chunk=False))


STRONG = drawn(lambda g, s: -60 - log_decay().draw(g, s), "H", "K")
"""Gates as trained models have them: many tokens in a row forget nearly everything."""

_COMBA = _named(delta.ORACLES, "Comba")
_HGRN = _named(linear.ORACLES, "HGRN")
_RWKV6 = _named(linear.ORACLES, "RWKV-6")
_MOMENTUM = _named(delta.ORACLES, "momentum delta rule")
_MESA = _named(slots.ORACLES, "MesaNet")
_WALL = _named(attends.ORACLES, "Wall attention")
_KDA = _named(delta.ORACLES, "Kimi delta attention, chunks")
_GDN2 = _named(delta.ORACLES, "gated DeltaNet 2")
_ROUNDED = {**_WALL.reference.given, "fla.ops.utils.constant": "fla/ops/utils/constant.py"}
_LOGARITHMS: dict[str, str | Mapping[str, Any]] = {
    "fla.ops.titans.log_impl": "fla/ops/titans/log_impl.py"
}

EXCLUDED: tuple[Excluded, ...] = (
    Excluded(
        _by(
            _COMBA,
            fla("comba/naive.py", "naive_recurrent_comba"),
            lambda f, x: first(f(x.q, x.k, x.v, x.p, x.b, x.g)),
        ),
        "decays the state before p reads it; the paper, the chunk form and the kernels read the "
        "undecayed state",
    ),
    Excluded(
        Oracle(
            "Titans",
            TITANS,
            fla("titans/naive.py", "chunk_titans_linear_ref", **_LOGARITHMS),
            {**SIZES, "V": 4},
            {
                **QKV,
                "k": unit("H", "K"),
                **{n: rate("H") for n in "eam"},
                **{n: once(normal("H", "V")) for n in "wb"},
            },
            _titans,
            _titans_reference,
            lambda x: {"w": x.w, "b": x.b},
        ),
        "divides only one term of the layer norm's gradient by the deviation and the width: "
        "`D * grad - grad.sum() / (rstd * D)`",
    ),
    Excluded(
        replace(_HGRN, reference=fla("hgrn/naive.py", "naive_chunk_hgrn"), time=128),
        "views the gates as one chunk, so it runs only where the length is the chunk's",
    ),
    Excluded(
        _by(
            _RWKV6,
            fla("rwkv6/chunk_naive.py", "naive_chunk_rwkv6"),
            lambda f, x: f(*heads_first(x.q, x.k, x.v, x.w), x.u, 20).transpose(1, 2),
        ),
        "forgets the scale of the queries, which its token loop applies; with more than one chunk "
        "it writes over what its gradient needs",
    ),
    Excluded(
        _by(
            _MOMENTUM,
            fla("momentum_delta_rule/naive.py", "chunk_momentum_delta_rule_ref"),
            lambda f, x: first(f(x.q, x.k, x.v, x.p, x.g, x.mu, x.b, x.e, chunk_size=10)),
        ),
        "takes the logarithm of a rate plus 1e-6",
    ),
    Excluded(
        _by(
            replace(_MESA, leaves={**_MESA.leaves, "q": normal("H", "K")}),
            fla("mesa_net/naive.py", "naive_mesa_net_CG"),
            lambda f, x: first(f(x.q, x.k, x.v, x.g, x.lam, x.b, 10)),
        ),
        "conjugate gradients with 1e-5 in their denominators",
    ),
    Excluded(
        replace(_WALL, reference=fla("wall_attn/naive.py", "naive_wall_attn", **_ROUNDED)),
        "holds 1 / ln 2 rounded to float32; with the constant in full it is in the table above",
    ),
    Excluded(
        _by(
            _strong(_KDA),
            _KDA.reference,
            lambda f, x: first(f(x.q, x.k, x.v, x.g, x.b, chunk_size=20)),
        ),
        "takes exponentials of positive differences before it masks them: no gradient for strong "
        "gates, though it agrees for mild ones",
    ),
    Excluded(
        _by(
            _strong(_GDN2),
            fla("gdn2/naive.py", "naive_chunk_gdn2"),
            lambda f, x: first(f(x.q, x.k, x.v, x.g, x.b, x.w, chunk_size=20)),
        ),
        "takes exponentials of positive differences before it masks them, too",
    ),
)


def difference(excluded: Excluded) -> float:
    """How far outputs or gradients are apart; infinite where they are not finite or it fails.

    Raises Absent.
    """
    excluded.oracle.reference.load()
    try:
        return measure(excluded.oracle).worst
    except RuntimeError:
        return math.inf
