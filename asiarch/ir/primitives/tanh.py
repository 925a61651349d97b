"""Hyperbolic tangent, in (-1, 1)."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="tanh",
    doc="Hyperbolic tangent, in (-1, 1).",
    kind="pointwise",
    build=build_pointwise("tanh", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.tanh(x),
    ring=lambda R, x: R.tanh(x),
    derivative=(lambda A, x, out: A.sub(A.number(1), A.mul(out, out)),),
    image=lambda V, x: V.between(x, "tanh", -1, 1),
    spelling={"torch": "torch.tanh({0})", "jax": "jnp.tanh({0})"},
    signature="tanh(x)",
    symbol="",
)
