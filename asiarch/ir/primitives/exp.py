"""e to the power x."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="exp",
    doc="e to the power x.",
    kind="pointwise",
    build=build_pointwise("exp", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.exp(x),
    ring=lambda R, x: R.exp(x),
    derivative=(lambda A, x, out: out,),
    image=lambda V, x: V.monotone("exp", x),
    spelling={"torch": "torch.exp({0})", "jax": "jnp.exp({0})"},
    signature="exp(x)",
    symbol="",
)
