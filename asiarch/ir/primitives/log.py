"""Natural logarithm; minus infinity at 0."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="log",
    doc="Natural logarithm; minus infinity at 0.",
    kind="pointwise",
    build=build_pointwise("log", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.log(x),
    ring=lambda R, x: R.log(x),
    derivative=(lambda A, x, out: A.div(A.number(1), x),),
    image=lambda V, x: V.monotone("log", x),
    spelling={"torch": "torch.log({0})", "jax": "jnp.log({0})"},
    signature="log(x)",
    symbol="",
)
