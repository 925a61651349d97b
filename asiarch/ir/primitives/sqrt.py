"""Square root."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="sqrt",
    doc="Square root.",
    kind="pointwise",
    build=build_pointwise("sqrt", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.sqrt(x),
    ring=lambda R, x: R.sqrt(x),
    derivative=(lambda A, x, out: A.div(A.number(0.5), out),),
    image=lambda V, x: V.monotone("sqrt", x),
    spelling={"torch": "torch.sqrt({0})", "jax": "jnp.sqrt({0})"},
    signature="sqrt(x)",
    symbol="",
)
