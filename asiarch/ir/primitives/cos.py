"""Cosine."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="cos",
    doc="Cosine.",
    kind="pointwise",
    build=build_pointwise("cos", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.cos(x),
    ring=lambda R, x: R.cos(x),
    derivative=(lambda A, x, out: A.sub(A.number(0), A.call("sin", x)),),
    image=lambda V, x: V.closed(-1, 1),
    spelling={"torch": "torch.cos({0})", "jax": "jnp.cos({0})"},
    signature="cos(x)",
    symbol="",
)
