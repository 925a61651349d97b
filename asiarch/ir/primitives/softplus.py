"""log(1 + exp(x)) without overflow, in [0, inf)."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="softplus",
    doc="log(1 + exp(x)) without overflow, in [0, inf).",
    kind="pointwise",
    build=build_pointwise("softplus", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.logaddexp(0.0, x),
    ring=lambda R, x: R.softplus(x),
    derivative=(lambda A, x, out: A.call("sigmoid", x),),
    image=lambda V, x: V.between(x, "softplus", 0, V.INF),
    spelling={"torch": "F.softplus({0})", "jax": "jax.nn.softplus({0})"},
    signature="softplus(x)",
    symbol="",
)
