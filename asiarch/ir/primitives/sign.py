"""1, 0 or -1; its derivative is 0."""

from __future__ import annotations

from asiarch.ir.primitive import Primitive
from asiarch.ir.rules import build_pointwise

PRIMITIVE = Primitive(
    name="sign",
    doc="1, 0 or -1; its derivative is 0.",
    kind="pointwise",
    build=build_pointwise("sign", 1),
    evaluate=lambda domain, node, *values: domain.pointwise(node, *values),
    float64=lambda np, x: np.sign(x),
    ring=lambda R, x: R.sign(x),
    derivative=(lambda A, x, out: A.number(0),),
    image=lambda V, x: V.closed(-1, 1),
    spelling={"torch": "torch.sign({0})", "jax": "jnp.sign({0})"},
    signature="sign(x)",
    symbol="",
)
