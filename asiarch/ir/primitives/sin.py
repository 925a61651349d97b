"""Sine."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="sin",
    doc="Sine.",
    kind="pointwise",
    build=build_pointwise("sin", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.sin(x),
    ring=lambda R, x: R.sin(x),
    derivative=(lambda A, x, out: A.call("cos", x),),
    image=lambda V, x: V.closed(-1, 1),
    spelling={"torch": "torch.sin({0})", "jax": "jnp.sin({0})"},
    signature="sin(x)",
    symbol="",
)
