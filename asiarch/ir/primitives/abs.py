"""Absolute value."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="abs",
    doc="Absolute value.",
    kind="pointwise",
    build=build_pointwise("abs", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.abs(x),
    ring=lambda R, x: R.absolute(x),
    derivative=(lambda A, x, out: A.call("sign", x),),
    image=lambda V, x: V.absolute(x),
    spelling={"torch": "torch.abs({0})", "jax": "jnp.abs({0})"},
    signature="abs(x)",
    symbol="",
)
